"""The pages of the API reference: the public face, and one page for each folder that is called from Python. Imports nothing of it."""

import ast
from pathlib import Path

NOT_CALLED = {"commands", "server"}  # the command line (docs/COMMANDS.md) and the page in the browser
FACE = """# voicecam

What `import voicecam` gives. The examples run under test, in a folder with `me.wav` (a synthetic voice that counts to four).

"""


def folders(root: Path) -> list[str]:
    """The folders of the package that have a page."""
    found = (path.parent.name for path in sorted((root / "voicecam").glob("*/__init__.py")))
    return [name for name in found if name not in NOT_CALLED]


def page_of(source: str) -> list[str]:
    """The page, if any, for a file or folder of the repository."""
    parts = source.split("/")
    return [f"reference/{parts[1]}.md"] if parts[0] == "voicecam" and len(parts) > 1 else []


def pages(root: Path) -> dict[str, str]:
    """Path in the book -> Markdown of each page."""
    face = FACE + "\n".join(f"::: voicecam.{module}.{name}\n" for module, name in face_of(root))
    links = "\n".join(f"- [voicecam.{name}]({name}.md)" for name in folders(root))
    whole = {"reference/index.md": f"{face}\n## Folders\n\n{links}\n"}
    return whole | {f"reference/{name}.md": page(root, name) for name in folders(root)}


def face_of(root: Path) -> list[tuple[str, str]]:
    """(module, name) of all that the package hands on itself, in the order of its list."""
    tree = ast.parse((root / "voicecam" / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return [(node.module or "", alias.name) for node in imports for alias in node.names]


def page(root: Path, folder: str) -> str:
    """A folder's page: what it says of itself, then what it hands on, or else its modules."""
    place = root / "voicecam" / folder
    own = f"# voicecam.{folder}\n\n::: voicecam.{folder}\n    options:\n      show_root_heading: false\n      show_root_toc_entry: false\n"
    if "__all__" in (place / "__init__.py").read_text(encoding="utf-8"):
        return own
    modules = [path.stem for path in sorted(place.glob("[a-z]*.py"))]
    return own + "\n" + "\n".join(f"::: voicecam.{folder}.{name}\n" for name in modules)

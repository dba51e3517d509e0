"""The pages of the API reference: the public face, and a page for each folder that is called from Python. Imports none of it."""

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
    names = handed_on(root / "voicecam" / "__init__.pyi", root)
    face = FACE + blocks(sorted(names, key=lambda name: name.split(".")[-1][0].isupper()))  # functions before classes
    links = "\n".join(f"- [voicecam.{name}]({name}.md)" for name in folders(root))
    return {"reference/index.md": f"{face}\n## Folders\n\n{links}\n"} | {
        f"reference/{name}.md": page(root, name) for name in folders(root)
    }


def page(root: Path, folder: str) -> str:
    """A folder's page: what it says of itself, then what it hands on, or else all its modules."""
    place = root / "voicecam" / folder
    bare = "    options: { show_root_heading: false, members: false }\n"
    own = f"# voicecam.{folder}\n\n::: voicecam.{folder}\n{bare}\n"
    modules = [f"voicecam.{folder}.{path.stem}" for path in sorted(place.glob("[a-z]*.py"))]
    inside = documented(place / "__init__.py")
    handed = [f"voicecam.{folder}.{name}" for name in inside] + handed_on(place / "__init__.py", root)
    return own + blocks(handed or modules)


def blocks(names: list[str]) -> str:
    """What mkdocstrings is to describe."""
    return "\n".join(f"::: {name}\n" for name in names)


def handed_on(path: Path, root: Path) -> list[str]:
    """Where the documented functions and classes stand that a package's __init__ imports from its modules, in its order."""
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = f"voicecam.{node.module}" if node.level else node.module
            file = root / f"{module.replace('.', '/')}.py"
            there = documented(file) if file.is_file() else []
            found += [f"{module}.{alias.name}" for alias in node.names if alias.name in there]
    return found


def documented(path: Path) -> list[str]:
    """The public functions and classes of a file that have a docstring."""
    kinds = ast.FunctionDef | ast.ClassDef
    inside = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, kinds)]
    return [node.name for node in inside if not node.name.startswith("_") and ast.get_docstring(node)]

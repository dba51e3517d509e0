"""Each folder imports only folders above it in the list, which is the flow. And the tree keeps its own rules."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = [
    "errors",
    "locks",
    "files",
    "engine",
    "progress",
    "onnx_session",
    "recipes",
    "setting_checks",
    "config",
    "audio",
    "corpora",
    "features",
    "encoders",
    "data",
    "network",
    "evaluation",
    "explanation",
    "runs",
    "figures",
    "prediction",
    "voice_model",
    "report",
    "checks",
    "server",
    "course",
    "commands",
    "api",
    "__main__",
]
MODULES = sorted((ROOT / "voicecam").rglob("*.py"))


def folder_of(path: Path) -> str:
    return path.relative_to(ROOT / "voicecam").parts[0].removesuffix(".py")


def imported_folders(path: Path) -> set[str]:
    """Folders of voicecam that a file imports, anywhere in it but for types alone."""
    found, tree = set(), ast.parse(path.read_text())
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "voicecam":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("voicecam."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("voicecam.")}
    return found - {"__version__"}


def test_every_folder_has_its_place():
    assert {folder_of(path) for path in MODULES} - {"__init__"} == set(ORDER)


def test_a_module_imports_only_what_stands_above_it():
    above = {name: set(ORDER[: i + 1]) for i, name in enumerate(ORDER)} | {"__init__": set()}
    wrong = {str(path.relative_to(ROOT)): imported_folders(path) - above[folder_of(path)] for path in MODULES}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_figures_and_corpora_need_no_torch_to_be_imported():
    for path in MODULES:
        if folder_of(path) in ("figures", "corpora", "report", "evaluation", "features", "audio"):
            names = {
                name
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.Import)
                for name in (a.name for a in node.names)
            }
            names |= {node.module or "" for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)}
            assert not {name for name in names if name.split(".")[0] in ("torch", "fastai", "torchvision")}, path


def without_examples(text: str) -> str:
    """A file's text without the examples at the end of its docstrings."""
    return re.sub(r'\s+Example:\n.*?"""', '"""', text, flags=re.DOTALL)


def test_a_file_begins_by_saying_what_it_does_and_stays_short():
    assert [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))] == []
    assert {path: n for path in MODULES if (n := len(without_examples(path.read_text()).splitlines())) > 300} == {}


def test_nothing_large_is_committed_but_the_shipped_model():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [ROOT / name for name in listed.stdout.split("\0") if name]
    large = [path for path in names if path.is_file() and path.stat().st_size > 1_000_000 and "models" not in path.parts]
    assert not large
    assert sum(path.stat().st_size for path in (ROOT / "voicecam" / "models").rglob("*") if path.is_file()) < 50_000_000

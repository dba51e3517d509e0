"""Each module imports only modules above it in the list: the flow runs one way. And the tree keeps its own rules."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = [
    "errors",
    "files",
    "workers",
    "config",
    "containers",
    "decoders",
    "audio",
    "speech",
    "recorder",
    "pitch",
    "degrade",
    "features",
    "fingerprints",
    "image",
    "corpora",
    "renderings",
    "map_file",
    "dataset",
    "splits",
    "duplicates",
    "network",
    "start_weights",
    "classifier",
    "verdicts",
    "batches",
    "beside",
    "callbacks",
    "learner",
    "evaluation",
    "foreign",
    "explanation",
    "runs",
    "leak",
    "robustness",
    "results",
    "figures",
    "voice_model",
    "verdict_maps",
    "report",
    "chapters",
    "pages",
    "course",
    "server",
    "microphone",
    "ending",
    "cli",
    "jobs",
    "commands",
    "api",
    "__main__",
]
MODULES = sorted((ROOT / "voicecam").rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT / "voicecam").parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of voicecam that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "voicecam":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("voicecam."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("voicecam.")}
    return found - {"__version__"}


def test_every_room_has_its_place():
    assert {room(path) for path in MODULES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_stands_above_it(path):
    if room(path) == "__init__":
        assert imported_rooms(path) == set()
        return
    above = set(ORDER[: ORDER.index(room(path)) + 1])
    assert imported_rooms(path) <= above


def test_figures_and_corpora_need_no_torch():
    for path in MODULES:
        if room(path) in ("figures", "corpora", "report", "evaluation", "features", "audio"):
            names = {
                name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for name in (a.name for a in node.names)
            }
            names |= {node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
            assert not {name for name in names if name.split(".")[0] in ("torch", "fastai", "torchvision")}, path


def without_examples(text: str) -> str:
    """A file's text without the examples at the end of its docstrings."""
    return re.sub(r'\s+Example:\n.*?"""', '"""', text, flags=re.DOTALL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_begins_by_saying_what_it_does_and_stays_short(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
    assert len(without_examples(path.read_text()).splitlines()) <= 300


def test_nothing_large_is_committed_but_the_shipped_model():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [ROOT / name for name in listed.stdout.split("\0") if name]
    large = [path for path in names if path.is_file() and path.stat().st_size > 1_000_000 and "models" not in path.parts]
    assert not large
    assert sum(path.stat().st_size for path in (ROOT / "voicecam" / "models").rglob("*") if path.is_file()) < 50_000_000

"""What README and docs say exists: links, scripts, options; each figure of README stands in docs/CHECKS.md with its command."""

import importlib
import io
import re
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "nbs").glob("*.md"))] + [
    ROOT / name / "README.md" for name in ("voicecam/models", "results")
]
COLUMNS = ["claim", "figures", "command", "trainings and draws", "effective speakers", "refuted by"]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)


def commands(text: str) -> list[str]:
    """Lines of `python scripts/...` in code blocks and in backticks, continued lines joined, without comments."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"python (scripts/[^`\n]+)", joined)
    return [re.split(r"\s#\s|\s\|\s", line)[0] for line in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", read(page)):
        assert (page.parent / link).exists(), f"{page} links to {link}"


@pytest.fixture(scope="module")
def options():
    """Function that gives the options of a script, from its own help."""
    sys.path.insert(0, str(ROOT / "scripts"))
    known: dict[str, set[str]] = {}

    def of(script: str) -> set[str]:
        if script not in known:
            shown = io.StringIO()
            with redirect_stdout(shown), pytest.raises(SystemExit):
                importlib.import_module(Path(script).stem).main(["--help"])
            known[script] = set(re.findall(r"--[a-z0-9-]+", shown.getvalue()))
        return known[script]

    yield of
    sys.path.remove(str(ROOT / "scripts"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_scripts_and_options_that_there_are(page, options):
    for line in commands(read(page)):
        script, *words = shlex.split(line.replace("...", ""))
        assert (ROOT / script).is_file(), line
        asked = {word.split("=")[0] for word in words if word.startswith("--")}
        assert asked <= options(script), f"{page.name}: {line}"


def test_the_scripts_are_all_told_of():
    text = read(ROOT / "docs" / "COMMANDS.md")
    for script in (ROOT / "scripts").glob("[a-z]*.py"):
        assert f"scripts/{script.name}" in text


def test_readme_is_short():
    assert len(read(ROOT / "README.md").split()) <= 900


def rows() -> list[dict[str, str]]:
    """The claims of docs/CHECKS.md: tables with the columns COLUMNS."""
    found, head = [], []
    for line in read(ROOT / "docs" / "CHECKS.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells or set(line) <= set("|-: "):
            head = head if cells else []
        elif not head:
            head = cells
        elif head == COLUMNS:
            found.append(dict(zip(COLUMNS, cells)))
    return found


def test_each_claim_has_its_command_and_what_would_refute_it():
    assert len(rows()) > 20
    for row in rows():
        assert set(row) == set(COLUMNS)
        assert all(row.values()), row
        assert re.search(r"`(make|python|pytest) ?[^`]*`", row["command"]), row


def test_each_figure_of_readme_stands_in_checks():
    """Every number of README's prose, but its licences and the Python it needs."""
    text = re.sub(r"Apache-2\.0|CC BY-NC-SA 4\.0|Python 3\.11|Debian 12|3\.11", "", without_code(read(ROOT / "README.md")))
    known = set(re.findall(r"\d+(?:[.,]\d+)*", " ".join(row["figures"] for row in rows())))
    said = set(re.findall(r"\d+(?:[.,]\d+)*", text))
    assert said <= known, sorted(said - known)

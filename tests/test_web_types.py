"""The browser's modules keep their JSDoc types, as TypeScript's compiler reads them; it finds a planted mistake."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from npm_tools import need_npm, npm_program, skip_unless
from web_folder import WEB

COMPILER = "typescript@5.9.3"
LANGUAGE = "--target es2022 --module es2022 --moduleResolution bundler --lib es2022,dom,dom.iterable,dom.asynciterable"
CHECK = f"--allowJs --checkJs --strict --noEmit {LANGUAGE} --skipLibCheck".split()
ELSEWHERE = {"capture.js", "worker.js", "service-worker.js"}  # their globals are not a page's

pytestmark = pytest.mark.slow


def tsc(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return npm_program("npx", "-y", "-p", COMPILER, "tsc", *words, folder=folder)


@pytest.fixture(scope="module", autouse=True)
def compiler(tmp_path_factory):
    need_npm("npx")
    said = tsc("--version", folder=tmp_path_factory.mktemp("nothing"))
    skip_unless(said, COMPILER)
    assert said.stdout.split() == ["Version", COMPILER.partition("@")[2]]


def test_the_pages_modules_keep_their_types():
    modules = [path.relative_to(WEB) for path in sorted(WEB.rglob("*.js")) if path.name not in ELSEWHERE]
    modules = [path for path in modules if path.parts[0] != "vendor"]
    assert len(modules) > 30
    said = tsc(*CHECK, *modules, folder=WEB)
    assert (said.returncode, said.stdout.splitlines(), said.stderr) == (0, [], "")


def test_a_planted_mistake_is_found(tmp_path):
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("vendor", "strings"))
    copy = tmp_path / "web" / "live" / "evidence.js"
    text = copy.read_text(encoding="utf-8")
    assert text.count("mapRows: rows") == 1
    copy.write_text(text.replace("mapRows: rows", "mapRow: rows"), encoding="utf-8")
    said = tsc(*CHECK, "live/evidence.js", folder=tmp_path / "web")
    assert said.returncode != 0
    assert re.search(r"^live/evidence\.js\(\d+,\d+\): error .*'mapRow' does not exist on type 'Model'", said.stdout, re.MULTILINE)

"""The browser's modules keep their JSDoc types, as TypeScript's compiler reads them; it finds a planted mistake."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from web_folder import WEB

COMPILER = "typescript@5.9.3"
LANGUAGE = "--target es2022 --module es2022 --moduleResolution bundler --lib es2022,dom,dom.iterable,dom.asynciterable"
CHECK = f"--allowJs --checkJs --strict --noEmit {LANGUAGE} --skipLibCheck".split()
ELSEWHERE = {"capture.js", "worker.js", "service-worker.js"}  # their globals are not a page's
NPM = {"fetch_retries": "0", "fetch_timeout": "60000", "update_notifier": "false", "prefer_offline": "true"}  # ms
PATIENCE = 240  # s

pytestmark = pytest.mark.slow


def tsc(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["npx", "-y", "-p", COMPILER, "tsc", *map(str, words)]
    settings = os.environ | {f"npm_config_{name}": value for name, value in NPM.items()}
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture(scope="module", autouse=True)
def compiler(tmp_path_factory):
    if not shutil.which("npx"):
        pytest.skip("no npx here: it comes with Node.js")
    said = tsc("--version", folder=tmp_path_factory.mktemp("nothing"))
    if said.returncode:
        pytest.skip(f"npm cannot fetch {COMPILER}: {(said.stderr.strip() or 'it said nothing').splitlines()[0]}")
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

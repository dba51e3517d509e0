"""Programs of npm for the tests of voicecam/web/: pinned, fetched when a test asks for them, never committed. Runs no page."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NPM = {"fetch_retries": "0", "fetch_timeout": "60000", "update_notifier": "false", "prefer_offline": "true"}  # ms
PATIENCE = 240  # s


def npm_program(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What npm or npx said, run in a folder."""
    settings = os.environ | {f"npm_config_{name}": value for name, value in NPM.items()}
    return subprocess.run([*map(str, words)], cwd=folder, env=settings, capture_output=True, text=True, timeout=PATIENCE)


def need_npm(program: str) -> None:
    """Skip where Node.js is not here."""
    if not shutil.which(program):
        pytest.skip(f"no {program} here: it comes with Node.js")


def skip_unless(said: subprocess.CompletedProcess[str], what: str) -> None:
    """Skip, with npm's first line, where it could not fetch what was asked for."""
    if said.returncode:
        pytest.skip(f"npm cannot fetch {what}: {(said.stderr.strip() or 'it said nothing').splitlines()[0]}")

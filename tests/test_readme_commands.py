"""The commands of README, in its order, as a person pastes them into a shell in the project's folder; and its lines of Python."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from voicecam.corpora import espeak
from voicecam.corpora.espeak_corpus import make_espeak_corpus

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MADE = {"cache", "results", "maps", "mfc_dataset", "my_wavs", ".venv", ".git"}  # what the copy has of its own
FEW = "--maps-only --arch small --init none --epochs 1 --batch 4 --image-size 32 32 --seconds 0.5"
SERVED = "open http://127.0.0.1:"
ADDED = {  # commands that are not run just as they are: what is added to them (None: not run at all), and why
    "make demo": (f"{FEW} --corpus path/to/folder", "takes 6 minutes; here a small network, ten voices, no checks of the maps"),
    "make test": (None, "this test is part of it"),
    "make serve": ("--port 0", "the usual port may be taken; ends after one page"),
    "python scripts/record_wav.py": ("--list", "would record who sits here; tests/test_microphone.py records from a virtual one"),
    "make lab": ("--version", "opens a browser"),
    "make notebooks": ("--help", "takes 8 minutes; tests/test_notebooks.py executes them"),
    "make book": (None, "needs the whole repository; tests/test_book.py builds it"),
    "make site": (None, "fetches ONNX Runtime for browsers; tests/test_site.py makes it"),
    "python scripts/run_all.py": (f"{FEW} --split none", "as for make demo, and without its maps and report"),
}


def blocks(*kinds: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(kinds)})\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Lines of README's shell blocks in their order, continued lines joined, without comments and prompts."""
    lines = "".join(blocks("sh", "bash", "console")).replace("\\\n", " ").splitlines()
    bare = [re.sub(r"(^|\s)#\s.*", "", line).strip().removeprefix("$ ") for line in lines]
    return [line for line in bare if line]


def added_to(command: str) -> str | None:
    return next((more for start, (more, _) in ADDED.items() if command.startswith(start)), "")


def fill_venv(place: Path) -> None:
    """A .venv whose programs are those of this Python, called with more words after their own; complete as make sees it."""
    place.mkdir(parents=True)
    for real in (path for path in Path(sys.executable).parent.iterdir() if path.name in ("python", "jupyter", "voicecam")):
        (place / real.name).write_text(f'#!/bin/sh\nexec "{real}" "$@" $ADDED\n')
        (place / real.name).chmod(0o755)
    for stamp in dict.fromkeys(re.findall(r"\$\(BIN\)/(\.[\w-]+)", (ROOT / "Makefile").read_text())):
        (place / stamp).touch()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project's folder where nothing was run yet, with a recording in my_wavs/ and a corpus in path/to/folder."""
    place = tmp_path_factory.mktemp("readme") / "voicecam"
    place.mkdir()
    for path in ROOT.iterdir():
        if path.name not in MADE and not path.name.startswith("."):
            (place / path.name).symlink_to(path)
    fill_venv(place / ".venv" / "bin")
    shutil.copytree(ROOT / ".ci", place / ".ci")
    make_espeak_corpus(place / "path" / "to" / "folder", voices=10, digits=2, takes=1, progress=False)
    (samples,) = espeak.speak([espeak.Word("hello", "en-us+f2", rate_wpm=150, pitch=60, pitch_range=40)])
    for name in ("me.wav", "my_wavs/ana_hello_20260504T130201.wav"):
        (place / name).parent.mkdir(exist_ok=True)
        sf.write(place / name, np.array(samples, np.int16), espeak.RATE)
    return place


def start(command: str, more: str, place: Path) -> subprocess.Popen:
    paths = {"PATH": f"{place / '.venv' / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen(["bash", "-c", command], cwd=place, env={**os.environ, **paths, "ADDED": more}, **pipes)


def page_of(child: subprocess.Popen) -> str:
    """What a server that was started answers at the address that it says; ends it, and gives the page."""
    assert child.stdout is not None
    try:
        said = next((line for line in child.stdout if line.startswith(SERVED)), "")
        address = said.removeprefix("open ").split()[0]
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.read().decode()
    finally:
        os.killpg(child.pid, signal.SIGINT)
        child.communicate(timeout=60)


def test_the_commands_are_found():
    found = commands()
    assert found[:2] == ["make demo", "make test"]
    assert any("classify" in command for command in found)
    for known in ADDED:
        assert any(command.startswith(known) for command in found), f"{known}: no longer in README; take it out here"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_works_in_the_order_of_readme(project):
    for command in commands():
        more = added_to(command)
        if more is None:
            continue
        child = start(command, more, project)
        if "serve" in command:
            assert "<title>" in page_of(child)
            continue
        said, _ = child.communicate(timeout=200)
        nobody_can_record = more == "--list" and child.returncode == 2 and len(said.splitlines()) == 1
        assert child.returncode == 0 or nobody_can_record, f"{command}: status {child.returncode}\n{said}"
    for name in re.findall(r"results/demo/[\w./]+\w", README):
        assert (project / name).is_file(), name


def test_its_lines_of_python_run(project, monkeypatch):
    monkeypatch.chdir(project)
    for code in blocks("python"):
        names: dict = {}
        exec(compile(code, "README.md", "exec"), names)
        said = names["model"].classify("me.wav")
        for shown in re.findall(r"# (Prediction\(.*?\))", code):  # its form, with other numbers
            form = (
                re.sub(r"\d+", r"\\d+", re.escape(shown)).replace("female", r"\w+").replace(r",\ uncertain", r"(,\ uncertain)?")
            )
            assert re.fullmatch(form, repr(said)), repr(said)

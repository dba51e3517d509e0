"""The command lines as people meet them: started by any Python, with bad options, on full and read-only disks, and stopped."""

import argparse
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from run_script import load_script, one_line_error, run_script

from voicecam.commands import cli
from voicecam.corpora.espeak import RATE, Word, speak

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "scripts").glob("[!_]*.py"))
NAMES = [path.stem for path in SCRIPTS]
BAD_NUMBERS = ("nan", "inf", "-inf", "1e30", "-1", "-3", "x", "", "1e999", "99999999999999999999")


def bare(**more):
    """This environment without a way to voicecam."""
    return {**{key: value for key, value in os.environ.items() if key != "PYTHONPATH"}, **more}


def start(script, *args, cwd, **env):
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env={**os.environ, **env}, start_new_session=True, **pipes)


def run(script, *args, cwd, **env):
    """Exit status, standard output and error output of a script."""
    child = start(script, *args, cwd=cwd, **env)
    said, error = child.communicate(timeout=300)
    return child.returncode, said, error


@pytest.fixture
def project(tmp_path):
    """A project's folder that holds the scripts and no packages."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("script", NAMES)
def test_a_python_without_the_packages_says_what_to_do(project, script):
    command = [sys.executable, "-S", f"scripts/{script}.py", "--help"]  # -S: without site-packages
    done = subprocess.run(command, cwd=project, env=bare(), capture_output=True, text=True, check=False)
    one_line_error(done.returncode, done.stderr)
    assert "make install" in done.stderr
    assert str(project) in done.stderr


def test_a_python_without_the_packages_goes_on_in_the_projects_own(project):
    own = project / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    own.chmod(0o755)
    command = [sys.executable, "-S", "scripts/make_espeak_corpus.py", "--out", "a place", "--voices", "3"]
    done = subprocess.run(command, cwd=project, env=bare(), capture_output=True, text=True, check=False)
    one_line_error(done.returncode, done.stderr)
    assert "3 voices" in done.stderr


def test_the_packages_that_are_looked_for_are_those_of_the_project():
    target = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    target = [*target["dependencies"], *target["optional-dependencies"]["full"]]
    brought = importlib.metadata.packages_distributions()
    looked_for = load_script("evaluate")._start.PACKAGES
    assert len(looked_for) == len(target)
    for name in target:
        modules = {module for module, of in brought.items() if name in [one.lower() for one in of]}
        assert modules & set(looked_for) or (name == "praat-parselmouth" and "parselmouth" in looked_for), name


@pytest.mark.parametrize(
    ("script", "args", "module", "helps"),
    [
        ("serve", ["--port", "0"], "uvicorn", r"pip install .*\[web\]'"),
        ("run_notebooks", [], "nbformat", r"pip install .*\[notebooks\]'"),
        ("record_wav", ["--list"], "sounddevice", "pip install sounddevice"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_command_that_helps(tmp_path, script, args, module, helps):
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('No module', name={module!r})")
    status, _, error = run(script, *args, cwd=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    one_line_error(status, error)
    assert re.search(helps, error)


def options(module, monkeypatch):
    """The options of a script, as argparse holds them."""
    found = []

    def keep(doc, example, make=cli.make_parser):
        found.append(make(doc, example))
        return found[-1]

    monkeypatch.setattr(cli, "make_parser", keep)
    with pytest.raises(SystemExit):
        module.main(["--help"])
    return [action for action in found[0]._actions if not isinstance(action, argparse._HelpAction)]


@pytest.mark.parametrize("script", NAMES)
def test_every_option_that_takes_a_number_has_a_range(script, monkeypatch, capsys):
    module = load_script(script)
    every = options(module, monkeypatch)
    assert not [action.dest for action in every if action.type in (int, float)], "numbers without a range"
    needed = [
        text
        for action in every
        if action.required
        for text in ([action.option_strings[0]] if action.option_strings else [])
        + ["x"] * (action.nargs if action.nargs == 2 else 1)
    ]
    for action in every:
        if action.type in (None, str, Path) or not action.option_strings:
            continue
        for bad in BAD_NUMBERS:
            capsys.readouterr()
            with pytest.raises(SystemExit) as stop:
                module.main(
                    [*needed, f"{action.option_strings[0]}={bad}"] if action.nargs != 2 else [*needed, *pair(action, bad)]
                )
            one_line_error(stop.value.code, capsys.readouterr().err)


def pair(action, bad):
    """An option of two numbers, the second of which is bad."""
    return [action.option_strings[0], "64", bad]


@pytest.mark.parametrize(
    "option",
    [
        "--folds 1",
        "--folds -3",
        "--seed -1",
        "--seconds inf",
        "--lr inf",
        "--lr 1e30",
        "--min-age nan",
        "--workers 0",
        "--epochs 0",
    ],
)
def test_a_number_out_of_range_is_one_line(option, tmp_path):
    status, _, error = run_script("run_all", "--corpus", "demo", "--run", "x", *option.split(), cwd=tmp_path)
    one_line_error(status, error)
    assert option.split()[0] in error
    assert not list(tmp_path.iterdir())


SLOW = """
import pathlib, time
pathlib.Path("reached").touch()
try:
    time.sleep(60)
except BaseException:
    raise ImportError
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "module"), [*((name, "tqdm") for name in NAMES), ("evaluate", "fastai"), ("classify", "soundfile")]
)
def test_ctrl_c_while_a_script_imports_is_one_line(script, module, tmp_path):
    """A planted package that takes long to import, and gives another error when it is interrupted."""
    (tmp_path / f"{module}.py").write_text(SLOW)
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "results" / "x").mkdir(parents=True)
    (tmp_path / "results" / "x" / "run.json").write_text("{}")
    args = {"evaluate": ["--run", "x"], "classify": ["a.wav"]}.get(script, ["--help"])
    child = start(script, *args, cwd=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    while not (tmp_path / "reached").exists():
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    time.sleep(0.1)
    os.killpg(child.pid, signal.SIGINT)
    _, error = child.communicate(timeout=30)
    assert (child.returncode, error) == (130, "stopped\n")


@pytest.fixture
def mounted(tmp_path):
    """Function that mounts an empty disk of some bytes, or one that cannot be written; gives its folder."""
    made = []

    def mount(**how):
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        options = ",".join(f"{key}={value}" if value is not True else key for key, value in how.items())
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs root, to mount a small disk")
        made.append(place)
        return place

    yield mount
    for place in made:
        subprocess.run(["umount", "-l", str(place)], check=False)


TRAINED = ["--label", "label", "--init", "none", "--arch", "small", "--epochs", "1", "--image-size", "32", "32"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "script", "args"),
    [
        ("64k", "make_espeak_corpus", ["--out", "demo"]),
        ("64k", "make_images", ["--corpus", "VOICES"]),
        ("1500k", "run_all", ["--corpus", "VOICES", "--run", "x", *TRAINED, "--maps-only"]),
        ("3m", "run_all", ["--corpus", "VOICES", "--run", "x", *TRAINED, "--maps-only", "--find-lr"]),
    ],
)
def test_a_full_disk_is_one_line(mounted, write_voices, monkeypatch, size, script, args):
    voices, disk = write_voices(speakers=12), mounted(size=size)
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    status, _, error = run_script(script, *[voices if arg == "VOICES" else arg for arg in args], cwd=disk)
    one_line_error(status, error)
    assert "make room" in error
    left = [path for path in disk.rglob("*") if path.is_file() and path.name.startswith(".") and path.name.count("-")]
    assert not left, "half files"


@pytest.mark.parametrize(
    ("script", "args"),
    [
        ("make_espeak_corpus", ["--out", "demo"]),
        ("make_images", ["--corpus", "VOICES"]),
        ("classify", ["VOICES", "--json", "x.json"]),
        ("run_all", ["--corpus", "VOICES", "--run", "x", *TRAINED]),
    ],
)
def test_a_folder_that_cannot_be_written_is_one_line(mounted, write_voices, script, args):
    voices, disk = write_voices(speakers=2, takes=2), mounted(size="64k", ro=True)
    status, _, error = run_script(script, *[voices if arg == "VOICES" else arg for arg in args], cwd=disk)
    one_line_error(status, error)
    assert "Read-only file system" in error


def test_output_that_cannot_be_written_is_one_line(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        command = [
            sys.executable,
            str(ROOT / "scripts" / "make_espeak_corpus.py"),
            "--out",
            "d",
            "--voices",
            "2",
            "--digits",
            "1",
        ]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    one_line_error(done.returncode, done.stderr)


def test_a_reader_that_has_had_enough_ends_a_script_quietly(tmp_path):
    """As in `script | head`: what reads the output goes away."""
    child = start("make_espeak_corpus", "--out", "demo", "--voices", 2, "--digits", 1, cwd=tmp_path)
    child.stdout.close()
    error = child.stderr.read()
    assert (child.wait(60), error) == (141, "")


def test_a_name_that_the_terminal_cannot_show_is_shown_in_another_way(tmp_path):
    args = ["--out", os.fsdecode(b"d\xc3\xabmo-\xff"), "--voices", 2, "--digits", 1]
    status, said, error = run("make_espeak_corpus", *args, cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert status == 0, error
    assert said.startswith(r"wrote d\xebmo-\udcff: ")


@pytest.mark.parametrize("take", [lambda: np.zeros(1 << 50), lambda: __import__("torch").empty(1 << 50)], ids=["numpy", "torch"])
def test_too_little_memory_is_one_line(take, capsys):
    """More is asked for than any machine has."""
    status = cli.finish(take)
    error = capsys.readouterr().err
    one_line_error(status, error)
    assert "memory" in error


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.finish(lambda: 1 // 0)
    with pytest.raises(RuntimeError):
        cli.finish(lambda: (_ for _ in ()).throw(RuntimeError("a bug")))


@pytest.fixture
def spoken(tmp_path):
    [samples] = speak([Word("see what the model hears", "en-us+f1", 140, 60, 50)])
    samples = np.asarray(samples, dtype=np.float32)
    sf.write(tmp_path / "spoken.wav", 0.3 * samples / np.abs(samples).max(), RATE)
    return tmp_path / "spoken.wav"


def left_at(home):
    """What a program left in an empty home, but for matplotlib's list of fonts."""
    return [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and "matplotlib" not in path.parts]


@pytest.fixture
def stranger(tmp_path):
    """The environment of somebody with an empty home who knows nothing of telemetry."""
    (tmp_path / "home").mkdir()
    taken = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR")
    rest = {key: value for key, value in os.environ.items() if key not in taken}
    return {**rest, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_classify_leaves_nothing_for_a_maker_of_a_package(spoken, stranger, tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "classify.py"), str(spoken)]
    done = subprocess.run(command, cwd=tmp_path, env=stranger, capture_output=True, text=True, check=True)
    assert "of speech" in done.stdout
    assert left_at(tmp_path / "home") == []


@pytest.mark.slow
def test_the_page_leaves_nothing_for_a_maker_of_a_package(spoken, stranger, tmp_path):
    pytest.importorskip("uvicorn")
    command = [sys.executable, str(ROOT / "scripts" / "serve.py"), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=stranger, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[1]
            parts = [
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n',
                spoken.read_bytes(),
                b"\r\n--x--",
            ]
            asked = urllib.request.Request(f"{address}api/classify", b"".join(parts))
            asked.add_header("Content-Type", "multipart/form-data; boundary=x")
            with urllib.request.urlopen(asked, timeout=120) as answer:
                assert b'"prediction"' in answer.read()
            assert left_at(tmp_path / "home") == []
        finally:
            server.terminate()

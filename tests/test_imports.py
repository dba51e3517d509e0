"""What may be imported when: nothing heavy before it is used. Each in a process of its own, which says what it has loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPOKEN = ROOT / "tests" / "recordings" / "spoken.flac"
NEVER_EARLY = {
    *("captum", "fastai", "IPython", "jinja2", "librosa", "matplotlib", "onnxruntime", "parselmouth", "PIL", "pytorch_grad_cam"),
    *("scipy", "skimage", "sklearn", "torch", "torchvision", "torchaudio"),
}
NUMBERS = {"numpy", "pandas", "soundfile", "soxr"}
TRAINING = {"fastai", "torchvision", "torchaudio"}
DRAWING = {"matplotlib", "jinja2", "IPython"}
EXPLAINING = {"captum", "pytorch_grad_cam", "sklearn", "skimage"}
ASKED = """
import atexit, json, sys
names = lambda: sorted({name.split(".")[0] for name in sys.modules})
atexit.register(lambda: json.dump(names(), open("loaded.json", "w")))
"""
CALL = "from voicecam.commands import main; sys.exit(main(sys.argv[1:]))"
EACH_HELP = """
import contextlib, io
from voicecam.commands import COMMANDS, main
for name in COMMANDS:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main([*name.split(), "--help"])
    assert f"example: voicecam {name}" in " ".join(said.getvalue().split()), said.getvalue()
"""
FAULTY = (
    *("run --corpus nowhere --run x", "run --lr x", "train --map no.json --run x", "train --map x --run y --config none.json"),
    *(
        "evaluate --run x",
        "compare --run x y",
        "classify a.wav --model none",
        "classify nowhere.wav",
        "external --corpus nowhere --run x",
    ),
)
EACH_FAULT = f"""
from voicecam.commands import main
for words in {FAULTY}:
    try:
        status = main(words.split())
    except SystemExit as stop:
        status = stop.code
    assert status == 2, words
"""


def loaded(code, *args, cwd, status=0):
    """Names of the packages that a process had loaded at its end."""
    command = [sys.executable, "-c", ASKED + code, *map(str, args)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stderr
    return set(json.loads((cwd / "loaded.json").read_text()))


@pytest.mark.parametrize("code", ["import voicecam", "import voicecam.commands; voicecam.commands.main(['--help'])"])
def test_import_and_help_load_nothing_but_python(code, tmp_path):
    assert not loaded(code, cwd=tmp_path) & (NEVER_EARLY | NUMBERS | {"tqdm"})


def test_import_takes_a_moment(tmp_path):
    """The least of three, in time of CPU: 0.03 s where nothing else runs."""
    code = "import time; start = time.process_time(); import voicecam; print(time.process_time() - start)"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = [subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True) for _ in range(3)]
    assert min(float(one.stdout) for one in said) < 0.2


def test_help_of_train_loads_nothing_heavy(tmp_path):
    assert not loaded(CALL, "train", "--help", cwd=tmp_path) & (NEVER_EARLY | NUMBERS)


def test_help_of_every_command_loads_no_torch_and_has_an_example(tmp_path):
    assert not loaded(EACH_HELP, cwd=tmp_path) & NEVER_EARLY


def test_options_and_paths_are_checked_before_torch_is_loaded(tmp_path):
    assert not loaded(EACH_FAULT, cwd=tmp_path) & NEVER_EARLY


@pytest.mark.slow
def test_classify_loads_what_hears_and_nothing_that_trains_or_draws(tmp_path):
    found = loaded(CALL, "classify", SPOKEN, cwd=tmp_path)
    assert {"onnxruntime", "parselmouth"} <= found
    assert not found & (TRAINING | DRAWING | EXPLAINING | {"torch", "scipy", "pandas", "PIL", "librosa", "numba"})

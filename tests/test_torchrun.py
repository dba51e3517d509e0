"""Training in two processes that torchrun starts on processors (gloo): losses and weights of one process with twice the batch,
files of the first process alone, and no run by halves where one is killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shared_training
from run_script import SCRIPTS, one_line_error, run_script

from voicecam import runs
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data.dataset import make_images
from voicecam.errors import ModelError
from voicecam.files import TEMPORARY
from voicecam.network import learner, torchrun

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "--"]
TINY = recipe("mfcc", seconds=0.5, image_rows=16, image_columns=16)
QUICK = ["--label", "label", "--arch", "small", "--init", "none", "--batch", "4"]


@pytest.mark.slow
def test_two_processes_learn_what_one_with_twice_the_batch_learns(tmp_path, monkeypatch):
    monkeypatch.setattr(learner, "build", shared_training.build)
    shared_training.main(str(tmp_path / "one"), 8)  # alone, in this process
    done = subprocess.run([*TORCHRUN, shared_training.__file__, tmp_path / "two", "4"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = (np.load(tmp_path / f"{name}.npz") for name in ("one", "two"))
    assert set(one) == set(two)
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert np.ptp(one["history0"][:, 1]) > 0.005, "losses move by a hundred times what they may differ"


@pytest.fixture
def images(write_voices, tmp_path, monkeypatch):
    """The map of 30 clips of 10 made voices."""
    monkeypatch.chdir(tmp_path)
    return make_images(open_corpus(write_voices(speakers=10, takes=3)), TINY, workers=1)


@pytest.mark.slow
def test_the_first_process_alone_writes_and_speaks(images, tmp_path):
    corpus = ["--corpus", "voices", "--seconds", "0.5", "--image-size", "16", "16"]
    command = [*TORCHRUN, SCRIPTS / "run_all.py", *corpus, "--run", "pair", *QUICK, "--epochs", "2", "--maps-only"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line[:9] for line in lines if line.startswith("epoch")] == ["epoch  1:", "epoch  2:"]
    assert lines[-1].startswith("wrote")
    assert "error" not in done.stderr.lower()
    assert [path.name for path in (tmp_path / "results").iterdir() if path.is_dir()] == ["pair"]
    assert not [path for path in tmp_path.rglob("*") if TEMPORARY.fullmatch(path.name)]
    meta = json.loads((tmp_path / "results" / "pair" / "fold1" / "meta.json").read_text())["meta"]
    assert (meta["processes"], meta["training"]["batch"]) == (2, 4)
    assert len(runs.read_predictions(tmp_path / "results" / "pair")) >= 6


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_killed_process_ends_the_others_and_leaves_no_half_run(images, tmp_path):
    command = [*TORCHRUN, SCRIPTS / "train.py", "--map", images, "--run", "pair", *QUICK, "--epochs", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        assert any(line.startswith("epoch  2") for line in parent.stdout)
        second = next(one for one in children(parent.pid) if b"RANK=1" in Path(f"/proc/{one}/environ").read_bytes().split(b"\0"))
        os.kill(second, signal.SIGKILL)
        _, said = parent.communicate(timeout=120)
    assert parent.returncode == 1, said
    files = {str(path.relative_to(tmp_path / "results")) for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert files == {"pair/run.json"}


def children(parent: int) -> list[int]:
    """Processes that a process started."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(words[1]) == parent:
            found.append(int(place.parent.name))
    return found


@pytest.mark.parametrize(
    ("script", "options", "what"),
    [
        ("evaluate", ["--run", "demo"], "evaluate"),
        ("train", ["--map", "maps/none.json", "--run", "x", "--find-lr"], "--find-lr"),
    ],
)
def test_what_one_process_does_is_refused_in_one_line_that_is_said_once(script, options, what, tmp_path, monkeypatch):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "none.json").write_text("{}")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, _, error = run_script(script, *options, cwd=tmp_path)
    one_line_error(status, error)
    assert error.startswith(f"error: {what}: one process does it, and torchrun started 2")
    monkeypatch.setenv("RANK", "1")
    assert run_script(script, *options, cwd=tmp_path) == (2, "", "")
    assert run_script(script, "--nonsense", cwd=tmp_path) == (2, "", "")
    assert [path.name for path in tmp_path.rglob("*")] == ["maps", "none.json"]


def test_speech_models_train_in_one_process(monkeypatch):
    runs.check_arch(recipe("embedding"), "logistic")
    monkeypatch.setenv("WORLD_SIZE", "2")
    runs.check_arch(recipe("embedding"), "logistic")  # another program's: torchrun started nothing
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(ModelError, match="training a speech model: one process does it"):
        runs.check_arch(recipe("embedding"), "logistic")
    with pytest.raises(ModelError, match=r"voicecam\.train: one process"):
        torchrun.check_alone("voicecam.train")

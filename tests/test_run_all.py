"""The scripts through their command lines, as a user runs them: real folders, real processes, a small corpus."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from voicecam.network import load_model

SCRIPTS = Path(__file__).parent.parent / "scripts"
SMALL = ["--label", "label", "--start", "none", "--epochs", "10", "--batch", "8", "--image-size", "32", "32", "--seconds", "0.5"]


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # several threads add up in changing order: the last digits may differ


def run(script, *args, cwd, status=0, env=None):
    """Run a script; returns its output. Fails with that output when the exit status is another."""
    done = subprocess.run(
        [sys.executable, SCRIPTS / f"{script}.py", *map(str, args)], cwd=cwd, capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if status == 0 else done.stderr


def last_line(text):
    return text.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def corpus(place):
    import soundfile as sf

    from conftest import voice

    root = place / "voices"
    for speaker in range(20):
        rng = np.random.default_rng(speaker)
        name, f0 = ("low", 90 + 3 * speaker) if speaker % 2 else ("high", 210 + 3 * speaker)
        (root / name).mkdir(parents=True, exist_ok=True)
        for take in range(5):
            sf.write(root / name / f"s{speaker:02d}_{take}.wav", voice(f0 * rng.uniform(0.9, 1.1), rng, seconds=0.6), 16_000)
    (root / "low" / "s01_9.wav").write_bytes(b"broken")
    return root


@pytest.fixture(scope="module")
def finished(place, corpus):
    """A run of run_all, and what it printed."""
    return place / "results" / "small", run("run_all", "--corpus", corpus, "--run", "small", *SMALL, cwd=place)


def test_run_all_leaves_everything_it_promises(finished):
    folder, said = finished
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "manifest.json",
        "metrics.json",
        "predictions.csv",
        "cams.npz",
        "bands_by_class.csv",
        "figures",
        "report.html",
        "fold1",
    }
    assert last_line(said) == f"wrote {Path('results/small/report.html')}"
    manifest = json.loads((folder / "manifest.json").read_text())
    import hashlib

    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (folder / "manifest.json").stat().st_mtime_ns == max(
        path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    )


def test_its_network_tells_low_from_high_voices_of_new_speakers(finished):
    folder, _ = finished
    metrics = json.loads((folder / "metrics.json").read_text())["network"]
    assert metrics["balanced_accuracy"]["value"] >= 0.9
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    tested = {row["speaker"] for row in rows}
    split = json.loads((folder / "fold1" / "split.json").read_text())
    trained = {path.split("/")[1][:3] for path in split["train"] + split["valid"]}
    assert not tested & trained
    assert metrics["accuracy"]["value"] == pytest.approx(np.mean([row["true"] == row["predicted"] for row in rows]))


def test_predictions_are_those_of_the_saved_model_on_the_wavs(finished, corpus):
    from voicecam.dataset import clip_matrix

    folder, _ = finished
    model = load_model(folder / "fold1")
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    matrices = np.stack([clip_matrix(corpus / row["path"], model.config) for row in rows])
    found = model.probabilities(matrices)
    stored = np.array([[float(row[f"p_{name}"]) for name in model.classes] for row in rows])
    np.testing.assert_allclose(found, stored, atol=2e-3)  # the images hold the features to 16 bits


def test_maps_are_raw_and_have_their_index(finished):
    folder, _ = finished
    with np.load(folder / "cams.npz", allow_pickle=False) as arrays:
        maps = arrays["maps"]
        assert len(maps) == len(arrays["path"]) == len(arrays["true"]) == len(arrays["fold"])
        assert maps.shape == arrays["random_weights_maps"].shape
        assert maps.ndim == 3
        assert (maps < 0).any()
        shares = np.maximum(maps, 0).sum(axis=2)
        shares /= shares.sum(axis=1, keepdims=True)
        with open(folder / "bands_by_class.csv", newline="") as file:
            low = [row for row in csv.DictReader(file) if row["class"] == "low"]
        here = arrays["true"] == "low"
        by_speaker = [
            np.nanmean(shares[here & (arrays["speaker"] == name)], axis=0) for name in np.unique(arrays["speaker"][here])
        ]
    np.testing.assert_allclose([float(row["share"]) for row in low], np.mean(by_speaker, axis=0), atol=1e-4)


def test_a_broken_clip_is_left_out_and_named(finished, place):
    folder, _ = finished
    assert "s01_9.wav" in (folder / "report.html").read_text()
    said = run("make_images", "--corpus", place / "voices", "--image-size", "32", "32", "--seconds", "0.5", cwd=place)
    assert "100 images" in last_line(said)
    assert "1 clips left out" in last_line(said)


def test_the_same_command_again_does_nothing_and_another_setting_is_refused(finished, place, corpus):
    folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    said = run("run_all", "--corpus", corpus, "--run", "small", *SMALL, cwd=place)
    assert "is complete" in last_line(said)
    error = run("run_all", "--corpus", corpus, "--run", "small", *SMALL[:-2], "--seconds", "0.4", cwd=place, status=2)
    assert "other settings" in error
    error = run("run_all", "--corpus", corpus, "--run", "small", *SMALL, "--batch", "4", cwd=place, status=2)
    assert (
        last_line(error)
        == f"error: {Path('results/small')}: holds a run with other settings (batch 8, now 4); choose another --run name"
    )
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_stopped_after_a_fold_it_goes_on_and_gives_the_same_predictions(place, corpus):
    """Ctrl-C in the second fold; the folds that were there are kept, and the end is that of an undisturbed run."""
    command = ["--corpus", corpus, "--folds", "5", *SMALL[:4], "--epochs", "1", *SMALL[6:]]
    run("run_all", *command, "--run", "undisturbed", cwd=place, env=ONE_THREAD)
    child = subprocess.Popen(
        [sys.executable, SCRIPTS / "run_all.py", *map(str, command), "--run", "disturbed"],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=ONE_THREAD,
    )
    first = place / "results" / "disturbed" / "fold1" / "meta.json"
    while not first.exists():
        assert child.poll() is None
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "stopped; the same command goes on from here" in error
    assert not (place / "results" / "disturbed" / "manifest.json").exists()
    stamp = first.stat().st_mtime_ns
    run("run_all", *command, "--run", "disturbed", cwd=place, env=ONE_THREAD)
    assert first.stat().st_mtime_ns == stamp
    one, other = ((place / "results" / name / "predictions.csv").read_bytes() for name in ("undisturbed", "disturbed"))
    assert one == other


def test_the_steps_one_by_one_end_where_run_all_ends(finished, place, corpus):
    folder, _ = finished
    said = run("make_images", "--corpus", corpus, *SMALL[-5:], cwd=place)
    map_path = last_line(said).split()[1].rstrip(":")
    run("train", "--map", map_path, "--run", "steps", *SMALL[:8], cwd=place)
    run("evaluate", "--run", "steps", cwd=place)
    run("explain", "--run", "steps", cwd=place)
    other = place / "results" / "steps"
    for name in ("predictions.csv", "metrics.json", "bands_by_class.csv"):
        assert (other / name).read_bytes() == (folder / name).read_bytes()


def test_the_old_split_warns_in_the_report(place, corpus):
    run("run_all", "--corpus", corpus, "--split", "seed", "--run", "leak", *SMALL[:4], "--epochs", "1", *SMALL[6:], cwd=place)
    page = (place / "results" / "leak" / "report.html").read_text()
    assert "this split leaks" in page
    assert "never met" not in page


@pytest.mark.parametrize(
    ("script", "args", "word"),
    [
        ("run_all", ["--corpus", "nowhere", "--run", "x"], "nowhere: no such folder or CSV file"),
        ("run_all", ["--corpus", "voices", "--run", "../x"], "must be a plain folder name"),
        ("run_all", ["--corpus", "voices", "--run", "x", "--label", "gender"], "no label 'gender'; it has: label"),
        ("run_all", ["--corpus", "voices", "--run", "x", "--label", "label", "--min-age", "14"], "has no age column"),
        ("run_all", ["--corpus", "voices", "--run", "x", "--seconds", "0"], "seconds=0.0: must be above 0"),
        ("run_all", ["--corpus", "voices", "--run", "x", "--label", "label", "--arch", "vgg"], "architecture 'vgg': not known"),
        ("train", ["--map", "maps/none.json", "--run", "x"], "no such file"),
        ("evaluate", ["--run", "none"], "no such run"),
        ("explain", ["--run", "small", "--layer", "layer1"], "was explained with another setting"),
        ("ship_model", ["--run", "none", "--out", "m"], "no trained model"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(finished, place, script, args, word):
    error = run(script, *args, cwd=place, status=2)
    assert error.startswith("error: ")
    assert word in error
    assert len(error.strip().splitlines()) == 1
    assert not (place / "results" / "x").exists()


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_help_shows_an_example_and_defaults(script, place):
    said = run(script, "--help", cwd=place)
    assert "example:" in said
    assert f"python scripts/{script}.py" in said


def test_the_defaults_that_help_names_are_those_of_training(place):
    from voicecam.learner import Training

    said = " ".join(run("train", "--help", cwd=place).split())
    for name in ("arch", "start", "schedule", "epochs", "lr", "batch", "patience"):
        default = re.search(rf"--{name} .*?\(default: ([^)]*)\)", said[said.index("how to learn") :]).group(1)
        assert type(getattr(Training(), name))(default) == getattr(Training(), name)


def test_ship_model_stores_half_the_bytes_and_the_same_answers(finished, place, corpus):
    from voicecam.dataset import clip_matrix

    folder, _ = finished
    run("ship_model", "--run", "small", "--out", "shipped", cwd=place)
    whole, half = load_model(folder / "fold1"), load_model(place / "shipped")
    matrix = clip_matrix(corpus / "low" / "s01_0.wav", whole.config)[None]
    np.testing.assert_allclose(half.probabilities(matrix), whole.probabilities(matrix), atol=0.02)
    sizes = [(path / "model.safetensors").stat().st_size for path in (place / "shipped", folder / "fold1")]
    assert sizes[0] < 0.51 * sizes[1]

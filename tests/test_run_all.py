"""The scripts through their command lines, as a user gives them: real folders, a small corpus and network."""

import argparse
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from run_script import SCRIPTS, last_line, one_line_error, output_of, run_script

from voicecam.network import load_model

MAPS = ["--method", "hires-cam", "--layer", "layer1"]
IMAGES = ["--image-size", "32", "32", "--seconds", "0.5"]
NETWORK = ["--label", "label", "--arch", "small", "--init", "none", "--epochs", "12", "--batch", "8"]
SMALL = [*NETWORK, *IMAGES, *MAPS]


def run(script, *args, cwd, status=0):
    """Output of a script that makes maps without their checks (test_checks.py); see run_script.output_of."""
    maps_only = ["--maps-only"] * (script in ("run_all", "explain"))
    return output_of(script, *args, *maps_only, cwd=cwd, status=status)


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


@pytest.fixture
def own(finished, place):
    """A copy of the run, for a test that adds to it."""
    folder = place / "results" / "own"
    shutil.copytree(finished[0], folder)
    yield folder
    shutil.rmtree(folder)


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
    from voicecam.data.dataset import clip_matrix

    folder, _ = finished
    model = load_model(folder / "fold1")
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    matrices = np.stack([clip_matrix(corpus / row["path"], model.config) for row in rows])
    found = model.probabilities(matrices)
    stored = np.array([[float(row[f"p_{name}"]) for name in model.classes] for row in rows])
    np.testing.assert_allclose(found, stored, atol=2e-3)  # the images hold the features to 16 bits


def test_what_is_decided_follows_from_the_validation_speakers(finished):
    folder, _ = finished
    meta = json.loads((folder / "fold1" / "meta.json").read_text())["meta"]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert meta["max_error"] == metrics["abstention"]["max_error"] == 0.02
    assert metrics["abstention"]["thresholds"] == [meta["threshold"]]
    assert metrics["calibration"]["temperatures"] == [meta["temperature"]]
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        p = max(float(row["p_high"]), float(row["p_low"]))
        decided = row["predicted"] if p >= meta["threshold"] else "uncertain"
        assert row["decision"] == decided or abs(p - meta["threshold"]) < 1e-5
    share = np.mean([row["decision"] == "uncertain" for row in rows])
    assert metrics["abstention"]["uncertain"]["value"] == pytest.approx(share)
    wrong = np.mean([row["true"] != row["predicted"] for row in rows])
    assert metrics["abstention"]["error_all"]["value"] == pytest.approx(wrong)
    with open(folder / "risk_coverage.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert (float(last["coverage"]), int(last["clips"])) == (1.0, len(rows))
    assert float(last["error"]) == pytest.approx(wrong, abs=1e-5)
    with open(folder / "per_group.csv", newline="") as file:
        groups = {(row["column"], row["group"]): row for row in csv.DictReader(file)}
    low = [row["true"] == row["predicted"] for row in rows if row["true"] == "low"]
    assert float(groups["label", "low"]["accuracy"]) == pytest.approx(np.mean(low), abs=1e-5)
    assert "How far to believe a probability" in (folder / "report.html").read_text()
    assert {"reliability.png", "risk_coverage.png"} <= {path.name for path in (folder / "figures").iterdir()}


def test_the_temperature_fits_the_validation_clips_best(finished, corpus):
    """Any other temperature has a higher log loss there, over classes that weigh the same and one clip of unknown class."""
    from voicecam.data.dataset import clip_matrix

    folder, _ = finished
    model, split = load_model(folder / "fold1"), json.loads((folder / "fold1" / "split.json").read_text())
    logits = model.logits(np.stack([clip_matrix(corpus / path, model.config) for path in split["valid"]])).astype(float)
    targets = np.array([model.classes.index(path.split("/")[0]) for path in split["valid"]])

    def loss(temperature):
        log_p = logits / temperature - np.log(np.exp(logits / temperature).sum(axis=1, keepdims=True))
        of_classes = [log_p[targets == i, i].mean() for i in range(2)]
        return -(len(targets) * np.mean(of_classes) + log_p.mean())

    best = loss(model.temperature)
    assert all(best <= loss(factor * model.temperature) + 1e-6 for factor in (0.8, 0.9, 1.1, 1.25))


def change(path, edit):
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


@pytest.fixture
def old(finished, place, monkeypatch):
    """A copy of the run as an older program left it: no temperature, no threshold, not evaluated."""
    monkeypatch.chdir(place)
    folder = place / "results" / "old"
    shutil.copytree(finished[0], folder)
    for name in ("manifest.json", "metrics.json", "predictions.csv", "per_group.csv", "risk_coverage.csv"):
        (folder / name).unlink()
    for key in ("temperature", "threshold", "max_error"):
        change(folder / "fold1" / "meta.json", lambda values, key=key: values["meta"].pop(key))
    change(folder / "run.json", lambda values: values["settings"].pop("max_error"))
    yield folder
    shutil.rmtree(folder)


def test_a_model_of_an_older_program_answers_every_clip(old, finished):
    from voicecam import runs
    from voicecam.commands import jobs

    said = jobs.evaluate_job(argparse.Namespace(run="old"))
    assert said.startswith(f"wrote {Path('results/old/metrics.json')}: balanced accuracy ")
    assert "macro F1" not in said, "two classes"
    metrics = json.loads((old / "metrics.json").read_text())
    assert metrics["abstention"]["thresholds"] == [None]
    assert metrics["calibration"]["temperatures"] == [1.0]
    assert metrics["abstention"]["uncertain"]["value"] == 0
    assert metrics["calibration"]["ece"]["value"] == pytest.approx(metrics["calibration"]["ece_before"]["value"], abs=1e-6)
    new = json.loads((finished[0] / "metrics.json").read_text())
    assert metrics["calibration"]["ece"]["value"] == pytest.approx(new["calibration"]["ece_before"]["value"], abs=1e-4)
    runs.start_run(old, runs.open_run(finished[0]), command="the same")  # the same settings, though it did not know all of them


def test_a_run_that_an_older_program_evaluated_gets_its_report(old, finished):
    from voicecam import runs
    from voicecam.commands import run_report

    shutil.copy(finished[0] / "metrics.json", old)
    shutil.copy(finished[0] / "predictions.csv", old)
    change(old / "metrics.json", lambda values: [values.pop("calibration"), values.pop("abstention")])
    page = run_report.write_run_report(Path("results/old"), runs.run_dataset(runs.open_run(old))).read_text()
    assert "How far to believe a probability" not in page
    assert "How well it works" in page


def test_the_last_line_says_macro_f1_of_more_than_two_classes(finished, place, monkeypatch):
    from voicecam import runs
    from voicecam.commands import jobs

    monkeypatch.chdir(place)
    metrics = json.loads((finished[0] / "metrics.json").read_text())
    metrics["network"]["per_class"]["middle"] = metrics["network"]["per_class"]["low"]
    metrics["network"]["macro_f1"] = {"value": 0.71234, "low": 0.6, "high": 0.8}
    monkeypatch.setattr(runs, "evaluate_run", lambda folder, dataset: metrics)
    said = jobs.evaluate_job(argparse.Namespace(run="small"))
    assert said.endswith(", macro F1 0.712 [0.600, 0.800], on speakers held back")


def test_results_csv_has_a_line_for_every_evaluated_run(old, finished, place):
    from voicecam.runs import leaderboard

    said = leaderboard.write_results(Path("results"))
    with open(said, newline="") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    assert "small" in rows
    assert "old" not in rows, "not evaluated yet"
    row, metrics = rows["small"], json.loads((finished[0] / "metrics.json").read_text())
    facts = [row[column] for column in ("corpus", "label", "split", "features", "arch", "init")]
    assert facts == ["voices", "label", "speakers", "mfcc", "small", "random weights"]
    assert row["command"].startswith("python ")
    for column, score in {
        "balanced_accuracy": metrics["network"]["balanced_accuracy"]["value"],
        "low": metrics["network"]["balanced_accuracy"]["low"],
        "fold_mean_high": metrics["fold_mean"]["high"],
        "macro_f1": metrics["network"]["macro_f1"]["value"],
        "ece": metrics["calibration"]["ece"]["value"],
        "ece_fold_mean": metrics["calibration"]["ece_fold_mean"],
        "share_uncertain": metrics["abstention"]["uncertain"]["value"],
    }.items():
        assert float(row[column]) == pytest.approx(score, abs=1e-5)
    with open(finished[0] / "predictions.csv", newline="") as file:
        tested = list(csv.DictReader(file))
    assert (int(row["clips"]), int(row["speakers"])) == (len(tested), len({clip["speaker"] for clip in tested}))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row["finished"])


@pytest.mark.parametrize("fault", ["other keys", "no JSON", "no predictions"])
def test_a_run_of_another_version_costs_its_row_and_no_more(own, place, fault):
    folder = place / "results" / "another"
    shutil.copytree(own, folder)
    if fault == "other keys":
        change(folder / "metrics.json", lambda values: values.pop("fold_mean"))
    elif fault == "no JSON":
        (folder / "run.json").write_text("{")
    else:
        (folder / "predictions.csv").unlink()
    try:
        said = run("evaluate", "--run", "own", cwd=place)
        with open(place / "results" / "results.csv", newline="") as file:
            rows = {row["run"] for row in csv.DictReader(file)}
    finally:
        shutil.rmtree(folder)
    assert "own" in rows
    assert "another" not in rows
    (line,) = [line for line in said.splitlines() if "another" in line]
    assert line.startswith(f"{Path('results/another')}: left out of results.csv")


def test_two_runs_are_compared_on_their_own_clips(old, finished, place):
    from voicecam.commands import jobs
    from voicecam.errors import DatasetError, ModelError
    from voicecam.runs import leaderboard

    with pytest.raises(ModelError, match="not evaluated yet"):
        leaderboard.compare_runs(Path("results/old"), Path("results/small"))
    shutil.copy(finished[0] / "metrics.json", old)
    with open(finished[0] / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(old / "predictions.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        one = next(row["path"] for row in rows if row["true"] == "high")  # else no speaker would differ from another: no interval
        writer.writerows({**row, "predicted": "high" if row["path"] == one else "low"} for row in reversed(rows))
    said = run("compare", "--run", "old", "small", cwd=place)
    high = [row["predicted"] == "high" for row in rows if row["true"] == "high" and row["path"] != one]
    found = json.loads((old / "compare-small.json").read_text())
    assert found["balanced_accuracy"]["first"]["value"] == pytest.approx(0.5 + 0.5 / (len(high) + 1))
    assert found["mcnemar"]["only_second_right"] == sum(high)
    words = jobs.better("old", "small", found["difference"])
    assert last_line(said) == f"wrote {Path('results/old/compare-small.json')}: {words}"
    assert "fewer than 5 effective speakers: high 2.0" in said
    assert "no difference was shown" in words, "2 speakers of a class cannot show one"
    assert jobs.better("old", "small", {"low": -0.4, "high": -0.1}).startswith("small is better")
    assert jobs.better("old", "small", {"low": 0.1, "high": 0.4}).startswith("old is better")
    assert "not independent" in said
    with open(old / "predictions.csv", "a", newline="") as file:
        csv.DictWriter(file, rows[0]).writerow({**rows[0], "path": "elsewhere.wav"})
    with pytest.raises(DatasetError, match="1 only in the first"):
        leaderboard.compare_runs(Path("results/old"), Path("results/small"))


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
            low = [row for row in csv.DictReader(file) if row["class"] == "low" and row["clips_of"] == "all"]
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
    error = run("run_all", "--corpus", corpus, "--run", "small", *SMALL, "--seconds", "0.4", cwd=place, status=2)
    assert "other settings" in error
    error = run("run_all", "--corpus", corpus, "--run", "small", *SMALL, "--batch", "4", cwd=place, status=2)
    assert (
        last_line(error)
        == f"error: {Path('results/small')}: holds a run with other settings (batch 8, now 4); choose another --run name"
    )
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_stopped_after_a_fold_it_goes_on_and_gives_the_same_predictions(place, corpus):
    """Ctrl-C in the second of two folds; the first is kept, and the end is that of a run trained and evaluated undisturbed."""
    network = [*NETWORK, "--epochs", "1", "--folds", "2"]
    said = run("make_images", "--corpus", corpus, *IMAGES, cwd=place)
    found = last_line(said).split()[1].rstrip(":")
    alone = [sys.executable, SCRIPTS / "train.py", "--map", found, *network]  # a process of its own: no test set anything there
    subprocess.run([*alone, "--run", "undisturbed"], cwd=place, check=True, capture_output=True)
    run("evaluate", "--run", "undisturbed", cwd=place)
    command = [sys.executable, SCRIPTS / "run_all.py", "--corpus", corpus, *network, *IMAGES, *MAPS, "--maps-only"]
    command = [*map(str, command), "--run", "disturbed"]
    child = subprocess.Popen(
        command,
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
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
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    assert first.stat().st_mtime_ns == stamp
    one, other = ((place / "results" / name / "predictions.csv").read_bytes() for name in ("undisturbed", "disturbed"))
    assert one == other


@pytest.mark.slow
def test_the_steps_one_by_one_end_where_run_all_ends(finished, place, corpus):
    folder, _ = finished
    said = run("make_images", "--corpus", corpus, *IMAGES, cwd=place)
    map_path = last_line(said).split()[1].rstrip(":")
    run("train", "--map", map_path, "--run", "steps", *NETWORK, cwd=place)
    run("evaluate", "--run", "steps", cwd=place)
    run("explain", "--run", "steps", *MAPS, cwd=place)
    other = place / "results" / "steps"
    for name in ("predictions.csv", "metrics.json", "bands_by_class.csv"):
        assert (other / name).read_bytes() == (folder / name).read_bytes()


def test_another_method_explains_beside_what_is_there(own, place, corpus):
    """As README says it: on a finished run, with nothing deleted."""
    folder, there = own, ("cams.npz", "bands_by_class.csv", "explanation.json")
    before = [(folder / name).read_bytes() for name in there]
    how = ["--method", "layer-cam", "--layer", "layer2", "--target", "high-low"]
    beside = folder / "explanations" / "layer-cam-layer2-high-low"
    said = run("explain", "--run", "own", *how, cwd=place)
    assert last_line(said) == f"wrote {(beside / 'report.html').relative_to(place)}"
    assert [(folder / name).read_bytes() for name in there] == before
    facts = json.loads((beside / "explanation.json").read_text())
    assert [facts[key] for key in ("method", "layer", "target")] == ["Layer-CAM", "layer2", "high-low"]
    with np.load(beside / "cams.npz", allow_pickle=False) as arrays, np.load(folder / "cams.npz", allow_pickle=False) as main:
        assert list(arrays["path"]) == list(main["path"])
        assert arrays["maps"].shape[1:] == (8, 8), "32 pixels at layer2; layer1 has 16 x 16 cells"
        assert (arrays["maps"] >= 0).all(), "what Layer-CAM promises"
    assert "Layer-CAM at layer layer2" in (beside / "report.html").read_text()
    assert '<a href="../../report.html">' in (beside / "report.html").read_text()
    page = (folder / "report.html").read_text()
    assert '<a href="explanations/layer-cam-layer2-high-low/report.html">Layer-CAM at layer layer2' in page
    assert json.loads((folder / "explanation.json").read_text())["method"] + " at layer" in page
    manifest = json.loads((folder / "manifest.json").read_text())["files"]
    assert "explanations/layer-cam-layer2-high-low/cams.npz" in manifest
    stamp = (beside / "cams.npz").stat().st_mtime_ns
    said = run("run_all", "--corpus", corpus, "--run", "own", *SMALL, *how, cwd=place)
    assert last_line(said).endswith(f"is complete: open {(beside / 'report.html').relative_to(place)}")
    assert (beside / "cams.npz").stat().st_mtime_ns == stamp


def test_more_effort_or_other_bands_go_beside_checks_that_are_there(own):
    """Where they would go; test_checks.py makes some."""
    from voicecam import runs
    from voicecam.runs.check_files import check_settings

    how = {"method": "hires-cam", "layer": "layer1"}
    usual, name = {**how, "target": "true"}, f"{how['method']}-{how['layer']}-true"
    assert runs.explanation_place(own, **usual, full=True) == own, "no checks are there yet"
    (own / "checks").mkdir()
    settings = check_settings(**how, bands="third-octaves", sizes=runs.CheckSizes())
    (own / "checks" / "settings.json").write_text(json.dumps(settings))
    assert runs.explanation_place(own, **usual) == own
    assert runs.explanation_place(own, **usual, full=True).name == f"{name}-full"
    assert runs.explanation_place(own, **usual, bands="octaves").name == f"{name}-octaves"
    assert runs.explanation_place(own, **usual, full=True, maps_only=True) == own
    odd = [runs.explanation_place(own, **{**usual, "target": one}).name for one in ("a/b", "a b", "../x" * 99)]
    assert len(set(odd)) == 3
    assert all("/" not in one and len(one) < 120 for one in odd)


def test_the_overview_is_drawn_into_the_run_and_not_over_the_one_in_readme(own, place):
    root = SCRIPTS.parent
    before = (root / "docs" / "overview.png").read_bytes()
    for more in ([], ["--out", "mine.png"]):
        output_of(root / "docs" / "overview.py", "own", *more, cwd=place)
    assert (own / "figures" / "overview.png").read_bytes() == (place / "mine.png").read_bytes()
    assert (root / "docs" / "overview.png").read_bytes() == before
    status, _, error = run_script(root / "docs" / "overview.py", "none", cwd=place)
    one_line_error(status, error)


def test_the_old_split_warns_in_the_report(place, corpus):
    run("run_all", "--corpus", corpus, "--split", "clips", "--run", "leak", *SMALL, "--epochs", "1", cwd=place)
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
        (
            "run_all",
            ["--corpus", "voices", "--run", "x", "--seconds", "0.051", "--recipe", "mfcc", "--seed", "x"],
            "--seed: 'x' must",
        ),
        (
            "run_all",
            ["--corpus", "voices", "--run", "x", "--label", "label", "--arch", "vgg"],
            "argument --arch: invalid choice: 'vgg'",
        ),
        ("train", ["--map", "maps/none.json", "--run", "x"], "no such file"),
        ("evaluate", ["--run", "none"], "no such run"),
        ("compare", ["--run", "small", "none"], "no such run"),
        ("run_all", ["--corpus", "voices", "--run", "x", "--label", "label", "--max-error", "1"], "--max-error: '1' must be"),
        ("run_all", ["--corpus", "voices", "--run", "x", "--label", "label", "--split", "corpora"], "there is only one"),
        ("explain", ["--run", "small", "--target", "tenor"], "target 'tenor': not known"),
        ("ship_model", ["--run", "none", "--out", "m"], "no trained model"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(finished, place, script, args, word):
    error = run(script, *args, cwd=place, status=2)
    assert error.startswith("error: ")
    assert word in error
    assert len(error.strip().splitlines()) == 1
    assert not (place / "results" / "x").exists()


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("[!_]*.py")))
def test_help_shows_an_example_and_defaults(script, place):
    said = run(script, "--help", cwd=place)
    assert "example:" in said
    assert f"python scripts/{script}.py" in said


def test_the_defaults_that_help_names_are_those_of_training(place):
    from voicecam.network.learner import TrainConfig

    said = " ".join(run("train", "--help", cwd=place).split())
    for name in ("arch", "init", "schedule", "epochs", "lr", "batch", "patience"):
        default = re.search(rf"--{name} .*?\(default: ([^)]*)\)", said[said.index("how to learn") :]).group(1)
        assert type(getattr(TrainConfig(), name))(default) == getattr(TrainConfig(), name)


def test_ship_model_stores_half_the_bytes_and_the_same_answers(finished, place, corpus):
    from voicecam.data.dataset import clip_matrix

    folder, _ = finished
    run("ship_model", "--run", "small", "--out", "shipped", cwd=place)
    whole, half = load_model(folder / "fold1"), load_model(place / "shipped")
    matrix = clip_matrix(corpus / "low" / "s01_0.wav", whole.config)[None]
    np.testing.assert_allclose(half.probabilities(matrix), whole.probabilities(matrix), atol=0.02)
    sizes = [(path / "model.safetensors").stat().st_size for path in (place / "shipped", folder / "fold1")]
    assert sizes[0] < 0.51 * sizes[1]

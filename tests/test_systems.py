"""Systems side by side: the table's own numbers on planted ones, and the whole command on a few demo voices."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from run_script import last_line, one_line_error, output_of, run_script

from voicecam import audio
from voicecam.commands.systems_job import markdown
from voicecam.config import DEMO
from voicecam.corpora.table import make_corpus
from voicecam.data.splits import make_splits
from voicecam.runs.systems import COLUMNS, _threshold, f0_row, seconds_needed


@pytest.mark.parametrize(
    ("lost", "needed"),
    [([0.2, 0.1, 0.01, 0.0], 1.0), ([0.0, 0.1, 0.0, 0.0], 1.0), ([0.0] * 4, 0.25), ([0.2, 0.2, 0.2, 0.2], None),
     ([0.1, 0.0, 0.0, np.nan], 0.5)],
)  # fmt: skip
def test_the_length_from_which_on_little_is_lost(lost, needed):
    seconds = (0.25, 0.5, 1.0, 2.0)
    table = pd.DataFrame({"condition": ["clean", *(f"{s:g} s long" for s in seconds)], "group": ["clean", *["length"] * 4]})
    table = table.assign(clean_same_clips=0.9, balanced_accuracy=[0.9, *(0.9 - np.array(lost))]).set_index("condition")
    assert seconds_needed(table) == needed


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    f0 = np.concatenate([rng.normal(210, 25, 80), rng.normal(125, 25, 40)])
    truth = np.array(["female"] * 80 + ["male"] * 40)
    cut, above = _threshold(f0, truth, ["female", "male"])
    assert above == 0  # women above
    scores = [0.5 * ((f0[:80] > c).mean() + (f0[80:] <= c).mean()) for c in (cut, *range(60, 300))]
    assert scores[0] == max(scores)


def test_pitch_alone_is_chosen_on_training_speakers_and_scored_on_others():
    rows = [{"path": f"{who}-{i}.wav", "speaker": f"s{who:02}", "gender": "female" if who % 2 else "male"}
            for who in range(20) for i in range(3)]  # fmt: skip
    corpus = make_corpus("planted", DEMO, rows)
    pitches = np.where(corpus.clips["gender"] == "female", 220.0, 110.0)
    pitches[0] = np.nan  # s00, a man: nothing voiced counts as low
    pitches[3] = 100.0  # one clip of s01, a woman, is as low as a man's
    row = f0_row(corpus, "gender", make_splits(corpus, "gender", kind="folds", folds=5), pitches)
    assert set(row) == set(COLUMNS)
    assert row["balanced_accuracy"] == pytest.approx(0.5 * ((1 - 1 / 30) + 1), abs=0.01)
    assert row["worst_corpus"] < 1


def test_the_table_has_a_cell_for_each_column_and_a_line_for_what_is_missing():
    full = {**dict.fromkeys(COLUMNS, 0.5), "explains": "so", "licence": "MIT"}
    bare = {**dict.fromkeys(COLUMNS), "balanced_accuracy": 0.75, "weights_mb": 0, "explains": "a", "licence": "b"}
    table = pd.DataFrame([{"system": "one", **full}, {"system": "two", **bare}], columns=["system", *COLUMNS])
    lines = markdown(table, {"ecapa": "no hub"}).splitlines()
    assert {line.count("|") for line in lines[:4]} == {len(lines[0].split("|")) - 1}
    assert lines[2].startswith("| one | 0.500 [0.500, 0.500] |")
    assert lines[3].startswith("| two | 0.750 | - |")
    assert lines[-1] == "- ecapa: not run here. no hub"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two short words of 12 demo voices."""
    root = tmp_path_factory.mktemp("side") / "words"
    people = json.loads((DEMO / "data" / "audioMNIST_meta.txt").read_text())
    root.mkdir()
    rows = []
    for gender in ("female", "male"):
        for who in [name for name in people if people[name]["gender"] == gender][:6]:
            for digit in (1, 8):
                sf.write(root / f"{who}-{digit}.wav", audio.read(DEMO / "data" / who / f"{digit}_{who}_0.ogg").samples, 16_000)
                rows.append({"path": f"{who}-{digit}.wav", "speaker": who, "gender": gender})
    pd.DataFrame(rows).to_csv(root / "clips.csv", index=False)
    return root.parent


@pytest.mark.slow
def test_systems_are_set_side_by_side_and_what_cannot_be_had_is_named(place, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = ["--corpus", "words/clips.csv", "--run", "side", "--folds", "2", "--limit", "3"]
    said = output_of(
        "compare_systems", *asked, "--systems", "pitch", "resemblyzer-logistic", "ecapa", "--weights", "none", cwd=place
    )
    assert last_line(said).startswith("wrote results/side/systems.md")
    table = pd.read_csv(place / "results" / "side" / "systems.csv").set_index("system")
    assert list(table.index) == ["pitch", "resemblyzer-logistic"]
    row = table.loc["resemblyzer-logistic"]
    metrics = json.loads((place / "results" / "side-resemblyzer-logistic" / "metrics.json").read_text())
    assert row["balanced_accuracy"] == pytest.approx(metrics["fold_mean"]["value"], rel=1e-4)
    assert row["weights_mb"] == pytest.approx(17, abs=0.1)
    assert row["clips_per_second"] > 0.1
    assert "ecapa: not run here" in (place / "results" / "side" / "systems.md").read_text()
    assert (place / "results" / "side" / "systems.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_pitch_has_no_row_for_more_than_two_classes(place):
    listed = pd.read_csv(place / "words" / "clips.csv")
    listed.assign(label=["a", "b", "c"] * 8).to_csv(place / "words" / "three.csv", index=False)
    asked = ["--corpus", "words/three.csv", "--run", "three", "--label", "label", "--systems", "pitch"]
    status, _, error = run_script("compare_systems", *asked, cwd=place)
    one_line_error(status, error)
    assert "two classes" in error

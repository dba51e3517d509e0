"""The leak of a split by clip: planted marks of speakers must show it, by the command and by its parts."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from run_script import last_line, output_of

from voicecam import figures, runs
from voicecam.corpora import open_corpus
from voicecam.corpora.matrices import ready_config
from voicecam.data.dataset import make_images, read_dataset
from voicecam.data.splits import Split, make_splits
from voicecam.errors import ModelError
from voicecam.network.learner import TrainConfig
from voicecam.runs import leakage

SPEAKERS, TAKES = 40, 8
SMALL = ["--arch", "small", "--init", "none", "--epochs", "1", "--batch", "16", "--image-size", "32", "32"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clips that hold a mark of their speaker and noise, and nothing of their class: each speaker's class was drawn by lot."""
    rng, place = np.random.default_rng(440), tmp_path_factory.mktemp("leak") / "marks"
    speaker = np.repeat(np.arange(SPEAKERS), TAKES)
    marks = rng.uniform(60, 190, (SPEAKERS, 6, 20))
    female = rng.permutation(np.arange(SPEAKERS) % 2)
    matrices = marks[speaker] + rng.normal(0, 20, (len(speaker), 6, 20))
    place.mkdir()
    name = [f"clip{i:03d}" for i in rng.permutation(len(speaker))]
    np.savez(place / "m.npz", m=matrices.astype(np.uint8), name=name, speaker=speaker, female=female[speaker].astype(np.uint8))
    women, men = ([int(i) for i in np.flatnonzero(female == value)] for value in (1, 0))
    fold = {part: women[a:b] + men[a:b] for part, a, b in (("train", 0, 4), ("validate", 4, 6), ("test", 6, 8))}
    (place / "folds.json").write_text(json.dumps({"gender": [fold]}))
    return place


@pytest.fixture
def dataset(folder, tmp_path):
    corpus = open_corpus(folder)
    return read_dataset(make_images(corpus, ready_config(corpus.matrices, image_size=(32, 32)), maps=tmp_path / "maps"))


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("by_*/**/*") if path.is_file()}


def test_the_command_shows_the_planted_gap(folder, tmp_path):
    said = output_of("leakage", "--corpus", folder, "--run", "marks", *SMALL, cwd=tmp_path)
    place = tmp_path / "results" / "marks"
    facts = json.loads((place / "leak.json").read_text())
    clip, speaker = (facts[side]["1-nearest-neighbour"]["balanced_accuracy"] for side in ("by_clip", "by_speaker"))
    assert clip["value"] > 0.97
    assert speaker["low"] <= 0.5 <= speaker["high"]
    assert speaker["value"] == pytest.approx(0.5, abs=0.2)
    assert facts["by_clip"]["shared"] == facts["by_clip"]["test_speakers"]
    assert facts["by_speaker"]["shared"] == 0
    assert facts["clips"] == facts["by_clip"]["test_clips"] * 5 == SPEAKERS * TAKES
    last = last_line(said)
    for number in (clip["value"], speaker["value"]):
        assert f"{100 * number:.1f}%" in last
    assert "a gap of" in last
    with Image.open(place / "leak.png") as picture:
        assert picture.size[0] > 900


def test_both_sides_have_the_clips_of_the_published_folds_and_a_stopped_one_goes_on(dataset, tmp_path):
    training = TrainConfig(arch="small", init="none", epochs=1, batch=16)
    settings = runs.Settings(map="", split="published", training=training)
    facts = leakage.measure_leak(tmp_path / "run", dataset, settings, command="", log=lambda line: None)
    before = times(tmp_path / "run")
    (tmp_path / "run" / "leak.json").unlink()
    assert leakage.measure_leak(tmp_path / "run", dataset, settings, command="", log=lambda line: None) == facts
    assert times(tmp_path / "run") == before
    assert (facts["speakers"], facts["clips"]) == (16, 16 * TAKES)
    used, genders = {}, dataset.clips.set_index("path")["gender"]
    for side in ("by_clip", "by_speaker"):
        split = json.loads((tmp_path / "run" / side / "fold1" / "split.json").read_text())
        used[side] = {path for part in ("train", "valid", "test") for path in split[part]}
        assert genders[split["train"]].value_counts().to_dict() == {"female": 4 * TAKES, "male": 4 * TAKES}, side
        assert facts[side]["train_clips"] == 8 * TAKES, "published: 4 women and 4 men train"
    assert used["by_clip"] < used["by_speaker"], "the split by clip has more to train on, and leaves some of it out"
    assert facts["by_speaker"]["test_speakers"] == 4


def test_both_sides_train_on_equally_many_clips_of_each_class(dataset):
    labels = dataset.clips["gender"]
    kinds = [make_splits(dataset.corpus, "gender", kind=kind, folds=4) for kind in ("clips", "folds")]
    before = [len(split.train) for side in kinds for split in side]
    sides = leakage.same_sizes(kinds, labels, seed=1)
    counts = {tuple(labels.iloc[split.train].value_counts().sort_index()) for side in sides for split in side}
    assert len(set(before)) > 1, "they differ to begin with"
    assert len(counts) == 1
    [(female, male)] = counts
    for name, n in (("female", female), ("male", male)):
        assert n == min(sum(labels.iloc[row] == name for row in split.train) for side in kinds for split in side)
    for side, whole in zip(sides, kinds):
        for split, full in zip(side, whole):
            assert set(split.train) <= set(full.train)
            assert len(set(split.train)) == len(split.train)
            assert np.array_equal(split.test, full.test)
            assert np.array_equal(split.valid, full.valid)
    known = dataset.clips["speaker"].iloc[sides[0][0].train].nunique()
    assert known > dataset.clips["speaker"].nunique() * 0.9, "clips go, whoever speaks: speakers stay"
    assert not np.array_equal(leakage.same_sizes(kinds, labels, seed=2)[0][0].train, sides[0][0].train)


def test_the_table_and_the_summary_name_how_many_clips_trained_each_side():
    score = {"value": 0.9, "low": 0.8, "high": 1.0}
    side = {
        "train_clips": 431,
        "shared": 7,
        "test_speakers": 9,
        **{name: {"balanced_accuracy": score} for name in leakage.METHODS},
    }
    facts = {"label": "gender", "chance": 0.5, "by_clip": side, "by_speaker": {**side, "train_clips": 417, "shared": 0}}
    heads = list(dict.fromkeys(leakage.rows(facts)["side"]))
    assert ["431" in heads[0], "417" in heads[1]] == [True, True]
    assert "431 training clips" in leakage.summary(facts)
    assert "417 training clips" in leakage.summary(facts)


def wilson(right, n):
    """Wilson's score interval (1927) of a share, 95 %."""
    z, p = 1.959964, right / n
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return {"low": (middle - half) / (1 + z**2 / n), "high": (middle + half) / (1 + z**2 / n)}


def test_the_gap_and_its_interval_are_those_of_newcombes_example():
    """56 of 70 against 48 of 80: a difference of 0.2 [0.0524, 0.3339] from Wilson's intervals (Newcombe 1998, method 10, a)."""
    known, new = ({"value": 0.8, **wilson(56, 70)}, {"value": 0.6, **wilson(48, 80)})
    ends = {"value": 0.9, "low": None, "high": None}
    facts = {
        side: {"network": {"balanced_accuracy": score}, "1-nearest-neighbour": {"balanced_accuracy": ends}}
        for side, score in (("by_clip", known), ("by_speaker", new))
    }
    network, nearest = leakage.gaps(facts).to_dict("records")
    assert [network[name] for name in ("gap", "low", "high")] == pytest.approx([0.2, 0.0524, 0.3339], abs=5e-5)
    assert nearest["gap"] == 0
    assert np.isnan([nearest["low"], nearest["high"]]).all()


def test_the_nearest_neighbour_is_the_clip_least_far_away(dataset):
    rows = np.random.default_rng(1).permutation(len(dataset.clips))
    split = Split(rows[:200], rows[200:220], rows[220:])
    table = leakage.nearest_neighbour(dataset, "gender", split, ("female", "male"), fold=3)
    genders = dataset.clips["gender"].to_numpy()
    for row, answer in zip(split.test, table["predicted"]):
        far = ((dataset.matrices[split.train] - dataset.matrices[row]) ** 2).sum(axis=(1, 2))
        assert answer == genders[split.train[far.argmin()]]
    assert set(table["fold"]) == {3}
    assert (table["p_female"] + table["p_male"] == 1).all()


def test_the_split_by_clip_is_no_side_to_compare_it_with(dataset, tmp_path):
    with pytest.raises(ModelError, match="is one side of the comparison already"):
        leakage.measure_leak(tmp_path / "run", dataset, runs.Settings(map="", split="clips"), command="")


def test_it_does_not_write_into_another_run(dataset, tmp_path):
    runs.start_run(tmp_path / "run", runs.Settings(map=""), command="")
    with pytest.raises(ModelError, match="holds a run"):
        leakage.measure_leak(tmp_path / "run", dataset, runs.Settings(map=""), command="")


def test_the_figure_has_each_score_at_its_place_under_its_heading():
    rows = pd.DataFrame(
        [
            {"side": side, "method": method, "value": value, "low": value - 0.05, "high": value + 0.02}
            for side, method, value in (
                ("clip", "network", 0.98),
                ("clip", "1-nn", 0.97),
                ("new", "network", 0.8),
                ("new", "1-nn", 0.6),
            )
        ]
    )
    fig, ax = figures.figure(3.4)
    dots = figures.plot_leak(rows, chance=0.5, ax=ax)
    x, y = dots.get_offsets().T
    np.testing.assert_allclose(x, rows["value"])
    assert (np.diff(y) < 0).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["network", "1-nn"] * 2
    headings = {text.get_text(): text.xy[1] for text in ax.texts}
    assert headings["clip"] > y[0]
    assert y[1] > headings["new"] > y[2]
    assert ax.lines[0].get_xdata()[0] == 0.5
    assert len(figures.png_bytes(fig)) > 5000

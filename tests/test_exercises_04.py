"""Notebook 04's exercises: the right answer passes, and a plausible wrong one hears what is off."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from voicecam.corpora import Corpus
from voicecam.course import exercises_04
from voicecam.data.splits import Split, make_splits


@pytest.fixture
def voices(rng):
    """Twelve speakers of two classes, ten clips each: matrices in which the speaker is plain and the class shows a little."""
    clips = pd.DataFrame({"path": [f"{i:03d}.wav" for i in range(120)], "speaker": [f"s{i // 10:02d}" for i in range(120)]})
    clips["gender"] = np.where(clips.index // 10 % 2, "male", "female")
    own = rng.normal(0, 3, (12, 6, 1))[clips.index // 10]
    cue = np.where(clips["gender"] == "male", 2.0, -2.0)[:, None, None] * np.array([1, 0, 0, 0, 0, 0])[:, None]
    return own + cue + rng.normal(0, 0.5, (120, 6, 20)), clips.astype("string")


def split_of(clips: pd.DataFrame, kind: str = "speakers") -> Split:
    return make_splits(Corpus("test", Path("."), clips), "gender", kind=kind)[0]


def history(scores: list[float], losses: list[float]) -> pd.DataFrame:
    epochs = range(1, len(scores) + 1)
    return pd.DataFrame({"epoch": epochs, "valid_balanced_accuracy": scores, "valid_loss": losses})


def test_the_kept_epoch_has_the_best_score_and_then_the_lowest_loss():
    test = exercises_04.kept_epoch(history([0.5, 0.9, 0.8, 0.9, 0.7], [0.7, 0.4, 0.2, 0.3, 0.5]))
    assert test(4) is None
    assert "lowest validation loss" in test(3) or "counted from 1" in test(3)
    assert "last epoch" in test(5)
    assert "among equals" in test(2)
    assert "a number is asked for" in test("4")


def test_the_best_of_epochs_that_guess_agrees_with_a_simulation(rng):
    simulated = rng.binomial(120, 0.5, (20_000, 6)).max(axis=1).mean() / 120
    test = exercises_04.best_of(6, 120)
    assert test(simulated) is None
    assert "single epoch" in test(0.5)
    assert "too high" in test(0.7)
    assert exercises_04.best_of(1, 120)(0.5) is None


def test_the_best_of_epochs_that_guess_among_ten_classes(rng):
    simulated = rng.binomial(120, 0.1, (20_000, 6)).max(axis=1).mean() / 120
    test = exercises_04.best_of(6, 120, classes=10)
    assert test(simulated) is None
    assert "single epoch" in test(0.1)
    assert test(0.5) is not None


def test_labels_by_lot_score_where_speakers_are_met_again(voices):
    matrices, clips = voices
    test = exercises_04.score_from_nothing(matrices, clips)
    assert test(split_of(clips, "clips")) is None
    assert "0 stand in training" in test(split_of(clips))
    everything = np.arange(len(clips))
    assert "stand in train and in test" in test(Split(everything, everything[:0], everything))
    assert "Split is asked for" in test("clips")
    assert "need clips" in test(Split(everything, everything[:0], everything[:0]))

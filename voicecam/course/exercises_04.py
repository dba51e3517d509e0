"""Tests of the answers of notebook 04, how little is enough. Each computes the truth in another way than the notebook."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from voicecam.course.checking import number_problem
from voicecam.data.splits import Split, shared_speakers

Test = Callable[[Any], str | None]
CLOSE = 0.02  # of a share that can be simulated
HIGH, LOTS = 0.75, 20  # share classified correctly that labels drawn by lot should never give; how often they are drawn


def kept_epoch(history: pd.DataFrame) -> Test:
    """Exercise 4.1: the epoch whose weights are kept. history : as learner.Trained has it"""
    best = history.iloc[0]
    for _, row in history.iterrows():
        score, loss = "valid_balanced_accuracy", "valid_loss"
        if row[score] > best[score] or (row[score] == best[score] and row[loss] < best[loss]):
            best = row
    target = int(best["epoch"])

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=0)
        if problem is None:
            return None
        if answer == target - 1:
            return f"{problem}; epochs are counted from 1, rows of a table from 0"
        if answer == history.loc[history["valid_loss"].idxmin(), "epoch"]:
            return f"{problem}; that one has the lowest validation loss, but balanced accuracy comes first"
        if answer == history["epoch"].max():
            return f"{problem}; that is the last epoch, not the best"
        return f"{problem}; the best balanced accuracy first, then among equals the lowest loss"

    return test


def best_of(epochs: int, clips: int, *, classes: int = 2) -> Test:
    """Exercise 4.2: the mean share classified correctly in the best of several epochs that guess between so many classes.

    The mean of a maximum from the distribution of one epoch: P(best <= k) = P(one <= k) to the power of `epochs`.
    """
    from scipy.stats import binom

    at_most = binom.cdf(np.arange(clips + 1), clips, 1 / classes) ** epochs
    target = float(np.arange(clips + 1) @ np.diff(at_most, prepend=0) / clips)

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=CLOSE)
        if problem and abs(float(answer) - 1 / classes) < 0.01:
            return f"{problem}: {answer:g} is the mean of a single epoch; the best of {epochs} lies above it"
        return problem

    return test


def score_from_nothing(matrices: np.ndarray, clips: pd.DataFrame) -> Test:
    """Exercise 4.3: a split on which labels drawn by lot, one per speaker, are classified correctly; mean over LOTS draws.

    matrices : float (clip, row, frame); clips : a row for each, with the column `speaker`
    """
    names = sorted(clips["speaker"].unique())
    number = clips["speaker"].map({name: i for i, name in enumerate(names)}).to_numpy(dtype=int)
    halves = np.arange(len(names)) % 2
    rng = np.random.default_rng(0)
    labels = np.stack([rng.permutation(halves)[number] for _ in range(LOTS)])  # (draw, clip)

    def test(answer: Any) -> str | None:
        if not isinstance(answer, Split):
            return f"a Split is asked for, with the row numbers train, valid and test; this is a {type(answer).__name__}"
        if not len(answer.train) or not len(answer.test):
            return "train and test need clips, both of them"
        if both := len(np.intersect1d(answer.train, answer.test)):
            return f"{both} clips stand in train and in test; that would be found out"
        nearest = _nearest(_facts(matrices, answer.train), answer)
        score = float((labels[:, nearest] == labels[:, answer.test]).mean())
        if score >= HIGH:
            return None
        known = len(shared_speakers(clips, answer))
        return f"{score:.0%}; of the speakers tested, {known} stand in training or validation too. What if all of them did?"

    return test


def _nearest(facts: np.ndarray, split: Split) -> np.ndarray:
    """The training clip that is most similar to each test clip."""
    apart = np.linalg.norm(facts[split.test][:, None] - facts[split.train][None], axis=2)  # (test clip, training clip)
    return split.train[apart.argmin(axis=1)]


def _facts(matrices: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Each row's mean and spread, (clip, 2 row), at mean 0 and spread 1 over the training clips."""
    facts = np.concatenate([matrices.mean(axis=2), matrices.std(axis=2)], axis=1)  # (clip, row, frame) -> (clip, 2 row)
    return (facts - facts[train].mean(axis=0)) / np.maximum(facts[train].std(axis=0), 1e-9)

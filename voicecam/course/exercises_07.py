"""Tests of the answers in notebook 07: a height worked out by hand, the smallest p that few voices allow, and the false alarms of
a test that takes clips for voices. The truths are computed here by other ways than the notebook's."""

from collections.abc import Callable, Sequence
from math import comb, exp, log
from typing import Any

import numpy as np
from scipy.stats import permutation_test

from voicecam.course.checking import number_problem
from voicecam.explanation.differences import FEW_WAYS

Test = Callable[[Any], str | None]
NEAR = 0.01  # of the height in Hz, for whoever rounds on the way
CLOSE = 0.1  # of a share of deals; of those with a p near ALARM some fall on the other side by other permutations
ALARM = 0.05
RESAMPLES = 2000  # ways that the notebook's test draws where there are more than FEW_WAYS; it then adds the true one


def height_of(weights: np.ndarray, limits: Sequence[tuple[float, float]]) -> Test:
    """Is the answer the height in Hz of one clip's evidence? weights : signed, (band,); limits : (low, high) of each band, Hz."""
    positive = np.maximum(np.asarray(weights, dtype=float), 0)
    mels = [(_mel(low) + _mel(high)) / 2 for low, high in limits]
    truth = _hertz(float(np.average(mels, weights=positive)))

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, truth, within=NEAR * truth, unit=" Hz")
        slips = {
            float(np.average(mels, weights=positive)): "this is still on the mel scale; turn it back to Hz with mel_to_hz",
            float(np.average(np.mean(limits, axis=1), weights=positive)): "this is the centre in Hz, where one far band "
            "outweighs many near ones; take the middles on the mel scale, and go back to Hz at the end",
            _signed(mels, weights): "weights below 0 speak against the class; set them to 0 first",
            _hertz(float(np.mean(mels))): "this is the middle of all bands, whatever their weights",
        }
        return _named(problem, answer, slips, within=NEAR / 10)

    return test


def smallest_p(classes_of: Sequence[str], speakers: Sequence[str]) -> Test:
    """Is the answer the smallest two-sided p of a permutation test between the two classes of these clips?

    classes_of, speakers : of each clip. A voice with one class keeps its clips together; one with both swaps them.
    """
    says = {name: {kind for kind, who in zip(classes_of, speakers) if who == name} for name in set(speakers)}
    alone = [next(iter(kinds)) for kinds in says.values() if len(kinds) == 1]
    first = alone.count(min(classes_of))
    ways = comb(len(alone), first) * 2 ** (len(says) - len(alone))
    truth = (2 if 2 * first == len(alone) else 1) / ways if ways <= FEW_WAYS else 1 / (RESAMPLES + 1)

    def test(answer: Any) -> str | None:
        slips = {
            1 / 2 ** len(says): "a voice does not draw its class alone: the number of voices in each class stays as it is",
            2 / 2 ** len(says): "a voice does not draw its class alone: the number of voices in each class stays as it is",
            1 / (RESAMPLES + 1): "this is what 2000 drawn ways could give at best; here all ways are few enough to be taken",
            1 / ways: "two-sided: a difference as large the other way round counts as well",
        }
        if ways > FEW_WAYS:
            slips = dict.fromkeys(
                (1 / ways, 2 / ways), "there are more than 20,000 ways, so 2000 are drawn and the true one added"
            )
        problem = number_problem(answer, truth, within=0.05 * truth)
        return _named(problem, answer, slips, within=0.001)

    return test


def clips_as_voices(heights: np.ndarray, deals: Sequence[Sequence[str]], over_voices: float) -> Test:
    """Is the answer the share of deals with p < 0.05 in a permutation test that takes every clip for a voice of its own?

    heights : Hz, (clip,), NaN for a blank map; deals : of each, the class that every clip was dealt with its voice
    over_voices : the share by the right test, which shuffles whole voices
    """
    seen = np.isfinite(heights)
    truth = float(np.mean([_p_of(heights[seen], np.asarray(deal)[seen]) < ALARM for deal in deals]))

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, truth, within=CLOSE)
        slips = {
            over_voices: "this test still shuffles voices; give each clip a name of its own",
            truth * len(deals): "this is how many; divide by the number of deals",
            1 - truth: "this is the share without an alarm",
        }
        return _named(problem, answer, slips, within=0.2)

    return test


def _p_of(heights: np.ndarray, classes: np.ndarray) -> float:
    parts = [heights[classes == name] for name in np.unique(classes)]
    rng = np.random.default_rng(0)
    return permutation_test(parts, _mean_gap, vectorized=True, n_resamples=RESAMPLES, rng=rng).pvalue


def _named(problem: str | None, answer: Any, slips: dict[float, str], *, within: float) -> str | None:
    """The problem, or what is said of the slip that the answer equals to a share `within` of it; None without a problem."""
    if problem is None or not isinstance(answer, (int, float, np.number)):
        return problem
    return next((said for value, said in slips.items() if abs(float(answer) - value) <= within * abs(value)), problem)


def _signed(mels: Sequence[float], weights: np.ndarray) -> float:
    total = float(np.sum(weights))
    return _hertz(float(np.dot(mels, weights)) / total) if total else np.nan


def _mean_gap(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return first.mean(axis=axis) - second.mean(axis=axis)


def _mel(hertz: float) -> float:
    """Slaney's scale: even steps up to 1 kHz, 27 steps for each factor of 6.4 above."""
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * log(hertz / 1000) / log(6.4)


def _hertz(mel: float) -> float:
    return 200 * mel / 3 if mel < 15 else 1000 * exp((mel - 15) * log(6.4) / 27)

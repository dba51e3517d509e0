"""Checks of the exercises in nbs/05_evaluate.ipynb, the coin that it throws for every voice, and the
words for a leak. Trains nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_score, recall_score

from voicecam.course.checking import number_problem
from voicecam.runs import leakage

SIDES = ("heads", "tails")
ROUNDED = 0.005 + 1e-9  # a share in whole per cent lies this near
GUESSING = 0.5  # the share of coins that can be named without knowing the voice
Z95 = 1.96  # standard errors on each side of a 95 % interval


def toss(speakers: pd.Series, seed: int = 0) -> pd.Series:
    """One toss for each voice: "heads" or "tails" for every clip (clip,), half of the voices each, drawn by `seed`.

    It depends on nothing but the voice's name, so of a voice that was never met nobody can know it.
    """
    names = sorted(speakers.unique())
    sides = np.random.default_rng(seed).permutation(np.arange(len(names)) % 2)
    return speakers.map({name: SIDES[side] for name, side in zip(names, sides)}).astype("string")


def coin(answer: Any) -> str | None:
    """Exercise 5.1: (balanced accuracy on known voices, on new voices) that a network may reach for the toss, 0 to 1."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        return "two numbers are asked for: (split by clip, split by speaker)"
    known, new = map(float, answer)
    if max(known, new) > 1 or min(known, new) < 0:
        return "give shares between 0 and 1, such as 0.8 for 80 %"
    if abs(new - GUESSING) > 0.05:
        return "the second number: a coin was thrown for each voice. What can be known of the coin of a voice nobody has heard?"
    if known < GUESSING + 0.05:
        return "the first number: the voices tested stand in training too, with their coins. Is guessing all that is left?"
    return None


def balanced(predictions: pd.DataFrame) -> Callable[[Any], str | None]:
    """Exercise 5.2: balanced accuracy, 0 to 1, of a table of predictions (columns true and predicted).

    Right is what lies as near as whole per cents do. A slip is named where the answer is the slip, to the digits given.
    """
    true, said = predictions["true"].to_numpy(dtype=str), predictions["predicted"].to_numpy(dtype=str)
    target = float(recall_score(true, said, labels=sorted(set(true)), average="macro"))
    slips = {
        "this divides by the columns, the answers; divide each diagonal number by its row, the true class": precision_score(
            true, said, average="macro", zero_division=0
        ),
        "this is the share of all clips; take each class's own share first, then their mean": np.mean(true == said),
    }

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=ROUNDED)
        if problem is None or not isinstance(answer, (int, float, np.number)):
            return problem
        if abs(answer - 100 * target) <= 100 * ROUNDED:
            return "right in per cent; give it as a share between 0 and 1"
        return next((text for text, slip in slips.items() if _same(float(answer), float(slip))), problem)

    return test


def clips_that_count(predictions: pd.DataFrame) -> Callable[[Any], str | None]:
    """Exercise 5.3: how many independent clips would give the interval that these voices give (Kish 1965).

    The truth by formula, not by drawing anew: variance of the share right, by voices (linearised ratio) and by clips (binomial).
    """
    n = len(predictions)
    by_clip, by_voice = _variances(predictions)

    def test(answer: Any) -> str | None:
        if by_clip == 0 or by_voice == 0:
            return "all clips are right, or all wrong, so that both intervals are points; take other predictions"
        target = n * by_clip / by_voice
        if not isinstance(answer, (int, float, np.number)):
            return number_problem(answer, target, within=0)
        if abs(answer - n * np.sqrt(by_clip / by_voice)) < 0.1 * target:
            return "widths go with one over the square root of the number of clips: square the ratio"
        if answer > 1.05 * n:
            return f"more clips than there are ({n})? The wider interval must count fewer"
        return number_problem(answer, target, within=0.3 * target, unit=" clips")

    return test


def lucky(predictions: pd.DataFrame, voice_of_nearest: np.ndarray) -> Callable[[Any], str | None]:
    """Exercise 5.4: a seed of `toss` whose coin seems to be heard in new voices, by an interval over voices.

    predictions : columns path and speaker, a row per tested clip; voice_of_nearest : text (clip,), the speaker of the training
        clip whose picture is least far away
    """

    def test(answer: Any) -> str | None:
        if not isinstance(answer, (int, np.integer)) or isinstance(answer, bool):
            return "a whole number is asked for, the seed of the toss"
        if answer < 0:
            return "a seed is 0 or more"
        side = toss(predictions["speaker"], int(answer))
        of_voice = dict(zip(predictions["speaker"], side))
        table = predictions.assign(true=side, predicted=[of_voice[name] for name in voice_of_nearest])
        share = float((table["true"] == table["predicted"]).mean())
        low = share - Z95 * float(np.sqrt(_variances(table)[1]))
        if low > GUESSING - 0.02:
            return None
        return (
            f"with this toss {100 * share:.0f} % are right, and the interval over voices begins at {100 * low:.0f} %; try others"
        )

    return test


def gap_sentences(facts: dict[str, Any]) -> list[str]:
    """What each method loses on new speakers, and whether that was shown; of what leakage.measure_leak gives."""
    found = []
    for row in leakage.gaps(facts).itertuples():
        ends = "no interval: too few speakers" if np.isnan(row.low) else f"[{100 * row.low:.0f}, {100 * row.high:.0f}]"
        shown = "**a leak is shown**" if row.low > 0 else "**no leak was shown**"
        found.append(f"{row.method}: {100 * row.gap:.0f} points lost on new speakers, {ends}; {shown}.")
    return found


def _same(answer: float, value: float) -> bool:
    """Whether an answer is this value, to the digits in which it was written: two to four after the point."""
    digits = min(max(len(f"{answer:.4f}".rstrip("0").partition(".")[2]), 2), 4)
    return abs(answer - value) <= 0.5 * 10**-digits + 1e-9


def _variances(predictions: pd.DataFrame) -> tuple[float, float]:
    """Variance of the share right, as if clips were independent, and with voices as what was drawn."""
    right = (predictions["true"].to_numpy(dtype=str) == predictions["predicted"].to_numpy(dtype=str)).astype(float)
    share, n = right.mean(), len(right)
    of_voices = pd.Series(right - share).groupby(predictions["speaker"].to_numpy()).sum()
    voices = len(of_voices)
    return float(share * (1 - share) / n), float(voices / (voices - 1) * (of_voices**2).sum() / n**2)

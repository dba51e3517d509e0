"""Checks of the exercises in nbs/10_our_class.ipynb. Truths are worked out from the class's own clips and splits, not stored."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import t as student

from voicecam.course.checking import number_problem
from voicecam.data.splits import Split

Test = Callable[[Any], str | None]


def half_width(spread: float, n: float) -> float:
    """Half of a 95 % confidence interval of the mean of n numbers whose standard deviation is `spread`."""
    return float(student.ppf(0.975, n - 1) * spread / np.sqrt(n))


def by_room_alone(n_classes: int, n_rooms: int) -> Test:
    """Exercise 10.1: balanced accuracy of a listener who hears the room alone, where each class was recorded in one room."""
    room_of = np.arange(n_classes) % n_rooms
    says = [int(np.flatnonzero(room_of == room)[0]) for room in room_of]  # one class for each room, whichever
    target = float(np.mean(np.array(says) == np.arange(n_classes)))

    def test(answer: Any) -> str | None:
        if isinstance(answer, (int, float)) and 1 < answer <= 100:
            return f"give a share from 0 to 1: {answer / 100:g}, not {answer:g}"
        if isinstance(answer, (int, float)) and abs(answer - 1 / n_classes) < 0.005:
            return "that is chance, without the room; hearing it leaves fewer classes to choose from"
        problem = number_problem(answer, target, within=0.005)
        return problem and f"{problem}; for each room the listener can name one class. In how many classes is that right?"

    return test


def speakers_for(spread: float, half: float) -> Test:
    """Exercise 10.2: how many speakers make half of the interval `half` wide, where their scores spread by `spread`.

    The square root's rule is enough: 15 % off is right, as t is a little above 2 for few speakers.
    """
    target = float(brentq(lambda n: half_width(spread, n) - half, 2, 1e7)) if half_width(spread, 2) > half else 2.0

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=max(1.0, 0.15 * target))
        if problem and isinstance(answer, (int, float)) and answer > 0 and abs(np.log(answer**2 / target)) < 0.3:
            return f"{problem}: the width falls with the root of the number; square it"
        return problem

    return test


def met(splits: Sequence[Split], clips: pd.DataFrame, speaker: str) -> Test:
    """Exercise 10.3: the numbers, from 1, of the networks that had this speaker's clips in training or validation."""
    hers = np.flatnonzero(clips["speaker"] == speaker)
    sides = [np.concatenate([split.train, split.valid]) for split in splits]
    target = {number for number, side in enumerate(sides, start=1) if np.isin(hers, side).any()}

    def test(answer: Any) -> str | None:
        if isinstance(answer, (str, dict)) or not hasattr(answer, "__iter__"):
            return "a set of numbers is asked for, such as {1, 2}"
        given = set(answer)
        if given - set(range(1, len(splits) + 1)):
            return f"there are networks 1 to {len(splits)}"
        told = [f"{len(target - given)} more met {speaker}"] if target - given else []
        told += [f"{len(given - target)} of yours never did"] if given - target else []
        return "; ".join(told) or None

    return test

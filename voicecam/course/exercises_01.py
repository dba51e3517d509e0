"""Checks of the exercises in nbs/01_explore.ipynb. Truths are worked out from the learner's own corpus, not stored."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from voicecam.corpora.metadata import COMMON, tidy_words
from voicecam.course.checking import number_problem
from voicecam.course.faults import Planted

Test = Callable[[Any], str | None]


def level(answer: Any) -> str | None:
    """Exercise 1.1: a function samples -> RMS level in dB re full scale, after the constant offset is taken off."""
    if not callable(answer):
        return f"a function is asked for, this is a {type(answer).__name__}"
    time = np.arange(16_000) / 16_000
    sine = np.sin(2 * np.pi * 100 * time)  # whole periods: RMS is peak / sqrt(2)
    found, half, lifted = (float(answer(samples)) for samples in (sine, 0.5 * sine, 0.25 * sine + 0.5))
    if abs(found) < 0.01:
        return "for a sine of full scale it gives 0 dB, so it measures the peak; the root of the mean square is asked for"
    if abs(found - 10 * np.log10(np.sqrt(0.5))) < 0.01:
        return "it is half of what it should be: 10 log10 belongs to powers, 20 log10 to amplitudes"
    if abs(found + 20 * np.log10(np.sqrt(2))) > 0.01:
        return f"a sine of full scale has -3.01 dB re full scale, this gives {found:.2f}"
    if abs(half - found + 20 * np.log10(2)) > 0.01:
        return f"half the amplitude is 6.02 dB less, this gives {found - half:.2f} dB less"
    if abs(lifted - found + 20 * np.log10(4)) > 0.01:
        return "a constant offset changes it; take the mean off first"
    return None


def wrongly_repaired(answer: Any) -> str | None:
    """Exercise 1.2: two names of different rooms that the repair takes for one, (common, rare)."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(name, str) and name.strip() for name in answer)):
        return 'a pair of names is asked for, such as ("Kino", "library")'
    common, rare = answer
    if _letters(common) == _letters(rare):
        return "these are the same letters, so they are one room written in two ways: that repair is right"
    typed = {f"{number:02d}": common for number in range(COMMON)} | {"99": rare}
    tidied, _ = tidy_words(typed, "room", misspelt=True)
    if tidied["99"] == tidied["00"]:
        return None
    if any(sign.isdigit() for sign in rare):
        return f"{rare!r} is kept: a name with digits is never taken for a misspelling; try letters alone"
    return f"{rare!r} is kept: the two differ in more than one letter of seven; try longer names that differ in one letter"


def room_rule(clips: pd.DataFrame, label: str = "gender") -> Test:
    """Exercise 1.3: the share of speakers that one gets right who says the commonest class of the speaker's room.

    clips : the corpus's table, with column room
    """
    people = clips.drop_duplicates("speaker")
    right = 0
    for _, room in people.groupby("room"):
        right += max(int((room[label] == name).sum()) for name in room[label].dropna().unique())
    target, blind = right / len(people), people[label].value_counts().max() / len(people)

    def test(answer: Any) -> str | None:
        if isinstance(answer, (int, float)) and 1 < answer <= 100:
            return f"give a share from 0 to 1: {answer / 100:g}, not {answer:g}"
        if isinstance(answer, (int, float)) and abs(answer - blind) < 0.005 < abs(target - blind):
            return "that is the share of the commonest class, without looking at the room; go room by room"
        problem = number_problem(answer, target, within=0.005)
        return f"{problem}; add up the larger number of each room, and divide by all speakers" if problem else None

    return test


def misnamed(planted: Planted) -> Test:
    """Exercise 1.4: the speaker who is listed under the wrong gender, and the one whose name covers two voices."""
    target = (planted.wrong, planted.mixed)

    def test(answer: Any) -> str | None:
        if not (isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(name, str) for name in answer)):
            return 'a pair of speakers is asked for, as text, such as ("01", "02")'
        if answer == target:
            return None
        if answer == target[::-1]:
            return "these are the two, the other way round: the wrong gender first"
        if target[0] == answer[0]:
            return f"{answer[0]} is right; {answer[1]} is one voice: look for dots in two groups"
        if target[1] == answer[1]:
            return f"{answer[1]} is right; {answer[0]} lies where the listed gender does"
        return "neither is right: look for a whole column in the wrong place, and for a column in two groups"

    return test


def _letters(name: str) -> str:
    return "".join(sign for sign in name if sign.isalnum()).casefold()

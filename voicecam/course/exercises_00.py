"""Checks of the exercises in nbs/00_tour.ipynb, on its pictures (CLASS/SPEAKER_WORD_NUMBER.png), and what its learner says of
them. Trains nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam.course.checking import number_problem

SPEAKER, WORD, NUMBER = range(3)  # the parts of a picture's name
Test = Callable[[Any], str | None]


def part_of(file: Path, part: int) -> str:
    """One part of a picture's name, such as its SPEAKER."""
    return Path(file).stem.split("_")[part]


def known_speakers(train: Sequence[Path], valid: Sequence[Path]) -> Test:
    """Exercise 0.1: how many speakers of the validation clips have clips in training, too."""
    trained, asked = ({part_of(file, SPEAKER) for file in files} for files in (train, valid))
    target = len(trained & asked)

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=0)
        if problem is None or not isinstance(answer, int):
            return problem
        if answer > len(asked):
            return f"only {len(asked)} speakers have validation clips"
        return f"{problem}: the draw was among clips, without a look at whose they are"

    return test


def new_words(files: Sequence[Path]) -> Test:
    """Exercise 0.2: a function that says of a picture's file whether it is for validation, so that no word is on both sides.
    Each side must have every class, but where the class is the word itself."""

    def test(answer: Any) -> str | None:
        if not callable(answer):
            return "a function is asked for, such as lambda file: False"
        sides: dict[bool, list[Path]] = {False: [], True: []}
        for file in files:
            sides[bool(answer(file))].append(file)
        train, valid = ({part_of(file, WORD) for file in sides[side]} for side in (False, True))
        if not train or not valid:
            return f"all clips are for {'validation' if valid else 'training'}"
        if both := train & valid:
            return f"{len(both)} words stand on both sides, such as {min(both)}"
        spoken = all(file.parent.name == part_of(file, WORD) for file in files)
        if not spoken and _classes(sides[False]) != _classes(sides[True]):
            return "one side lacks a class"
        return None

    return test


def _classes(files: Sequence[Path]) -> set[str]:
    return {file.parent.name for file in files}


def answers(learn: Any, clips: pd.DataFrame, label: str) -> pd.DataFrame:
    """What a fastai Learner on the pictures says of those kept back, one row each, in the order of its validation items.

    clips : the table from which the pictures were made; a picture's NUMBER is its row's index
    Returns columns path, speaker, true, predicted, p (of the predicted class, 0 to 1) and right.
    """
    probabilities, _ = learn.get_preds()
    rows = clips.loc[[int(part_of(file, NUMBER)) for file in learn.dls.valid.items]]
    predicted = [learn.dls.vocab[int(number)] for number in probabilities.argmax(dim=1)]
    rows = rows.assign(true=rows[label], predicted=predicted, p=probabilities.max(dim=1).values.numpy())
    return rows.assign(right=rows["true"] == rows["predicted"])[["path", "speaker", "true", "predicted", "p", "right"]]

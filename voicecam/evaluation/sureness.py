"""A table of predictions -> how sure the answers are, class by class, the surest wrong ones, and which way it errs.

Knows nothing of networks: predictions come as a table, from wherever.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from voicecam.evaluation.decision import confidence_and_right
from voicecam.evaluation.intervals import jackknife
from voicecam.evaluation.scores import speaker_confusion

ALL = "all classes"


def mean_confidence(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Mean probability, 0..1, of the answers that were given to each class's clips, and to all.

    Columns: class, clips, confidence with low and high (95 % over speakers), right and wrong: the mean over right and over wrong
    answers alone, NaN where there are none.
    """
    p, right = confidence_and_right(predictions)
    tested, true = jackknife(predictions), predictions["true"].to_numpy()
    rows: list[dict[str, Any]] = []
    for name in (*classes, ALL):
        here = np.full(len(true), True) if name == ALL else true == name
        mean = tested.ratio(p * here, here.astype(float), within=(0, 1))
        rows.append(
            {
                "class": name,
                "clips": int(here.sum()),
                "confidence": mean["value"],
                "low": mean["low"],
                "high": mean["high"],
                "right": _mean(p[here & right]),
                "wrong": _mean(p[here & ~right]),
            }
        )
    return pd.DataFrame(rows).astype({"confidence": float, "low": float, "high": float})


def surest_errors(predictions: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The n wrong answers with the highest probability, surest first: path, speaker, true, predicted, probability."""
    p, right = confidence_and_right(predictions)
    wrong = predictions[["path", "speaker", "true", "predicted"]].assign(probability=p)[~right]
    return wrong.sort_values(["probability", "path"], ascending=[False, True], ignore_index=True).head(n)


def class_bias(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Which of two classes is taken for the other more often: a row per pair with clips of both, the largest difference first.

    Columns: first, second; taken, the share of the first's clips that are named as the second; back, the share of the second's
    that are named as the first; difference, taken - back, with low and high (95 % over speakers). Of two classes the difference
    is the recall of the second less that of the first.
    """
    tested, names = jackknife(predictions), list(classes)
    counts = speaker_confusion(predictions, names, tested)
    whole, without = counts.sum(axis=0), tested.without(counts)
    rows = []
    for first, second in combinations(range(len(names)), 2):
        if not (whole[first].sum() and whole[second].sum()):
            continue
        shares = [_share(whole, *pair) for pair in ((first, second), (second, first))]
        if shares[0] < shares[1]:
            first, second, shares = second, first, shares[::-1]
        found = tested.interval(
            shares[0] - shares[1], _share(without, first, second) - _share(without, second, first), within=(-1, 1)
        )
        rows.append(
            {
                "first": names[first],
                "second": names[second],
                "taken": float(shares[0]),
                "back": float(shares[1]),
                "difference": found["value"],
                "low": found["low"],
                "high": found["high"],
            }
        )
    columns = ["first", "second", "taken", "back", "difference", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))
    return table.sort_values("difference", ascending=False, kind="stable", ignore_index=True)


def bias_sentences(bias: pd.DataFrame, most: int = 3) -> list[str]:
    """The first rows of `class_bias` in words, a sentence each; most : how many at most."""
    return [_bias_sentence(row) for row in bias.head(most).to_dict("records")] or ["Only one class was tested."]


def _bias_sentence(row: dict[str, Any]) -> str:
    first, second, points = row["first"], row["second"], 100 * row["difference"]
    said = f"{100 * row['taken']:.1f} % of {first} were named {second}, {100 * row['back']:.1f} % of {second} were named {first}"
    if points == 0:
        return f"{said}: neither is taken for the other more often."
    if np.isnan(row["low"]):
        return f"{said}: a difference of {points:.1f} points, without an interval."
    ends = f"{points:.1f} points [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    if row["low"] > 0:
        return f"{said}: {first} is taken for {second} more often than the other way round, by {ends}."
    return f"{said}: which way it errs more often is not shown, the difference is {ends}."


def _share(confusion: np.ndarray, true: int, predicted: int) -> np.ndarray:
    """Share of the clips of a class that are named as another, float (...), of counts (..., true, predicted)."""
    total = confusion[..., true, :].sum(axis=-1)
    return np.divide(confusion[..., true, predicted], total, out=np.full(np.shape(total), np.nan), where=total > 0)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")

"""A decision with three outcomes: right, wrong, or "uncertain" where the network is not sure enough to answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from voicecam.config import UNCERTAIN
from voicecam.errors import DatasetError
from voicecam.evaluation.calibration import at_temperature, fit_temperature
from voicecam.evaluation.intervals import jackknife

NEVER = 1.1  # a threshold above every probability: no clip is answered
LEAST_SURE = 0.05  # share of the clips left unanswered, for a figure that needs no threshold


def choose_threshold(confidence: np.ndarray, right: np.ndarray, *, error: float) -> float:
    """The lowest confidence of these clips such that at most the share `error` of those at least as sure is wrong.

    confidence : float (clip,), the probability of the answer; right : bool (clip,); clips of validation speakers, never tested
    error : 0 to 1, 0 allows no wrong answer
    Clips less sure than all of these stay below it also where none is wrong: nothing was measured there. Where even the surest
    clips err more often, NEVER comes back, and `decide` then answers no clip: a network that cannot keep the rate says so.
    What holds on these clips is no promise for others; how well it holds on tested speakers stands beside it in the report.
    """
    if not 0 <= error < 1:
        raise DatasetError(f"max_error={error!r}: must be 0 or more and below 1")
    if len(confidence) == 0:
        raise DatasetError("threshold: no clips to choose it on; give the split a validation part")
    table = risk_coverage(confidence, right)
    kept = table[table["error"] <= error]
    return float(kept["threshold"].min()) if len(kept) else NEVER


def decide(probabilities: np.ndarray, classes: Sequence[str], threshold: float) -> np.ndarray:
    """The likeliest class of each clip where its probability is at least `threshold`, else "uncertain"; text (clip,).

    probabilities : float (clip, class). Raises DatasetError when a class is itself named "uncertain".
    """
    check_classes(classes)
    probabilities = np.asarray(probabilities)
    return np.where(probabilities.max(axis=1) >= threshold, np.asarray(classes)[probabilities.argmax(axis=1)], UNCERTAIN)


def check_classes(classes: Sequence[str]) -> None:
    """Raise DatasetError when a class is named as the third outcome is."""
    if UNCERTAIN in classes:
        raise DatasetError(f"class '{UNCERTAIN}': means that no class was named; give that class another name")


def calibrate(
    probabilities: np.ndarray, targets: np.ndarray, *, max_error: float, groups: np.ndarray | None = None
) -> dict[str, float]:
    """Temperature and threshold of a network from clips of validation speakers, for its meta: temperature, threshold, max_error.

    probabilities : float (clip, class), at temperature 1; targets : int (clip,); groups : int (clip,), such as the corpus
    Classes weigh equally in the fit, as they do in the training loss; so do groups. The threshold is for probabilities at that
    temperature.
    """
    n_classes = probabilities.shape[1]
    cells = targets if groups is None else groups * n_classes + targets
    weights = 1 / np.bincount(cells)[cells] if len(cells) else None
    temperature = fit_temperature(probabilities, targets, weights)
    p = at_temperature(probabilities, temperature)
    threshold = choose_threshold(p.max(axis=1), p.argmax(axis=1) == targets, error=max_error)
    return {"temperature": temperature, "threshold": threshold, "max_error": max_error}


def cross_calibrate(predictions: pd.DataFrame, before: np.ndarray, classes: Sequence[str], *, max_error: float) -> pd.DataFrame:
    """The predictions of each fold at the temperature and threshold that the other folds' test clips ask for.

    before : probabilities at temperature 1, float (clip, class), in the order of `predictions`
    Where each fold is another corpus, this is what a model calibrated on known corpora does on one that is new to it.
    """
    folds, targets = predictions["fold"].to_numpy(), predictions["true"].map(list(classes).index).to_numpy(dtype=int)
    p, decisions = np.empty_like(before), np.empty(len(before), dtype=object)
    for fold in np.unique(folds):
        here = folds == fold
        facts = calibrate(before[~here], targets[~here], max_error=max_error, groups=folds[~here])
        p[here] = at_temperature(before[here], facts["temperature"])
        decisions[here] = decide(p[here], classes, facts["threshold"])
    return predictions.assign(decision=decisions, **{f"p_{name}": p[:, i] for i, name in enumerate(classes)})


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """What answering only the surest clips would cost and bring, surest first: columns threshold, clips, coverage, error.

    One row per confidence that occurs: `clips` are at least as sure, the share `coverage` of all; `error` of them is wrong.
    El-Yaniv and Wiener 2010.
    """
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    sure, wrong = np.asarray(confidence, dtype=float)[order], ~np.asarray(right, dtype=bool)[order]
    last = np.flatnonzero(np.append(np.diff(sure) != 0, True)) if len(sure) else np.zeros(0, dtype=int)
    clips = last + 1
    error = np.cumsum(wrong)[last] / clips
    return pd.DataFrame({"threshold": sure[last], "clips": clips, "coverage": clips / max(len(sure), 1), "error": error})


def area_under_risk(table: pd.DataFrame) -> float:
    """AURC of a risk-coverage table, 0 to 1: the mean, over the clips, of the error among those at least as sure.

    Geifman and El-Yaniv 2017. Lower is better; a network whose sureness says nothing has its error rate.
    """
    return float(np.average(table["error"], weights=np.diff(table["clips"], prepend=0)))


def confidence_and_right(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each clip's answer, float (clip,), and whether it is right, bool (clip,)."""
    columns = [name for name in predictions if name.startswith("p_")]
    right = predictions["true"].to_numpy(dtype=str) == predictions["predicted"].to_numpy(dtype=str)
    return predictions[columns].to_numpy(dtype=float).max(axis=1), right


def abstention(predictions: pd.DataFrame) -> dict[str, Any]:
    """What the three outcomes came to, as plain values that JSON can hold.

    predictions : as scores.prediction_table gives it
    Returns, each with its 95 % interval over speakers: uncertain (share of all clips), error_answered (share wrong of those
    answered; None where none is), error_all (of all clips, each answered) and error_without_least_sure (with the least sure 5 %
    left out; the interval takes their limit as given). aurc; and per_class: {class: {"right", "wrong", "uncertain"}} in clips.
    """
    confidence, right = confidence_and_right(predictions)
    answered = (predictions["decision"] != UNCERTAIN).to_numpy()
    surer = confidence >= np.sort(confidence)[int(LEAST_SURE * len(confidence))]
    tested, all_clips = jackknife(predictions), np.ones(len(predictions))
    outcome = np.where(answered, np.where(right, "right", "wrong"), UNCERTAIN)
    counts = pd.crosstab(predictions["true"].to_numpy(), outcome).reindex(columns=["right", "wrong", UNCERTAIN], fill_value=0)
    return {
        "uncertain": tested.ratio(~answered, all_clips, share=True),
        "error_answered": tested.ratio(answered & ~right, answered, share=True),
        "error_all": tested.ratio(~right, all_clips, share=True),
        "error_without_least_sure": tested.ratio(surer & ~right, surer, share=True),
        "aurc": area_under_risk(risk_coverage(confidence, right)),
        "per_class": {str(name): {key: int(n) for key, n in row.items()} for name, row in counts.iterrows()},
    }

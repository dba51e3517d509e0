"""Probabilities that can be believed: one temperature per network, and how far stated and found shares lie apart."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from voicecam.errors import DatasetError
from voicecam.evaluation.intervals import Interval, Jackknife, jackknife

BINS = 15  # of the reliability table, as in Guo et al. 2017
HOTTEST = 20.0  # temperatures are looked for between 1/20 and 20
SMALLEST = float(np.finfo(np.float32).tiny)  # in place of a probability of 0, whose logarithm is not there


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature T that makes softmax(log p / T) fit best, that is with the lowest mean negative log likelihood.

    probabilities : float (clip, class); targets : int (clip,), class numbers; weights : float (clip,), None is equal ones
    T above 1 makes a network less sure, below 1 surer; the order of the classes stays. Guo et al. 2017, "On calibration of
    modern neural networks". One clip of unknown class is added, spread over all clips and classes (as Platt 1999 does for two
    classes): without it a network that makes no mistake on these clips would be told to be sure without bound.
    Raises DatasetError when there is no clip, or when the arrays do not fit together.
    """
    log_p, n = _log(probabilities), len(probabilities)
    if n == 0:
        raise DatasetError("temperature: no clips to fit it on; give the split a validation part")
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    if log_p.ndim != 2 or np.shape(targets) != (n,) or np.shape(weights) != (n,):
        raise DatasetError(
            f"temperature: probabilities {np.shape(probabilities)}, targets {np.shape(targets)}, weights {np.shape(weights)}; "
            "give (clip, class), (clip,) and (clip,)"
        )
    weights = weights * (n / weights.sum())

    def loss(log_temperature: float) -> float:
        new = log_softmax(log_p / np.exp(log_temperature), axis=1)
        return float(-(weights @ new[np.arange(n), targets] + new.mean()))

    bound = float(np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded").x))


def at_temperature(probabilities: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """softmax(log p / temperature), float64 (clip, class). At 1 / T it undoes what T did.

    temperature : above 0, one for all clips or one for each, (clip, 1)
    """
    if not np.all(np.asarray(temperature) > 0):
        raise DatasetError(f"temperature {temperature!r}: must be above 0")
    return softmax(_log(probabilities) / temperature, axis=1)


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """How sure and how right, by sureness: columns low, high (of the bin), clips, confidence (mean), accuracy (NaN where empty).

    confidence : float (clip,), the probability of the answer; right : bool (clip,)
    A bin holds what is above `low` and at most `high`; the first one also 0.
    """
    clips, sure, good = _bin_values(confidence, right, bins).sum(axis=0).T
    edges = np.linspace(0, 1, bins + 1)
    empty = np.where(clips > 0, clips, np.nan)
    table = {"low": edges[:-1], "high": edges[1:], "clips": clips.astype(int)}
    return pd.DataFrame({**table, "confidence": sure / empty, "accuracy": good / empty})


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of the answers, 0 to 1: mean over clips of |confidence - accuracy| of the clip's bin.

    Naeini et al. 2015. It is above 0 by chance alone: a perfectly calibrated network has some, the more the fewer clips.
    """
    if len(confidence) == 0:
        raise DatasetError("calibration error: no clips; the test part is empty")
    return float(_error_of_bins(_bin_values(confidence, right, bins).sum(axis=0)))


def brier(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Brier score of each clip, float (clip,): squared distance from the truth, summed over the classes, 0 to 2 (Brier 1950)."""
    p = np.asarray(probabilities, dtype=float)
    return ((p - np.eye(p.shape[1])[targets]) ** 2).sum(axis=1)


def calibration(predictions: pd.DataFrame, before: np.ndarray) -> dict[str, Any]:
    """How far the probabilities of a table of predictions can be believed, as plain values that JSON can hold.

    predictions : as scores.prediction_table gives it, at the fitted temperature
    before : float (clip, class), the same clips' probabilities at temperature 1
    Returns ece_before, ece and brier, each with its 95 % interval over speakers, and the tables reliability_before and
    reliability; ece_folds, the ECE of each fold by itself, and ece_fold_mean: where one fold is too sure and another too unsure,
    they cancel in the ECE of all clips and not there. The ECE leans upwards; its interval always holds the estimate, and reaches
    down by as much as the jackknife says it leans. Of a network that is almost perfectly calibrated, some intervals still lie
    wholly above the truth: one in ten, with 8 speakers one in seven; one in four where clips of a speaker are independent.
    """
    columns = [name for name in predictions if name.startswith("p_")]
    classes = [name.removeprefix("p_") for name in columns]
    p = predictions[columns].to_numpy(dtype=float)
    targets = predictions["true"].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=int)
    tested = jackknife(predictions)
    half = tested.ratio(brier(p, targets) / 2, np.ones(len(p)), share=True)
    found: dict[str, Any] = {"brier": {end: None if value is None else 2 * value for end, value in half.items()}}
    for end, values in (("_before", before), ("", p)):
        confidence, right = values.max(axis=1), values.argmax(axis=1) == targets
        found[f"ece{end}"] = _error_interval(confidence, right, tested)
        table = reliability(confidence, right).astype(object)
        found[f"reliability{end}"] = table.where(table.notna(), None).to_dict("records")  # type: ignore[call-overload]
    folds = predictions["fold"].to_numpy()
    found["ece_folds"] = [calibration_error(confidence[folds == fold], right[folds == fold]) for fold in np.unique(folds)]
    return {**found, "ece_fold_mean": float(np.mean(found["ece_folds"]))}


def _bin_values(confidence: np.ndarray, right: np.ndarray, bins: int) -> np.ndarray:
    """float (clip, bin, 3): 1, confidence and right in the clip's own bin, 0 elsewhere."""
    number = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    values = np.stack([np.ones(len(number)), confidence, right], axis=1)
    return np.eye(bins)[number][:, :, None] * values[:, None]


def _error_of_bins(sums: np.ndarray) -> np.ndarray:
    """Calibration error (...) of bins (..., bin, 3) as `_bin_values` gives them, summed over clips."""
    return np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1) / np.maximum(sums[..., 0].sum(axis=-1), 1)


def _error_interval(confidence: np.ndarray, right: np.ndarray, tested: Jackknife) -> Interval:
    """The error with its interval. As the error leans upwards, the lower end is that of what is left of it without this bias, by
    the jackknife's estimate (Quenouille 1956); the upper end is its own; neither leaves 0 to 1."""
    value = calibration_error(confidence, right)
    replicates = _error_of_bins(tested.without(tested.per_speaker(_bin_values(confidence, right, BINS))))
    found = tested.interval(value, replicates)
    if found["low"] is None or found["high"] is None:
        return found
    bias = max(tested.bias(value, replicates), 0.0)
    return {"value": value, "low": max(found["low"] - bias, 0.0), "high": min(found["high"], 1.0)}


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, dtype=float), SMALLEST))

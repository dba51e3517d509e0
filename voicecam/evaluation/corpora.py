"""Several corpora, each by itself: one row of scores per corpus, and what they say of a corpus that was not among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import t

from voicecam.config import UNCERTAIN
from voicecam.evaluation.calibration import calibration_error
from voicecam.evaluation.decision import abstention, confidence_and_right
from voicecam.evaluation.intervals import Interval
from voicecam.evaluation.scores import evaluate

CONFIDENCE = 0.95


def corpus_scores(predictions: pd.DataFrame, names: Sequence[str], classes: Sequence[str]) -> list[dict[str, Any]]:
    """One row per corpus, which are the folds of a table of predictions in the order of `names`, as plain values for JSON.

    Each holds corpus, clips, speakers {class: n}; balanced_accuracy, recall {class: ...}, uncertain, error_answered (share wrong
    of those answered) and error_answered_of {class: ...}, each {"value", "low", "high"} over the corpus's speakers, and ece.
    """
    return [
        _scores_of(predictions[predictions["fold"] == fold], name, classes)
        for fold, name in zip(np.unique(predictions["fold"]), names, strict=True)
    ]


def corpora_of(predictions: pd.DataFrame) -> np.ndarray:
    """The corpus of each prediction where corpora were joined: their speakers are "A/ana"."""
    return np.array([str(speaker).split("/")[0] for speaker in predictions["speaker"]], dtype=object)


def over_corpora(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What rows as of `corpus_scores` say together: corpora (their number), mean (of the balanced accuracies), typical and next,
    and the mean and range of ece and of error_answered, {"mean", "least", "most"}.

    typical : {"value", "low", "high"}, mean of the logits of the balanced accuracies with its t interval, taken back to 0..1
    next : {"low", "high"}, where the balanced accuracy of one more corpus falls 95 times in 100: t s sqrt(1 + 1/k) on the logit
    Both take the corpora as drawn from all those in question, which corpora that happened to be at hand are not, and their logits
    as normal. An accuracy of 0 or 1 counts as half a clip off. Without intervals (None) for one corpus.
    """
    values = np.array([row["balanced_accuracy"]["value"] for row in rows])
    half = np.array([0.5 / row["clips"] for row in rows])
    logits, k = logit(np.clip(values, half, 1 - half)), len(rows)
    middle = float(logits.mean())
    spread = float(logits.std(ddof=1)) * float(t.ppf((1 + CONFIDENCE) / 2, k - 1)) if k > 1 else None
    return {
        "corpora": k,
        "mean": float(values.mean()),
        "typical": {"value": float(expit(middle)), **_around(middle, spread, 1 / k)},
        "next": _around(middle, spread, 1 + 1 / k),
        "ece": _range([row["ece"] for row in rows]),
        "error_answered": _range([row["error_answered"]["value"] for row in rows]),
    }


def corpus_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows of `corpus_scores` side by side, intervals as columns NAME, NAME_low, NAME_high and classes as NAME_CLASS."""
    return pd.DataFrame([_flat(row) for row in rows])


def _scores_of(predictions: pd.DataFrame, name: str, classes: Sequence[str]) -> dict[str, Any]:
    scores, unsure = evaluate(predictions, classes)["network"], abstention(predictions)
    return {
        "corpus": name,
        "clips": len(predictions),
        "speakers": {each: scores["per_class"][each]["speakers"] for each in classes},
        "balanced_accuracy": scores["balanced_accuracy"],
        "recall": {each: scores["per_class"][each]["recall"] for each in classes},
        "ece": calibration_error(*confidence_and_right(predictions)),
        UNCERTAIN: unsure["uncertain"],
        "error_answered": unsure["error_answered"],
        "error_answered_of": {each: unsure["per_class"].get(each, {}).get("error_answered") for each in classes},
    }


def _around(middle: float, spread: float | None, times: float) -> Interval:
    """Ends of middle +- spread * sqrt(times) on the logit, taken back; None without a spread."""
    if spread is None:
        return {"low": None, "high": None}
    low, high = (float(expit(middle + sign * spread * np.sqrt(times))) for sign in (-1, 1))
    return {"low": low, "high": high}


def _range(values: Sequence[float | None]) -> dict[str, float | None]:
    there = [value for value in values if value is not None] or [float("nan")]
    found = {"mean": float(np.mean(there)), "least": min(there), "most": max(there)}
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = prefix if key == "value" else f"{prefix}_{key}".lstrip("_")
        found |= _flat(value, name) if isinstance(value, dict) else {name: value}
    return found

"""All that is said of a table of predictions: one dict of scores and four tables, the same for runs and for saved models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from voicecam.evaluation.calibration import calibration
from voicecam.evaluation.corpora import corpora_of, corpus_scores, over_corpora
from voicecam.evaluation.decision import abstention, confidence_and_right, risk_coverage
from voicecam.evaluation.groups import per_group
from voicecam.evaluation.scores import evaluate, per_speaker


def all_scores(predictions: pd.DataFrame, before: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """What `evaluate` gives, with the entries calibration and abstention; before : see `calibration`."""
    return {
        **evaluate(predictions, classes),
        "calibration": calibration(predictions, before),
        "abstention": abstention(predictions),
    }


def all_corpora(predictions: pd.DataFrame, classes: Sequence[str], names: Sequence[str] | None = None) -> dict[str, Any]:
    """The entries by_corpus and over_corpora, see `corpus_scores` and `over_corpora`, of corpora that were held back.

    names : of the corpora, in order of the folds; None: each speaker's corpus is in its name, as joined corpora have it
    """
    if names is None:
        corpus = corpora_of(predictions)
        predictions, names = predictions.assign(fold=pd.factorize(corpus, sort=True)[0] + 1), sorted(set(corpus))
    rows = corpus_scores(predictions, names, classes)
    mean = evaluate(predictions, classes)["fold_mean"]  # over the corpora, with an interval over their speakers
    return {"by_corpus": rows, "over_corpora": {**over_corpora(rows), "mean_over_speakers": mean}}


def all_tables(predictions: pd.DataFrame, clips: pd.DataFrame) -> dict[str, str]:
    """CSV text by file name: the predictions, and their scores per speaker, per group and by coverage."""
    tables = {
        "predictions": predictions,
        "per_speaker": per_speaker(predictions),
        "per_group": per_group(predictions, clips),
        "risk_coverage": risk_coverage(*confidence_and_right(predictions)),
    }
    return {f"{name}.csv": table.to_csv(index=False, float_format="%.6g") for name, table in tables.items()}

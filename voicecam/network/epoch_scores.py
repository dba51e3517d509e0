"""Each epoch's answers on validation clips -> F1 of each class and the confusion matrix, as files of a fold. Trains nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.callback.core import Callback

from voicecam.files import write_json, write_text

EPOCHS, CONFUSION = "epochs.csv", "confusion.json"  # in a fold's folder


class EpochConfusions(Callback):
    """Counts the validation clips of each epoch by true class and answer: `confusions`, int (true, predicted) each.

    The answers are those of the network in eval mode: without dropout, batch norm by its running means.
    """

    order = 59  # before EpochLog may end the training

    def __init__(self, n_classes: int):
        self.n, self.confusions = n_classes, list[np.ndarray]()

    def before_validate(self) -> None:
        self.counts = np.zeros((self.n, self.n), dtype=int)

    def after_pred(self) -> None:
        if not self.training:
            self.counts += confusion(self.y.cpu().numpy(), self.pred.argmax(dim=1).cpu().numpy(), self.n)

    def after_epoch(self) -> None:
        self.confusions.append(self.counts)


def confusion(true: np.ndarray, said: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts, int (true, predicted), of class numbers (clip,)."""
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (true, said), 1)
    return counts


def epoch_table(confusions: Sequence[np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """One row per epoch: epoch, f1_CLASS of each class, and weighted_f1, their mean by the classes' numbers of clips.

    F1 is 2 right / (clips of the class + clips named so); NaN for a class without either.
    """
    rows = []
    for epoch, counts in enumerate(confusions, start=1):
        clips = counts.sum(axis=1)
        both = clips + counts.sum(axis=0)
        f1 = np.divide(2 * np.diagonal(counts), both, out=np.full(len(classes), np.nan), where=both > 0)
        weighted = float(np.nansum(f1 * clips) / clips.sum()) if clips.sum() else float("nan")
        rows.append({"epoch": epoch, **{f"f1_{name}": float(x) for name, x in zip(classes, f1)}, "weighted_f1": weighted})
    return pd.DataFrame(rows)


def write_epoch_scores(place: Path, confusions: Sequence[np.ndarray], classes: Sequence[str]) -> None:
    """epochs.csv and confusion.json: {"classes": names, "confusions": rows true, columns predicted, of each epoch}."""
    write_text(place / EPOCHS, epoch_table(confusions, classes).to_csv(index=False, float_format="%.6g"))
    write_json(place / CONFUSION, {"classes": list(classes), "confusions": [counts.tolist() for counts in confusions]})

"""Training curves and the learning-rate search. Trains nothing; see voicecam.learner."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, MaxNLocator, NullFormatter

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, per_cent, split, tidy

SERIES = {"train_loss": (GREY, "training"), "valid_loss": (CLASS_COLOURS[0], "validation")}
SCORE = CLASS_COLOURS[1]


def plot_history(history: pd.DataFrame, best_epoch: int | Sequence[int], *, ax: Axes) -> list[Line2D]:
    """Loss (left) and balanced accuracy on the validation clips (right) by epoch; `ax` is split in two. Returns all lines.

    history : columns epoch, train_loss, valid_loss, valid_balanced_accuracy (0 to 1) and, for several folds, fold
    best_epoch : the epoch whose weights were kept, marked by a dot; one per fold, in the order of the folds
    """
    left, right = split(ax)
    for panel in (left, right):
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        tidy(panel)
    folds = [table for _, table in history.groupby("fold")] if "fold" in history else [history]
    lines = []
    for fold, best in zip(folds, np.atleast_1d(best_epoch), strict=True):
        for column, (colour, label) in SERIES.items():
            lines.append(_curve(fold, column, best, colour, label, left))
        lines.append(_curve(fold, "valid_balanced_accuracy", best, SCORE, "validation", right))
    left.legend(handles=[*lines[:2], _dot()], fontsize=SMALL, frameon=False)
    left.set(ylabel="loss", ylim=(0, None))
    right.set(ylabel="balanced accuracy", ylim=(0, 1.03))
    right.yaxis.set_major_formatter(per_cent())
    return lines


def plot_lr_find(lrs: np.ndarray, losses: np.ndarray, valley: float, *, ax: Axes) -> Line2D:
    """Loss while the learning rate grows; the dashed line is the rate that was chosen.

    lrs, losses : shape (n,), lrs above 0
    """
    (line,) = ax.plot(lrs, losses, color=CLASS_COLOURS[0])
    ax.axvline(valley, color=INK, linestyle="--", linewidth=1)
    ax.annotate(
        f"chosen: {valley:.1e}",
        (valley, 1),
        (4, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        size=SMALL,
    )
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.xaxis.set_major_formatter(FormatStrFormatter("%.0e"))  # matplotlib's own labels are formulas
    ax.xaxis.set_minor_formatter(NullFormatter())
    tidy(ax)
    return line


def _curve(fold: pd.DataFrame, column: str, best: int, colour: str, label: str, ax: Axes) -> Line2D:
    (line,) = ax.plot(fold["epoch"], fold[column], color=colour, label=label, marker="." if len(fold) == 1 else "")
    if column != "train_loss":
        kept = fold[fold["epoch"] == best]
        ax.plot(kept["epoch"], kept[column], "o", color=colour)
    return line


def _dot() -> Line2D:
    return Line2D([], [], color=CLASS_COLOURS[0], marker="o", linestyle="", label="kept")

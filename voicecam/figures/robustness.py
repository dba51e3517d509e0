"""How well it does on the same clips when they are short or noisy, in a room or over a line. Computes no score."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, PALE, SMALL, per_cent, percent, tidy

GAP = 0.7  # between two groups, of the 1 between two conditions
REFERENCE = CLASS_COLOURS[0]
CHANGED = CLASS_COLOURS[1]


def plot_robustness(rows: pd.DataFrame, *, ax: Axes) -> PathCollection:
    """Balanced accuracy under each condition, with 95 % intervals, in groups; the line is that of the clean clips, all of them.

    rows : columns group, condition, clips, balanced_accuracy, low, high and chance (0 to 1); one row has the group "clean".
        A condition without a score keeps its line, and says so.
    Clips are counted where a condition has fewer than the clean row.
    """
    rows = rows.astype({"low": float, "high": float})  # None where there is no interval
    clean = rows[rows["group"] == "clean"].iloc[0]
    changed = rows[rows["group"] != "clean"].reset_index(drop=True)
    steps = 1 + GAP * (changed["group"] != changed["group"].shift()).to_numpy()
    places = steps[0] - np.cumsum(steps)  # the first on top, at 0
    _reference(clean, ax)
    ax.hlines(places, changed["low"], changed["high"], colors=CHANGED, linewidth=2)
    dots = ax.scatter(changed["balanced_accuracy"], places, color=CHANGED, s=30, zorder=3)
    for place, value in zip(places, changed["balanced_accuracy"]):
        text = "not enough clips" if np.isnan(value) else f"{percent(value)} %"
        ax.annotate(text, (1.02, place), xycoords=("axes fraction", "data"), va="center", size=SMALL)
    names = [_name(condition, clips, clean["clips"]) for condition, clips in zip(changed["condition"], changed["clips"])]
    ax.set_yticks(places, names)
    ax.set(xlim=(0, 1.02), ylim=(places[-1] - 0.7, 0.7), xlabel="balanced accuracy")
    ax.xaxis.set_major_formatter(per_cent())
    tidy(ax)
    return dots


def _reference(clean: pd.Series, ax: Axes) -> None:
    """The clean clips' score and its interval, and chance, from top to bottom."""
    if not np.isnan(clean["low"]):
        ax.axvspan(clean["low"], clean["high"], color=PALE, alpha=0.5, linewidth=0)
    ax.axvline(clean["balanced_accuracy"], color=REFERENCE, linewidth=1.5)
    ax.axvline(clean["chance"], color=INK, linestyle=":", linewidth=1.2)
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "va": "bottom", "size": SMALL}
    ax.annotate(f"clean {percent(clean['balanced_accuracy'])} %", (clean["balanced_accuracy"], 1), ha="left", **above)
    ax.annotate("chance", (clean["chance"], 1), ha="right", color=GREY, **above)


def _name(condition: str, clips: int, all_clips: int) -> str:
    return condition if clips == all_clips else f"{condition} ({clips} clips)"

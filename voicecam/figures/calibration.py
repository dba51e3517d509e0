"""How far to believe a probability: stated beside found, and what leaving out unsure clips brings. Computes no score."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, per_cent, tidy

LEAST = 0.02  # height of the risk axis in errors: a network without mistakes still gets an axis


def plot_reliability(table: pd.DataFrame, before: pd.DataFrame | None = None, *, ax: Axes) -> PathCollection:
    """Share classified correctly by stated probability, a dot per bin; area goes with the clips; dotted: where both agree.

    table : columns clips, confidence, accuracy (0 to 1; empty bins are left out); before : the same at temperature 1, drawn grey
    """
    ax.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1.2)
    if before is not None:
        _dots(before, GREY, "before", ax)
    dots = _dots(table, CLASS_COLOURS[0], "with temperature" if before is not None else "network", ax)
    sure = pd.concat([part.loc[part["clips"] > 0, "confidence"] for part in (table, before) if part is not None])
    left = np.floor(10 * min(sure, default=0)) / 10
    ax.annotate("too sure", (1, 0.02), xycoords="axes fraction", ha="right", va="bottom", size=SMALL, color=INK)
    ax.annotate("not sure enough", (0.02, 0.9), xycoords="axes fraction", va="top", size=SMALL, color=INK)
    ax.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.02), ncols=2)
    ax.set(xlabel="probability of the answer", ylabel="classified correctly", xlim=(left, 1.02), ylim=(0, 1.03))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(per_cent())
    tidy(ax)
    return dots


def plot_risk_coverage(table: pd.DataFrame, marks: Mapping[str, tuple[float, float]], *, ax: Axes) -> Line2D:
    """Share of wrong answers when only the surest clips are answered, by the share answered.

    table : columns coverage, error (0 to 1), coverage rising; marks : {name: (coverage, error)}, dots with their name
    """
    (line,) = ax.plot(table["coverage"], table["error"], color=CLASS_COLOURS[0], drawstyle="steps-post")
    top = max([LEAST, table["error"].max(), *(error for _, error in marks.values())])
    for i, (name, (coverage, error)) in enumerate(marks.items()):
        ax.plot(coverage, error, "o", color=CLASS_COLOURS[(i + 1) % len(CLASS_COLOURS)], label=name, clip_on=False, zorder=3)
    if marks:
        ax.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.02), ncols=2)
    ax.set(xlabel="clips answered, the surest first", ylabel="wrong among them", xlim=(0, 1.02), ylim=(0, 1.1 * top))
    ax.xaxis.set_major_formatter(per_cent())
    ax.yaxis.set_major_formatter(per_cent(1 if top < 0.1 else 0))
    tidy(ax)
    return line


def _dots(table: pd.DataFrame, colour: str, label: str, ax: Axes) -> PathCollection:
    full = table[table["clips"] > 0]
    areas = 8 + 200 * full["clips"] / max(full["clips"].max(), 1)
    ax.scatter([], [], color=colour, label=label)
    return ax.scatter(full["confidence"], full["accuracy"], s=areas, color=colour, alpha=0.8, zorder=3, clip_on=False)

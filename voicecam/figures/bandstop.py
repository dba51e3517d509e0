"""What taking each band out of the sound costs, and how well maps rank the bands beside it. Measures nothing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from voicecam.figures.canvas import INK, SMALL, class_colours, tidy

NUDGE = 0.06  # octaves between the classes' marks of one band, so that no interval hides another
LOWEST = 20.0  # Hz; where a band from 0 Hz is drawn to begin: the lower end of hearing


def plot_drops(table: pd.DataFrame, classes: Sequence[str], *, ax: Axes) -> list[Line2D]:
    """Mean drop of the score without each band, over frequency, with intervals; above 0 the band speaks for the class.

    table : columns class, from, to (Hz), drop, low, high (95 % interval; NaN draws none), see explanation.bandstop.drop_table
    classes : all classes of the run in its order, which settles the colours
    Each band has its mark in its middle (of the octaves), the classes beside each other. Returns one line per class.
    """
    shown = [name for name in classes if name in set(table["class"])]
    drawn = []
    for i, name in enumerate(shown):
        part = table[table["class"] == name].sort_values("from")
        nudge = 2 ** (NUDGE * (i - (len(shown) - 1) / 2))
        middle = np.sqrt(part["from"].clip(lower=LOWEST) * part["to"]) * nudge
        colour = class_colours(classes)[name]
        ax.vlines(middle, part["low"], part["high"], color=colour, linewidth=1.8)
        drawn += ax.plot(middle, part["drop"], "o-", color=colour, markersize=4.5, linewidth=1, label=name)
    ax.axhline(0, color=INK, linewidth=1)
    _octaves(table["from"].clip(lower=LOWEST).min(), table["to"].max(), ax)
    ax.set(xlabel="frequency (Hz)", ylabel="drop of the score (logits)")
    ax.legend(handles=drawn, fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    tidy(ax)
    return drawn


def plot_agreement(table: pd.DataFrame, *, ax: Axes) -> PathCollection:
    """Rank correlation of each method's bands with what removing them costs, the best on top, with intervals.

    table : columns method, spearman, low, high (NaN draws none), see explanation.bandstop.agreement
    The line is 0, none.
    """
    rows = table.sort_values("spearman", na_position="first").reset_index(drop=True)  # the last on top
    places = np.arange(len(rows))
    ax.axvline(0, color=INK, linewidth=1)
    ax.hlines(places, rows["low"], rows["high"], color=INK, linewidth=1.8)
    dots = ax.scatter(rows["spearman"], places, color=INK, s=30, zorder=3)
    for place in places[rows["spearman"].isna()]:
        ax.annotate("no number", (0.02, place), va="center", size=SMALL)
    ax.set_yticks(places, [str(name) for name in rows["method"]])
    ax.set(xlim=(min(-0.1, float(rows[["low", "spearman"]].min().min()) - 0.05), 1.02), ylim=(-0.6, len(rows) - 0.4))
    ax.set_xlabel("rank correlation with the drops, over bands")
    tidy(ax)
    return dots


def _octaves(low: float, high: float, ax: Axes) -> None:
    """A log axis in Hz, marked at octaves of 1 kHz."""
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    marks = 1000 * 2.0 ** np.arange(np.ceil(np.log2(low / 1000)), np.floor(np.log2(high / 1000)) + 1)
    ax.set_xticks(marks, [f"{mark:g}" for mark in marks])
    ax.xaxis.set_minor_locator(NullLocator())

"""How much of a score measured facts of the voice explain, and how it moves with pitch and formants. Computes none of it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, per_cent, tidy

NAMES = {
    "all": "all facts",
    "voice quality": "tilt, HNR, voiced share",
    "f0_hz": "F0, median",
    "f0_range_hz": "F0, range in Hz",
    "f0_range_semitones": "F0, range in semitones",
    "f1_hz": "F1",
    "f2_hz": "F2",
    "f3_hz": "F3",
    "f4_hz": "F4",
    "tilt_db_octave": "spectral tilt",
    "hnr_db": "HNR",
    "voiced_share": "voiced share",
}


def plot_account(table: pd.DataFrame, *, ax: Axes) -> BarContainer:
    """Share of the score's variance explained by all facts, and by each group of facts and each fact alone, with 95 % intervals.

    table : columns facts, kind ("all", "alone", "without"), r2, low, high; see explanation.acoustics.account
    The hollow dots are what all other facts explain without these. Bars below 0: worse than always giving the mean.
    """
    shown = table[table["kind"] != "without"].reset_index(drop=True)
    single = shown["facts"].str.contains("_")  # column names; groups are words
    steps = 1 + 0.6 * (single != single.shift(fill_value=False)) + 0.6 * (shown.index == 1)
    places = -np.cumsum(steps.to_numpy())
    colours = np.where(shown["kind"] == "all", CLASS_COLOURS[0], np.where(single, GREY, CLASS_COLOURS[5]))
    bars = ax.barh(places, shown["r2"], height=0.7, color=colours)
    ax.hlines(places, shown["low"], shown["high"], color=INK, linewidth=1.3)
    left = table[table["kind"] == "without"].set_index("facts")["r2"].reindex(shown["facts"])
    ax.scatter(left, places, s=26, facecolor="white", edgecolor=CLASS_COLOURS[1], linewidth=1.3, zorder=3)
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(places, [NAMES.get(name, name) for name in shown["facts"]])
    ax.set(xlabel="share of the score's variance explained, in new speakers", ylim=(places[-1] - 0.7, places[0] + 0.7))
    ax.set_xlim(min(-0.02, float(np.nanmin([0.0, *np.maximum(shown["low"], -0.3)]))), 1)
    ax.xaxis.set_major_formatter(per_cent())
    handles = [
        Line2D([], [], color=INK, linewidth=1.3, label="95 % interval"),
        Line2D([], [], color=CLASS_COLOURS[1], marker="o", markerfacecolor="white", linestyle="", label="all others\nwithout it"),
    ]
    ax.legend(handles=handles, fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    tidy(ax)
    return bars

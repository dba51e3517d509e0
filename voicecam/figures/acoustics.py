"""How much of a score measured acoustic features explain, and how it moves with pitch and formants. Computes none of it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, class_colours, per_cent, tidy

MOVED = {"pitch": "pitch moved by (semitones)", "formants": "formants multiplied by"}


def plot_acoustic_regression(table: pd.DataFrame, *, ax: Axes) -> BarContainer:
    """Share of the score's variance explained by all features, and by each group and each feature alone, with 95 % intervals.

    table : columns facts, title, kind ("all", "alone", "without"), r2, low, high; see explanation.acoustics.acoustic_regression
    The hollow dots are what all other features explain without these. Bars below 0: worse than always giving the mean.
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
    ax.set_yticks(places, list(shown["title"]))
    ax.set(xlabel="share of the score's variance explained", ylim=(places[-1] - 0.7, places[0] + 0.7))
    ax.set_xlim(min(-0.02, float(np.nanmin([0.0, *np.maximum(shown["low"], -0.3)]))), 1)
    ax.xaxis.set_major_formatter(per_cent())
    handles = [
        Line2D([], [], color=INK, linewidth=1.3, label="95 % CI over speakers"),
        Line2D([], [], color=CLASS_COLOURS[1], marker="o", markerfacecolor="white", linestyle="", label="all others\nwithout it"),
    ]
    ax.legend(handles=handles, fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    tidy(ax)
    return bars


def plot_counterfactual(
    curves: pd.DataFrame, flips: pd.DataFrame, classes: Sequence[str], *, kind: str, ax: Axes
) -> list[Line2D]:
    """Mean score of each true class against how far its voices were moved, with 95 % bands; the dashed line is where the label
    changes, the diamonds on it are the classes' median flip points, up and down apart, with their intervals (thin: the range over
    speakers); the larger, the more speakers flip there (below two none is drawn). Returns one line per class.

    curves : columns kind, class, step, score, low, high; flips : columns kind, class, direction, speakers,
        flipping, flip, flip_least, flip_most, flip_low, flip_high; see explanation.counterfactual.score_curves and flips_by_class
    classes : all classes of the run in its order, which settles the colours; kind : "pitch" or "formants"
    """
    here, colours = curves[curves["kind"] == kind], class_colours(classes)
    shown = [name for name in classes if name in set(here["class"])]
    ax.axhline(0, color=INK, linestyle="--", linewidth=1)
    lines = []
    for name in shown:
        part = here[here["class"] == name].sort_values("step")
        ax.fill_between(part["step"], part["low"], part["high"], color=colours[name], alpha=0.18, linewidth=0)
        lines += ax.plot(part["step"], part["score"], color=colours[name], linewidth=1.8, label=name)
    for row in flips[(flips["kind"] == kind) & (flips["flipping"] > 1)].to_dict("records"):
        colour, share = colours[row["class"]], row["flipping"] / row["speakers"]
        ax.hlines(0, row["flip_least"], row["flip_most"], color=colour, linewidth=1)
        ax.hlines(0, row["flip_low"], row["flip_high"], color=colour, linewidth=3)
        ax.scatter(row["flip"], 0, marker="D", s=12 + 36 * share, color=colour, edgecolor="white", zorder=4)
    if kind == "formants":
        ax.set_xscale("log")
        ticks = sorted(here["step"].unique())
        ax.xaxis.set_major_locator(FixedLocator(ticks[:: 1 + len(ticks) // 8]))
        ax.xaxis.set_major_formatter(FormatStrFormatter("%.2f"))
        ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel=MOVED[kind], ylabel="score (logits)", xlim=(here["step"].min(), here["step"].max()))
    mark = Line2D(
        [],
        [],
        color=GREY,
        marker="D",
        linewidth=3,
        markeredgecolor="white",
        label="median flip, up\nand down apart\n(95 % interval;\nthin: range)",
    )
    ax.legend(handles=[*lines, mark], fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    tidy(ax)
    return lines

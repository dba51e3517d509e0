"""How well facts of the recordings alone tell the label. Computes no score; see voicecam.explanation.confounds."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, per_cent, percent, tidy

FLAGGED, FINE = CLASS_COLOURS[1], CLASS_COLOURS[0]


def plot_confounds(table: pd.DataFrame, *, limit: float, ax: Axes) -> PathCollection:
    """Balanced accuracy of each fact alone, with 95 % intervals, all together last; dots beyond `limit` in the warning colour.

    table : columns name, balanced_accuracy, low, high, chance, flagged, same; a fact that all clips share is hollow and says so
    limit : the balanced accuracy above which facts are flagged, 0.6 for two classes; the dashed line
    """
    places = -np.arange(len(table), dtype=float)
    places[-1] -= 0.5
    colours = [GREY if same else FLAGGED if flagged else FINE for same, flagged in zip(table["same"], table["flagged"])]
    ax.axvline(table["chance"].iloc[0], color=INK, linestyle=":", linewidth=1.2)
    ax.axvline(limit, color=FLAGGED, linestyle="--", linewidth=1)
    ax.hlines(places, table["low"], table["high"], colors=colours, linewidth=2)
    dots = ax.scatter(table["balanced_accuracy"], places, s=34, edgecolors=colours, zorder=3)
    dots.set_facecolor(["white" if same else colour for same, colour in zip(table["same"], colours)])
    for place, value, same in zip(places, table["balanced_accuracy"], table["same"]):
        text = "the same in all" if same else f"{percent(value)} %"
        ax.annotate(text, (1.02, place), xycoords=("axes fraction", "data"), va="center", size=SMALL)
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "va": "bottom", "size": SMALL}
    ax.annotate("chance", (table["chance"].iloc[0], 1), ha="right", **above)
    ax.annotate("flagged", (limit, 1), ha="left", color=FLAGGED, **above)
    ax.set_yticks(places, list(table["name"]))
    ax.set(xlim=(0, 1), ylim=(places[-1] - 0.7, 0.7), xlabel="balanced accuracy in new speakers")
    ax.xaxis.set_major_formatter(per_cent())
    tidy(ax)
    return dots

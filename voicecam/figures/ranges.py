"""A clip's bands beside the range of training clips. Measures nothing; see voicecam.server.ranges."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from voicecam.figures.canvas import GREY, INK, PALE, SMALL, tidy

THICK = 7  # points; of a range


def plot_ranges(table: pd.DataFrame, *, colour: str, ax: Axes) -> PathCollection:
    """What each band of a clip is worth (dots), over the range of training clips (pale bars, a line at their mean).

    table : columns name, value, and mean, low, high of training clips (NaN draws none), in logits, low bands first
    A dot inside its range is filled, one outside is hollow. Returns the dots.
    """
    places = np.arange(len(table))
    inside = ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).to_numpy()
    ax.vlines(places, table["low"], table["high"], color=PALE, linewidth=THICK, label="8 of 10 training clips")
    ax.hlines(table["mean"], places - 0.3, places + 0.3, color=GREY, linewidth=1.5, label="their mean")
    ax.axhline(0, color=INK, linewidth=1)
    faces = np.where(inside, colour, "white")
    dots = ax.scatter(places, table["value"], c=faces, edgecolors=colour, s=34, zorder=3)
    ax.scatter([], [], c=colour, edgecolors=colour, s=34, label="this recording, inside")
    ax.scatter([], [], c="white", edgecolors=colour, s=34, label="outside")
    ax.set_xticks(places, list(table["name"]), rotation=60, ha="right", rotation_mode="anchor")
    ax.set(xlabel="band (middle)", ylabel="fall of the score without it (logits)", xlim=(-0.7, len(table) - 0.3))
    ax.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4)
    tidy(ax)
    return dots

"""Scores under a split by clip and under a split by speaker, side by side. Computes no metric; see voicecam.leak."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, per_cent, percent, tidy
from voicecam.figures.scores import BACK

TEXT: dict[str, Any] = {"textcoords": "offset points", "size": SMALL, "bbox": BACK}


def plot_leak(rows: pd.DataFrame, *, chance: float, ax: Axes) -> PathCollection:
    """Balanced accuracy per side and method with 95 % intervals, a headed group per side; the first method in colour.

    rows : columns side (the group's heading), method, value, low, high (0 to 1), a side's rows one after the other
    chance : 1 / number of classes, the dotted line
    """
    methods = list(dict.fromkeys(rows["method"]))
    colours = [CLASS_COLOURS[0] if name == methods[0] else GREY for name in rows["method"]]
    first = (rows["side"] != rows["side"].shift()).to_numpy()
    places = -(np.arange(len(rows)) + first.cumsum())  # a free line above each side, for its heading
    low, high = (rows[end].astype(float) for end in ("low", "high"))  # None where there is no interval
    ax.hlines(places, low, high, colors=colours, linewidth=2.5)
    dots = ax.scatter(rows["value"], places, c=colours, s=45, zorder=3)
    for place, value in zip(places, rows["value"]):
        ax.annotate(f"{percent(value)} %", (value, place), (0, 8), ha="center", **TEXT)
    for place, side in zip(places[first], rows["side"][first]):
        ax.annotate(side, (0, place + 1), (4, 0), va="center", weight="bold", **TEXT)
    ax.axvline(chance, color=INK, linestyle=":", linewidth=1.2, zorder=0)
    ax.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", size=SMALL)
    ax.set_yticks(places, rows["method"])
    ax.set(xlim=(0, 1.03), ylim=(places.min() - 0.6, 0.5), xlabel="balanced accuracy")
    ax.xaxis.set_major_formatter(per_cent())
    tidy(ax)
    return dots

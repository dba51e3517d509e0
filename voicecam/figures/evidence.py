"""How a class's maps share their weight among bands, beside the null. Computes no maps; see voicecam.explanation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from voicecam.features import Axis
from voicecam.figures.canvas import INK, PALE, SMALL, class_colours, per_cent, split, tidy
from voicecam.figures.pictures import plot_mean_map, row_edges

GROUP = 0.84  # height of a band's bars together, of the 1 between bands


def plot_bands(bands: pd.DataFrame, classes: Sequence[str], *, ax: Axes) -> list[BarContainer]:
    """Share of the maps' weight on each band, one bar per class, low bands at the bottom. Returns one container per class.

    bands : columns class, band (int), name, share, low, high (95 % interval; NaN draws none) and, where a null was made,
        null_share (drawn as a wider pale bar behind)
    classes : all classes of the run in its order, which settles the colours
    The dashed line is an even spread over the bands.
    """
    names = bands.drop_duplicates("band").set_index("band")["name"].sort_index()
    shown = [name for name in classes if name in set(bands["class"])]
    thickness = GROUP / len(shown)
    drawn = []
    for i, name in enumerate(shown):
        table = bands[bands["class"] == name].set_index("band").reindex(names.index)
        middle = np.arange(len(names)) + thickness * ((len(shown) - 1) / 2 - i)  # the first class on top
        drawn.append(_bars(table, middle, thickness, class_colours(classes)[name], ax))
    ax.axvline(1 / len(names), color=INK, linestyle="--", linewidth=1)
    ax.set_yticks(np.arange(len(names)), [str(name) for name in names])
    ax.set(xlabel="share of the maps' weight", xlim=(0, None), ylim=(-0.5, len(names) - 0.5))
    ax.xaxis.set_major_formatter(per_cent())
    _legend(shown, classes, bands, ax)
    tidy(ax)
    return drawn


def _bars(table: pd.DataFrame, middle: np.ndarray, thickness: float, colour: str, ax: Axes) -> BarContainer:
    if "null_share" in table:
        ax.barh(middle, table["null_share"], height=thickness, color=PALE, edgecolor="white", linewidth=0.5)
    bars = ax.barh(middle, table["share"], height=thickness * 0.55, color=colour)
    given = (table["low"].notna() & table["high"].notna()).to_numpy()
    ax.hlines(middle[given], table["low"][given], table["high"][given], color=INK, linewidth=1.3)
    return bars


def _legend(shown: Sequence[str], classes: Sequence[str], bands: pd.DataFrame, ax: Axes) -> None:
    handles: list = [Patch(color=class_colours(classes)[name], label=name) for name in shown]
    if "null_share" in bands and bands["null_share"].notna().any():
        handles.append(Patch(color=PALE, label="random weights"))
    handles.append(ax.plot([], [], color=INK, linestyle="--", linewidth=1, label="even spread")[0])
    handles.append(ax.plot([], [], color=INK, linewidth=1.3, label="95 % CI over speakers")[0])
    ax.legend(handles=handles, fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def plot_class_map(
    mean_map: np.ndarray,
    bands: pd.DataFrame,
    rows: Axis,
    columns: Axis,
    *,
    colour: str,
    vmax: float,
    widest: float,
    size: tuple[int, int] | None = None,
    title: str = "",
    labels: bool = True,
    ax: Axes,
) -> BarContainer:
    """A class's mean map and, beside it at the same height, its mean over time: a bar for the share of weight on each row, with
    95 % intervals; pale: with random weights. `ax` is split in two.

    mean_map : shape (h, w); bands : of this class, a row for each row of the map, as for `plot_bands`
    vmax, widest : the brightest weight and the end of the bars' axis; give classes to be compared the same. size : see `plot_map`
    title : drawn in `colour`; labels : whether the axes have names, which many small figures together do without
    """
    left, right = split(ax, widths=(5, 4))
    plot_mean_map(mean_map, rows, columns, ax=left, vmax=vmax, size=size, bar=False)
    table, edges = bands.sort_values("band"), row_edges(len(mean_map), rows, size)
    middle, heights = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    if "null_share" in table:
        right.barh(middle, table["null_share"].fillna(0), height=0.9 * heights, color=PALE)
    bars = right.barh(middle, table["share"], height=0.5 * heights, color=colour)
    right.hlines(middle, table["low"], table["high"], color=INK, linewidth=1.3)
    right.axvline(1 / len(table), color=INK, linestyle="--", linewidth=1)
    right.set(xlim=(0, widest), ylim=left.get_ylim(), yticks=[])
    left.set_xlabel("time (s)" if labels else "")
    right.set_xlabel("share of weight" if labels else "")
    right.xaxis.set_major_formatter(per_cent())
    left.set_yticks(left.get_yticks()[::2], [text.get_text() for text in left.get_yticklabels()[::2]])
    left.set_ylabel("")
    left.set_title(title, loc="left", size=SMALL + 1, weight="bold", color=colour)
    tidy(right)
    return bars


def plot_differences(rows: pd.DataFrame, *, unit: str, ax: Axes) -> PathCollection:
    """Differences with their 95 % intervals, the first row on top; the solid line is no difference.

    rows : columns name, value, low, high (NaN draws none), in `unit`
    """
    places = -np.arange(len(rows), dtype=float)
    ax.axvline(0, color=INK, linewidth=1)
    ax.hlines(places, rows["low"], rows["high"], color=INK, linewidth=1.8)
    dots = ax.scatter(rows["value"], places, color=INK, s=36, zorder=3)
    ax.set_yticks(places, list(rows["name"]))
    ax.set(xlabel=f"difference ({unit})", ylim=(-len(rows) + 0.4, 0.6))
    tidy(ax)
    return dots


def plot_mix(table: pd.DataFrame, classes: Sequence[str], *, ax: Axes) -> list[Line2D]:
    """Mean score of clips between the rest and the evidence, with 95 % intervals; above 0 the label is right. One line per class.

    table : columns class, share (0 the rest, 0.5 the clip as it was, 1 the evidence, see explanation.audible.mix), score, low,
        high (NaN draws none); classes : all classes of the run in its order, which settles the colours
    """
    drawn, colours = [], class_colours(classes)
    ax.axhline(0, color=INK, linewidth=1)
    for name in [name for name in classes if name in set(table["class"])]:
        part = table[table["class"] == name].sort_values("share")
        ax.fill_between(part["share"], part["low"], part["high"], color=colours[name], alpha=0.18, linewidth=0)
        drawn += ax.plot(part["share"], part["score"], "o-", color=colours[name], markersize=4.5, linewidth=1.8, label=name)
    ax.set_xticks([0, 0.5, 1], ["the rest\nalone", "the clip", "the evidence\nalone"])
    ax.set_ylabel("score (difference of logits)")
    ax.legend(handles=drawn, fontsize=SMALL, frameon=False)  # named: matplotlib leaves out what begins with "_"
    tidy(ax)
    return drawn

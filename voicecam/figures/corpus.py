"""Who is in a corpus and what its clips are like, class by class. Counts and measures nothing itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patches import StepPatch
from matplotlib.ticker import MaxNLocator

from voicecam.figures.canvas import SMALL, class_colours, per_cent, tidy

BINS = 24  # of a histogram


def plot_counts(counts: pd.DataFrame, *, unit: str, ax: Axes) -> list[BarContainer]:
    """Bars side by side for each value of a label, parted by class, with their numbers.

    counts : index the values, top to bottom; columns the classes; integers. unit : what is counted, e.g. "speakers"
    """
    colours = class_colours(list(counts.columns))
    places, left, bars = -np.arange(len(counts)), np.zeros(len(counts)), []
    for name in counts.columns:
        bars.append(ax.barh(places, counts[name], left=left, color=colours[name], height=0.7, label=name))
        numbers = [str(count) if count else "" for count in counts[name]]
        ax.bar_label(bars[-1], labels=numbers, label_type="center", size=SMALL, color="white")
        left += counts[name].to_numpy()
    ax.set_yticks(places, list(counts.index))
    ax.set(xlabel=unit, xlim=(0, float(left.max()) * 1.02))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name_classes(bars, ax)
    tidy(ax)
    return bars


def plot_values(values: np.ndarray, labels: Sequence[str], classes: Sequence[str], *, name: str, ax: Axes) -> list[StepPatch]:
    """How a measure is spread over the clips of each class, as outlines; a dashed line stands at each class's median.

    values : float (clip,); NaN and infinite ones are left out. name : of the measure, with its unit
    Heights are shares of the class's own clips, so that classes of unlike size can be compared.
    """
    values, of = np.asarray(values, dtype=float), np.asarray(labels, dtype=object)
    finite = np.isfinite(values)
    edges = np.histogram_bin_edges(values[finite], bins=BINS)
    outlines = []
    for label, colour in class_colours(classes).items():
        chosen = values[finite & (of == label)]
        share, _ = np.histogram(chosen, bins=edges)
        outlines.append(ax.stairs(share / max(1, len(chosen)), edges, color=colour, linewidth=1.5, label=label))
        if len(chosen):
            ax.axvline(float(np.median(chosen)), color=colour, linestyle="--", linewidth=1)
    ax.set(xlabel=name, ylabel="share of the class's clips")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(per_cent())
    _name_classes(outlines, ax)
    tidy(ax)
    return outlines


def _name_classes(drawn: Sequence, ax: Axes) -> None:
    """The classes' names above the picture, in their colours."""
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "ncols": min(len(drawn), 4)}
    ax.legend(handles=drawn, fontsize=SMALL, frameon=False, handlelength=1.2, **above)

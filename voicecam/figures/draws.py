"""Scores of samples drawn anew, as a heap for each way of drawing. Draws nothing itself: the samples are given."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from voicecam.figures.canvas import CLASS_COLOURS, INK, SMALL, per_cent, tidy

BINS = 60  # over the range of all draws together


def plot_draws(draws: Mapping[str, np.ndarray], *, truth: tuple[str, float] | None = None, ax: Axes) -> list[StepPatch]:
    """How often each score came out, a heap per way of drawing, with its 95 % interval as a bar below. Returns the heaps.

    draws : {name: scores (draw,), 0 to 1}; truth : (name, score) of a dotted line
    """
    spread = np.concatenate(list(draws.values()))
    edges = np.linspace(spread.min() - 0.005, spread.max() + 0.005, BINS + 1)
    counts = [np.histogram(values, edges)[0] / len(values) for values in draws.values()]
    top, heaps = max(count.max() for count in counts), []
    for i, ((name, values), count, colour) in enumerate(zip(draws.items(), counts, CLASS_COLOURS)):
        low, high = np.percentile(values, [2.5, 97.5])
        heaps.append(ax.stairs(count, edges, fill=True, color=colour, alpha=0.55, label=name))
        ax.hlines(-(i + 1) * 0.07 * top, low, high, color=colour, linewidth=3)
    if truth is not None:
        ax.axvline(truth[1], color=INK, linestyle=":", linewidth=1.2)
        ax.annotate(truth[0], (truth[1], 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", size=SMALL)
    ax.legend(fontsize=SMALL, frameon=False, loc="upper right")
    ax.set(xlabel="clips classified correctly", ylabel="share of the draws", ylim=(-0.07 * (len(heaps) + 1) * top, 1.05 * top))
    ax.xaxis.set_major_formatter(per_cent())
    ax.yaxis.set_major_formatter(per_cent())
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
    tidy(ax)
    return heaps

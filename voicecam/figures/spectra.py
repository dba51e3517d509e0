"""Spectra as lines over frequency. Computes none."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from voicecam.figures.canvas import CLASS_COLOURS, SMALL, tidy
from voicecam.figures.pictures import hertz

OCTAVES = (31.25, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)  # Hz, ticks of an axis in octaves


def plot_spectra(
    spectra: Mapping[str, tuple[np.ndarray, np.ndarray]], *, ax: Axes, octaves: bool = False, deepest: float = 80.0
) -> list[Line2D]:
    """One line for each spectrum, by name.

    spectra : name -> frequencies in Hz and levels in dB, both float (n,)
    octaves : frequency by octaves instead of evenly; 0 Hz is then left out
    deepest : dB below the loudest point of all where the axis ends; what lies deeper is out of the picture
    """
    lines = []
    for (name, (hz, level)), colour in zip(spectra.items(), CLASS_COLOURS, strict=False):
        lines += ax.plot(
            hz[hz > 0] if octaves else hz, level[hz > 0] if octaves else level, color=colour, label=name, linewidth=1.3
        )
    top = max(float(level.max()) for _, level in spectra.values())
    ends = [hz[hz > 0] if octaves else hz for hz, _ in spectra.values()]
    low, high = min(float(hz.min()) for hz in ends), max(float(hz.max()) for hz in ends)
    if octaves:
        ax.set_xscale("log")
    ticks = [hz for hz in OCTAVES if low <= hz <= high] if octaves else _even(low, high)
    ax.set_xticks(ticks, [hertz(float(hz)) for hz in ticks])
    ax.minorticks_off()
    ax.set(xlim=(low, high), ylim=(top - deepest, top + 5), xlabel="frequency", ylabel="dB")
    ax.legend(
        handles=lines, fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, handlelength=1.2
    )
    tidy(ax)
    return lines


def _even(low: float, high: float) -> list[float]:
    """Round frequencies from low to high, about five of them."""
    return [float(hz) for hz in MaxNLocator(5).tick_values(low, high) if low <= hz <= high]

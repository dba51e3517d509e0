"""The map of a waveform network: bands over time. Computes nothing."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from voicecam.figures.canvas import SMALL
from voicecam.figures.pictures import OCTAVES, hertz

CLOSEST = 0.08  # of the axis; between two of its ticks


def plot_band_time_map(
    matrix: np.ndarray,
    limits: Sequence[tuple[float, float]],
    seconds: float,
    *,
    ax: Axes,
    limit: float | None = None,
    unit: str = "logits",
    bar: bool = True,
) -> QuadMesh:
    """A signed map, red where a band at a time speaks for the class and blue where against it, white at 0.

    matrix : float (band, step), lowest band first; limits : (low, high) in Hz of each band, without gaps; each is drawn equally
        high, so that mel bands make a mel axis; seconds : length of the sound, in as many equal stretches as there are steps
    limit : the value of the full colours, the largest size in the map unless given; give maps to be compared the same one
    unit : of the values, drawn beside the colours; bar : whether the colours' meaning stands beside the map
    """
    top = limit or float(np.abs(matrix).max()) or 1.0
    x, y = np.linspace(0, seconds, matrix.shape[1] + 1), np.arange(len(matrix) + 1)
    drawn = ax.pcolormesh(x, y, matrix, cmap="RdBu_r", vmin=-top, vmax=top)
    edges = [limits[0][0], *(high for _, high in limits)]
    places = _ticks(edges)
    ax.set_yticks(list(places.values()), [hertz(hz) for hz in places])
    ax.set(xlabel="time (s)", ylabel="frequency", xlim=(0, seconds), ylim=(0, len(matrix)))
    ax.tick_params(labelsize=SMALL)
    if bar:
        beside = ax.figure.colorbar(drawn, ax=ax)  # type: ignore[union-attr]
        beside.set_label(unit if np.any(matrix) else f"{unit} (blank)")
        beside.ax.tick_params(labelsize=SMALL)
    return drawn


def _ticks(edges: Sequence[float]) -> dict[float, float]:
    """Places of ticks, Hz -> rows: octaves from the top down, unless they come too close; the ends where there are no two."""
    places: dict[float, float] = {}
    for hz in reversed(OCTAVES):
        place = float(np.interp(hz, edges, np.arange(len(edges))))
        if edges[0] <= hz <= edges[-1] and min(places.values(), default=2.0 * len(edges)) - place >= CLOSEST * (len(edges) - 1):
            places[float(hz)] = place
    return places if len(places) > 1 else {float(edges[0]): 0.0, float(edges[-1]): len(edges) - 1.0}

"""Pictures of one clip or of a mean map, in seconds and in Hz or coefficients, low at the bottom; and the waveform.

Maps are drawn as the blocks they are, where they are, never smoothed: what looks fine-grained would be made up.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from voicecam.explanation.cells import feature_edges
from voicecam.features import Axis
from voicecam.figures.canvas import CLASS_COLOURS, SMALL, tidy

OCTAVES = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)  # Hz, where a frequency axis gets its ticks
STEPS = (1, 2, 3, 4, 5, 10, 20, 50)  # coefficients between ticks
MOST_TICKS = 10  # on the rows
UNSAID = 16  # pixels in a cell where nobody says how many there are: those of layer3 of a ResNet
ALPHA = 0.6  # of a map over the grey picture


def plot_matrix(matrix: np.ndarray, rows: Axis, columns: Axis, *, ax: Axes) -> AxesImage:
    """The picture of a clip.

    matrix : shape (n_rows, n_frames); bands in dB, coefficients in what the lifter made of dB, so without a unit
    Values with a meaningful zero (coefficients, bands with their mean taken off) are drawn blue to red around 0; levels are
    drawn dark to light. c0 is many times larger than the other coefficients: where it lies beyond their range the colour
    bar ends in an arrow and names c0's range.
    """
    if is_signed(matrix, rows):
        limit = _limit(matrix, rows)
        image = _image(matrix, rows, columns, ax, cmap="RdBu_r", vmin=-limit, vmax=limit)
    else:
        image = _image(matrix, rows, columns, ax, cmap="magma", vmin=matrix.min(), vmax=matrix.max())
    _value_bar(image, matrix, "value" if rows.kind == "coefficient" else "dB", ax)
    return image


def plot_picture(picture: np.ndarray, rows: Axis, columns: Axis, *, spreads: float | None, ax: Axes) -> AxesImage:
    """The picture of a clip as the network gets it.

    picture : grey levels, uint8, shape (n_rows, n_frames)
    spreads : standard deviations of the training clips, row by row, from middle grey to black and white; drawn blue to red
        around the training clips' mean. None draws the grey levels themselves.
    """
    if spreads is None:
        image = _image(picture, rows, columns, ax, cmap="gray", vmin=0, vmax=255)
        label = "grey level"
    else:
        values = (picture / 255 * 2 - 1) * spreads
        image = _image(values, rows, columns, ax, cmap="RdBu_r", vmin=-spreads, vmax=spreads)
        label = "standard deviations"
    _figure_of(ax).colorbar(image, ax=ax, label=label).ax.tick_params(labelsize=SMALL)
    return image


def plot_map(
    matrix: np.ndarray, cam: np.ndarray, rows: Axis, columns: Axis, *, ax: Axes, size: tuple[int, int] | None = None
) -> QuadMesh:
    """The picture in grey under its Grad-CAM map; bright is much weight. Returns the map's artist.

    matrix : shape (n_rows, n_frames), dB or grey levels
    cam : shape (h, w), the layer's own grid, not negative, row 0 low; drawn where its cells look, see explanation.cells
    size : rows and columns of the picture that the network was given. Without it a cell is taken to have 16 x 16 of its pixels,
        which is right to half a pixel where the picture is parted evenly
    """
    _image(matrix, rows, columns, ax, cmap="gray", vmin=matrix.min(), vmax=matrix.max())
    top = float(cam.max())
    blocks = _blocks(cam, rows, columns, ax, size, vmax=top or 1, alpha=ALPHA)
    _weight_bar(blocks, ax, "weight of the map" if top else "Grad-CAM weight (blank)")
    return blocks


def plot_mean_map(
    mean_cam: np.ndarray,
    rows: Axis,
    columns: Axis,
    *,
    ax: Axes,
    vmax: float,
    size: tuple[int, int] | None = None,
    bar: bool = True,
) -> QuadMesh:
    """The mean of many maps, shape (h, w); `vmax` is drawn brightest, so give maps to be compared the same one. size : as for
    `plot_map`; bar : whether the colours' meaning stands beside it"""
    blocks = _blocks(mean_cam, rows, columns, ax, size, vmax=vmax or 1)
    if bar:
        _weight_bar(blocks, ax, "mean weight")
    return blocks


def row_edges(h: int, rows: Axis, size: tuple[int, int] | None = None) -> np.ndarray:
    """Where the h rows of a map begin and end on the picture's vertical axis, float (h + 1,). size : as for `plot_map`"""
    return feature_edges(h, size[0] if size else UNSAID * h, len(rows.values)) - 0.5


def plot_waveform(samples: np.ndarray, rate: int, *, ax: Axes) -> Line2D:
    """Sound pressure, -1 to 1 of full scale, over time in s.

    samples : shape (n,); rate : Hz
    """
    (line,) = ax.plot(np.arange(len(samples)) / rate, samples, color=CLASS_COLOURS[0], linewidth=0.6)
    ax.set(xlabel="time (s)", ylabel="full scale", ylim=(-1, 1))
    ax.margins(x=0)
    tidy(ax)
    return line


def is_signed(matrix: np.ndarray, rows: Axis) -> bool:
    """Whether 0 means something here. It does for coefficients and for rows with their mean over time taken off.

    A level's 0 dB is only a reference.
    """
    if rows.kind == "coefficient":
        return bool(matrix.min() < 0 < matrix.max())
    return bool(np.abs(matrix.mean(axis=1)).max() < 0.01)


def row_ticks(rows: Axis) -> tuple[list[float], list[str]]:
    """Where ticks go, counted in rows (row 0 is at 0), and what they say."""
    n = len(rows.values)
    if rows.kind == "coefficient":
        step = next((step for step in STEPS if n / step <= MOST_TICKS), n)
        return list(range(0, n, step)), [f"c{rows.values[i]:g}" for i in range(0, n, step)]
    places: dict[float, float] = {}  # Hz -> row
    for hz in reversed(OCTAVES):
        place = float(np.interp(hz, rows.values, np.arange(n)))
        if rows.values[0] <= hz <= rows.values[-1] and min(places.values(), default=n) - place >= n / MOST_TICKS:
            places[hz] = place
    if len(places) < 2:  # too few bands for octaves
        places = {float(rows.values[i]): float(i) for i in sorted({0, n - 1})}
    return list(places.values()), [hertz(hz) for hz in places]


def hertz(value: float) -> str:
    """250 -> "250 Hz", 1500 -> "1.5 kHz"."""
    return f"{value:.0f} Hz" if value < 1000 else f"{value / 1000:.3g} kHz"


def picture_extent(rows: Axis, columns: Axis) -> tuple[float, float, float, float]:
    """Left and right in s, bottom and top in rows; each frame lies around its middle, each row around its number."""
    times = columns.values
    step = times[1] - times[0] if len(times) > 1 else 2 * times[0]
    return times[0] - step / 2, times[-1] + step / 2, -0.5, len(rows.values) - 0.5


def _image(values: np.ndarray, rows: Axis, columns: Axis, ax: Axes, **look: object) -> AxesImage:
    extent = picture_extent(rows, columns)
    image = ax.imshow(values, origin="lower", aspect="auto", interpolation="nearest", extent=extent, **look)  # type: ignore[arg-type]
    _label(rows, ax)
    return image


def _blocks(cam: np.ndarray, rows: Axis, columns: Axis, ax: Axes, size: tuple[int, int] | None, **look: float) -> QuadMesh:
    """A map's cells at their places, over the whole picture."""
    left, right, bottom, top = picture_extent(rows, columns)
    n_frames = len(columns.values)
    wide = size[1] if size else UNSAID * cam.shape[1]
    x = left + feature_edges(cam.shape[1], wide, n_frames) * (right - left) / n_frames
    y = row_edges(len(cam), rows, size)
    blocks = ax.pcolormesh(x, y, cam, cmap="magma", vmin=0, **look)  # type: ignore[arg-type]
    ax.set(xlim=(left, right), ylim=(bottom, top))
    _label(rows, ax)
    return blocks


def _label(rows: Axis, ax: Axes) -> None:
    """Ticks and names of both axes."""
    positions, labels = row_ticks(rows)
    ax.set_yticks(positions, labels)
    ax.set(xlabel="time (s)", ylabel="MFCC coefficient" if rows.kind == "coefficient" else "frequency (mel scale)")
    ax.tick_params(labelsize=SMALL)


def _limit(matrix: np.ndarray, rows: Axis) -> float:
    """Largest absolute value, c0 left out where there are other coefficients; 1 for a matrix of zeros."""
    others = matrix[1:] if rows.kind == "coefficient" and rows.values[0] == 0 and len(matrix) > 1 else matrix
    return float(np.abs(others).max()) or 1.0


def _value_bar(image: AxesImage, matrix: np.ndarray, unit: str, ax: Axes) -> None:
    low, high = image.get_clim()
    below, above = matrix.min() < low, matrix.max() > high
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
        bool(below), bool(above)
    ]
    beyond = f"; c0 is {matrix[0].min():.0f} to {matrix[0].max():.0f}" if below or above else ""
    bar = _figure_of(ax).colorbar(image, ax=ax, extend=extend)
    bar.set_label(f"{unit}{beyond}".replace("-", "\N{MINUS SIGN}"))
    bar.ax.tick_params(labelsize=SMALL)


def _weight_bar(blocks: QuadMesh, ax: Axes, label: str) -> None:
    top = blocks.get_clim()[1]
    bar = _figure_of(ax).colorbar(blocks, ax=ax, label=label)
    bar.set_ticks([0, top], labels=["0", f"{top:.2g}"])
    bar.ax.tick_params(labelsize=SMALL)


def _figure_of(ax: Axes):  # type: ignore[no-untyped-def]  # matplotlib says Figure | SubFigure | None, which colorbar is not part of
    return ax.figure

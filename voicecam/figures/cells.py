"""A small grid of numbers: each cell in its colour, with its value written in it. Knows no picture and no time or frequency."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from voicecam.figures.canvas import INK, SMALL

MOST = 64  # cells whose values can still be read
DARK = 0.6  # share of the limit from which a cell is so dark that its number is white


def plot_cells(values: np.ndarray, *, ax: Axes, limit: float | None = None, digits: int | None = 2) -> AxesImage:
    """Values of a grid around 0: red above, blue below, white at 0.

    values : float (h, w), row 0 at the bottom, as in the pictures of clips
    limit : what is drawn darkest, so give grids to be compared the same one; None takes the largest absolute value
    digits : after the point, of the numbers written in the cells; None writes none, and neither do grids of more than 64 cells
    """
    top = limit or float(np.abs(values).max()) or 1.0
    image = ax.imshow(values, origin="lower", cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")
    for (row, column), value in np.ndenumerate(values) if digits is not None and values.size <= MOST else ():
        ink = "white" if abs(value) > DARK * top else INK
        text = f"{float(value):z.{digits}f}".replace("-", "\N{MINUS SIGN}")
        ax.text(column, row, text, ha="center", va="center", size=SMALL - 2, color=ink)
    ax.set_xticks([])
    ax.set_yticks([])
    return image

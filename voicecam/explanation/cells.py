"""Where the cells of a layer's grid lie on the picture: their centres, their edges, and how much of each pixel is in each.

A cell does not lie in the middle of a block of pixels. Every layer of our networks that makes a grid coarser moves by 2 and looks
around the place it stands on (3 x 3 or 7 x 7, padded by half of that), so cell k of a grid with steps of s pixels is centred on
pixel k s: the first cell on the first pixel, the last one a step before the end. Does not hold for layers that pool whole blocks.
"""

import numpy as np


def cell_centres(cells: int, size: int) -> np.ndarray:
    """Centres of a grid's cells along one axis, float (cells,), in pixels of a picture of `size`; pixel i is i to i + 1.

    The step is the power of 2 by which so many cells cover the picture (3 cells on 40 pixels: 16), else size / cells. A grid as
    fine as the picture, or finer, has even parts.
    """
    if cells >= size:
        return (np.arange(cells) + 0.5) * size / cells
    powers = 2 ** np.arange(1, size.bit_length())
    fitting = powers[-(-size // powers) == cells]
    return np.arange(cells) * (fitting[0] if cells > 1 and len(fitting) else size / cells) + 0.5


def cell_edges(cells: int, size: int) -> np.ndarray:
    """Edges of a grid's cells along one axis, float (cells + 1,), rising from 0 to `size`: half way between the centres.

    So the first cell is about half as wide as the others, and the last one up to half as wide again.
    """
    centres = cell_centres(cells, size)
    return np.concatenate([[0.0], (centres[:-1] + centres[1:]) / 2, [float(size)]])


def feature_centres(cells: int, size: int, n: int) -> np.ndarray:
    """`cell_centres` in rows or frames of a matrix that has n of them and was stretched to `size` pixels.

    As many cells as rows are taken for the matrix's own rows. A layer's grid that happens to have as many is then placed up to
    half a row too high.
    """
    return np.arange(n) + 0.5 if cells == n else cell_centres(cells, size) * n / size


def feature_edges(cells: int, size: int, n: int) -> np.ndarray:
    """`cell_edges` in rows or frames of a matrix, see `feature_centres`; float (cells + 1,) from 0 to n."""
    return np.arange(n + 1.0) if cells == n else cell_edges(cells, size) * n / size


def cell_of_pixel(cells: int, size: int) -> np.ndarray:
    """The cell that each pixel's middle lies in, int (size,); a middle on an edge belongs to the higher cell."""
    return np.searchsorted(cell_edges(cells, size)[1:-1], np.arange(size) + 0.5, side="right")


def overlap(cells: int, size: int) -> np.ndarray:
    """How much of each pixel lies in each cell, float (cells, size): columns sum to 1, rows to the cells' widths in pixels."""
    edges, pixels = cell_edges(cells, size)[:, None], np.arange(size)
    return np.maximum(np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels), 0)

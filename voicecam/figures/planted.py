"""How often each method's maps point at a planted cue. Computes no map; see voicecam.explanation.planted."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from voicecam.figures.canvas import INK, SMALL, percent

DARK = 0.6  # share from which on the cell is so dark that its number must be white


def plot_planted(table: pd.DataFrame, *, ax: Axes) -> AxesImage:
    """Share of clips whose highest cell lies on the cue: methods x cues, the share in per cent printed in each cell.

    table : columns cue, method, pointing (0 to 1; NaN leaves the cell white), chance and learned, one row per cue and method
    Under each cue stands what a cell drawn by chance would hit; a cue that the network did not learn says so.
    """
    methods, cues = list(dict.fromkeys(table["method"])), list(dict.fromkeys(table["cue"]))
    shares = table.pivot_table(index="method", columns="cue", values="pointing", dropna=False)
    shares = shares.reindex(index=methods, columns=cues).to_numpy(dtype=float)
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        colour = "white" if share >= DARK else INK
        ax.text(j, i, percent(share), ha="center", va="center", color=colour, size=SMALL + 1)
    ax.set_xticks(range(len(cues)), [_heading(table[table["cue"] == cue]) for cue in cues], size=SMALL)
    ax.set_yticks(range(len(methods)), methods, size=SMALL)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


def _heading(rows: pd.DataFrame) -> str:
    """ "tone", then what chance hits on the methods' grids, from the finest to the coarsest."""
    name = rows["cue"].iloc[0] if rows["learned"].all() else f"{rows['cue'].iloc[0]}\n(not learned)"
    chances = dict.fromkeys([percent(rows["chance"].min()), percent(rows["chance"].max())])
    return f"{name}\nchance\n{' to '.join(chances)} %"

"""An empty figure, its PNG, and the colours all figures share. Draws no data and keeps no state (no pyplot)."""

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

WIDTH = 6.5  # inches; a text column
SMALL = 9  # points; with matplotlib's 10 for labels the only two sizes
INK = "#333333"  # interval bars, marks
GREY = "#8c8c8c"  # whatever is no class: baselines, chance, "mixed"
NOTHING = "\N{EN DASH}"  # said of a number that is not there
PALE = "#cfcfcf"  # what stands behind: the null

# Okabe and Ito (2008) without its yellow, which is too pale on white, then five of Paul Tol's "muted" scheme.
CLASS_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#117733",
    "#332288",
    "#999933",
    "#44AA99",
    "#CC6677",
)


class LiteralFigure(Figure):
    """Draws all text as it stands: the name of a class, speaker or file may hold "$", which else begins a formula."""

    def draw(self, renderer: RendererBase) -> None:
        for text in self.findobj(Text):
            text.set_parse_math(False)  # type: ignore[attr-defined]
        super().draw(renderer)


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """One colour per class, by its place in `classes`; give the same list everywhere. After 12 classes colours come again."""
    return {name: CLASS_COLOURS[i % len(CLASS_COLOURS)] for i, name in enumerate(classes)}


def figure(height: float, *, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A white figure with one pair of axes; sizes in inches."""
    fig = _white(width, height)
    return fig, fig.add_subplot()


def grid(rows: int, columns: int, *, width: float = 9.0, height: float = 3.0) -> tuple[Figure, np.ndarray]:
    """A white figure with rows x columns axes; sizes in inches. Returns the figure and an array (rows, columns) of Axes."""
    fig = _white(width, height)
    return fig, fig.subplots(rows, columns, squeeze=False)


def split(ax: Axes, *, widths: tuple[float, float] = (1, 1)) -> tuple[Axes, Axes]:
    """Make room for a second panel to the right of `ax`. widths : of the two panels, in proportion"""
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("a figure of two panels needs axes made by add_subplot or subplots, because it splits them in two")
    halves = place.subgridspec(1, 2, width_ratios=widths)
    ax.set_subplotspec(halves[0])
    return ax, ax.get_figure(root=False).add_subplot(halves[1])  # type: ignore[union-attr]


def png_bytes(fig: Figure, *, dpi: int = 192) -> bytes:
    """The figure as PNG; 192 dots per inch is twice the density of a plain screen. Drawn once, where savefig draws twice."""
    buffer, canvas, before = io.BytesIO(), fig.canvas, fig.dpi
    if not isinstance(canvas, FigureCanvasAgg):
        canvas = FigureCanvasAgg(fig)
    fig.set_dpi(dpi)
    try:
        canvas.print_png(buffer, metadata={"Software": None})
    finally:
        fig.set_dpi(before)
    return buffer.getvalue()


def legend_below(fig: Figure) -> None:
    """Move a legend that stands right of its axes under them, where a narrow figure has room for it."""
    for ax in fig.axes:
        legend = ax.get_legend()
        if legend is None or legend.get_bbox_to_anchor().transformed(ax.transAxes.inverted()).x0 < 1:
            continue
        handles, names = list(filter(None, legend.legend_handles)), [text.get_text() for text in legend.get_texts()]
        legend.remove()
        ncols = 3 if max(map(len, names)) <= 20 else 2
        fig.legend(handles, names, loc="outside lower center", ncols=ncols, fontsize=SMALL, frameon=False)


def tidy(ax: Axes) -> None:
    """Keep only the left and lower frame."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)


def per_cent(digits: int = 0) -> PercentFormatter:
    """A tick formatter for shares: 0.5 becomes "50 %"; `digits` after the point."""
    return PercentFormatter(1.0, decimals=digits, symbol=" %")


def percent(share: float | None, digits: int = 0) -> str:
    """A share in per cent, without the sign; 100 and 0 are kept for all and none. A dash for None and NaN.

    digits : after the point; small rates, such as errors, need one
    """
    if share is None or math.isnan(share):
        return NOTHING
    rounded = f"{100 * share:.{digits}f}"
    if float(rounded) not in (0, 100) or math.isclose(share, float(rounded) / 100, abs_tol=1e-9):
        return rounded.removesuffix(".0") if float(rounded) in (0, 100) else rounded
    exact = f"{100 * share:.{digits + 1}f}"
    return {100.0: f">99.{'9' * (digits + 1)}", 0.0: f"<0.{'0' * digits}1"}.get(float(exact), exact)


def _white(width: float, height: float) -> Figure:
    fig = LiteralFigure(figsize=(width, height), facecolor="white")
    fig.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(fig)
    return fig

"""Figures, sounds, tables, sentences and sliders in a notebook; each leaves something to see where no kernel runs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import HTML, Audio, Image, Markdown, ProgressBar, clear_output, display
from matplotlib import pyplot
from matplotlib.figure import Figure

from voicecam.audio import Signal
from voicecam.errors import VoicecamError
from voicecam.explanation.audible import wav_bytes
from voicecam.figures import png_bytes
from voicecam.report.pictures import fewer_colours

DPI = 110  # of figures: sharp on a page, and a notebook stays under 1 MB
NO_KERNEL = "*Run this notebook: controls to move by hand stand here.*"


def show(fig: Figure | None = None, *, alt: str = "") -> None:
    """Show a figure, in 256 colours at a third of the bytes, with a text for those who cannot see it.

    fig : made by `figures.figure` or `figures.grid`, which know no pyplot; None takes pyplot's own, which fastai draws on
    alt : what it shows, in one sentence; without one, what its titles and axes say
    """
    if fig is None:
        fig = pyplot.gcf()
        pyplot.close(fig)
    small = fewer_colours(png_bytes(fig, dpi=DPI))
    display(Image(small, width=round(DPI * 0.9 * fig.get_figwidth()), alt=alt or described(fig)))


def described(fig: Figure) -> str:
    """What a figure's own words say of it: its title, then each panel's title and axes."""
    panels = [ax for ax in fig.axes if ax.get_title() or ax.get_xlabel() or ax.get_ylabel()]
    named = [", ".join(filter(None, (ax.get_title(), _axis(ax.get_ylabel(), "over", ax.get_xlabel())))) for ax in panels]
    return "; ".join(dict.fromkeys(filter(None, (fig.get_suptitle(), *named)))).replace("\n", " ") or "figure without words"


def _axis(upward: str, word: str, onward: str) -> str:
    return f" {word} ".join(filter(None, (upward, onward)))


def play(signal: Signal, title: str = "") -> None:
    """A player for a sound, as 16-bit WAV inside the notebook: about 43 kB for a second at 16 kHz."""
    if title:
        display(Markdown(title))
    display(Audio(data=wav_bytes(signal)))


def say(text: str) -> None:
    """Text in Markdown whose numbers come from the cell that ran, not from an earlier run."""
    display(Markdown(text))


def compare(mine: Any, theirs: Any, line: str, *, unit: str = "") -> None:
    """Say the largest difference between two arrays, `theirs` made by a `line` of a library. Raises
    VoicecamError for two shapes: numpy would stretch one to the other."""
    if np.shape(mine) != np.shape(theirs):
        raise VoicecamError(f"{line}: shape {np.shape(theirs)}, here {np.shape(mine)}; compare arrays of one shape")
    say(f"Largest difference from `{line}`: {np.abs(1.0 * np.asarray(mine) - theirs).max():.1g}{unit}.")


def table(frame: pd.DataFrame, *, digits: int = 2) -> None:
    """A table with `digits` after the point and without row numbers."""
    display(HTML(frame.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.{digits}f}")))


def progress(items: Iterable, total: int) -> Iterator:
    """A bar that moves while `items` are worked through, and goes when they are done."""
    if not total or get_ipython() is None:  # nothing to wait for, or no page to show it on
        yield from items
        return
    bar = display(ProgressBar(total), display_id=True)
    shown = -1
    for done, item in enumerate(items):
        if 100 * done // max(1, total) > shown:
            shown = 100 * done // max(1, total)
            bar.update(_at(total, done))
        yield item
    bar.update(Markdown(""))


def interact(draw: Callable[..., None], **controls: Any) -> None:
    """Controls that call `draw` with their values whenever one is moved; a page without a kernel shows a line instead.

    controls : as ipywidgets.interactive takes them: (low, high, step), a list of choices, True, or a widget
    Nothing is drawn before a control is moved: show a figure of your own first, for those who read and do not run. So no output
    is caught in a widget while a notebook is executed without a page, which can hang (nbclient issue 312).
    """
    import ipywidgets  # an extra: pip install voicecam[notebooks]

    widgets = {name: ipywidgets.interactive.widget_from_abbrev(value) for name, value in controls.items()}
    drawn = ipywidgets.Output()

    def update(_change: Any) -> None:
        with drawn:
            clear_output(wait=True)
            draw(**{name: widget.value for name, widget in widgets.items()})

    for name, widget in widgets.items():
        widget.description = widget.description or name.replace("_", " ")
        widget.observe(update, names="value")
    show_controls(ipywidgets.VBox([*widgets.values(), drawn]))


def show_controls(widget: Any) -> None:
    """Show an ipywidget; a page without a kernel shows a line instead."""
    display({**widget._repr_mimebundle_(), "text/plain": NO_KERNEL.strip("*"), "text/markdown": NO_KERNEL}, raw=True)


def _at(total: int, done: int) -> ProgressBar:
    bar = ProgressBar(total)
    bar._progress = done
    return bar

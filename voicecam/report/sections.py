"""A section of the page in plain values: sentences, figures to draw, a table, sounds. Draws nothing itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

WIDTH = 4.8  # inches; of a chart, whose words are still read where a phone shows it at three quarters of that


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure to draw: plot(*data, ax=ax, **options) on a canvas of width x height inches.

    caption : HTML-free text under it; alt : what a screen reader says
    """

    plot: Callable[..., object]
    data: tuple[Any, ...]
    caption: str
    alt: str
    height: float = 3.0  # inches
    width: float = WIDTH
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sounds:
    """A clip and the two parts a map divides it into, WAV files; evidence + rest is what was heard, up to loudness.

    note : what the network says of each, shown under the players
    """

    title: str
    clip: bytes
    evidence: bytes
    rest: bytes
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question of the first screen with its answer.

    answer : "yes", "no", "in 2 of 4", "not shown" or "not tested"; numbers : what it rests on, with intervals
    section : anchor of the section that has more; "" for none
    """

    question: str
    answer: str
    numbers: str
    section: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section.

    name : its anchor; title : its heading
    sentences : paragraphs, made from the numbers; warnings : those that go into a box
    drawings : in order
    table : cells as they are shown, text; table_note : said under the table
    sounds : clips to hear, with the parts that a map divides them into
    """

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    table: pd.DataFrame | None = None
    table_note: str = ""
    sounds: tuple[Sounds, ...] = ()

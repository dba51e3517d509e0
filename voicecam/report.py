"""One self-contained HTML page of a run: numbers, figures and sound in one file that opens offline.

Computes no metric and no map: it gets plain values (ReportContent), draws them and fills templates/report.html, where the
words are. Every number in a sentence comes from the content.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from voicecam import figures
from voicecam.errors import VoicecamError
from voicecam.features import Axis
from voicecam.figures.canvas import NOTHING, WIDTH, percent
from voicecam.figures.pictures import picture_extent
from voicecam.files import write_text

CARD = {"height": 2.5, "width": 3.4}  # inches; two pictures stand side by side


@dataclass(frozen=True, kw_only=True)
class ReportClip:
    """A clip to hear and see: an example or a mistake.

    probability : what the network gave its answer `predicted`, 0 to 1
    wav : bytes of a WAV file
    picture : grey levels as the network gets them, uint8, shape (n_rows, n_frames)
    cam : Grad-CAM map for `predicted`, shape (h, w), not negative, or None
    """

    path: str
    speaker: str
    true: str
    predicted: str
    probability: float
    wav: bytes
    picture: np.ndarray
    cam: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class ReportExplanation:
    """What the maps of the test clips say.

    method, layer, target : names, such as "Grad-CAM", "layer4", "the true class"
    grid : rows and columns of a map
    maps : per class, how many maps went into the means; blank : per class, how many were blank and left out
    bands : columns class, band, name, share, low, high and, where a null was made, null_share; see figures.plot_bands
    mean_maps : per class, shape (h, w), not negative; classes without a map are left out
    """

    method: str
    layer: str
    target: str
    grid: tuple[int, int]
    maps: Mapping[str, int]
    blank: Mapping[str, int]
    bands: pd.DataFrame
    mean_maps: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """All that the page shows.

    unseen_speakers : no test speaker was trained on; if False the page does not say so
    split : one sentence; split_warning, corpus_note : shown in a box when not empty
    counts : per part ("train", "valid", "test"): {"clips": int, "speakers": int}
    start, training : sentences: which weights it started from; what was done
    metrics : {"network": {"accuracy": I, "balanced_accuracy": I, "macro_f1": I, "per_class": {class: {"precision": I,
        "recall": I, "f1": I, "clips": int, "speakers": int}}, "confusion": rows of ints}, "folds": [{"balanced_accuracy":
        float, "clips": int, "speakers": int}], "fold_mean": I, "baselines": {name: {"accuracy": I, "balanced_accuracy": I,
        "macro_f1": I}}} with I = {"value": float, "low": float, "high": float}
    per_speaker : columns speaker, true_class (or "mixed"), clips, accuracy
    histories, best_epochs : one per fold; see figures.plot_history
    rows, columns : axes of all pictures
    spreads : what black and white are, in standard deviations of the training clips; None: the grey levels are the values
    mistakes : the surest wrong answers, surest first; examples : one or more clips per class
    failed : (path, reason) of clips that could not be read
    """

    title: str
    corpus: str
    corpus_note: str
    label: str
    classes: tuple[str, ...]
    split: str
    split_warning: str
    unseen_speakers: bool
    counts: Mapping[str, Mapping[str, int]]
    repairs: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    start: str
    training: str
    command: str
    seed: int
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    metrics: Mapping[str, Any]
    per_speaker: pd.DataFrame
    histories: tuple[pd.DataFrame, ...]
    best_epochs: tuple[int, ...]
    rows: Axis
    columns: Axis
    spreads: float | None
    examples: tuple[ReportClip, ...]
    mistakes: tuple[ReportClip, ...]
    explanation: ReportExplanation | None


@dataclass(frozen=True)
class Picture:
    """A PNG and its size in CSS pixels."""

    png: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The PNG as a data URI."""
        return f"data:image/png;base64,{_base64(self.png)}"


def write_report(path: Path, content: ReportContent) -> dict[str, bytes]:
    """Write the page to `path`, atomically; returns its figures as PNG files, by name.

    Raises VoicecamError for content that does not fit together.
    """
    _check(content)
    pictures = _pictures(content)
    write_text(Path(path), _render(content, pictures))
    return _files(pictures)


def render(content: ReportContent) -> str:
    """The page as HTML. Raises VoicecamError for content that does not fit together."""
    _check(content)
    return _render(content, _pictures(content))


def _render(content: ReportContent, pictures: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("voicecam"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "interval": interval, "count": count, "base64": _base64}
    template = environment.get_template("report.html")
    return template.render(c=content, pictures=pictures, facts=_facts(content), peaks=_peaks(content))


def interval(value: Mapping[str, float | None]) -> str:
    """{"value": 0.97, "low": 0.93, "high": 1.0} -> "97 % [93, 100]", no brackets without both ends; spaces do not break."""
    middle, low, high = (percent(value[key]) for key in ("value", "low", "high"))
    return f"{middle}\u00a0%" if NOTHING in (low, high) else f"{middle}\u00a0%\u00a0[{low},\u00a0{high}]"


def count(number: int, one: str) -> str:
    """1, "clip" -> "1 clip"; 2000, "clip" -> "2,000 clips"."""
    return f"{number:,}\u00a0{one if number == 1 else one + 's'}"


def _check(content: ReportContent) -> None:
    n = len(content.classes)
    if np.shape(content.metrics["network"]["confusion"]) != (n, n):
        raise VoicecamError(f"report: the confusion table must be {n} x {n}, one row and column per class")
    if len(content.histories) != len(content.best_epochs):
        raise VoicecamError(f"report: {len(content.histories)} training histories, {len(content.best_epochs)} best epochs")


def _facts(content: ReportContent) -> dict[str, Any]:
    """Numbers that sentences need and the content does not hold as such."""
    confusion = np.asarray(content.metrics["network"]["confusion"])
    baselines = content.metrics["baselines"]
    left, right, *_ = picture_extent(content.rows, content.columns)
    learned = [name for name in baselines if name != "majority class"]
    return {
        "clips": int(confusion.sum()),
        "wrong": int(confusion.sum() - np.trace(confusion)),
        "speakers": int(content.per_speaker["speaker"].nunique()),
        "chance": 1 / len(content.classes),
        "best_baseline": max(learned, key=lambda name: baselines[name]["balanced_accuracy"]["value"], default=None),
        "mfcc": content.rows.kind == "coefficient",
        "seconds": right - left,
    }


def _peaks(content: ReportContent) -> list[dict[str, Any]]:
    """Per class, in order, the band with the largest share of the maps' weight."""
    if content.explanation is None:
        return []
    bands = content.explanation.bands.reset_index(drop=True)
    bands = bands.assign(null_share=bands.get("null_share", np.nan))
    tables = [bands[bands["class"] == name].dropna(subset=["share"]) for name in content.classes]
    return [table.loc[table["share"].idxmax()].to_dict() for table in tables if len(table)]


def _pictures(content: ReportContent) -> dict[str, Any]:
    """All figures of the page."""
    return {
        "comparison": _comparison(content),
        "confusion": _confusion(content),
        "speakers": _draw(figures.plot_speakers, content.per_speaker, content.classes, height=3.2),
        "history": _history(content),
        "examples": [_picture(clip, content) for clip in content.examples],
        "example_maps": [_clip_map(clip, content) for clip in content.examples],
        "mistakes": [_clip_map(clip, content) or _picture(clip, content) for clip in content.mistakes],
        **_evidence(content),
    }


def _comparison(content: ReportContent) -> Picture:
    systems = {"network": content.metrics["network"], **content.metrics["baselines"]}
    rows = pd.DataFrame([{"name": name, **values["balanced_accuracy"]} for name, values in systems.items()])
    rows = rows.astype({"value": float, "low": float, "high": float})
    return _draw(figures.plot_comparison, rows, height=0.9 + 0.5 * len(rows), chance=1 / len(content.classes))


def _confusion(content: ReportContent) -> Picture:
    n, counts = len(content.classes), np.asarray(content.metrics["network"]["confusion"])
    return _draw(figures.plot_confusion, counts, content.classes, height=1.0 + 0.55 * n, width=min(WIDTH, 1.8 + 1.1 * n))


def _history(content: ReportContent) -> Picture | None:
    if not content.histories:
        return None
    history = pd.concat([table.assign(fold=i) for i, table in enumerate(content.histories)])
    return _draw(figures.plot_history, history, content.best_epochs, height=2.8)


def _picture(clip: ReportClip, content: ReportContent) -> Picture:
    return _draw(figures.plot_picture, clip.picture, content.rows, content.columns, spreads=content.spreads, **CARD)


def _clip_map(clip: ReportClip, content: ReportContent) -> Picture | None:
    if clip.cam is None:
        return None
    return _draw(figures.plot_map, clip.picture, clip.cam, content.rows, content.columns, **CARD)


def _evidence(content: ReportContent) -> dict[str, Any]:
    if content.explanation is None:
        return {}
    maps, bands, axes = content.explanation.mean_maps, content.explanation.bands, (content.rows, content.columns)
    vmax = max((float(mean_map.max()) for mean_map in maps.values()), default=1.0)
    means = {name: _draw(figures.plot_mean_map, maps[name], *axes, vmax=vmax, **CARD) for name in content.classes if name in maps}
    height = 1.0 + 0.2 * len(bands) + 0.12 * bands["band"].nunique()
    return {"mean_maps": means, "bands": _draw(figures.plot_bands, bands, content.classes, height=height)}


def _draw(plot: Callable[..., object], *data: object, height: float, width: float = WIDTH, **options: object) -> Picture:
    fig, ax = figures.figure(height, width=width)
    plot(*data, ax=ax, **options)
    pixels = [round(96 * inches) for inches in (width, height)]
    return Picture(figures.png_bytes(fig), *pixels)


def _files(pictures: dict[str, Any]) -> dict[str, bytes]:
    """{"confusion": png, "mean_map_female": png, "mistake_1": png, ...} of the figures that were drawn."""
    found = {}
    for name, drawn in pictures.items():
        one = name.removesuffix("s")
        if isinstance(drawn, Picture):
            found[name] = drawn.png
        elif isinstance(drawn, dict):
            found |= {f"{one}_{key}": picture.png for key, picture in drawn.items()}
        elif drawn is not None:
            found |= {f"{one}_{i}": picture.png for i, picture in enumerate(drawn, start=1) if picture}
    return found


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

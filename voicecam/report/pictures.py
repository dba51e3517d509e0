"""The figures of a run's page, drawn from its content. Knows no HTML; computes no metric and no map."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image

from voicecam import figures
from voicecam.figures.canvas import legend_below
from voicecam.report.content import ReportClip, ReportContent, ReportExplanation
from voicecam.report.sections import WIDTH

CARD = {"height": 2.5, "width": 3.4}  # inches; two pictures stand side by side
TALL, LOW = 1.9, 1.2  # inches; a class's mean map, and where there are more classes than FEW
FEW = 4


@dataclass(frozen=True)
class Picture:
    """A PNG and its size in CSS pixels."""

    png: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The PNG as a data URI."""
        return f"data:image/png;base64,{base64_text(self.png)}"


def draw_all(content: ReportContent) -> dict[str, Any]:
    """All figures of the page."""
    return {
        "comparison": _comparison(content),
        "confusion": _confusion(content),
        "speakers": _draw(figures.plot_speakers, content.per_speaker, content.classes, height=3.2),
        **_belief(content),
        "history": _history(content),
        "clip": next(filter(None, (_clip_map(clip, content) or _picture(clip, content) for clip in shown_clip(content))), None),
        "examples": [_picture(clip, content) for clip in content.examples],
        "example_maps": [_clip_map(clip, content) for clip in content.examples],
        "mistakes": [_clip_map(clip, content) or _picture(clip, content) for clip in content.mistakes],
        **_evidence(content),
        "sections": _sections(content),
    }


def _comparison(content: ReportContent) -> Picture:
    systems = {"network": content.metrics["network"], **content.metrics["baselines"]}
    rows = pd.DataFrame([{"name": name, **values["balanced_accuracy"]} for name, values in systems.items()])
    rows = rows.astype({"value": float, "low": float, "high": float})
    return _draw(figures.plot_comparison, rows, height=0.9 + 0.5 * len(rows), chance=1 / len(content.classes))


def _confusion(content: ReportContent) -> Picture:
    n, counts = len(content.classes), np.asarray(content.metrics["network"]["confusion"])
    return _draw(figures.plot_confusion, counts, content.classes, height=1.0 + 0.55 * n, width=min(WIDTH, 1.8 + 1.1 * n))


def _belief(content: ReportContent) -> dict[str, Picture]:
    """How far to believe a probability; nothing where the run's program did not measure it."""
    if "calibration" not in content.metrics or content.risk_coverage is None:
        return {}
    tables = [pd.DataFrame(content.metrics["calibration"][name]).astype(float) for name in ("reliability", "reliability_before")]
    abstention, table = content.metrics["abstention"], content.risk_coverage
    surer = table[table["coverage"] >= 0.95].iloc[0]  # the least sure 5 % left out
    marks = {"all": (1.0, abstention["error_all"]["value"]), "least sure 5 % left out": (surer["coverage"], surer["error"])}
    if abstention["error_answered"]["value"] is not None:
        marks["uncertain left out"] = (1 - abstention["uncertain"]["value"], abstention["error_answered"]["value"])
    return {
        "reliability": _draw(figures.plot_reliability, *tables, height=4.0, width=4.6),
        "risk_coverage": _draw(figures.plot_risk_coverage, table, marks, height=2.8),
    }


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
    return _draw(figures.plot_map, clip.picture, clip.cam, content.rows, content.columns, size=content.picture_size, **CARD)


def _evidence(content: ReportContent) -> dict[str, Any]:
    if content.explanation is None:
        return {}
    return {"class_maps": _class_maps(content, content.explanation)}


def _class_maps(content: ReportContent, explanation: ReportExplanation) -> dict[str, Picture]:
    """Of each class that has one, the mean map with its bars per band."""
    maps, bands = explanation.mean_maps, explanation.bands
    known, colours = [name for name in content.classes if name in maps], figures.class_colours(content.classes)
    widest = bands[[name for name in ("share", "high", "null_share") if name in bands]].max().max()
    vmax = max((float(mean_map.max()) for mean_map in maps.values()), default=1.0)
    look: dict[str, Any] = {"vmax": vmax, "widest": 1.05 * widest, "size": content.picture_size, "width": 3.6}
    return {
        name: _draw(
            figures.plot_class_map,
            maps[name],
            bands[bands["class"] == name],
            content.rows,
            content.columns,
            colour=colours[name],
            title=name,
            height=TALL if len(known) <= FEW else LOW,
            labels=len(known) <= FEW,
            **look,
        )
        for name in known
    }


def _sections(content: ReportContent) -> dict[str, Picture]:
    """The figures of the sections, as NAME_1, NAME_2, ..."""
    return {
        f"{section.name}_{i}": _draw(d.plot, *d.data, height=d.height, width=d.width, **d.options)
        for section in (*content.about, *content.sections)
        for i, d in enumerate(section.drawings, start=1)
    }


def _draw(plot: Callable[..., object], *data: object, height: float, width: float = WIDTH, **options: object) -> Picture:
    fig, ax = figures.figure(height, width=width)
    plot(*data, ax=ax, **options)
    legend_below(fig)
    pixels = [round(96 * inches) for inches in (width, height)]
    return Picture(fewer_colours(figures.png_bytes(fig)), *pixels)


def fewer_colours(png: bytes) -> bytes:
    """The PNG in 256 colours, at about a third of its bytes. By an octree: the median cut of PIL turns dark red purple."""
    if not png:  # nothing drawn
        return png
    small = io.BytesIO()
    drawn = PIL.Image.open(io.BytesIO(png)).convert("RGB")
    drawn.quantize(256, method=PIL.Image.Quantize.FASTOCTREE, dither=PIL.Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def shown_clip(content: ReportContent) -> tuple[ReportClip, ...]:
    """The clip of the first screen, if there is one: an example with a map where one has it."""
    return tuple(sorted(content.examples, key=lambda clip: clip.cam is None)[:1])


def files(pictures: dict[str, Any]) -> dict[str, bytes]:
    """{"confusion": png, "class_map_female": png, "mistake_1": png, ...} of the figures that were drawn."""
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


def base64_text(data: bytes) -> str:
    """The bytes as base64 text, for data URIs."""
    return base64.b64encode(data).decode("ascii")

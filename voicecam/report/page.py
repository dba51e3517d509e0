"""The page itself: fills templates/report.html, where the words are. Every number in a sentence comes from the content."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from voicecam.evaluation import guarantee, speakers_needed
from voicecam.figures.canvas import NOTHING, percent
from voicecam.figures.pictures import picture_extent
from voicecam.files import write_text
from voicecam.report.content import ReportContent, check
from voicecam.report.pictures import base64_text, draw_all, files, shown_clip
from voicecam.report.sections import Answer, Section


def write_report(path: Path, content: ReportContent) -> dict[str, bytes]:
    """Write the page to `path`, atomically; returns its figures as PNG files, by name.

    Raises VoicecamError for content that does not fit together.
    """
    check(content)
    pictures = draw_all(content)
    write_text(Path(path), _render(content, pictures))
    return files(pictures)


def render(content: ReportContent) -> str:
    """The page as HTML. Raises VoicecamError for content that does not fit together."""
    check(content)
    return _render(content, draw_all(content))


def _render(content: ReportContent, pictures: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("voicecam.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "interval": interval, "count": count, "base64": base64_text}
    template = environment.get_template("report.html")
    return template.render(
        c=content,
        pictures=pictures,
        facts=_facts(content),
        clip=next(iter(shown_clip(content)), None),
        answers=[_score_answer(content), *content.answers],
        peaks=(peaks := _peaks(content)),
        peak=max(peaks, key=_above_random, default=None),
        belief=_belief(content),
        groups=_groups(content),
        about=_drawn(content.about, pictures),
        sections=_drawn(content.sections, pictures),
    )


def _drawn(sections: Sequence[Section], pictures: dict[str, Any]) -> list[tuple[Section, list[Any]]]:
    """Each section with its figures."""
    names = [[f"{section.name}_{i}" for i, _ in enumerate(section.drawings, start=1)] for section in sections]
    return [(section, [pictures["sections"][name] for name in each]) for section, each in zip(sections, names)]


def interval(value: Mapping[str, float | None], digits: int = 0) -> str:
    """{"value": 0.97, "low": 0.93, "high": 1.0} -> "97 % [93, 100]", no brackets without both ends; spaces do not break.

    digits : after the point
    """
    middle, low, high = (percent(value[key], digits) for key in ("value", "low", "high"))
    return f"{middle}\u00a0%" if NOTHING in (low, high) else f"{middle}\u00a0%\u00a0[{low},\u00a0{high}]"


def count(number: int, one: str) -> str:
    """1, "clip" -> "1 clip"; 2000, "clip" -> "2,000 clips"."""
    return f"{number:,}\u00a0{one if number == 1 else one + 's'}"


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
        **{name: content.metrics.get(name, "") for name in ("no_interval", "few_speakers", "fold_spread")},
        "sound": all(clip.wav is not None for clip in (*content.examples, *content.mistakes)),
    }


def _score_answer(content: ReportContent) -> Answer:
    """Is the network better than chance on new speakers? From the metrics alone."""
    score, chance = content.metrics["network"]["balanced_accuracy"], 1 / len(content.classes)
    if not content.unseen_speakers:
        answer = "not tested"
    elif score["low"] is None:
        answer = "not shown"
    else:
        answer = "yes" if score["low"] > chance else "no" if score["high"] < chance else "not shown"
    numbers = f"{interval(score)}; chance {percent(chance)}\u00a0%"
    if name := _facts(content)["best_baseline"]:
        numbers += f"; the best simple method {interval(content.metrics['baselines'][name]['balanced_accuracy'])}"
    return Answer(question="Is it better than chance on new speakers?", answer=answer, numbers=numbers, section="works")


def _above_random(peak: Mapping[str, Any]) -> float:
    """How far a class's largest share lies above that of random weights, or as it is where none were made."""
    null = peak["null_share"]
    return peak["share"] - (0 if np.isnan(null) else null)


def _belief(content: ReportContent) -> dict[str, Any] | None:
    """What the section on probabilities says beside the metrics; None where the run's program measured none."""
    if "calibration" not in content.metrics or content.risk_coverage is None:
        return None
    chosen = [threshold for threshold in content.metrics["abstention"]["thresholds"] if threshold is not None]
    usable = [threshold for threshold in chosen if threshold <= 1]
    validated = _fewest_validated(content)
    found, allowed = content.metrics["abstention"]["per_class"], content.metrics["abstention"].get("max_error", 0.0)
    over = {name: n["wrong_of_speaker"] for name, n in found.items() if n.get("wrong_of_speaker", 0) > allowed}
    return {
        "validated": validated,
        "promise": guarantee(validated, allowed) if validated and content.unseen_speakers else None,
        "needed": speakers_needed(allowed),
        "over": over if chosen else {},
        "temperature": _span(content.metrics["calibration"]["temperatures"], "{:.2f}".format),
        "chosen": bool(chosen),
        "silent": len(chosen) - len(usable),
        "threshold": _span(usable, lambda threshold: f"{percent(threshold, 1)}\u00a0%"),
    }


def _fewest_validated(content: ReportContent) -> int | None:
    """Validation speakers of the smallest class of any fold; None where an older program chose a threshold by another rule."""
    folds = content.metrics["abstention"].get("validation_speakers") or [None]
    return None if None in folds else min(min(fold.values()) for fold in folds)


def _span(values: Sequence[float], text: Callable[[float], str]) -> str:
    """ "0.50 to 0.80" of several values, or the only one; "" of none."""
    return " to ".join(dict.fromkeys(text(end) for end in (min(values), max(values)))) if values else ""


def _groups(content: ReportContent) -> list[dict[str, Any]]:
    """Rows of the table of groups; those of the label itself stand in the table of classes."""
    if content.per_group is None:
        return []
    return content.per_group[content.per_group["column"] != content.label].to_dict("records")


def _peaks(content: ReportContent) -> list[dict[str, Any]]:
    """Per class, in order, the band with the largest share of the maps' weight."""
    if content.explanation is None:
        return []
    bands = content.explanation.bands.reset_index(drop=True)
    bands = bands.assign(null_share=bands.get("null_share", np.nan))
    tables = [bands[bands["class"] == name].dropna(subset=["share"]) for name in content.classes]
    return [table.loc[table["share"].idxmax()].to_dict() for table in tables if len(table)]

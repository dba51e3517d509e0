"""All that the page of a run shows, as plain values; and whether they fit together. Draws nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from voicecam.errors import VoicecamError
from voicecam.features import Axis
from voicecam.report.sections import Answer, Section


@dataclass(frozen=True, kw_only=True)
class ReportClip:
    """A clip to hear and see: an example or a mistake.

    probability : what the network gave its answer `predicted`, 0 to 1
    wav : bytes of a WAV file, or None where the corpus has no sound
    picture : grey levels as the network gets them, uint8, shape (n_rows, n_frames)
    cam : map for `predicted`, shape (h, w), not negative, or None
    """

    path: str
    speaker: str
    true: str
    predicted: str
    probability: float
    wav: bytes | None
    picture: np.ndarray
    cam: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class ReportExplanation:
    """What the maps of the test clips say.

    method, layer, target : names, such as "HiRes-CAM", "layer3", "the true class"
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
    split : one sentence; split_warning, corpus_note, duplicates : shown in a box when not empty
    counts : per part ("train", "valid", "test"): {"clips": int, "speakers": int}
    start, training : sentences: which weights it started from; what was done
    metrics : {"network": {"accuracy": I, "balanced_accuracy": I, "macro_f1": I, "per_class": {class: {"precision": I,
        "recall": I, "f1": I, "clips": int, "speakers": int}}, "confusion": rows of ints}, "folds": [{"balanced_accuracy":
        float, "clips": int, "speakers": int}], "fold_mean": I, "baselines": {name: {"accuracy": I, "balanced_accuracy": I,
        "macro_f1": I}}} with I = {"value": float, "low": float or None, "high": float or None}; and what runs of older
        programs lack: effective_speakers, fold_spread, no_interval and few_speakers as evaluation.evaluate gives them,
        "calibration" and "abstention" as runs.evaluate_run writes them
    per_group, risk_coverage : see evaluation.per_group and evaluation.risk_coverage; None in runs of older programs
    per_speaker : columns speaker, true_class (or "mixed"), clips, accuracy
    histories, best_epochs : one per fold; see figures.plot_history
    rows, columns : axes of all pictures
    picture_size : rows and columns of the picture given to the network, in pixels
    spreads : what black and white are, in standard deviations of the training clips; None: the grey levels are the values
    mistakes : the surest wrong answers, surest first; examples : one or more clips per class
    failed : (path, reason) of clips that could not be read
    answers : to the first screen's questions on recordings and maps, in order; on the score it is made from the metrics
    of_sound : the network is shown no pictures, but speech or what an encoder gives of it; pictures are shown all the same
    about : sections on the scores, after how well it works
    sections : on how far to believe the maps, in order; map_doubts : why the run's own checks doubt its maps
    mistakes_page : link to the page on which all mistakes can be heard, "" where there is none
    others : other explanations of the run, title -> link to their report
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
    picture_size: tuple[int, int]
    examples: tuple[ReportClip, ...]
    mistakes: tuple[ReportClip, ...]
    explanation: ReportExplanation | None
    per_group: pd.DataFrame | None = None
    risk_coverage: pd.DataFrame | None = None
    answers: tuple[Answer, ...] = ()
    sections: tuple[Section, ...] = ()
    map_doubts: tuple[str, ...] = ()
    about: tuple[Section, ...] = ()
    of_sound: bool = False
    duplicates: str = ""
    mistakes_page: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


def check(content: ReportContent) -> None:
    """Raise VoicecamError where the parts of the content do not fit together."""
    n = len(content.classes)
    if np.shape(content.metrics["network"]["confusion"]) != (n, n):
        raise VoicecamError(f"report: the confusion table must be {n} x {n}, one row and column per class")
    if len(content.histories) != len(content.best_epochs):
        raise VoicecamError(f"report: {len(content.histories)} training histories, {len(content.best_epochs)} best epochs")

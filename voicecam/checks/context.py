"""What the checks of a run work on, and what they give: clips, sizes, and what several checks ask of the same clips."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.checks.band_profiles import occluded_profile
from voicecam.data.dataset import Dataset
from voicecam.explanation import bandstop
from voicecam.explanation.bands import Bands, band_set
from voicecam.network import SMALL, load_model
from voicecam.progress import Log, Progress
from voicecam.report import Answer, Section
from voicecam.runs.check_files import CheckSizes
from voicecam.runs.fold_clips import FoldClips, clips_of_run
from voicecam.runs.folder import fold_places, open_run


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found: tables and sounds by file name, and facts (JSON)."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    sounds: dict[str, Signal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """What a part works on. bands : name of a set of bands in Hz, see explanation.bands.band_set"""

    folder: Path
    dataset: Dataset
    method: str
    layer: str
    bands: str
    sizes: CheckSizes
    log: Log
    progress: Progress

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes in the network's order."""
        return load_model(fold_places(self.folder)[0]).classes

    @cached_property
    def band_clips(self) -> list[FoldClips]:
        """The clips whose bands are looked at, fold by fold."""
        return self.clips(self.affordable(self.sizes.clips))

    @cached_property
    def hz_bands(self) -> Bands:
        """The bands that `bands` names."""
        return band_set(self.bands, self.dataset.config)

    @cached_property
    def measured(self) -> np.ndarray:
        """What taking each band out of the sound of `band_clips` costs, float (clip, band); see bandstop.measure_drops."""
        return np.concatenate([self._measured(clips) for clips in self.band_clips])

    def _measured(self, clips: FoldClips) -> np.ndarray:
        asked, limits = bandstop.window_logits(clips.model), self.hz_bands.limits
        return bandstop.measure_drops(asked, clips.signals, limits, clips.target, contrast=clips.contrast, progress=self.progress)

    @cached_property
    def occluded(self) -> np.ndarray:
        """Band occlusion of `band_clips`, each by the network of its fold; float (clip, band)."""
        return np.concatenate([occluded_profile(clips, clips.model, self.hz_bands) for clips in self.band_clips])

    @cached_property
    def light(self) -> bool:
        """Whether a pass of the run's network costs little: a ResNet's costs five to fifty times as much as the small one's."""
        return open_run(self.folder).training.arch == SMALL

    def affordable(self, n: int) -> int:
        """How many clips many passes of a network are paid for: n of a light one, a third of them else."""
        return n if self.light else -(-n // 3)

    def clips(self, n: int, target: str = "true", *, first: bool = False) -> list[FoldClips]:
        """About n tested clips, see material.clips_of_run."""
        return clips_of_run(self.folder, self.dataset, n, target, first=first)


@dataclass(frozen=True)
class Check:
    """name : of its file, here and in a run's folder; title : said while it is made
    measure : makes its tables; section : writes its section of the report from them, given the folder and the classes
    question, answer : of the first screen, for checks that have one there; the answer is written from the tables, given the
        folder, the key of the maps' method and the network's balanced accuracy with its interval

    needs_sound : recordings, not ready-made matrices; needs_two : two classes; needs_mel : pictures with a way back to mel
        energies, which those of mfcc-2020 lost when they were stretched before they were cut off; of_sound : a speech
        model; needs_vectors : one whose encoder gives a vector
    """

    name: str
    title: str
    measure: Callable[[CheckContext], CheckResult]
    section: Callable[[Path, tuple[str, ...]], Section]
    question: str = ""
    answer: Callable[[Path, str, Mapping[str, float]], Answer] | None = None
    needs_sound: bool = False
    needs_two: bool = False
    needs_mel: bool = False
    of_sound: bool = False
    needs_vectors: bool = False

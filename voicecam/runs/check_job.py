"""What the checks of a run work on: how much of it, which clips, and what several parts ask of the same clips."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from voicecam.dataset import Dataset
from voicecam.explanation import bandstop
from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.draws import DRAWS
from voicecam.explanation.methods import LIGHT
from voicecam.explanation.planted_sounds import USUAL
from voicecam.network import SMALL, load_model
from voicecam.renderings import Progress
from voicecam.runs.folder import Say, fold_places, open_run
from voicecam.runs.material import Clips, clips_of_run
from voicecam.runs.profiles import occluded_profile


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many tested clips the checks look at, and by which methods the maps are made.

    clips : for bands, in the sound and out of it; fewer : for what asks for every method's maps or of many networks (deletion,
        insertion, randomised networks); road : of these, for ROAD, which is slowest
    twins : networks with random weights, for where the evidence lies; words : of each synthetic voice, for planted tones;
        tones : clips with a tone that are asked about. Of bands, twins and tones a ResNet is asked less: see `Job.affordable`
    voices : for what needs many speakers; morphs : for shifted voices
    draws : networks with random weights a fold, on `fewer` clips each; dear : of these, for methods that cost several passes a
        clip; noisy : inputs that a map of smooth MPRT is a mean of, 0 for none
    cues : that are planted, see explanation.planted_sounds; full : several seeds of them, and nothing left out
    """

    clips: int = 60
    fewer: int = 16
    twins: int = 40
    words: int = 4
    tones: int = 36
    road: int = 6
    voices: int = 240
    morphs: int = 20
    draws: int = DRAWS
    dear: int = 4
    noisy: int = 0
    cues: tuple[str, ...] = USUAL
    methods: tuple[str, ...] = LIGHT
    full: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a part works on. bands : name of a set of bands in Hz, see explanation.bands.band_set"""

    folder: Path
    dataset: Dataset
    method: str
    layer: str
    bands: str
    effort: Effort
    say: Say
    progress: Progress

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes in the network's order."""
        return load_model(fold_places(self.folder)[0]).classes

    @cached_property
    def band_clips(self) -> list[Clips]:
        """The clips whose bands are looked at, fold by fold."""
        return self.clips(self.affordable(self.effort.clips))

    @cached_property
    def hz_bands(self) -> Bands:
        """The bands that `bands` names."""
        return band_set(self.bands, self.dataset.config)

    @cached_property
    def measured(self) -> np.ndarray:
        """What taking each band out of the sound of `band_clips` costs, float (clip, band); see bandstop.measure_drops."""
        return np.concatenate([self._measured(clips) for clips in self.band_clips])

    def _measured(self, clips: Clips) -> np.ndarray:
        asked, limits = bandstop.window_logits(clips.model), self.hz_bands.limits
        return bandstop.measure_drops(asked, clips.signals, limits, clips.wanted, against=clips.against, progress=self.progress)

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

    def clips(self, n: int, target: str = "true", *, first: bool = False) -> list[Clips]:
        """About n tested clips, see material.clips_of_run."""
        return clips_of_run(self.folder, self.dataset, n, target, first=first)

"""What the checks of a run work on: how much of it, which clips, and what several parts ask of the same clips."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from voicecam.dataset import Dataset
from voicecam.explanation import bandstop
from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.draws import DRAWS
from voicecam.explanation.methods import LIGHT
from voicecam.explanation.planted_sounds import USUAL
from voicecam.network import Model, load_model
from voicecam.renderings import Progress
from voicecam.runs.folder import Say, fold_places
from voicecam.runs.material import Clips, clips_of_run
from voicecam.runs.nulls import SHUFFLED, random_twin
from voicecam.runs.profiles import occluded_profile

RANDOM_WEIGHTS, SHUFFLED_LABELS = "random weights", "shuffled labels"  # the nulls


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many tested clips the checks look at, and by which methods the maps are made.

    clips : for bands, in the sound and out of it; fewer : for what asks for every method's maps or of many networks (deletion,
        insertion, randomised networks); road : of these, for ROAD, which is slowest
    voices : for what needs many speakers; morphs : for shifted voices
    draws : networks with random weights a fold, on `fewer` clips each; dear : of these, for methods that cost several passes a
        clip; noisy : inputs that a map of smooth MPRT is a mean of, 0 for none
    cues : that are planted, see explanation.planted_sounds; full : several seeds of them, and nothing left out
    """

    clips: int = 48
    fewer: int = 16
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
    _occluded: dict[str, np.ndarray] = field(default_factory=dict)  # what was computed once serves two parts

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes in the network's order."""
        return load_model(fold_places(self.folder)[0]).classes

    @cached_property
    def band_clips(self) -> list[Clips]:
        """The clips whose bands are looked at, fold by fold."""
        return self.clips(self.effort.clips)

    @cached_property
    def hz_bands(self) -> Bands:
        """The bands that `bands` names."""
        return band_set(self.bands, self.dataset.config)

    @cached_property
    def measured(self) -> np.ndarray:
        """What taking each band out of the sound of `band_clips` costs, float (clip, band)."""
        return self.changed(keep=False)

    def changed(self, *, keep: bool) -> np.ndarray:
        """Fall of the score without each band, or with this band alone, float (clip, band); see bandstop.measure_drops."""
        return np.concatenate(
            [
                bandstop.measure_drops(
                    bandstop.window_logits(clips.model),
                    clips.signals,
                    self.hz_bands.limits,
                    clips.wanted,
                    against=clips.against,
                    keep=keep,
                    progress=self.progress,
                )
                for clips in self.band_clips
            ]
        )

    def occluded(self, name: str) -> np.ndarray:
        """Band occlusion of `band_clips` by the "network" or one of its nulls, "random weights" or "shuffled labels", whose clips
        are those of the folds that have one; float (clip, band)."""
        if name not in self._occluded:
            some = [occluded_profile(clips, _network(clips, name), self.hz_bands) for clips in self.asked(name)]
            self._occluded[name] = np.concatenate(some)
        return self._occluded[name]

    def asked(self, name: str) -> list[Clips]:
        """Those of `band_clips` that a network of this name is there for."""
        whole = name != SHUFFLED_LABELS
        return [clips for clips in self.band_clips if whole or (clips.place / SHUFFLED / "meta.json").exists()]

    def clips(self, n: int, target: str = "true", *, first: bool = False) -> list[Clips]:
        """About n tested clips, see material.clips_of_run."""
        return clips_of_run(self.folder, self.dataset, n, target, first=first)


def _network(clips: Clips, name: str) -> Model:
    """The fold's network, or one of its nulls."""
    if name == RANDOM_WEIGHTS:
        return random_twin(clips.model, seed=clips.number)
    return load_model(clips.place / SHUFFLED) if name == SHUFFLED_LABELS else clips.model

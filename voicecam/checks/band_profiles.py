"""Clips of a fold -> evidence per band in Hz, by every method that has a frequency axis. Tests nothing; see checks.py."""

from collections.abc import Sequence

import numpy as np

from voicecam.config import Config
from voicecam.explanation.band_occlusion import FLOORED, OCCLUDED, REFERENCES, occluded_bands
from voicecam.explanation.bands import Bands, band_limits, band_set, row_profile, to_bands
from voicecam.explanation.mel_gradients import log_mel_attribution, log_mel_of
from voicecam.explanation.methods import METHODS, attribute
from voicecam.explanation.planted_tones import Heard
from voicecam.features import features, log_mel_energies
from voicecam.network import Model
from voicecam.runs.fold_clips import FoldClips

FILTERED = "bands taken out of the sound"  # by a filter, see explanation.bandstop: by the same intervention as FLOORED
MEL_GRADIENTS = "mel gradients"  # integrated gradients over the log-mel energies, see explanation.carry
TONE_STEPS = 16  # points of the gradients for planted tones, where only the strongest band is asked for


def map_profiles(clips: FoldClips, bands: Bands, *, methods: Sequence[str], layer: str) -> dict[str, np.ndarray]:
    """Signed weight of each band, float (clip, band), by each method with maps; a blank map gives NaN.

    methods : keys of METHODS; their maps have frequencies only where the rows of the picture do (recipe logmel). For other
        recipes stands CARRIED alone, which is always there: it goes through the features.
    """
    found = {MEL_GRADIENTS: mel_gradient_profile(clips, clips.model, bands)}
    if clips.model.config.features == "logmel":
        for method in methods:
            found[method] = map_profile(clips.maps(method, layer), clips.model.config, bands)
    return found


def occluded_profile(clips: FoldClips, model: Model, bands: Bands, *, reference: str = REFERENCES[0]) -> np.ndarray:
    """What each band is worth to the score, float (clip, band), by a `model` for such clips: their own, or a null.

    reference : what stands in for the band, one of occluded.REFERENCES
    """
    return occluded_bands(model, clips.log_mel, bands, clips.target, contrast=clips.contrast, reference=reference)


def map_profile(maps: np.ndarray, config: Config, bands: Bands) -> np.ndarray:
    """Signed weight of each band, float (clip, band), of maps (clip, h, w) over log-mel pictures; NaN for a blank map."""
    profile = to_bands(row_profile(maps), band_limits(maps.shape[1], config), bands)
    profile[~maps.any(axis=(1, 2))] = np.nan
    return profile


def mel_gradient_profile(clips: FoldClips, model: Model, bands: Bands) -> np.ndarray:
    """Signed weight of each band, float (clip, band), carried back to the sound's bands from a `model` for such clips."""
    own = model is clips.model
    weight = clips.mel_weight if own else log_mel_attribution(model, clips.log_mel, clips.target, contrast=clips.contrast)
    return to_bands(row_profile(weight), band_set("mel", model.config).limits, bands)


def tone_profiles(heard: Heard, bands: Bands, *, method: str, layer: str, sound: bool) -> dict[str, np.ndarray]:
    """Weight of each band for the tone against none, float (clip, band), by each instrument that a run speaks of Hz with.

    method, layer : of the run's maps, which have frequencies with recipe logmel alone; sound : whether the run has recordings:
        without, its mel energies are those that its pictures keep
    """
    model, config, contrast = heard.model, heard.model.config, heard.contrast
    matrices = np.stack([features(signal, config).matrix for signal in heard.signals])
    heard_mel = [log_mel_energies(signal.samples, config).T for signal in heard.signals]
    log_mel = np.stack(heard_mel) if sound else log_mel_of(matrices, config)
    found = {
        name: occluded_bands(model, log_mel, bands, heard.target, contrast=contrast, reference=reference)
        for name, reference in zip((OCCLUDED, FLOORED), REFERENCES)
    }
    weight = log_mel_attribution(model, log_mel, heard.target, contrast=contrast, steps=TONE_STEPS)
    found[MEL_GRADIENTS] = to_bands(row_profile(weight), band_set("mel", config).limits, bands)
    if config.features == "logmel":
        stage = model.stage(layer) if METHODS[method].grid == "layer" else None
        maps = attribute(model.network, model.input(matrices), heard.target, method=method, layer=stage, contrast=contrast)
        found[f"{METHODS[method].title}, {layer}" if stage is not None else METHODS[method].title] = map_profile(
            maps, config, bands
        )
    return found

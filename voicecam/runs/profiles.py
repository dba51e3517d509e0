"""Clips of a fold -> evidence per band in Hz, by every method that has a frequency axis. Tests nothing; see checks.py."""

from collections.abc import Sequence

import numpy as np

from voicecam.config import Config
from voicecam.explanation.bands import Bands, band_limits, band_set, row_profile, to_bands
from voicecam.explanation.carry import log_mel_attribution
from voicecam.explanation.occluded import occluded_bands
from voicecam.network import Model
from voicecam.runs.material import Clips

OCCLUDED = "band occlusion"  # the clip's mel energies with one band at its floor; the default: it agrees best with the sound
AVERAGED = "band occlusion, training mean"  # with one band as in the average training clip, which is no odd picture
FILTERED = "bands taken out of the sound"  # by a filter, see explanation.bandstop: what the others are held against
CARRIED = "mel gradients"  # integrated gradients over the log-mel energies, see explanation.carry


def map_profiles(clips: Clips, bands: Bands, *, methods: Sequence[str], layer: str) -> dict[str, np.ndarray]:
    """Signed weight of each band, float (clip, band), by each method with maps; a blank map gives NaN.

    methods : keys of METHODS; their maps have frequencies only where the rows of the picture do (recipe logmel). For other
        recipes stands CARRIED alone, which is always there: it goes through the features.
    """
    found = {CARRIED: carried_profile(clips, clips.model, bands)}
    if clips.model.config.recipe == "logmel":
        for method in methods:
            found[method] = map_profile(clips.maps(method, layer), clips.model.config, bands)
    return found


def occluded_profile(clips: Clips, model: Model, bands: Bands, *, reference: str = "floor") -> np.ndarray:
    """What each band is worth to the score, float (clip, band), by a `model` for such clips: their own, or a null.

    reference : what stands in for the band, one of occluded.REFERENCES
    """
    return occluded_bands(model, clips.log_mel, bands, clips.wanted, against=clips.against, reference=reference)


def map_profile(maps: np.ndarray, config: Config, bands: Bands) -> np.ndarray:
    """Signed weight of each band, float (clip, band), of maps (clip, h, w) over log-mel pictures; NaN for a blank map."""
    profile = to_bands(row_profile(maps), band_limits(maps.shape[1], config), bands)
    profile[~maps.any(axis=(1, 2))] = np.nan
    return profile


def carried_profile(clips: Clips, model: Model, bands: Bands) -> np.ndarray:
    """Signed weight of each band, float (clip, band), carried back to the sound's bands from a `model` for such clips."""
    own = model is clips.model
    weight = clips.mel_weight if own else log_mel_attribution(model, clips.log_mel, clips.wanted, against=clips.against)
    return to_bands(row_profile(weight), band_set("mel", model.config).limits, bands)

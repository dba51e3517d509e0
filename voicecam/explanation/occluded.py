"""What each band is worth to a network's score, asked without touching the sound: its mel energies are set to the clip's floor,
and picture and network follow. Draws nothing."""

import numpy as np
import torch

from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.bandstop import matrix_drops
from voicecam.explanation.carry import input_of_log_mel
from voicecam.network import Model


def occluded_bands(
    model: Model, log_mel: np.ndarray, bands: Bands, wanted: np.ndarray, *, against: np.ndarray | None = None
) -> np.ndarray:
    """Fall of the score without each band, float (clip, band), in logits; above 0 the band speaks for the class.

    log_mel : float (clip, n_mels, n_frames), mel energies in dB
    wanted, against : int (clip,), class whose logit is the score, and class whose logit is taken off it, or None
    Raises ExplainError as `carry.input_of_log_mel` and `bandstop.matrix_drops` do.
    """

    def logits(some: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model.network(input_of_log_mel(torch.from_numpy(some), model.config, model.scale)).numpy()

    limits = band_set("mel", model.config).limits
    return matrix_drops(logits, log_mel, limits, bands.limits, wanted, against=against)

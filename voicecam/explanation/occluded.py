"""What each band is worth to a network's score, asked without touching the sound: its mel energies are replaced, and picture and
network follow. Draws nothing."""

from collections.abc import Callable

import numpy as np
import torch

from voicecam.errors import ExplainError
from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.bandstop import matrix_drops
from voicecam.explanation.carry import baseline, input_of_log_mel
from voicecam.network import Model

REFERENCES = ("floor", "training mean")


def occluded_bands(
    model: Model,
    log_mel: np.ndarray,
    bands: Bands,
    wanted: np.ndarray,
    *,
    against: np.ndarray | None = None,
    reference: str = "floor",
) -> np.ndarray:
    """Fall of the score without each band, float (clip, band), in logits; above 0 the band speaks for the class.

    log_mel : float (clip, n_mels, n_frames), mel energies in dB
    wanted, against : int (clip,), class whose logit is the score, and class whose logit is taken off it, or None
    reference : what stands in for the band. "floor": the clip's softest cell, as if a filter had taken the band away; no training
        clip looks like that. "training mean": the average training clip, see `carry.baseline`; a row that lies in the band by
        half moves half way. A band in which a clip is average then has no worth, however much it holds.
    Raises ExplainError for an unknown reference, and as `carry.input_of_log_mel` and `bandstop.matrix_drops` do.
    """
    if reference not in REFERENCES:
        raise ExplainError(f"reference {reference!r}: not known; use one of {', '.join(REFERENCES)}")
    logits, rows = _logits_of(model), band_set("mel", model.config).limits
    if reference == "floor":
        return matrix_drops(logits, log_mel, rows, bands.limits, wanted, against=against)
    shared = np.array([[max(0.0, min(b, high) - max(a, low)) / (b - a) for a, b in rows] for low, high in bands.limits])
    means, drops = baseline(log_mel, model.config, model.scale), np.zeros((len(log_mel), len(bands.limits)))
    for i, (clip, mean) in enumerate(zip(log_mel, means)):
        without = clip + shared[:, :, None] * (mean - clip)  # (band, row, frame)
        found = logits(np.concatenate([clip[None], without]))
        score = found[:, wanted[i]] - (0 if against is None else found[:, against[i]])
        drops[i] = score[0] - score[1:]
    return drops


def _logits_of(model: Model) -> Callable[[np.ndarray], np.ndarray]:
    """Mel energies (n, n_mels, n_frames) -> logits (n, class)."""

    def logits(some: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model.network(input_of_log_mel(torch.from_numpy(some), model.config, model.scale)).numpy()

    return logits

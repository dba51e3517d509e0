"""What each band is worth to a network's score, asked without touching the sound: its mel energies are replaced, and picture and
network follow. Draws nothing."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import nn

from voicecam.errors import ExplainError
from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.bandstop import matrix_drops
from voicecam.explanation.mel_gradients import baseline, input_of_log_mel
from voicecam.network import Model

REFERENCES = ("training mean", "floor")  # the first is the default: it finds planted tones where the other does not
OCCLUDED, FLOORED = (f"band occlusion, {reference}" for reference in REFERENCES)


def occluded_bands(
    model: Model,
    log_mel: np.ndarray,
    bands: Bands,
    target: np.ndarray,
    *,
    contrast: np.ndarray | None = None,
    reference: str = REFERENCES[0],
) -> np.ndarray:
    """Fall of the score without each band, float (clip, band), in logits; above 0 the band speaks for the class.

    log_mel : float (clip, n_mels, n_frames), mel energies in dB
    target, contrast : int (clip,), class whose logit is the score, and class whose logit is taken off it, or None
    reference : what stands in for the band. "training mean": the average training clip, see `carry.baseline`; a row that lies in
        the band by half moves half way. A band in which a clip is average then has no worth, however much it holds. "floor": the
        clip's softest cell, as if a filter had taken the band away; no training clip looks like that.
    Raises ExplainError for an unknown reference, and as `carry.input_of_log_mel` and `bandstop.matrix_drops` do.
    """
    if reference not in REFERENCES:
        raise ExplainError(f"reference {reference!r}: not known; use one of {', '.join(REFERENCES)}")
    if reference == "floor":
        rows = band_set("mel", model.config).limits
        return matrix_drops(_logits_of(model), log_mel, rows, bands.limits, target, contrast=contrast)
    drops = [
        _fall(model.network, inputs, target[i], None if contrast is None else contrast[i])
        for i, inputs in enumerate(_averaged(model, log_mel, bands))
    ]
    return np.array(drops).reshape(len(log_mel), len(bands.limits))


def occluded_by_many(
    model: Model,
    networks: Iterable[nn.Module],
    log_mel: np.ndarray,
    bands: Bands,
    target: np.ndarray,
    *,
    contrast: np.ndarray | None = None,
) -> np.ndarray:
    """`occluded_bands` by the training mean, of several networks that are shown the pictures of one model; float (network, clip,
    band). The pictures are made once for all and kept: 1 + band of them for each clip."""
    pictures = list(_averaged(model, log_mel, bands))
    contrast = np.full(len(target), None) if contrast is None else contrast
    return np.array([[_fall(network, *one) for one in zip(pictures, target, contrast)] for network in networks])


def _averaged(model: Model, log_mel: np.ndarray, bands: Bands) -> Iterator[torch.Tensor]:
    """The network's input of each clip as it is, then with each band as in the average training clip, (1 + band, 3, h, w)."""
    rows = band_set("mel", model.config).limits
    shared = np.array([[max(0.0, min(b, high) - max(a, low)) / (b - a) for a, b in rows] for low, high in bands.limits])
    for clip, mean in zip(log_mel, baseline(log_mel, model.config, model.scale)):
        changed = np.concatenate([clip[None], clip + shared[:, :, None] * (mean - clip)])  # (1 + band, row, frame)
        yield input_of_log_mel(torch.from_numpy(changed), model.config, model.scale)


def _fall(network: nn.Module, inputs: torch.Tensor, target: int, contrast: int | None) -> np.ndarray:
    """Score of the first of these pictures minus those of the others, (band,)."""
    with torch.inference_mode():
        logits = network(inputs).numpy()
    score = logits[:, target] - (0 if contrast is None else logits[:, contrast])
    return score[0] - score[1:]


def _logits_of(model: Model) -> Callable[[np.ndarray], np.ndarray]:
    """Mel energies (n, n_mels, n_frames) -> logits (n, class)."""

    def logits(some: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model.network(input_of_log_mel(torch.from_numpy(some), model.config, model.scale)).numpy()

    return logits

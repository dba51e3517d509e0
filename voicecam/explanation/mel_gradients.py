"""The chain rule from the network's input back to mel energies in dB, so that evidence in a picture of cepstral coefficients has
frequencies. Says what the network's output follows in the sound's bands; does not make maps (methods.py) or bands (bands.py).

The way forward is that of features, image and network.to_input:
    log-mel -> floor -> (DCT, lifter) -> normalise -> Scale -> stretch -> input
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.fft import dct

from voicecam.config import Config
from voicecam.errors import ExplainError
from voicecam.explanation.methods import input_gradient
from voicecam.features import SMALLEST_SPREAD, lifter_weights
from voicecam.features.image import Scale
from voicecam.network import IMAGENET_STD, Model, to_input

AT_ONCE = 32  # pictures on the way whose gradients are asked for together
STEPS = 32  # points on the way from the baseline; `gap` of three trained networks: 0.3 to 3 % in the median, 3 to 7 % at most
_STRETCHED = "; pictures of mfcc-2020 were stretched before they were cut off and have no way back: use mfcc or logmel"


@dataclass(frozen=True)
class _Forward:
    """Stations on the way to the picture, float64, for the chain rule.

    heard : bool (clip, n_mels, n_frames), cells above the floor
    matrix : (clip, n_rows, n_frames), as `features` gives it
    spread : (clip, 1, 1), what "window" divides by; moving : bool, same shape, False where the smallest spread stands in for it
    grey : (clip, n_rows, n_frames), grey levels before they are cut off and rounded
    """

    heard: torch.Tensor
    matrix: torch.Tensor
    spread: torch.Tensor
    moving: torch.Tensor
    grey: torch.Tensor


def input_of_log_mel(log_mel: torch.Tensor, config: Config, scale: Scale) -> torch.Tensor:
    """Network input, float32 (clip, 3, image_rows, image_columns), of mel energies in dB, float (clip, n_mels, n_frames).

    The same steps as features -> Scale.picture -> to_input, but for the rounding to whole grey levels, and differentiable.
    Raises ExplainError for bands or rows that do not fit config and scale, as those of a stretched picture of mfcc-2020.
    """
    return to_input(_forward(log_mel, config, scale).grey.clamp(0, 255), config)


def to_log_mel(gradient: torch.Tensor | np.ndarray, log_mel: np.ndarray, config: Config, scale: Scale) -> np.ndarray:
    """Derivative by each mel energy, of the derivative by each value of the network's input: the chain rule, step by step.

    gradient : float (clip, 3, image_rows, image_columns), dy/d(input) at the input that belongs to `log_mel`
    log_mel : float (clip, n_mels, n_frames), mel energies in dB, with or without the floor
    Returns float64 (clip, n_mels, n_frames), y per dB. It is 0 in cells at or below the floor, and where the picture is cut off
    to black or white. The loudest cell, which moves the floor, is treated as if it did not; the mean and the spread that
    "normalise" takes from the window are followed in full.
    Raises ExplainError as `input_of_log_mel` does.
    """
    way = _forward(torch.as_tensor(log_mel), config, scale)
    given = torch.as_tensor(gradient).double()
    if given.shape != (len(log_mel), 3, config.image_rows, config.image_columns):
        raise ExplainError(
            f"gradient of shape {tuple(given.shape)} for {len(log_mel)} clips; give (clip, 3, {config.image_rows}, "
            f"{config.image_columns}), as network.to_input makes it"
        )
    rows, columns = (_stretch(*pair) for pair in zip(way.grey.shape[1:], given.shape[2:]))
    found = torch.einsum("kchw,c->khw", given, 1 / torch.tensor(IMAGENET_STD).double()) / 255  # (clip, 3, h, w) -> (clip, h, w)
    found = torch.einsum("khw,hr,wf->krf", found, rows, columns)  # (clip, h, w) -> (clip, row, frame)
    low, high = _limits(scale)
    found = found * 255 / (high - low) * ((way.grey >= 0) & (way.grey <= 255))
    if config.normalise == "mean":
        found = found - found.mean(dim=2, keepdim=True)
    elif config.normalise == "window":
        turn = way.matrix * (found * way.matrix).mean(dim=(1, 2), keepdim=True)
        found = (found - found.mean(dim=(1, 2), keepdim=True) - turn * way.moving) / way.spread
    found = torch.einsum("krf,rm->kmf", found, _basis(config))  # (clip, row, frame) -> (clip, n_mels, frame)
    return (found * way.heard).numpy()


def log_mel_attribution(
    model: Model, log_mel: np.ndarray, target: np.ndarray, *, contrast: np.ndarray | None = None, steps: int = STEPS
) -> np.ndarray:
    """Integrated gradients (Sundararajan et al. 2017) over mel energies: how much of the logit each band at each time carries.

    model : a trained model; log_mel : float (clip, n_mels, n_frames), mel energies in dB, from `features.log_mel_energies` or,
        where there is no sound, `log_mel_of`; target, contrast : int (clip,), as in `methods.attribute`
    steps : points on the straight way from `baseline` to the clip (Gauss-Legendre)
    Returns float32 (clip, n_mels, n_frames), signed, in units of the logit; a clip's cells add up to the logit of the clip less
    that of its baseline, but for the `gap` of a sum over so many points: a network's kinks make it fall like 1 / steps.
    Differs from the paper: derivatives by the analytic chain rule of `to_log_mel`; pictures on the way are not rounded.
    Raises ExplainError as `input_of_log_mel` and `methods.attribute` do.
    """
    start = baseline(log_mel, model.config, model.scale)
    way = _floored(torch.as_tensor(log_mel).double(), model.config).numpy() - start
    points, weights = np.polynomial.legendre.leggauss(steps)  # on -1..1
    slope = np.zeros(start.shape)
    for some in np.array_split(np.arange(steps), -(-steps // max(1, AT_ONCE // len(start)))):  # few clips: many points at once
        here = np.concatenate([start + (points[i] + 1) / 2 * way for i in some])  # (point * clip, n_mels, frame)
        inputs = input_of_log_mel(torch.from_numpy(here), model.config, model.scale)
        others = None if contrast is None else np.tile(contrast, len(some))
        gradient = input_gradient(model.network, inputs, np.tile(target, len(some)), contrast=others)
        slopes = to_log_mel(gradient, here, model.config, model.scale).reshape(len(some), *start.shape)
        slope += np.tensordot(weights[some] / 2, slopes, axes=1)
    return (slope * way).astype(np.float32)


def gap(
    model: Model, log_mel: np.ndarray, weight: np.ndarray, target: np.ndarray, *, contrast: np.ndarray | None = None
) -> np.ndarray:
    """By how much a `log_mel_attribution` misses what it adds up to: the score of the clip less that of its baseline; float
    (clip,), sizes, as shares of the mean size of these differences (a clip's own may be 0).

    weight : float (clip, n_mels, n_frames), the attribution; the others as they were given to it
    """
    with torch.inference_mode():
        here, there = (
            model.network(input_of_log_mel(torch.from_numpy(x), model.config, model.scale)).numpy()
            for x in (log_mel, baseline(log_mel, model.config, model.scale))
        )
    rises, clips = here - there, np.arange(len(log_mel))  # (clip, class)
    rise = rises[clips, target] - (0 if contrast is None else rises[clips, contrast])
    return np.abs(weight.sum(axis=(1, 2)) - rise) / max(float(np.abs(rise).mean()), 1e-12)


def baseline(log_mel: np.ndarray, config: Config, scale: Scale) -> np.ndarray:
    """What a clip is compared with: the average of the training clips, held over time; float64 (clip, n_mels, n_frames), dB.

    The middle of each row of the scale is that row's mean over the training clips. The clip's matrix is replaced by these means
    (plus what `normalise` had taken off this clip: its rows' means, or its mean and spread), and the mel energies follow with
    the smallest change; what the DCT does not keep stays as it is. So a band has weight where the clip differs from the
    average training clip, as with integrated gradients over pictures, whose baseline is middle grey.
    Why not the clip's own floor, "the band removed": with normalise "window" any mixture of a clip and a flat floor has the
    same picture as the clip, and the whole difference would happen in one jump. Why not the clip's mean over frames: its
    average spectrum, most of what tells speakers apart, would be in the baseline and have no weight.
    """
    heard = _floored(torch.as_tensor(log_mel).double(), config)
    way = _forward(heard, config, scale)
    low, high = _limits(scale)
    gap = way.matrix - (low + high) / 2  # (clip, row, frame)
    gap = gap * way.spread if config.normalise == "window" else gap
    return (heard - torch.einsum("krf,mr->kmf", gap, torch.linalg.pinv(_basis(config)))).numpy()


def log_mel_of(matrices: np.ndarray, config: Config) -> np.ndarray:
    """Mel energies, float64 (clip, n_mels, n_frames), of feature matrices (clip, n_rows, n_frames), by least squares.

    For clips without a sound file; with sound, use `features.log_mel_energies`. What comes out leads to the same matrix again,
    but where "mean" has moved the bands against each other and the floor cuts other cells (a few grey levels).
    Lost for good: with MFCC, all detail of the spectrum finer than n_mfcc cosines (the pseudo-inverse of DCT and lifter leaves
    it smooth); with normalise "mean", the clip's average spectrum (each band has mean 0); with "window", its level and range, so
    that values are in spreads, not dB. With logmel and normalise "none" nothing is lost.
    Raises ExplainError as `input_of_log_mel` does.
    """
    if matrices.shape[1] != config.n_rows:
        raise ExplainError(f"matrices of {matrices.shape[1]} rows, the config has {config.n_rows}{_STRETCHED}")
    return np.einsum("krf,mr->kmf", matrices, torch.linalg.pinv(_basis(config)).numpy())  # (clip, row, f) -> (clip, n_mels, f)


def _forward(log_mel: torch.Tensor, config: Config, scale: Scale) -> _Forward:
    """The way from mel energies to grey levels; raises ExplainError when the parts do not fit each other."""
    if log_mel.ndim != 3 or log_mel.shape[1] != config.n_mels:
        raise ExplainError(f"mel energies of shape {tuple(log_mel.shape)}; give (clip, {config.n_mels}, n_frames)")
    if len(scale.low) != config.n_rows:
        raise ExplainError(f"a scale of {len(scale.low)} rows, features have {config.n_rows}{_STRETCHED}")
    x = log_mel.double()
    heard = _floored(x, config)
    matrix = torch.einsum("kmf,rm->krf", heard, _basis(config))  # (clip, n_mels, frame) -> (clip, row, frame)
    found = matrix.std(dim=(1, 2), keepdim=True, unbiased=False)
    spread = found.clamp(min=SMALLEST_SPREAD)
    if config.normalise == "mean":
        matrix = matrix - matrix.mean(dim=2, keepdim=True)
    elif config.normalise == "window":
        matrix = (matrix - matrix.mean(dim=(1, 2), keepdim=True)) / spread
    low, high = _limits(scale)
    return _Forward(x > _floor(x, config), matrix, spread, found > SMALLEST_SPREAD, (matrix - low) / (high - low) * 255)


def _floor(log_mel: torch.Tensor, config: Config) -> torch.Tensor:
    """The floor of each clip in dB, (clip, 1, 1); as a constant, though the loudest cell sets it."""
    return log_mel.detach().amax(dim=(1, 2), keepdim=True) - config.floor_db


def _floored(log_mel: torch.Tensor, config: Config) -> torch.Tensor:
    level = _floor(log_mel, config)
    return torch.where(log_mel > level, log_mel, level)


def _basis(config: Config) -> torch.Tensor:
    """What makes rows of mel energies, float64 (n_rows, n_mels): the DCT's kept cosines times the lifter; for logmel, ones."""
    if config.features == "logmel":
        return torch.eye(config.n_mels, dtype=torch.float64)
    cosines = dct(np.eye(config.n_mels), type=2, norm="ortho", axis=0)[: config.n_mfcc]  # (n_mfcc, n_mels)
    return torch.from_numpy(cosines * lifter_weights(config.n_mfcc, config.lifter)[:, None])


def _limits(scale: Scale) -> tuple[torch.Tensor, torch.Tensor]:
    """Values drawn black and white, float64 (n_rows, 1) each."""
    low, high = (torch.tensor(values, dtype=torch.float64)[:, None] for values in (scale.low, scale.high))
    return low, high


def _stretch(length: int, size: int) -> torch.Tensor:
    """The bilinear stretch along one side as a matrix, float64 (size, length)."""
    whole = torch.eye(length, dtype=torch.float64)[None]
    return F.interpolate(whole, size=size, mode="linear", align_corners=False)[0].T  # (1, length, size) -> (size, length)

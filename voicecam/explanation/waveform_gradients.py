"""Integrated gradients (Sundararajan et al. 2017) of a network that listens to the waveform, added up by band and time; and maps
of many clips by either method. Occlusion and the parts of a sound are in waveform.py.

The sound is the sum of its parts, so each part's share of the score follows exactly from the mean gradient along the way: the sum
over time of part times gradient. No approximation lies between the waveform and the bands.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from voicecam.errors import ExplainError
from voicecam.explanation.methods import STEPS, input_gradient
from voicecam.explanation.waveform import BATCH, WaveLogits, given_parts, occlusion_map, scores, sounding, wave_logits
from voicecam.progress import Progress

FLOOR_DB = 60.0  # dB below the sound's level, of the noise that the way begins with
STARTS = ("noise", "silence")
WAVE_METHODS = ("integrated-gradients", "occlusion")
DEAF = 1e-3  # a network whose logits change by less than this part at an eighth of the level (-18 dB) does not hear levels


def integrated_gradients_map(
    network: nn.Module,
    samples: np.ndarray,
    rate: int,
    limits: Sequence[tuple[float, float]],
    *,
    steps: int,
    target: int,
    contrast: int | None = None,
    n_steps: int = STEPS,
    start: str = STARTS[0],
    floor_db: float = FLOOR_DB,
    seed: int = 0,
    batch: int = BATCH,
) -> tuple[np.ndarray, float]:
    """What each band in each stretch of time adds to the score, from the start of the way to the sound.

    network : float32 (clip, n) -> logits (clip, class), differentiable; its own normalisation included
    samples, limits : as for `waveform.split_bands`; steps : stretches of time, see `waveform.stretch_weights`
    target, contrast : the class whose logit is explained, and the one whose logit is taken off it, or None
    n_steps : points on the way; start : where it begins, one of STARTS; floor_db, seed : of the noise
    Returns (map, gap): map float64 (band, step), signed, in logits, lowest band first; gap, in logits: the score of the sound
    less that of the start, less the sum of the map. It is 0 for a perfect integral; take more n_steps where it is not small
        (Resemblyzer and a linear head on 11 words: 10 % of the rise with 32, 3 % with 64, 1 % with 128, and the same ranks).

    silence : the way x' + a (x - x'), a from 0 to 1, from x' = 0, points by Gauss and Legendre, as captum's.
    noise : the same straight way from white noise 60 dB below the sound's level. Networks that bring each clip to mean 0 and
        spread 1 (wav2vec2's feature extractor), or normalise inside (its first layers), do not hear the level: on a way from
        silence they hear the same all along, the gradient grows like 1 / a, and the whole score comes in one jump at the first
        step, so that integrated gradients do not exist. With noise the sound rises out of it, and the score changes where both
        are about as loud. That is within the first thousandth of the way: the points lie evenly over decibels, not over a (a
        straight way's integral does not depend on it). The parts are then those of the sound less the noise, 0.1 % of it. The
        map depends a little on the noise: another seed, another draw. Padding stays digital silence.
        Where such a network adds a small number to its variance (1e-7 in wav2vec2), softer noise than that is heard as silence.
    What remains with such a network: once the noise is left behind, each further decibel adds gradient times sound to the parts,
    which cancels in their sum (louder here is softer elsewhere). So sizes grow with floor_db, by a fifth to a third from 60 to
    80 dB, and are no logits lost; signs, ranks and shares hardly change between 40 and 80 dB. Noise as loud as the sound (0 dB)
    would not grow, but credits bands in which it is louder than the sound with its going, against what stopping them costs.
    Raises ExplainError for an unknown start, for "silence" with a network that hears no levels, and as `split_bands` does.
    """
    if start not in STARTS:
        raise ExplainError(f"start {start!r}: not known; use one of {', '.join(STARTS)}")
    whole, logits = np.asarray(samples, dtype=np.float32), wave_logits(network)
    if start == "silence" and _hears_no_level(logits, whole):
        raise ExplainError("this network hears no levels: the way from silence to the sound has no gradient; use start='noise'")
    origin = np.zeros_like(whole) if start == "silence" else noise_floor(whole, floor_db=floor_db, seed=seed)
    way = whole - origin
    _, parts, weights = given_parts(way, rate, limits, steps)
    places, shares = _points(n_steps, floor_db if start == "noise" else 0)
    slope = _mean_gradient(network, origin, way, places, shares, target, contrast, batch)
    found = np.einsum("bn,sn,n->bs", parts.astype(np.float64), weights, slope, optimize=True)
    ends = scores(logits(np.stack([whole, origin])), target, contrast)
    return found, float(ends[0] - ends[1] - found.sum())


def waveform_maps(
    asked: nn.Module | WaveLogits,
    clips: Sequence[np.ndarray],
    rate: int,
    limits: Sequence[tuple[float, float]],
    *,
    method: str,
    steps: int,
    target: np.ndarray,
    contrast: np.ndarray | None = None,
    progress: Progress = lambda items, total: items,
    **settings: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of several clips, which may differ in length: (maps, gaps), float64 (clip, band, step) and (clip,).

    asked : a network, or for occlusion also any function of waveforms to logits; method : one of WAVE_METHODS
    target, contrast : int (clip,), `methods.other_of_two` gives the contrast of two classes; settings : those of the method
    gaps : see `integrated_gradients_map`; NaN for occlusion, whose falls need not add up to anything
    On to bands: `bands.row_profile(maps)` is the signed profile (clip, band) that `bandstop.agreement` takes, `bands.band_shares`
    gives shares and `bands.mean_maps` mean maps per class; `bands.bands_by_class` takes the Bands where it asks for a config.
    Raises ExplainError for an unknown method, a gradient asked of what is no network, and unequal numbers of clips and classes.
    """
    if method not in WAVE_METHODS:
        raise ExplainError(f"method {method!r}: not known; use one of {', '.join(WAVE_METHODS)}")
    if method == "integrated-gradients" and not isinstance(asked, nn.Module):
        raise ExplainError("integrated gradients need a network with gradients, and got a function; use method 'occlusion'")
    others = [None] * len(clips) if contrast is None else list(map(int, contrast))
    if not len(clips) == len(target) == len(others):
        raise ExplainError(f"{len(clips)} clips, {len(target)} targets, {len(others)} contrasts; give one class number per clip")
    logits = wave_logits(asked) if isinstance(asked, nn.Module) else asked
    maps, gaps = np.empty((len(clips), len(limits), steps)), np.full(len(clips), np.nan)
    for i in progress(range(len(clips)), len(clips)):
        given: dict[str, Any] = {"steps": steps, "target": int(target[i]), "contrast": others[i], **settings}
        if isinstance(asked, nn.Module) and method == "integrated-gradients":
            maps[i], gaps[i] = integrated_gradients_map(asked, clips[i], rate, limits, **given)
        else:
            maps[i] = occlusion_map(logits, clips[i], rate, limits, **given)
    return maps, gaps


def noise_floor(samples: np.ndarray, *, floor_db: float = FLOOR_DB, seed: int = 0) -> np.ndarray:
    """White Gaussian noise so far below the level of the sound, float32 (n,); digital silence before and after the sound."""
    span = sounding(samples)
    level = np.sqrt(np.mean(np.square(samples[span], dtype=np.float64))) * 10 ** (-floor_db / 20)
    found = np.zeros(len(samples), dtype=np.float32)
    found[span] = level * np.random.default_rng(seed).standard_normal(span.stop - span.start)
    return found


def _points(n_steps: int, floor_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Places on the way, 0 to 1, and their shares of it (Gauss-Legendre), (n_steps,) each: evenly over the decibels from a floor
    so far down, a = (e^(L u) - 1) / (e^L - 1) with u even and e^L the floor's ratio; with 0 dB evenly over the way."""
    if n_steps < 1:
        raise ExplainError(f"{n_steps} points on the way; use 1 or more")
    points, shares = np.polynomial.legendre.leggauss(n_steps)  # on -1..1
    u, shares, span = (points + 1) / 2, shares / 2, floor_db / 20 * np.log(10)
    if span <= 0:
        return u, shares
    return np.expm1(span * u) / np.expm1(span), shares * span * np.exp(span * u) / np.expm1(span)


def _mean_gradient(
    network: nn.Module,
    origin: np.ndarray,
    way: np.ndarray,
    places: np.ndarray,
    shares: np.ndarray,
    target: int,
    contrast: int | None,
    batch: int,
) -> np.ndarray:
    """Mean derivative of the score by each sample along the way, float64 (n,)."""
    sounds = torch.from_numpy((origin + places[:, None] * way).astype(np.float32))  # (point, n)
    many = np.full(len(places), target)
    others = None if contrast is None else np.full(len(places), contrast)
    recurrent = any(isinstance(part, nn.RNNBase) for part in network.modules())  # on cuDNN: no gradient in evaluation
    with torch.backends.cudnn.flags(enabled=not recurrent):
        slopes = input_gradient(network, sounds, many, contrast=others, batch=batch)
    return shares @ slopes.numpy().astype(np.float64)


def _hears_no_level(logits: WaveLogits, whole: np.ndarray) -> bool:
    """Whether the sound at an eighth of its level gives the same logits."""
    loud, soft = logits(np.stack([whole, whole / 8]).astype(np.float32))
    return bool(np.abs(loud - soft).max() <= DEAF * np.abs(loud).max())

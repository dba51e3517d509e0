"""What a network that listens to the waveform needs, by band and time: one part of the sound is taken out, and its score is asked
again. A part is one band of the sound during one stretch of time; all parts add up to the sound. Wants nothing of the network but
its logits; gradients are in waveform_gradients.py, the whole-length test of any network is bandstop.py.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.explanation.bands import Bands
from voicecam.explanation.bandstop import measure_drops
from voicecam.explanation.filters import CLOSE, NARROWEST, split_sound
from voicecam.explanation.methods import left_as_it_was

FADE_S = 0.01  # s; from one stretch to the next, so that nothing begins with a click; half a stretch where that is shorter
BATCH = 8  # sounds in one pass of a network

WaveLogits = Callable[[np.ndarray], np.ndarray]  # sounds, float32 (clip, n) -> logits (clip, class)


def mel_bands(n_bands: int, rate: int) -> Bands:
    """Bands of one width in mel (Slaney's scale, as in `features`), from 0 Hz to half the rate without gap."""
    from librosa import mel_frequencies  # here, because importing librosa takes a second

    ends = [0.0, *map(float, mel_frequencies(n_bands + 1, fmin=0, fmax=rate / 2)[1:-1]), rate / 2]
    limits = tuple(pairwise(ends))
    return Bands(tuple(f"{low / 1000:.2f}-{high / 1000:.2f} kHz" for low, high in limits), limits)


def tiled(bands: Bands, rate: int) -> Bands:
    """The bands with what is missing from 0 Hz to half the rate as bands of their own: below, between and above them.

    Raises ExplainError where bands overlap or pass half the rate, or a missing piece is narrower than 10 Hz.
    """
    found: list[tuple[str, tuple[float, float]]] = []
    end = 0.0
    for name, (low, high) in [*zip(bands.names, bands.limits), ("", (rate / 2, rate / 2))]:
        if low < end - CLOSE or high > rate / 2 + CLOSE:
            raise ExplainError(f"bands overlap below {low:g} Hz, or pass {rate / 2:g} Hz; give rising bands up to half the rate")
        if CLOSE < low - end < NARROWEST:
            raise ExplainError(f"{end:g}-{low:g} Hz is in no band and narrower than {NARROWEST:g} Hz; move a limit")
        if low - end > CLOSE:
            found.append((f"rest {end:.0f}-{low:.0f} Hz", (end, low)))
        if name:
            found.append((name, (low, high)))
        end = high
    return Bands(tuple(name for name, _ in found), tuple(place for _, place in found))


def split_bands(samples: np.ndarray, rate: int, limits: Sequence[tuple[float, float]]) -> np.ndarray:
    """The sound in parts of one band each that add up to it, float32 (band, n); see `filters.split_sound`.

    samples : (n,), full scale 1; digital silence before and after the sound (padding) stays so in every band
    limits : (low, high) in Hz of each band, rising, from 0 to half the rate without gap, as `mel_bands` and `tiled` give them
    Raises ExplainError for bands with gaps, overlaps or less than 10 Hz, and for a sound that is silent throughout.
    """
    span = sounding(samples)
    parts = np.zeros((len(limits), len(samples)), dtype=np.float32)
    parts[:, span] = split_sound(samples[span], rate, limits)
    return parts


def stretch_weights(n: int, rate: int, steps: int) -> np.ndarray:
    """How much of each sample lies in each of `steps` equal stretches of a sound of n samples, float64 (step, n), 0 to 1.

    A stretch fades into the next one by a half cosine of 10 ms (or half a stretch) around the border, so that the weights of
    a sample add up to 1. The first one has no fade at the beginning of the sound, the last one none at its end.
    Raises ExplainError for less than one stretch, or stretches of less than two samples.
    """
    if not 1 <= steps <= n / 2:
        raise ExplainError(f"{steps} stretches of a sound of {n} samples; use 1 to {n // 2}")
    fade = min(FADE_S * rate, n / steps / 2)
    borders = np.arange(1, steps)[:, None] * n / steps
    past = np.clip((np.arange(n) + 0.5 - borders) / fade + 0.5, 0, 1)
    begun = np.concatenate([np.ones((1, n)), 0.5 - 0.5 * np.cos(np.pi * past), np.zeros((1, n))])  # (step + 1, n)
    return begun[:-1] - begun[1:]


def occlusion_map(
    logits: WaveLogits,
    samples: np.ndarray,
    rate: int,
    limits: Sequence[tuple[float, float]],
    *,
    steps: int,
    target: int,
    contrast: int | None = None,
    batch: int = BATCH,
) -> np.ndarray:
    """Fall of the score when one band is taken out during one stretch of time; float64 (band, step), logits, lowest band first.

    logits : called with at most `batch` sounds of the clip's length; with system A: the encoder and its head on the speech that
        was found once in the whole clip, or the search for speech is explained as well
    samples, limits : as for `split_bands`; steps : stretches, see `stretch_weights`; Returns logits of `target`, less `contrast`
    Above 0 the part speaks for the class. Falls of parts need not add up to anything: two parts that say the same stand in for
    each other. A stretch of 100 ms blurs frequencies by 10 Hz at least, its fade by 100 Hz. A network that sets the level of what
    it hears makes the rest louder. With one step this is `band_drops`.
    Raises ExplainError as `split_bands` and `stretch_weights` do.
    """
    whole, parts, weights = given_parts(samples, rate, limits, steps)
    score = float(scores(logits(whole[None]), target, contrast)[0])
    found = np.empty((len(parts), steps))
    for band, part in enumerate(parts):
        for start in range(0, steps, batch):
            some = slice(start, start + batch)
            without = (whole - weights[some] * part).astype(np.float32)  # (step, n)
            found[band, some] = score - scores(logits(without), target, contrast)
    return found


def band_drops(
    logits: WaveLogits,
    samples: np.ndarray,
    rate: int,
    limits: Sequence[tuple[float, float]],
    *,
    target: int,
    contrast: int | None = None,
) -> np.ndarray:
    """Fall of the score without each band, float64 (band,), logits: `bandstop.measure_drops` of one waveform, any bands.

    What maps are held against in `bandstop.agreement`. Each band has its own edges, so that bands under 400 Hz differ a little
    from the parts of `split_bands`, which share theirs. Raises ExplainError as `bandstop.band_stop` does.
    """
    asked: Callable[[list[Signal]], np.ndarray] = lambda signals: logits(np.stack([one.samples for one in signals]))  # noqa: E731
    against = None if contrast is None else np.array([contrast])
    signal = Signal(np.asarray(samples, dtype=np.float32), rate)
    return measure_drops(asked, [signal], limits, np.array([target]), contrast=against)[0]


def wave_logits(network: nn.Module) -> WaveLogits:
    """The network's logits of sounds, a few at a time, in evaluation mode and without gradients, where the network is."""

    def logits(sounds: np.ndarray) -> np.ndarray:
        place = next((weight.device for weight in network.parameters()), None)
        with left_as_it_was(network), torch.inference_mode():
            parts = torch.as_tensor(sounds, dtype=torch.float32).split(BATCH)
            return torch.cat([network(part.to(place)).cpu() for part in parts]).numpy()

    return logits


def scores(logits: np.ndarray, target: int, contrast: int | None) -> np.ndarray:
    """The logit of one class, less that of another where there is one, float64 (clip,), of logits (clip, class).

    Raises ExplainError for a class that the network does not have.
    """
    for number in (target, contrast):
        if number is not None and not 0 <= number < logits.shape[1]:
            raise ExplainError(f"class {number} asked for; the network has 0 to {logits.shape[1] - 1}")
    return logits[:, target].astype(np.float64) - (0.0 if contrast is None else logits[:, contrast])


def given_parts(
    samples: np.ndarray, rate: int, limits: Sequence[tuple[float, float]], steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sound (n,), its parts by band (band, n), float32, and the weights of its stretches (step, n)."""
    whole = np.asarray(samples, dtype=np.float32)
    return whole, split_bands(whole, rate, limits), stretch_weights(len(whole), rate, steps)


def sounding(samples: np.ndarray) -> slice:
    """From the first to the last sample that is not 0. Raises ExplainError where there is none, or the shape is not (n,)."""
    if np.ndim(samples) != 1 or not np.isfinite(samples).all():
        raise ExplainError(f"samples of shape {np.shape(samples)}; give one sound, (n,), of finite numbers")
    at = np.flatnonzero(samples)
    if not len(at):
        raise ExplainError("a sound of digital silence has nothing to explain; leave this clip out")
    return slice(int(at[0]), int(at[-1]) + 1)

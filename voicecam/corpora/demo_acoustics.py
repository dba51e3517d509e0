"""How each clip of the synthetic corpora is recorded: a dry voice put into a small room with noise, at a given level.

Float64 throughout; reads no audio and writes none. Conditions are drawn alike for every voice. The room is a direct sound
followed by exponentially decaying noise, a common stand-in for late reverberation (J. A. Moorer, "About this reverberation
business", 1979). It has no early reflections and colours nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

_PREDELAY_S = 0.003  # the first wall of a small room is about 0.5 m away
_HIGHEST_PEAK = 0.89  # -1 dB re full scale


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How one clip is recorded.

    level_db : RMS of the speech in dB re full scale. rt60_s : reverberation time in seconds.
    direct_db : direct sound over reverberation in dB. noise : "white" or "pink".
    snr_db : RMS of the speech over RMS of the noise in dB. lead_s, trail_s : seconds before and after the speech.
    """

    level_db: float
    rt60_s: float
    direct_db: float
    noise: str
    snr_db: float
    lead_s: float
    trail_s: float


def draw_conditions(rng: np.random.Generator) -> dict[str, Any]:
    """Conditions by chance, as keywords; the same distributions whoever speaks."""
    return {
        "level_db": rng.uniform(-38, -21),  # peaks of about -28 to -6 dB re full scale
        "rt60_s": rng.uniform(0.1, 0.4),
        "direct_db": rng.uniform(3, 15),
        "noise": str(rng.choice(["white", "pink"])),
        "snr_db": rng.uniform(15, 40),
        "lead_s": rng.uniform(0.04, 0.12),
        "trail_s": rng.uniform(0.06, 0.16),
    }


def record(speech: np.ndarray, rate: int, conditions: Conditions, rng: np.random.Generator) -> np.ndarray:
    """The dry `speech` (n,), without silence around it, as recorded under `conditions`: (m,), full scale 1, `rate` in Hz."""
    lead, trail = (round(seconds * rate) for seconds in (conditions.lead_s, conditions.trail_s))
    part = slice(lead, lead + len(speech))
    padded = np.pad(speech, (lead, trail))
    heard = add_room(padded, rate=rate, rt60_s=conditions.rt60_s, direct_db=conditions.direct_db, rng=rng)
    noise = make_noise(len(heard), colour=conditions.noise, rng=rng)
    heard = heard / rms(heard[part]) + 10 ** (-conditions.snr_db / 20) * noise
    return set_level(heard, speech=part, level_db=conditions.level_db)


def spread(count: int, rng: np.random.Generator) -> list[float]:
    """`count` numbers in [0, 1), one drawn in each equal slice, in random order: two small groups get the same distribution."""
    return ((rng.permutation(count) + rng.random(count)) / count).tolist()


def trim(samples: np.ndarray, *, below_db: float = -40.0) -> np.ndarray:
    """The part of `samples` (n,) between the first and last sample that is louder than `below_db` re the peak."""
    loud = np.flatnonzero(np.abs(samples) > 10 ** (below_db / 20) * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def add_room(samples: np.ndarray, *, rate: int, rt60_s: float, direct_db: float, rng: np.random.Generator) -> np.ndarray:
    """`samples` (n,) as heard in a room, cut to the same length.

    rt60_s : seconds in which the reverberation falls by 60 dB. direct_db : energy of the direct sound over the rest, dB.
    """
    time = np.arange(round(rt60_s * rate)) / rate  # (k,) s
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    response = np.concatenate([[1.0], np.zeros(round(_PREDELAY_S * rate)), tail])
    size = _fast_size(len(samples) + len(response) - 1)
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]


def make_noise(count: int, *, colour: str, rng: np.random.Generator) -> np.ndarray:
    """White or pink noise (count,) of RMS 1. Pink falls 3 dB per octave, by shaping a white spectrum."""
    size = _fast_size(count)
    noise = rng.standard_normal(size)
    if colour == "pink":
        shape = 1 / np.sqrt(np.maximum(np.arange(size // 2 + 1), 1))  # (size // 2 + 1,)
        noise = np.fft.irfft(np.fft.rfft(noise) * shape, size)
    noise = noise[:count]
    return noise / rms(noise)


def set_level(samples: np.ndarray, *, speech: slice, level_db: float) -> np.ndarray:
    """Scale so that the RMS over `speech` is `level_db` re full scale, or less where the peak would pass -1 dB."""
    gain = 10 ** (level_db / 20) / rms(samples[speech])
    return samples * min(gain, _HIGHEST_PEAK / np.abs(samples).max())


def _fast_size(count: int) -> int:
    """The next power of two: an FFT of any other length can be ten times slower."""
    return 1 << (count - 1).bit_length()


def rms(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples**2)))

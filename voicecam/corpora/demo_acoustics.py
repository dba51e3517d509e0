"""A dry voice put into a small room with noise, at a given level. Float64 throughout; reads no audio and writes none.

The room is a direct sound followed by exponentially decaying noise, a common stand-in for late reverberation (J. A. Moorer,
"About this reverberation business", 1979). It has no early reflections and colours nothing.
"""

import numpy as np

_PREDELAY_S = 0.003  # the first wall of a small room is about 0.5 m away
_HIGHEST_PEAK = 0.89  # -1 dB re full scale


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

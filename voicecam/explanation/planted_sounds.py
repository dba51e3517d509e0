"""Speech -> the same clips with one known cue each, and the cue's place. Trains nothing, explains nothing; see planted.py.

Every recording stands in every class, once as it is and once with each cue, so that voice, word, room and level say nothing of
the class. Each cue moves in time and in frequency, so that no place of the picture says anything of it either. The cue is added
after the level is set: setting it again would make everything else darker, and so plant a second cue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal.windows import tukey

from voicecam.audio import Signal
from voicecam.config import Config, recipe
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_limits

# 64 bands x 64 frames, so that a cell is a pixel. No silence is added and no cell lies on the floor, which hangs on the loudest
# cell: a cue would move it, and so show in every silent cell.
PICTURE = recipe("logmel", hop_ms=15.4, pad="repeat", floor_db=120.0, image_rows=64, image_columns=64)
# Levels are made for prepared clips, whose speech has an RMS of 0.05 re full scale (-26 dB).
TONE_HZ, TONE_S, TONE_LEVEL = (400.0, 5000.0), 0.2, 0.06  # amplitude re full scale
BURST_HZ, BURST_S, BURST_LEVEL = (600.0, 4500.0), 0.06, 0.15  # middle of an octave of noise; its RMS re full scale
FORMANT_HZ, FORMANT_S, FORMANT_DB = (800.0, 3600.0), 0.3, 24.0  # middle of the octave that is lifted, by so much in its middle
HUM_HZ, HUM_S, HUM_LEVEL = (60.0, 300.0), 0.3, 0.06  # base, with two overtones of the same amplitude re full scale
COUGH_HZ, COUGH_S, COUGH_LEVEL = (400.0, 1600.0), 0.25, 0.3  # low edge of two octaves of dying noise; its RMS at the start
WORD_S, WORD_LEVEL = 0.25, 0.1  # a piece of another speaker; its RMS re full scale

Rng = np.random.Generator
Place = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cue:
    """What is added to a clip.

    title : for people
    add : (samples, rate, rng, other) -> the clip with the cue, and the cue's place: (low_hz, high_hz, start_s, end_s); other is a
        recording of another speaker
    """

    title: str
    add: Callable[[np.ndarray, int, Rng, np.ndarray], tuple[np.ndarray, Place]]


@dataclass(frozen=True)
class Pairs:
    """samples : float32 (clip, sample)
    labels : int (clip,), 0 without a cue, else the number of the cue from 1 on; speakers : str (clip,)
    recordings : int (clip,): clips of one number differ by the cue alone
    places : float (clip, 4): low_hz, high_hz, start_s, end_s of the cue; NaN without one
    """

    samples: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    recordings: np.ndarray
    places: np.ndarray


def plant(cues: str | Sequence[str], speech: Sequence[Signal], speakers: Sequence[str] | np.ndarray, *, seed: int = 0) -> Pairs:
    """Each recording without a cue and with each of the cues: clips i n to i n + n - 1 are recording i's, n being 1 + the cues.

    cues : keys of CUES, or one; speech : signals of one length and rate, their level set (audio.prepare)
    Raises ExplainError for an unknown cue or signals of different lengths.
    """
    names = (cues,) if isinstance(cues, str) else tuple(cues)
    if unknown := [name for name in names if name not in CUES]:
        raise ExplainError(f"cue {unknown[0]!r}: not known; use one of {', '.join(CUES)}")
    if len({(len(signal.samples), signal.rate) for signal in speech}) != 1:
        raise ExplainError("recordings of different lengths or rates; bring them to one with audio.prepare")
    who, clips, places = np.asarray(speakers), [], []
    for number, signal in enumerate(speech):
        clips.append(signal.samples)
        places.append((np.nan,) * 4)
        for name in names:
            rng = np.random.default_rng((seed, number, list(CUES).index(name)))
            other = speech[rng.choice(_others(who, number))].samples
            clip, place = CUES[name].add(signal.samples, signal.rate, rng, other)
            clips.append(clip)
            places.append(place)
    each = 1 + len(names)
    numbers = np.repeat(np.arange(len(speech)), each)
    labels = np.tile(np.arange(each), len(speech))
    return Pairs(np.stack(clips).astype(np.float32), labels, who[numbers], numbers, np.array(places))


def cue_cells(places: np.ndarray, config: Config) -> np.ndarray:
    """Cells of the matrix that the cue touches, bool (clip, n_rows, n_frames), of places (clip, 4).

    A band counts when its limits (half way to its neighbours' centres) overlap the cue's band, a frame when its window overlaps
    the cue's time. Where rows are cepstral coefficients every row counts: such a picture has no place for a frequency.
    """
    low, high, start, end = np.asarray(places, dtype=float).T[..., None]  # each (clip, 1)
    begins = np.arange(config.n_frames) * config.hop / config.sample_rate  # s
    frames = (begins < end) & (begins + config.window / config.sample_rate > start)  # (clip, frame)
    if config.features != "logmel":
        return np.repeat(frames[:, None, :], config.n_rows, axis=1)
    bands = np.array(band_limits(config.n_rows, config))  # (row, 2) in Hz
    rows = (bands[:, 0] < high) & (bands[:, 1] > low)  # (clip, row)
    return rows[:, :, None] & frames[:, None, :]


def mel_cells(places: np.ndarray, config: Config) -> np.ndarray:
    """The same among the mel energies that the picture was made of, bool (clip, n_mels, n_frames)."""
    return cue_cells(places, replace(config, features="logmel"))


def lift(samples: np.ndarray, rate: int, low: float, high: float, gain: float) -> np.ndarray:
    """The sound with its envelope lifted between two frequencies in Hz, by a raised cosine in dB over their logarithm; unchanged
    outside, and in phase."""
    hz = np.fft.rfftfreq(len(samples), 1 / rate)
    inside = (hz > low) & (hz < high)
    share = np.log(np.where(inside, hz, low) / low) / np.log(high / low)
    gain_db = np.where(inside, gain * np.sin(np.pi * share) ** 2, 0.0)
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gain_db / 20), len(samples))


def _others(speakers: np.ndarray, number: int) -> np.ndarray:
    """Recordings of other speakers, int; of all where there is one speaker."""
    others = np.flatnonzero(speakers != speakers[number])
    return others if len(others) else np.arange(len(speakers))


def _between(rng: Rng, limits: tuple[float, float]) -> float:
    """A number between two, evenly in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def _mixed(samples: np.ndarray, piece: np.ndarray, rate: int, rng: Rng) -> tuple[np.ndarray, float, float]:
    """The clip with a piece added at a random time, and its start and end in s."""
    first = int(rng.integers(0, len(samples) - len(piece) + 1))
    clip = samples.astype(float)
    clip[first : first + len(piece)] += piece
    return clip, first / rate, (first + len(piece)) / rate


def _noise(n: int, rate: int, low: float, high: float, rng: Rng) -> np.ndarray:
    """Noise of RMS 1 between two frequencies in Hz."""
    hz = np.fft.rfftfreq(n, 1 / rate)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * ((hz >= low) & (hz <= high)), n)
    return noise / np.sqrt(np.mean(noise**2))


def _tone(samples: np.ndarray, rate: int, rng: Rng, other: np.ndarray) -> tuple[np.ndarray, Place]:
    hz, n = _between(rng, TONE_HZ), round(TONE_S * rate)
    soft = tukey(n, 0.3)  # 30 ms up and down: a hard edge would be a click
    piece = TONE_LEVEL * soft * np.sin(2 * np.pi * hz * np.arange(n) / rate)
    clip, start, end = _mixed(samples, piece, rate, rng)
    return clip, (hz - 80, hz + 80, start, end)


def _burst(samples: np.ndarray, rate: int, rng: Rng, other: np.ndarray) -> tuple[np.ndarray, Place]:
    middle, n = _between(rng, BURST_HZ), round(BURST_S * rate)
    low, high = middle / np.sqrt(2), middle * np.sqrt(2)
    clip, start, end = _mixed(samples, BURST_LEVEL * tukey(n, 0.5) * _noise(n, rate, low, high, rng), rate, rng)
    return clip, (low, high, start, end)


def _formant(samples: np.ndarray, rate: int, rng: Rng, other: np.ndarray) -> tuple[np.ndarray, Place]:
    """In the louder half of all places in time: where nothing sounds there is nothing to lift."""
    middle, n = _between(rng, FORMANT_HZ), round(FORMANT_S * rate)
    low, high = middle / np.sqrt(2), middle * np.sqrt(2)
    power = np.convolve(samples.astype(float) ** 2, np.ones(n), mode="valid")
    first = int(rng.choice(np.flatnonzero(power >= np.median(power))))
    more = lift(samples, rate, low, high, FORMANT_DB) - samples
    gate = np.zeros(len(samples))
    gate[first : first + n] = tukey(n, 0.2)
    return samples + gate * more, (low, high, first / rate, (first + n) / rate)


def _hum(samples: np.ndarray, rate: int, rng: Rng, other: np.ndarray) -> tuple[np.ndarray, Place]:
    base, n = _between(rng, HUM_HZ), round(HUM_S * rate)
    phases, times = rng.uniform(0, 2 * np.pi, 3)[:, None], np.arange(n) / rate
    waves = np.sin(2 * np.pi * base * np.outer([1, 2, 3], times) + phases).sum(axis=0)
    clip, start, end = _mixed(samples, HUM_LEVEL * tukey(n, 0.2) * waves, rate, rng)
    return clip, (base - 30, 3 * base + 30, start, end)


def _cough(samples: np.ndarray, rate: int, rng: Rng, other: np.ndarray) -> tuple[np.ndarray, Place]:
    low, n = _between(rng, COUGH_HZ), round(COUGH_S * rate)
    dying = np.exp(-4 * np.arange(n) / n) * tukey(n, 0.05)
    clip, start, end = _mixed(samples, COUGH_LEVEL * dying * _noise(n, rate, low, 4 * low, rng), rate, rng)
    return clip, (low, 4 * low, start, end)


def _word(samples: np.ndarray, rate: int, rng: Rng, other: np.ndarray) -> tuple[np.ndarray, Place]:
    """The loudest piece of another speaker's recording."""
    n = round(WORD_S * rate)
    first = int(np.convolve(other.astype(float) ** 2, np.ones(n), mode="valid").argmax())
    piece = other[first : first + n] * tukey(n, 0.2)
    piece = WORD_LEVEL * piece / max(float(np.sqrt(np.mean(piece**2))), 1e-9)
    clip, start, end = _mixed(samples, piece, rate, rng)
    return clip, (0.0, rate / 2, start, end)


CUES = {
    "tone": Cue(f"a beep of {TONE_HZ[0]:g} to {TONE_HZ[1]:g} Hz for {TONE_S:g} s", _tone),
    "burst": Cue(f"an octave of noise for {BURST_S:g} s", _burst),
    "formant": Cue(f"an octave of the voice lifted by {FORMANT_DB:g} dB for {FORMANT_S:g} s", _formant),
    "hum": Cue(f"a hum of {HUM_HZ[0]:g} to {HUM_HZ[1]:g} Hz and two overtones for {HUM_S:g} s", _hum),
    "cough": Cue(f"a cough-like noise of two octaves for {COUGH_S:g} s", _cough),
    "word": Cue(f"{WORD_S:g} s of another speaker", _word),
}
USUAL = ("tone", "burst", "formant", "hum")  # planted together into one network, unless asked otherwise
QUICK = ("burst", "hum")  # of these, where a training costs minutes

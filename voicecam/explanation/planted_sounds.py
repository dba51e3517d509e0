"""Speech -> pairs of clips that differ by one known cue, and the cue's place. Trains nothing, explains nothing; see planted.py.

Every recording stands in both classes, once without and once with the cue (a click: at another time), so that voice, word, room
and level say nothing of the class. The cue is added after the level is set: setting it again would make everything else darker,
and so plant a second cue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal.windows import tukey

from voicecam.audio import Signal
from voicecam.config import Config, recipe
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_limits

# 64 bands x 64 frames, so that a cell is a pixel. No silence is added and no cell lies on the floor, which hangs on the loudest
# cell: a cue would move it, and so show in every silent cell.
PICTURE = recipe("logmel", hop_ms=15.4, pad="repeat", floor_db=120.0, image_rows=64, image_columns=64)
TONE_HZ, TONE_S, TONE_LEVEL = 3000.0, 0.3, 0.03  # amplitude re full scale; speech has an RMS of 0.05
CLICK_S, CLICK_LEVEL = (0.85, 0.15), 0.4  # s, where it stands in class 0 and in class 1; peak re full scale
FORMANT_HZ, FORMANT_DB = (2000.0, 2800.0), 15.0  # band that a formant lifts: by this much in its middle, by nothing at its ends
HUM_HZ, HUM_LEVEL = (50.0, 100.0, 150.0), 0.02  # mains hum and two overtones; amplitude of each re full scale
REAL_SHARE = 0.75  # share of class 1 that has the real cue beside the hum, and of class 0 that lacks it

Rng = np.random.Generator
Place = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cue:
    """What tells class 1 from class 0.

    title : for people
    add : (samples, label, rate, rng) -> the clip in class `label` (0 or 1); the same clip without the cue under test, all else
        kept; and the place of class 1's cue: (low_hz, high_hz, start_s, end_s). Both clips of a pair get equal generators.
    """

    title: str
    add: Callable[[np.ndarray, int, int, Rng], tuple[np.ndarray, np.ndarray, Place]]


@dataclass(frozen=True)
class Pairs:
    """samples : float32 (clip, sample); without : the same with the cue under test taken out
    labels : int (clip,), 0 or 1; speakers : str (clip,)
    places : float (clip, 4): low_hz, high_hz, start_s, end_s of class 1's cue; the same for both clips of a pair
    """

    samples: np.ndarray
    without: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    places: np.ndarray


def plant(cue: str, speech: Sequence[Signal], speakers: Sequence[str] | np.ndarray, *, seed: int = 0) -> Pairs:
    """Both classes of each recording: clip 2 i is recording i in class 0, clip 2 i + 1 the same in class 1.

    cue : a key of CUES; speech : signals of one length and rate, their level set (audio.prepare)
    Raises ExplainError for an unknown cue or signals of different lengths.
    """
    if cue not in CUES:
        raise ExplainError(f"cue {cue!r}: not known; use one of {', '.join(CUES)}")
    if len({(len(signal.samples), signal.rate) for signal in speech}) != 1:
        raise ExplainError("recordings of different lengths or rates; bring them to one with audio.prepare")
    made = [
        CUES[cue].add(signal.samples, label, signal.rate, np.random.default_rng((seed, number)))
        for number, signal in enumerate(speech)
        for label in (0, 1)
    ]
    samples, without = (np.stack([clip[part] for clip in made]).astype(np.float32) for part in (0, 1))
    labels, names = np.tile([0, 1], len(speech)), np.repeat(np.asarray(speakers), 2)
    return Pairs(samples, without, labels, names, np.array([place for _, _, place in made]))


def cue_cells(places: np.ndarray, config: Config) -> np.ndarray:
    """Cells of the matrix that the cue touches, bool (clip, n_rows, n_frames), of places (clip, 4).

    A band counts when its limits (half way to its neighbours' centres) overlap the cue's band, a frame when its window overlaps
    the cue's time.
    """
    low, high, start, end = np.asarray(places, dtype=float).T[..., None]  # each (clip, 1)
    bands = np.array(band_limits(config.n_rows, config))  # (row, 2) in Hz
    begins = np.arange(config.n_frames) * config.hop / config.sample_rate  # s
    rows = (bands[:, 0] < high) & (bands[:, 1] > low)  # (clip, row)
    frames = (begins < end) & (begins + config.window / config.sample_rate > start)  # (clip, frame)
    return rows[:, :, None] & frames[:, None, :]


def add_formant(samples: np.ndarray, rate: int) -> np.ndarray:
    """The sound with its envelope lifted within FORMANT_HZ, by a raised cosine in dB; unchanged outside, and in phase."""
    low, high = FORMANT_HZ
    hz = np.fft.rfftfreq(len(samples), 1 / rate)
    inside = (hz > low) & (hz < high)
    gain_db = np.where(inside, FORMANT_DB * np.sin(np.pi * (hz - low) / (high - low)) ** 2, 0.0)
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gain_db / 20), len(samples))


def _tone(samples: np.ndarray, label: int, rate: int, rng: Rng) -> tuple[np.ndarray, np.ndarray, Place]:
    start = rng.uniform(0.05, len(samples) / rate - TONE_S - 0.05)
    time = np.arange(round(TONE_S * rate)) / rate
    tone = np.zeros(len(samples))
    first = round(start * rate)
    soft = tukey(len(time), 0.2)  # 30 ms up and down: a hard edge would be a click
    tone[first : first + len(time)] = TONE_LEVEL * soft * np.sin(2 * np.pi * TONE_HZ * time)
    return samples + label * tone, samples, (TONE_HZ - 100, TONE_HZ + 100, start, start + TONE_S)


def _click(samples: np.ndarray, label: int, rate: int, rng: Rng) -> tuple[np.ndarray, np.ndarray, Place]:
    shift = rng.uniform(-0.04, 0.04)  # both move together
    at = [round((place + shift) * rate) for place in CLICK_S]
    clicked = samples.copy()
    clicked[at[label]] += CLICK_LEVEL
    return clicked, samples, (0.0, rate / 2, at[1] / rate, (at[1] + 1) / rate)


def _formant(samples: np.ndarray, label: int, rate: int, rng: Rng) -> tuple[np.ndarray, np.ndarray, Place]:
    lifted = add_formant(samples, rate) if label else samples
    return lifted, samples, (*FORMANT_HZ, 0.0, len(samples) / rate)


def _hum(samples: np.ndarray, label: int, rate: int, rng: Rng) -> tuple[np.ndarray, np.ndarray, Place]:
    """Clever Hans: hum in all of class 1 and nowhere else, beside a formant that is in most of class 1 and in some of class 0."""
    real = rng.random(2)[label] < (REAL_SHARE if label else 1 - REAL_SHARE)
    voice = add_formant(samples, rate) if real else samples
    phases = rng.uniform(0, 2 * np.pi, len(HUM_HZ))[:, None]
    time = np.arange(len(samples)) / rate
    hum = HUM_LEVEL * np.sin(2 * np.pi * np.outer(HUM_HZ, time) + phases).sum(axis=0)
    return voice + label * hum, voice, (HUM_HZ[0] - 20, HUM_HZ[-1] + 20, 0.0, len(samples) / rate)


CUES = {
    "tone": Cue(f"a soft tone of {TONE_HZ:g} Hz for {TONE_S:g} s", _tone),
    "click": Cue(f"a click at {CLICK_S[1]:g} s, not at {CLICK_S[0]:g} s", _click),
    "formant": Cue(f"a formant between {FORMANT_HZ[0]:g} and {FORMANT_HZ[1]:g} Hz", _formant),
    "hum": Cue("mains hum of 50, 100 and 150 Hz beside a true but weaker cue", _hum),
}

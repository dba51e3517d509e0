"""Where in a recording the speech is, and what is left without the rest. Classifies nothing.

Short words count: silence is put before the recording, so that the detector has settled when the word begins. Where the detector
is not sure, it hears the recording again, played slower, in which children and shouting come down to the voices that it knows;
and the sound must move, as speech does and chords do not. What is little over the border is called doubtful. Long recordings are
looked at in pieces.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from voicecam import audio
from voicecam.audio.detector import FRAME, frame_probabilities, speech_segments
from voicecam.audio.signal import Signal, hann
from voicecam.errors import AudioError

RATE = 16_000  # Hz; the detector's
STEP = 160  # samples; from one spectrum to the next
LEVEL_DBFS = -26.0  # dB re full scale, RMS; the detector hears soft recordings worse
BEFORE, AFTER = 28, 9  # frames of silence around; 0.9 s before finds all of FSDD's words, 0.3 s misses 2 in 100
GAP_MS = 250  # ms; a shorter pause does not end a segment: stops and soft syllables are pauses of up to 0.2 s
LEAST_SECONDS = 0.1  # s of speech; three frames. A click has less
SURE, SURE_SECONDS = 0.9, 0.2  # where frames of this probability add up to as long, it is speech; made chords have none such
SLOWER = 0.7  # speed of the second hearing; 28 of the 33 clips that were refused before, most of children, are found with it
AGAIN = 0.5  # weight of the second hearing, see `evidence`
LEAST_EVIDENCE = 7.0  # chosen on half of the speakers and packages by audit/speech.py; docs/RESULTS.md says what that costs
CLEAR_EVIDENCE = 9.5  # below it speech is doubtful: 0.3 % of 7,280 clips of corpora, 9 % of 1,355 recordings without speech
MARGIN = 0.15  # s kept around a segment: soft beginnings and ends; see `cut`
SEAM = 1e-3  # s; moments closer than this to the seam of two pieces are on it
SPECTRA = 6_000  # spectra compared in one go, of a minute
SLOW_PIECE = 7 * FRAME * 256  # samples, 57 s; as long as whole frames at SLOWER


@dataclass(frozen=True)
class Speech:
    """segments : (start, end) in s of the recording, in order of time, without overlap; none where there is no speech
    doubtful : whether it may be music or noise as well
    """

    segments: tuple[tuple[float, float], ...]
    doubtful: bool = False

    @property
    def seconds(self) -> float:
        """Speech in s; shorter pauses inside a segment count."""
        return sum(end - start for start, end in self.segments)

    def __bool__(self) -> bool:
        return bool(self.segments)


def find_speech(signal: Signal) -> Speech:
    """The segments of speech in a recording at any rate, float samples in [-1, 1].

    Source: Silero VAD 6 (Silero Team 2024), probability 0.5, on the recording at 16 kHz and -26 dBFS. Where it is not SURE, the
    longer of what it finds at full speed and at SLOWER, if that is long enough (LEAST_SECONDS) and the `evidence` is.
    """
    ready = audio.resample(audio.centre(signal), RATE)
    if not np.any(ready.samples):
        return Speech(())
    samples = audio.set_level(ready, LEVEL_DBFS, own=True).samples
    p = speech_probabilities(samples)
    found = Speech(_segments(p, len(samples)))
    if np.count_nonzero(p >= SURE) * FRAME >= SURE_SECONDS * RATE:
        return found
    slow = slow_probabilities(samples)
    found = max(found, Speech(_segments(slow, len(samples), speed=SLOWER)), key=lambda speech: speech.seconds)
    if found.seconds < LEAST_SECONDS:
        return Speech(())
    known = evidence(float(p.max()), float(slow.max()), spectral_change(samples, found))
    return Speech(found.segments, doubtful=known < CLEAR_EVIDENCE) if known >= LEAST_EVIDENCE else Speech(())


def evidence(likeliest: float, slower: float, change: float) -> float:
    """How much speaks for speech: log odds of the likeliest frame, AGAIN times those of the likeliest at SLOWER, and the
    `spectral_change` in dB. Its weights come from a grid, chosen on half of the clips (audit/speech.py --choose)."""
    p = np.clip([likeliest, slower], 0.001, 0.9995)
    odds = np.log(p / (1 - p))
    return float(odds[0] + AGAIN * odds[1] + change)


@dataclass(frozen=True)
class Spoken:
    """The speech of a recording without the rest.

    signal : the pieces, one after another
    pieces : (start, end) of each in s of the recording
    """

    signal: Signal
    pieces: tuple[tuple[float, float], ...]

    def time(self, seconds: float, *, end: bool = False) -> float:
        """Where in the recording a moment of `signal` lies, in s. On the seam of two pieces: the later; the earlier if `end`."""
        if not self.pieces:
            raise AudioError("no speech, so no moment of it; use find_speech first")
        i = min(bisect_right(self._ends, seconds - SEAM if end else seconds + SEAM), len(self.pieces) - 1)
        start, stop = self.pieces[i]
        return start + min(seconds - (self._ends[i] - (stop - start)), stop - start)

    @cached_property
    def _ends(self) -> list[float]:
        """Where each piece ends in s of `signal`."""
        return list(np.cumsum([stop - start for start, stop in self.pieces]))


def cut(signal: Signal, speech: Speech) -> Spoken:
    """The segments with MARGIN around each, joined. Raises AudioError where there is no speech.

    On 480 clips of corpora that the shipped model knows, with 2 s of room noise (50 dB below the peak) put around, cutting
    takes its log loss from 0.018-0.104 a corpus to 0.002-0.013; on the bare clips it changes by -0.005 to +0.001.
    """
    if not speech:
        raise AudioError("no speech to cut out; record closer to the microphone")
    pieces: list[tuple[float, float]] = []
    for start, end in speech.segments:
        start, end = max(0.0, start - MARGIN), min(signal.seconds, end + MARGIN)
        if pieces and start <= pieces[-1][1]:
            start = pieces.pop()[0]
        pieces.append((start, end))
    parts = [signal.samples[round(start * signal.rate) : round(end * signal.rate)] for start, end in pieces]
    return Spoken(Signal(np.concatenate(parts), signal.rate), tuple(pieces))


def speech_probabilities(samples: np.ndarray) -> np.ndarray:
    """Probability of speech in each frame of 32 ms, float32 (n_frames,), of samples at 16 kHz, float32 (n,). The last frame is
    filled with silence."""
    return frame_probabilities(_Around(samples))[BEFORE : BEFORE - (-len(samples) // FRAME)]


def slow_probabilities(samples: np.ndarray) -> np.ndarray:
    """As `speech_probabilities`, of the samples played at SLOWER, a piece after another: 32 ms of a frame are 22.4 of theirs."""
    pieces = (samples[first : first + SLOW_PIECE] for first in range(0, len(samples), SLOW_PIECE))
    slow = (audio.resample(Signal(piece, round(SLOWER * RATE)), RATE).samples for piece in pieces)
    return np.concatenate([speech_probabilities(piece) for piece in slow])


class _Around:
    """Samples with silence around, for the detector, which takes a slice of 16 s at a time: an hour is not copied for it."""

    def __init__(self, samples: np.ndarray):
        self._samples = samples
        self.size = BEFORE * FRAME + len(samples) + AFTER * FRAME

    def __getitem__(self, wanted: slice) -> np.ndarray:
        start, stop = wanted.start - BEFORE * FRAME, wanted.stop - BEFORE * FRAME
        return _slice(self._samples, start, stop).astype(np.float32, copy=False)


def _slice(samples: np.ndarray, start: int, stop: int) -> np.ndarray:
    """samples[start:stop], with silence where that reaches beyond either end."""
    inside = samples[max(0, start) : max(0, stop)]
    before = min(max(0, -start), stop - start)
    return np.pad(inside, (before, stop - start - before - len(inside)))


def spectral_change(samples: np.ndarray, speech: Speech) -> float:
    """Median over the frames of speech, and MARGIN around it, of how far the spectrum moves in 30 ms, in dB.

    samples : at 16 kHz; spectra of 32 ms below 4 kHz, down to 50 dB below the loudest cell, louder cells weighing more
    Speech glides and closes; tones and chords stand still or fade. They move where one follows another: hence the margin, which
    holds some of their standing still. 0 where no frame has a neighbour in speech.
    """
    lag, floor = 3, 50.0
    n = 1 + (len(samples) + FRAME) // STEP  # spectra, the first and the last half in silence
    loudest = max(float(level.max()) for _, level in _levels(samples, n, 0))
    moved = []
    for first, level in _levels(samples, n, lag):
        level = np.maximum(level - loudest, -floor) + floor  # 0 is the floor
        inside = _inside((np.arange(first, first + level.shape[1]) * STEP - FRAME / 2) / RATE, speech)
        both = inside[lag:] & inside[:-lag]
        earlier, later = level[:, :-lag][:, both], level[:, lag:][:, both]
        weight = np.maximum(earlier, later)
        total = weight.sum(axis=0)
        moved.append((np.abs(later - earlier) * weight).sum(axis=0)[total > 0] / total[total > 0])
    everything = np.concatenate(moved)
    return float(np.median(everything)) if len(everything) else 0.0


def _levels(samples: np.ndarray, n: int, more: int) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the first spectrum, levels in dB below 4 kHz, float32 (bin, frame)) of SPECTRA spectra and `more` at a time."""
    window = (hann(FRAME) / hann(FRAME).sum()).astype(samples.dtype)
    for first in range(0, n, SPECTRA):
        last = min(n, first + SPECTRA + more)
        piece = _slice(samples, first * STEP - FRAME, (last - 1) * STEP)  # the last spectrum ends FRAME after where it starts
        frames = np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::STEP]  # (frame, sample)
        spectra = np.fft.rfft(frames * window, axis=1)[:, : 4_000 * FRAME // RATE]
        yield first, 20 * np.log10(np.abs(spectra.T) + 1e-7)


def _inside(moments: np.ndarray, speech: Speech) -> np.ndarray:
    """Whether moments in s lie in speech or MARGIN around it."""
    starts, ends = np.array(speech.segments).T
    edges = np.searchsorted(starts - MARGIN, moments, side="right"), np.searchsorted(ends + MARGIN, moments, side="right")
    return edges[0] > edges[1]


def _segments(p: np.ndarray, n: int, *, speed: float = 1.0) -> tuple[tuple[float, float], ...]:
    """Segments in s of a recording of `n` samples that was heard at `speed`."""
    found = speech_segments(p, round(n / speed), gap=RATE * round(GAP_MS / speed) / 1000)
    return tuple((start * speed / RATE, min(end * speed, n) / RATE) for start, end in found)

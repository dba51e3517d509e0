"""Pitch: measured by Praat, moved with the formants where they were, as the same speaker sounds when excited or tired, and taken
away, as in a whisper."""

from typing import TYPE_CHECKING

import numpy as np
import soxr

from voicecam.audio.signal import Signal, hann
from voicecam.errors import AudioError

if TYPE_CHECKING:
    import parselmouth

STEP_S = 0.01  # s between frames
FLOOR_HZ, CEILING_HZ = 60.0, 600.0  # Hz; from a low man's voice to a child's shout

PIECE_S = 300.0  # s; what Praat is given at a time, which takes some 40 bytes a sample
FRAME_S, HOP_S = 0.032, 0.008  # s; three pitch periods at 100 Hz, and windows that add up to a constant
ORDER = 16  # poles: eight resonances below 8 kHz, the formants of a short throat and some room
LAG_HZ = 60.0  # Hz; widens resonances by this, so that none sticks to a single harmonic
LARGEST = 3.0  # in units of the natural logarithm (26 dB): where a band was empty, no gain brings speech back


def median_f0(signal: Signal) -> float | None:
    """Median pitch of the voiced frames in Hz, see `pitch_track`, or None where none is voiced. Pieces of PIECE_S one by one."""
    size, found = round(PIECE_S * signal.rate), [np.zeros(0)]
    for start in range(0, len(signal.samples), size):
        piece = Signal(signal.samples[start : start + size], signal.rate)
        if piece.seconds >= 3 / FLOOR_HZ:  # Praat's window: three periods of the lowest pitch
            found.append(pitch_track(piece).selected_array["frequency"])
    hertz = np.concatenate(found)
    return float(np.median(hertz[hertz > 0])) if np.any(hertz > 0) else None


def pitch_track(signal: Signal) -> "parselmouth.Pitch":
    """Praat's pitch object, in two passes (De Looze and Hirst 2008): 60 to 600 Hz, then from 0.75 times the first to 1.5 times
    the third quartile of what was found, which avoids most octave errors. Raises parselmouth.PraatError below 0.05 s."""
    first = sound(signal).to_pitch_ac(STEP_S, FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    found = first.selected_array["frequency"]
    if not (found > 0).any():
        return first
    low, high = np.percentile(found[found > 0], [25, 75])
    return sound(signal).to_pitch_ac(STEP_S, max(FLOOR_HZ, 0.75 * low), pitch_ceiling=min(CEILING_HZ, 1.5 * high))


def sound(signal: Signal) -> "parselmouth.Sound":
    """The signal as Praat's object."""
    import parselmouth  # here, because importing it takes a second, and moving pitch does not need it

    return parselmouth.Sound(signal.samples.astype(np.float64), signal.rate)


def shift_pitch(samples: np.ndarray, rate: int, semitones: float) -> np.ndarray:
    """The samples at a pitch `semitones` higher (lower where negative), float32, 2^(semitones / 12) times as fast.

    Played faster, pitch and formants rise together; then each short spectrum's envelope, by linear prediction, is put back
    where it was. A high voice has too few harmonics to tell its first formant well: at 220 Hz it can end up 16 % off.
    Lowered voices have nothing above rate / 2 * 2^(semitones / 12).
    Raises AudioError for a shift beyond an octave.
    """
    if not -12 <= semitones <= 12:
        raise AudioError(f"pitch shift of {semitones:g} semitones: must be within an octave, -12 to 12")
    factor = 2 ** (semitones / 12)
    faster = soxr.resample(np.asarray(samples, dtype=np.float32), factor, 1.0, quality="MQ")
    spectra, n = _spectra(faster, rate)
    there = _log_envelopes(spectra, n, rate)
    bins = np.arange(there.shape[1])
    source = np.minimum(bins * factor, bins[-1])  # where the envelope of a bin stands in the faster sound
    low = np.minimum(source.astype(int), bins[-1] - 1)
    wanted = there[:, low] + (source - low) * (there[:, low + 1] - there[:, low])
    return _sound(spectra * np.exp(np.clip(wanted - there, -LARGEST, LARGEST)), n, rate, len(faster))


def whisper(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> np.ndarray:
    """The samples as if whispered, float32, as long: noise in place of the voice, through the envelope of each short spectrum.

    The envelope is that of linear prediction. A real whisper's formants lie a little higher too (Jovicic 1998): that is left out.
    """
    samples = np.asarray(samples, dtype=np.float32)
    spectra, n = _spectra(samples, rate)
    noise, _ = _spectra(rng.standard_normal(len(samples), dtype=np.float32), rate)
    return _sound(noise * np.exp(_log_envelopes(spectra, n, rate)) / np.sqrt(n / 2), n, rate, len(samples))


def _spectra(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Spectra (frame, bin) of windows of FRAME_S every HOP_S, one window of silence before, and samples a window."""
    from scipy.fft import rfft  # here: what classifies does without scipy

    n, hop = round(FRAME_S * rate), round(HOP_S * rate)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (n, n + hop)), n)[::hop]  # (frame, sample)
    return rfft(frames * _window(n), axis=1), n  # (frame, sample) -> (frame, bin)


def _sound(spectra: np.ndarray, n: int, rate: int, length: int) -> np.ndarray:
    """The `length` samples that windows with these spectra add up to, see `_spectra`."""
    from scipy.fft import irfft  # here: what classifies does without scipy

    hop, shaped = round(HOP_S * rate), irfft(spectra, n, axis=1) * _window(n)
    added = np.zeros((len(shaped) - 1) * hop + n, dtype=np.float32)
    for start, frame in zip(range(0, len(added), hop), shaped):
        added[start : start + n] += frame
    return (added[n : n + length] * 2 * hop / n).astype(np.float32)  # the squared windows add up to n / (2 hop)


def _window(n: int) -> np.ndarray:
    return np.sqrt(hann(n)).astype(np.float32)


def _log_envelopes(spectra: np.ndarray, n: int, rate: int) -> np.ndarray:
    """Log magnitudes of the all-pole model (linear prediction, Makhoul 1975) of each spectrum of n samples, (frame, bin)."""
    from scipy.fft import irfft, rfft  # here: what classifies does without scipy

    correlation = irfft(np.abs(spectra) ** 2, n, axis=1)[:, : ORDER + 1].astype(np.float64)  # (frame, bin) -> (frame, lag)
    correlation *= np.exp(-0.5 * (2 * np.pi * LAG_HZ / rate * np.arange(ORDER + 1)) ** 2)
    correlation[:, 0] = correlation[:, 0] * 1.0001 + 1e-7 * max(float(correlation[:, 0].max()), 1e-12)
    lags = np.abs(np.subtract.outer(np.arange(ORDER), np.arange(ORDER)))
    weights = np.linalg.solve(correlation[:, lags], correlation[:, 1:, None])[:, :, 0]  # (frame, ORDER)
    error = correlation[:, 0] - (weights * correlation[:, 1:]).sum(axis=1)
    poles = rfft(np.concatenate([np.ones((len(weights), 1)), -weights], axis=1), n, axis=1)  # (frame, bin)
    return 0.5 * np.log(error)[:, None] - np.log(np.abs(poles))

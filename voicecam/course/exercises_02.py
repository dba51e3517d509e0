"""Checks of the exercises in nbs/02_hear_and_see.ipynb. Truths are worked out from sounds, not stored."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.fft import idct
from scipy.signal import ShortTimeFFT, argrelmax

from voicecam.audio import Signal
from voicecam.config import Config
from voicecam.course.checking import number_problem
from voicecam.features import cepstrum, features

Test = Callable[[Any], str | None]
RATE = 16_000  # Hz
WINDOWS_MS = (5, 10, 25, 50, 100)  # to choose from in exercise 2.1
VALLEY_DB = 1.0  # dB; two peaks are two where the spectrum falls by this between them
SAME = 0.5  # liftered, so no dB; features that differ by less than this are the same to the eye
OTHER = 0.5  # of the sound's RMS; sounds that differ by more than this are not the same samples


def shortest_window(first_hz: float, second_hz: float) -> Test:
    """Exercise 2.1: the shortest of WINDOWS_MS in whose spectrum two tones are two peaks."""
    target = next(window for window in WINDOWS_MS if _peaks(first_hz, second_hz, window) == 2)

    def test(answer: Any) -> str | None:
        if answer not in WINDOWS_MS:
            return f"choose one of {', '.join(map(str, WINDOWS_MS))} (ms)"
        if answer < target:
            return f"in a window of {answer} ms the tones are one hump, wider than the {second_hz - first_hz:g} Hz between them"
        return f"{answer} ms shows two peaks, but there is a shorter window that does" if answer > target else None

    return test


def enough(log_mel: np.ndarray, decibels: float) -> Test:
    """Exercise 2.2: the fewest cepstral coefficients, from c0 up, that give log-mel energies back to an RMS error of `decibels`.

    log_mel : dB, shape (n_frames, n_mels)
    """
    n_mels = log_mel.shape[1]
    plain = Config(n_mels=n_mels, n_mfcc=n_mels, lifter=0)
    coefficients = cepstrum(log_mel, plain)
    target = next(n for n in range(1, n_mels + 1) if _error(log_mel, coefficients, n) <= decibels)

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=0)
        if problem is None or not isinstance(answer, (int, np.integer)) or not 1 <= answer <= n_mels:
            return problem if problem is None else f"{problem}; a whole number from 1 to {n_mels} is asked for"
        return f"{problem}: with {answer} the error is {_error(log_mel, coefficients, int(answer)):.2f} dB"

    return test


def same_picture(signal: Signal, config: Config) -> Test:
    """Exercise 2.3: samples that are not the signal's and still have its features."""
    target = features(signal, config).matrix

    def test(answer: Any) -> str | None:
        samples = np.asarray(answer, dtype=np.float32)
        if samples.shape != signal.samples.shape:
            return f"shape {samples.shape}; as many samples as the clip has are asked for, {signal.samples.shape}"
        if not np.isfinite(samples).all():
            return f"{int((~np.isfinite(samples)).sum())} samples are not finite"
        far = np.sqrt(np.mean((samples - signal.samples) ** 2) / np.mean(signal.samples**2))
        if far < OTHER:
            return f"too near the clip's own samples: {100 * far:.0f} % of its RMS away, {100 * OTHER:.0f} % or more is asked for"
        off = np.abs(features(Signal(samples, signal.rate), config).matrix - target).max()
        return None if off < SAME else f"the features differ by up to {off:.1f}; less than {SAME} is asked for"

    return test


def _peaks(first_hz: float, second_hz: float, window_ms: float) -> int:
    """Peaks around two tones in their mean power spectrum under a Hann window, with VALLEY_DB between them."""
    time = np.arange(RATE) / RATE
    tones = np.sin(2 * np.pi * first_hz * time) + np.sin(2 * np.pi * second_hz * time)
    n = round(RATE * window_ms / 1000)
    spectra = ShortTimeFFT.from_window("hann", RATE, n, n - max(1, n // 8), mfft=RATE).spectrogram(tones)  # bins of 1 Hz
    level = 10 * np.log10(spectra[:, 20:-20].mean(axis=1))
    gap = second_hz - first_hz
    near = level[round(first_hz - gap / 2) : round(second_hz + gap / 2) + 1]
    tops = argrelmax(near)[0]
    two = len(tops) >= 2 and near[tops[0] : tops[-1]].min() < near[tops].min() - VALLEY_DB
    return 2 if two else 1


def _error(log_mel: np.ndarray, coefficients: np.ndarray, n: int) -> float:
    """RMS error in dB of the log-mel energies rebuilt from the first n coefficients."""
    first = np.where(np.arange(coefficients.shape[1]) < n, coefficients, 0)
    return float(np.sqrt(np.mean((idct(first, type=2, norm="ortho", axis=1) - log_mel) ** 2)))

"""Signal -> MFCC or log-mel matrix. The one feature function for training, files, microphone and web page.

Does not read, fit or level sound (audio.py) and makes no picture (image.py).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from voicecam.audio import Signal
from voicecam.audio.signal import hann
from voicecam.config import Config
from voicecam.errors import AudioError

SMALLEST_SPREAD = 1e-3  # dB, spread below which a window is all the same; keeps the division finite
PIECE = 4_000  # frames whose mel energies are computed in one go
CACHED = 2**15  # samples of frames whose spectra are computed in one go: in float64 256 kB, which stay in a processor's cache
HZ_PER_MEL, KNEE_MEL = 200 / 3, 15.0  # Slaney's mel scale: a straight line up to 1000 Hz
LOG_STEP = np.log(6.4) / 27.0  # natural logarithm of frequency for 1 mel, above that
SMALLEST_POWER = 1e-10  # power below which a mel band counts as this; keeps the logarithm finite (librosa's amin)


@dataclass(frozen=True)
class Axis:
    """What the rows or columns of a matrix are.

    kind : "coefficient", "frequency" or "time"
    values : one number per row or column: coefficient index, centre of the mel band in Hz, or middle of the frame in s
    unit : "", "Hz" or "s"
    """

    kind: str
    values: np.ndarray
    unit: str


@dataclass(frozen=True)
class Features:
    """matrix : float32, shape (n_rows, n_frames), dB or dB-derived; row 0 is c0 or the lowest band."""

    matrix: np.ndarray
    rows: Axis
    columns: Axis


def features(signal: Signal, config: Config) -> Features:
    """MFCC or log-mel matrix of a prepared signal.

    signal : a Signal at config.sample_rate, as `audio.load` or `audio.prepare` gives it
    Returns Features of shape (config.n_rows, frames). For a signal of config.n_samples, frames = config.n_frames.

    Steps: pre-emphasis x[n] - a x[n-1] (the first sample stays); frames wholly inside the signal times a periodic Hann
    window; power spectrum; triangular mel bands of equal area on Slaney's scale (librosa's default); 10 log10; cells deeper
    than config.floor_db below the clip's loudest raised to that floor; for MFCC an orthonormal DCT-II over the bands
    (Davis and Mermelstein 1980) and the sine lifter of HTK; then config.normalise over time.
    Raises AudioError when the rate differs from the config's or the signal is shorter than one window.
    """
    if signal.rate != config.sample_rate:
        raise AudioError(f"signal at {signal.rate} Hz, features want {config.sample_rate} Hz; use audio.resample first")
    if len(signal.samples) < config.window:
        raise AudioError(
            f"signal of {len(signal.samples)} samples is shorter than one window ({config.window}); use audio.fit_length first"
        )
    matrix = window_matrix(mel_decibels(signal.samples, config), config)
    return Features(matrix, row_axis(config), column_axis(config, matrix.shape[1]))


def window_starts(n_frames: int, config: Config) -> list[int]:
    """First frames of the windows of a signal of `n_frames` frames."""
    last = max(0, n_frames - config.n_frames)
    return sorted({*range(0, last, max(1, round(config.window_step * config.n_frames))), last})


def window_matrix(decibels: np.ndarray, config: Config) -> np.ndarray:
    """One window's matrix, float32 (n_rows, n_frames), of its mel energies in dB, float (n_frames, n_mels)."""
    log_mel = floored(decibels, config)
    matrix = log_mel if config.features == "logmel" else cepstrum(log_mel, config)  # (frame, row)
    if config.normalise == "mean":
        matrix = matrix - matrix.mean(axis=0)
    elif config.normalise == "window":
        matrix = (matrix - matrix.mean()) / max(float(matrix.std()), SMALLEST_SPREAD)
    return np.ascontiguousarray(matrix.T, dtype=np.float32)


def log_mel_energies(samples: np.ndarray, config: Config) -> np.ndarray:
    """Mel energies in dB, shape (n_frames, n_mels), at most config.floor_db below their maximum."""
    return floored(mel_decibels(samples, config), config)


def mel_decibels(samples: np.ndarray, config: Config) -> np.ndarray:
    """Mel energies in dB, shape (n_frames, n_mels), without a floor but SMALLEST_POWER."""
    n = 1 + (len(samples) - config.window) // config.hop
    return np.concatenate([_some_decibels(samples, range(first, min(n, first + PIECE)), config) for first in range(0, n, PIECE)])


def _some_decibels(samples: np.ndarray, frames: range, config: Config) -> np.ndarray:
    """`mel_decibels` of some frames, one after another: the spectra of an hour at once would take 1 GB."""
    start, stop = frames.start * config.hop, (frames.stop - 1) * config.hop + config.window
    x = samples[max(0, start - 1) : stop] * np.float32(config.full_scale)
    emphasised = x[1:] - np.float32(config.pre_emphasis) * x[:-1]
    x = emphasised if start else np.concatenate([x[:1], emphasised])
    windows = np.lib.stride_tricks.sliding_window_view(x, config.window)[:: config.hop]  # (frame, sample)
    power, some = np.empty((len(windows), config.window // 2 + 1), np.float32), max(1, CACHED // config.window)
    for first in range(0, len(windows), some):
        shaped = (windows[first : first + some] * _hann(config.window)).astype(np.float64)  # float32 is rounded in many ways
        spectrum = np.fft.rfft(shaped, axis=1).astype(np.complex64)  # (frame, sample) -> (frame, bin)
        power[first : first + some] = spectrum.real**2 + spectrum.imag**2
    mel = power @ mel_bands(config).T  # (frame, bin) -> (frame, band)
    return 10 * np.log10(np.maximum(mel, SMALLEST_POWER))


def cepstrum(log_mel: np.ndarray, config: Config) -> np.ndarray:
    """Liftered cepstral coefficients, shape (n_frames, n_mfcc), of log-mel energies, shape (n_frames, n_mels)."""
    from scipy.fft import dct  # here: log-mel pictures do without scipy

    return dct(log_mel, type=2, norm="ortho", axis=1)[:, : config.n_mfcc] * lifter_weights(config.n_mfcc, config.lifter)


def lifter_weights(n_mfcc: int, lifter: int) -> np.ndarray:
    """1 + L/2 sin(pi (n + 1) / L) for n = 0..n_mfcc-1, as librosa counts (HTK starts at n = 1); ones where L is 0."""
    if lifter == 0:
        return np.ones(n_mfcc, dtype=np.float32)
    return (1 + lifter / 2 * np.sin(np.pi * np.arange(1, n_mfcc + 1) / lifter)).astype(np.float32)


@lru_cache(maxsize=8)
def mel_bands(config: Config) -> np.ndarray:
    """Weights of the mel bands, shape (n_mels, window // 2 + 1), read-only."""
    edges, bins = band_edges(config), np.arange(config.window // 2 + 1) * config.sample_rate / config.window
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]  # (band, bin)
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    weights *= 2 / (edges[2:, None] - edges[:-2, None])
    weights.flags.writeable = False
    return weights


def row_axis(config: Config) -> Axis:
    """What the rows are: coefficients 0..n_mfcc-1, or the bands' centres in Hz."""
    if config.features != "logmel":
        return Axis("coefficient", np.arange(config.n_mfcc), "")
    return Axis("frequency", band_edges(config)[1:-1], "Hz")


def band_edges(config: Config) -> np.ndarray:
    """Corner frequencies of the triangles in Hz, shape (n_mels + 2,): band i rises from [i] to [i+1] and falls to [i+2].

    Slaney's mel scale (Auditory Toolbox 1998), librosa's default: 3 mel in 200 Hz, from 1000 Hz on 27 mel for a factor of 6.4.
    Written out, as importing librosa takes half a second; a test holds both to librosa's own.
    """
    low, high = (_mel(hertz) for hertz in (config.f_min, config.top_hz))
    mels = np.linspace(low, high, config.n_mels + 2)
    return np.where(mels < KNEE_MEL, mels * HZ_PER_MEL, KNEE_MEL * HZ_PER_MEL * np.exp(LOG_STEP * (mels - KNEE_MEL)))


def _mel(hertz: float) -> float:
    mel = hertz / HZ_PER_MEL
    return mel if mel < KNEE_MEL else KNEE_MEL + float(np.log(mel / KNEE_MEL)) / LOG_STEP


def column_axis(config: Config, n_frames: int) -> Axis:
    """The frames' middles in s."""
    return Axis("time", (np.arange(n_frames) * config.hop + config.window / 2) / config.sample_rate, "s")


def floored(decibels: np.ndarray, config: Config) -> np.ndarray:
    """Mel energies in dB, none of them more than config.floor_db below their maximum."""
    return np.maximum(decibels, decibels.max() - config.floor_db)


@lru_cache(maxsize=8)
def _hann(length: int) -> np.ndarray:
    """Periodic Hann window, float32."""
    return hann(length).astype(np.float32)

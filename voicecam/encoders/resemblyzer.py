"""Resemblyzer's speaker embedding, whose weights come inside its package, as a torch module from samples to vector."""

import warnings

import librosa
import torch
from torch import nn

from voicecam.encoders.table import RATE, TINY, Encoder, EncoderInfo, need, state_digest, torch_encoder

WINDOW, HOP, MELS = 400, 160, 40  # samples, samples, bands: resemblyzer.hparams
FRAMES = 160  # of a partial utterance, 1.6 s


class Resemblyzer(nn.Module):
    """float32 (clip, n) at 16 kHz -> float32 (clip, 256, 1), of length 1 each.

    Mel powers as librosa.feature.melspectrogram gives them to the package's own network; of 1.6 s the first 160 frames, as its
    embed_utterance takes them. Differentiable from the samples on.
    """

    window: torch.Tensor
    bands: torch.Tensor

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("window", torch.hann_window(WINDOW))
        self.register_buffer("bands", torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MELS)))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        spectra = torch.stft(samples, WINDOW, HOP, window=self.window, pad_mode="constant", return_complex=True)
        mels = (self.bands @ (spectra.real**2 + spectra.imag**2)).transpose(1, 2)  # (clip, bin, frame) -> (clip, frame, band)
        return self.encoder(mels[:, :FRAMES])[:, :, None]  # (clip, 256) -> (clip, 256, 1)


def load(info: EncoderInfo, weights: str, output: str) -> Encoder:
    """The Encoder. weights : "tiny" gives the package's architecture random weights; all else takes the package's own."""
    need("webrtcvad", info)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what scipy has moved
        network = need("resemblyzer.voice_encoder", info).VoiceEncoder("cpu", verbose=False)
    if weights == TINY:
        torch.manual_seed(0)
        for part in (network.lstm, network.linear):
            part.reset_parameters()
    return torch_encoder(info, output, Resemblyzer(network), state_digest(network))

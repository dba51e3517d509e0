"""INA's female/male network of pictures, made and trained by others, whose weights lie in its package. Trains nothing.

Its Keras HDF5 is read by h5py into torch. `network` is a picture network like those of voicecam.network: network[0] is the body
with the convolutions, on whose last layer Grad-CAM works. Front end: log mel energies as the package makes them with SIDEKIT.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from voicecam.encoders.lengths import repeated
from voicecam.encoders.table import (
    ENCODERS,
    HUB,
    RATE,
    TINY,
    Encoder,
    EncoderInfo,
    need,
    package_folder,
    state_digest,
    torch_encoder,
)

PACKAGE, WEIGHTS = "inaSpeechSegmenter", "keras_male_female_cnn.hdf5"
CLASSES = ("female", "male")
WINDOW, HOP, FFT, BANDS = 400, 160, 512, 24  # samples, samples, points, mel bands
LOWEST, HIGHEST = 100, 8000  # Hz
FRAMES, STEP = 68, 6  # of a picture, 0.69 s; between two pictures, 60 ms
LEAST = (FRAMES - 1) * HOP + WINDOW  # samples of a picture


class Scores(nn.Module):
    """float32 (clip, n) at 16 kHz -> float32 (clip, 1, 1): log odds of female against male, the mean over a clip's pictures.
    Differentiable from the samples on."""

    def __init__(self, network: nn.Sequential):
        super().__init__()
        self.network = network

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        scores = self.network(pictures(samples))
        odds = scores[:, 0] - scores[:, 1]
        return odds.reshape(len(samples), -1).mean(dim=1)[:, None, None]


def load(info: EncoderInfo, weights: str, output: str) -> Encoder:
    """The Encoder. weights : "tiny" gives the network random weights; all else takes the package's own."""
    net = network(weights)
    return torch_encoder(info, output, Scores(net), state_digest(net))


def ina_probability(samples: np.ndarray) -> tuple[float, float]:
    """Of female and of male, each 0..1, for one recording, float32 (n,) at 16 kHz: the mean over its pictures."""
    net = network()
    with torch.inference_mode():
        scores = net(pictures(torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))[None]))
        female, male = scores.softmax(dim=1).mean(dim=0).tolist()
    return female, male


def pictures(samples: torch.Tensor) -> torch.Tensor:
    """float32 (clip * picture, 1, 68, 24), frames by mel bands, each to mean 0 and spread 1, of float32 (clip, n) at 16 kHz.

    A clip shorter than a picture, and what is padded, is filled with the clip repeated. All clips have as many pictures.
    """
    energies = log_mels(repeated(samples, LEAST))
    found = energies.unfold(1, FRAMES, STEP).transpose(2, 3).reshape(-1, 1, FRAMES, BANDS)  # (clip, picture, band, frame) before
    spread = found.std(dim=(2, 3), correction=0, keepdim=True).clamp(min=1e-6)
    return ((found - found.mean(dim=(2, 3), keepdim=True)) / spread).float()


def log_mels(samples: torch.Tensor) -> torch.Tensor:
    """float64 (clip, frame, 24), natural logarithms, of float32 (clip, n) in -1..1, which count as 16 bit."""
    frames = (samples.double() * 2**15).unfold(1, WINDOW, HOP)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    window = torch.hann_window(WINDOW, periodic=False, dtype=torch.float64, device=samples.device)
    spectra = torch.fft.rfft((frames - 0.97 * before) * window, FFT)
    return torch.log((spectra.real**2 + spectra.imag**2) @ torch.from_numpy(mel_bands().T).to(samples.device) + 1e-3)


@lru_cache
def mel_bands() -> np.ndarray:
    """float64 (24, 257): triangles of one area, 100 to 8000 Hz on the mel scale 2595 log10(1 + f / 700). Each lacks its last
    line, as SIDEKIT makes them."""
    lowest, highest = (2595 * np.log10(1 + edge / 700) for edge in (LOWEST, HIGHEST))
    mels = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)  # Hz
    lines, bands = np.arange(FFT // 2 + 1) * RATE / FFT, np.zeros((BANDS, FFT // 2 + 1))
    for band, (low, centre, high) in enumerate(zip(edges[:-2], edges[1:-1], edges[2:])):
        first, middle, last = (int(edge * FFT / RATE) + 1 for edge in (low, centre, high))
        bands[band, first:middle] = (lines[first:middle] - low) / (centre - low)
        falling = slice(middle, min(last, FFT) - 1)
        bands[band, falling] = (high - lines[falling]) / (high - centre)
        bands[band] *= 2 / (high - low)
    return bands


@lru_cache(maxsize=2)
def network(weights: str = HUB) -> nn.Sequential:
    """Pictures, float32 (picture, 1, 68, 24) -> scores of CLASSES, float32 (picture, 2), which softmax makes probabilities.

    weights : "tiny" for random ones; all else for the package's own. The body is network[0].
    Raises ModelError where the package is not installed.
    """
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):  # it is kept, and may need gradients the next time
        torch.manual_seed(0)
        net = _layers()
        if weights != TINY:
            info = ENCODERS["ina"]
            with need("h5py", info).File(package_folder(PACKAGE, info) / WEIGHTS, "r") as file:
                _fill(net, file["model_weights"])
    return net.eval().requires_grad_(False)


def _layers() -> nn.Sequential:
    low = [*_conv(1, 64), *_conv(64, 64), nn.MaxPool2d((1, 2))]
    high = [*_conv(64, 128), *_conv(128, 128), nn.MaxPool2d(2), *_conv(128, 256)]
    dense = [layer for size in (256, 512, 512, 512) for layer in (nn.Linear(size, 512), nn.BatchNorm1d(512, eps=1e-3), nn.ReLU())]
    head = nn.Sequential(*dense, nn.Linear(512, len(CLASSES)))
    return nn.Sequential(nn.Sequential(*low, *high), nn.MaxPool2d((28, 1)), nn.Flatten(), head)


def _conv(rows: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(rows, channels, 3), nn.BatchNorm2d(channels, eps=1e-3), nn.ReLU()]


def _fill(net: nn.Sequential, weights: Any) -> None:
    """Keras' weights into the layers: each kind counts its own from 1, and its kernels end with (in, out)."""
    norm = "batch_normalization"
    kinds = {nn.Conv2d: "conv2d", nn.Linear: "dense", nn.BatchNorm1d: norm, nn.BatchNorm2d: norm}
    counts = dict.fromkeys(kinds.values(), 0)
    for layer in net.modules():
        if type(layer) not in kinds:
            continue
        kind = kinds[type(layer)]
        counts[kind] += 1
        group = weights[f"{kind}_{counts[kind]}"][f"{kind}_{counts[kind]}"]
        values = {key.removesuffix(":0"): torch.from_numpy(group[key][()]) for key in group}
        if kind == norm:
            state = {"weight": values["gamma"], "bias": values["beta"]}
            state |= {"running_mean": values["moving_mean"], "running_var": values["moving_variance"]}
        else:
            kernel = values["kernel"]
            state = {"weight": kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T, "bias": values["bias"]}
        layer.load_state_dict(state, strict=kind != norm)  # torch counts batches too

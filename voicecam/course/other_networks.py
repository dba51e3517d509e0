"""INA's network as nbs/12_other_networks.ipynb asks it: one picture of a clip, a picture's axes and bands, random twins. Trains
nothing."""

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from voicecam.encoders import ina
from voicecam.encoders.table import RATE
from voicecam.explanation.bands import Bands
from voicecam.explanation.waveform import WaveLogits, wave_logits
from voicecam.features import Axis


class Heard(nn.Module):
    """float32 (clip, n) at 16 kHz -> logits of ina.CLASSES, (clip, 2), the mean over a clip's pictures."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        found = self.network(ina.pictures(samples))
        return found.reshape(len(samples), -1, found.shape[1]).mean(dim=1)


def asked(network: nn.Module) -> WaveLogits:
    """The network's logits of sounds, as explanation.waveform asks for them."""
    return wave_logits(Heard(network))


def middle(samples: np.ndarray) -> np.ndarray:
    """The samples in the middle that make one picture, float32, at most ina.LEAST; ina.pictures repeats what is shorter."""
    start = max(0, len(samples) - ina.LEAST) // 2
    return np.ascontiguousarray(samples[start : start + ina.LEAST], dtype=np.float32)


def axes(*, beyond: int = 0) -> tuple[Axis, Axis]:
    """Of a picture with its bands as rows, the lowest first: the bands' centres in Hz, the frames' middles in s; `beyond` left
    out at each end of both."""
    kept = slice(beyond, -beyond or None)
    times = (np.arange(ina.FRAMES) * ina.HOP + ina.WINDOW / 2) / RATE
    return Axis("frequency", _hertz(np.arange(1, ina.BANDS + 1))[kept], "Hz"), Axis("time", times[kept], "s")


def bands(each: int = 1, *, beyond: int = 0) -> Bands:
    """INA's mel bands, or neighbours `each` by `each` as one: from the point half way, in mel, to the band below up to the next
    such point. All go from 139 Hz to 7.6 kHz without gap; the lowest and the highest `beyond` of the 24 are left out."""
    limits = tuple(pairwise(map(float, _hertz(np.arange(beyond + 0.5, ina.BANDS - beyond + 1, each)))))
    return Bands(tuple(f"{low / 1000:.2f}-{high / 1000:.2f} kHz" for low, high in limits), limits)


def random_twin(network: nn.Module, *, seed: int) -> nn.Module:
    """The same layers with random weights, by torch's own rule; the network itself stays as it is."""
    twin = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in twin.modules():
            if callable(reset := getattr(layer, "reset_parameters", None)):
                reset()
    return twin.eval()


def _hertz(steps: np.ndarray) -> np.ndarray:
    """Hz at these of the 25 equal steps in mel between ina.LOWEST and ina.HIGHEST; at 1 to 24 lie the bands' centres."""
    low, high = (np.log10(1 + edge / 700) for edge in (ina.LOWEST, ina.HIGHEST))
    return 700 * (10 ** (low + (high - low) * np.asarray(steps) / (ina.BANDS + 1)) - 1)

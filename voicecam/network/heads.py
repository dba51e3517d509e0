"""Networks on what an encoder gives of a window: logistic regression, two layers, and a stack of convolutions. Trains nothing."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from voicecam.config import HEADS
from voicecam.errors import ModelError

HIDDEN = 128  # units between the two layers
DROPOUT = 0.3
WIDTHS = (16, 32, 64)  # channels of the convolutions' blocks
MEAN, SPREAD = "0.mean", "0.spread"  # a head's weights of these names: see Standardise
SMALLEST_SPREAD = 1e-6  # of an encoding's row: one that never changes is left as it is


class Standardise(nn.Module):
    """Each row less its mean, over its spread in the training clips: float32 (clip, row, frame) -> the same shape."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean[:, None]) / self.spread[:, None]


class LayerMean(nn.Module):
    """The mean over an encoder's layers with learned weights (softmax): (clip, layer * size, frame) -> (clip, size, frame).

    Source: Peters et al. 2018 (ELMo), as SUPERB uses it; the layers in the middle keep the speaker, the last ones the words.
    """

    def __init__(self, layers: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(layers))

    def reset_parameters(self) -> None:
        """Weigh all layers equally, as before training."""
        nn.init.zeros_(self.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        apart = x.unflatten(1, (len(self.weight), -1))  # (clip, layer * size, frame) -> (clip, layer, size, frame)
        return torch.einsum("l,clsf->csf", F.softmax(self.weight, dim=0), apart)


def build_head(arch: str, encodings: np.ndarray, n_classes: int, *, layers: int = 1) -> nn.Sequential:
    """A head with random weights: float32 (clip, row, frame) -> logits (clip, n_classes).

    arch : "logistic", one linear layer; "two-layer", linear, ReLU, dropout, linear; "cnn", the learned mean over `layers`, then
        three blocks of two convolutions (3 x 3), batch norm and ReLU, each with max pooling and dropout (Simonyan and Zisserman
        2015), the mean over rows and frames, a linear layer
    encodings : of the training clips alone, (clip, row, frame): their rows' means and spreads are taken
    Raises ModelError for an architecture that is no head.
    """
    mean = torch.from_numpy(encodings.mean(axis=(0, 2), dtype=np.float64)).float()
    spread = torch.from_numpy(encodings.std(axis=(0, 2), dtype=np.float64)).float()
    first = Standardise(mean, torch.where(spread < SMALLEST_SPREAD, torch.ones_like(spread), spread))
    rows, frames = encodings.shape[1:]
    return _head(arch, first, rows * frames, n_classes, layers)


def build_like(state: Mapping[str, torch.Tensor], arch: str) -> nn.Sequential:
    """A head of the sizes of a saved one's weights."""
    rows = len(state[MEAN])
    last = [key for key in state if key.endswith(".weight") and state[key].ndim == 2]  # its linear layers, in order
    layers = len(state["1.weight"]) if arch == "cnn" else 1
    first = Standardise(torch.zeros(rows), torch.ones(rows))
    return _head(arch, first, state[last[0]].shape[1], len(state[last[-1]]), layers)


def _head(arch: str, first: Standardise, n: int, n_classes: int, layers: int) -> nn.Sequential:
    """n : numbers of a clip's encoding"""
    if arch == "logistic":
        return nn.Sequential(first, nn.Flatten(), nn.Linear(n, n_classes))
    if arch == "two-layer":
        return nn.Sequential(
            first, nn.Flatten(), nn.Linear(n, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, n_classes)
        )
    if arch == "cnn":
        blocks = [_block(before, width) for before, width in zip((1, *WIDTHS), WIDTHS)]
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(
            first, LayerMean(layers), nn.Unflatten(1, (1, -1)), *blocks, pooled, nn.Linear(WIDTHS[-1], n_classes)
        )
    raise ModelError(f"architecture {arch!r}: no head on an encoder; use one of {', '.join(HEADS)}")


def _block(before: int, width: int) -> nn.Sequential:
    convolutions = [
        part
        for channels in (before, width)
        for part in (nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    ]
    return nn.Sequential(*convolutions, nn.MaxPool2d(2, ceil_mode=True), nn.Dropout(DROPOUT))

"""A picture network in parts that torch can trace with their gradients, see onnx_graph. Computes what the network computes."""

import copy
from typing import Any

import torch
from torch import nn


def traceable(network: Any) -> tuple[nn.Sequential, nn.Module]:
    """Body and head of a copy; no part of it writes in place, and batch norms are the scales and shifts that they come to."""
    own = copy.deepcopy(network).eval().requires_grad_(False)
    for place in list(own.modules()):
        for name, part in place.named_children():
            if isinstance(part, nn.ReLU):
                setattr(place, name, nn.ReLU())
            elif isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                setattr(place, name, _Affine(part))
            elif isinstance(part, nn.AdaptiveMaxPool2d):
                setattr(place, name, _Pool(torch.amax))
            elif isinstance(part, nn.AdaptiveAvgPool2d):
                setattr(place, name, _Pool(torch.mean))
            elif isinstance(part, (nn.Dropout, nn.Dropout2d)):
                setattr(place, name, nn.Identity())
    return own[0], own[1]


class _Affine(nn.Module):
    """A batch norm in eval mode."""

    def __init__(self, norm: Any):
        super().__init__()
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        shift = norm.bias.double() - norm.running_mean.double() * scale
        shape = (1, -1, 1, 1) if isinstance(norm, nn.BatchNorm2d) else (1, -1)
        self.scale, self.shift = scale.float().reshape(shape), shift.float().reshape(shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x times the scale, plus the shift."""
        return x * self.scale + self.shift


class _Pool(nn.Module):
    """The mean or the maximum over the picture, (clip, channel, 1, 1)."""

    def __init__(self, by: Any):
        super().__init__()
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(clip, channel, h, w) -> (clip, channel, 1, 1)."""
        return self.by(x, dim=(2, 3), keepdim=True)

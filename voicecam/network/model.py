"""The network: its architecture, its input, and how a trained one is saved and loaded.

The weights it starts from are in start_weights.py, training in learner.py.
Loading never unpickles: weights are safetensors, everything else is JSON.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from scipy.special import softmax
from torch import nn

from voicecam.config import (  # noqa: F401  handed on
    HEADS,
    LAYERS,
    PICTURE_NETWORKS,
    SHIPPED_BACKBONE,
    SHIPPED_MODEL,
    TRANSFORMERS,
    Config,
)
from voicecam.errors import ModelError
from voicecam.features.image import Scale
from voicecam.files import file_sha256, write_bytes, write_json
from voicecam.network import efficientnet, heads
from voicecam.network.facts import FORMAT, ModelFacts, met_by, read_meta  # noqa: F401  handed on

SMALL, FINE = "small", "fine"
PLAIN = {  # networks of plain blocks: what a ResNet from random weights learns of few voices, it learns by heart
    SMALL: ((48, 96, 160, 256), 4),  # channels of the blocks, and how many of these halve the picture
    FINE: ((32, 64, 96, 96, 96), 2),
}
STAGES = dict(zip(LAYERS, (4, 5, 6, 7)))  # place of a ResNet's stages in fastai's body
OTHER_STAGES = {
    **{name: dict(zip(LAYERS, range(4))) for name in PLAIN},
    efficientnet.NAME: dict(zip(LAYERS, (1, 2, 3, 4))),
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of R, G, B in 0..1: what the weights expect


@dataclass(frozen=True)
class Model(ModelFacts):
    """A trained network with everything a new recording needs to be treated like a training clip.

    network : body and head, in eval mode; input (clip, 3, config.image_rows, config.image_columns), output logits (clip, class)
    arch, label : architecture, and the label it was trained on
    classes : names in the order of the outputs
    config, scale : way from sound to matrix, and from matrix to picture; a speech model has no picture, and an empty scale
    meta : versions, corpus, split, training settings, metrics: what is known of its making
    """

    network: Any  # nn.Module; pictures: an nn.Sequential of body and head
    arch: str
    label: str
    classes: tuple[str, ...]
    config: Config
    scale: Scale
    meta: Mapping[str, Any] = field(default_factory=dict)

    def input(self, matrices: np.ndarray) -> torch.Tensor:
        """Network input of matrices (clip, n_rows, n_frames): float32 (clip, 3, image_rows, image_columns), or the matrices
        themselves where there is no picture."""
        if self.config.of_sound:
            return torch.from_numpy(np.ascontiguousarray(matrices, dtype=np.float32))
        return to_input(torch.from_numpy(self.scale.to_gray(matrices)), self.config)

    def logits(self, matrices: np.ndarray, *, batch: int = 64) -> np.ndarray:
        """The network's outputs before the softmax, float32 (clip, class), of matrices (clip, n_rows, n_frames)."""
        parts = [np.zeros((0, len(self.classes)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(matrices), batch):
                parts.append(self.network(self.input(matrices[start : start + batch])).numpy())
        return np.concatenate(parts)

    def probabilities(self, matrices: np.ndarray, *, batch: int = 64) -> np.ndarray:
        """Softmax probabilities at the model's temperature, float32 (clip, class), of matrices (clip, n_rows, n_frames)."""
        return softmax(self.logits(matrices, batch=batch) / self.temperature, axis=1)

    def stage(self, name: str) -> nn.Module:
        """A stage of the body, "layer1" to "layer4": where Grad-CAM can look."""
        if self.config.of_sound:
            raise ModelError(f"{self.arch}: has no picture and so no layer to map; use band occlusion of the sound")
        stages = stages_of(self.arch)
        if name not in stages:
            raise ModelError(f"layer {name!r}: not known; use one of {', '.join(stages)}")
        return self.network[0].get_submodule(str(stages[name]))


def stages_of(arch: str) -> dict[str, int]:
    """Place of the stages "layer1" to "layer4" in an architecture's body."""
    return OTHER_STAGES.get(arch, STAGES)


def build(arch: str, n_classes: int) -> nn.Sequential:
    """A network with random weights, body and head: fastai's vision model on a ResNet or EfficientNet-Lite0, or a plain one.

    The small one has four blocks of convolution (3 x 3, stride 2), batch norm and ReLU, the mean over the picture, dropout and
    one linear layer. What a cell of its last stage sees is 31 pixels wide and high.
    The fine one has five such blocks, two of stride 2 and three of stride 1, which are residual where input and output are as
    wide (He et al. 2016). A cell of its last stage stands for 4 x 4 pixels: as the head is a mean and one linear layer, HiRes-CAM
    there says exactly what each cell adds to the score.
    """
    if arch not in PICTURE_NETWORKS:
        raise ModelError(f"architecture {arch!r}: no network on pictures; use one of {', '.join(PICTURE_NETWORKS)}")
    if arch not in PLAIN:
        network: Any = _efficientnet(n_classes) if arch == efficientnet.NAME else _resnet(arch, n_classes)
        return network.to(memory_format=torch.channels_last)  # how a CPU's convolutions like it, a tenth faster
    widths, halving = PLAIN[arch]
    blocks = [_block(before, width, 2 if i < halving else 1) for i, (before, width) in enumerate(zip((3, *widths), widths))]
    stages = blocks if len(blocks) == 4 else [*blocks[:3], nn.Sequential(*blocks[3:])]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(widths[-1], n_classes))
    return nn.Sequential(nn.Sequential(*stages), head)


def _block(before: int, width: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
    if stride > 1 or before != width:
        return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    return nn.Sequential(_Residual(convolution, nn.BatchNorm2d(width)), nn.ReLU(inplace=True))


class _Residual(nn.Sequential):
    """What its layers give, added to what they are given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


def _resnet(arch: str, n_classes: int) -> nn.Sequential:
    from fastai.vision.learner import create_vision_model  # here: the small network needs neither, and they take seconds
    from torchvision.models import get_model_builder

    return create_vision_model(get_model_builder(arch), n_classes, pretrained=False)


def _efficientnet(n_classes: int) -> nn.Sequential:
    from fastai.vision.learner import add_head

    return add_head(efficientnet.make_body(), efficientnet.WIDTH, n_classes)


def to_input(pictures: torch.Tensor, config: Config) -> torch.Tensor:
    """Grey pictures -> network input: to 0..1, stretched to the image size (bilinear), three equal channels, ImageNet's mean
    and spread.

    pictures : uint8 or float in 0..255, shape (clip, row, frame)
    Returns float32 (clip, 3, config.image_rows, config.image_columns).
    """
    grey = pictures.float()[:, None] / 255  # (clip, row, frame) -> (clip, 1, row, frame)
    size = (config.image_rows, config.image_columns)
    if grey.shape[-2:] != size:
        grey = F.interpolate(grey, size=size, mode="bilinear", align_corners=False)
    mean, std = torch.tensor(IMAGENET_MEAN, device=grey.device), torch.tensor(IMAGENET_STD, device=grey.device)
    return (grey - mean[:, None, None]) / std[:, None, None]  # (clip, 1, h, w) -> (clip, 3, h, w)


def save_model(folder: Path, model: Model, *, half: bool = False) -> None:
    """Write model.safetensors and, last, meta.json into `folder`; `half` stores float16. meta.json holds the weights' SHA-256."""
    folder = Path(folder)
    if model.arch in TRANSFORMERS:
        from voicecam.network.transformer import save_transformer

        save_transformer(folder, model.network.network, half=half)
    else:
        _save_weights(folder, model.network, half=half)
    write_json(
        folder / "meta.json",
        {
            "format": FORMAT,
            "arch": model.arch,
            "label": model.label,
            "classes": list(model.classes),
            "config": model.config.to_dict(),
            "scale": model.scale.to_dict(),
            "weights_sha256": file_sha256(folder / "model.safetensors"),
            "meta": model.meta,
        },
    )


def _save_weights(folder: Path, network: nn.Module, *, half: bool) -> None:
    state = {key: value.detach().contiguous() for key, value in network.state_dict().items()}
    if half:
        whole = [name for name in (heads.MEAN, heads.SPREAD) if name in state]  # float16 would round large means of small spreads
        halves = {key: value.half() for key, value in state.items() if value.is_floating_point() and key not in whole}
        state |= halves
    write_bytes(folder / "model.safetensors", save(state))  # not save_file: its errors do not say that a disk is full


def load_model(folder: Path) -> Model:
    """Read a saved model, ready to predict. Raises ModelError when it is missing, damaged or of another format, and when what it
    says of itself cannot be true: a temperature below 0 would turn every answer round."""
    folder = Path(folder)
    meta, config, scale = read_meta(folder)
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != meta["weights_sha256"]:
        raise ModelError(f"{weights}: missing or damaged (its SHA-256 is not the one in meta.json); train it again")
    network = _saved_network(folder, meta).eval()
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise ModelError(f"{weights}: holds weights that are no numbers; train it again")
    return Model(network, meta["arch"], meta["label"], tuple(meta["classes"]), config, scale, meta["meta"])


def _saved_network(folder: Path, meta: Mapping[str, Any]) -> nn.Module:
    if meta["arch"] in TRANSFORMERS:
        from voicecam.network.transformer import OnSamples, load_transformer

        return OnSamples(load_transformer(folder))
    state = {
        key: value.float() if value.is_floating_point() else value
        for key, value in load_file(folder / "model.safetensors").items()
    }
    network = heads.build_like(state, meta["arch"]) if meta["arch"] in HEADS else build(meta["arch"], len(meta["classes"]))
    network.load_state_dict(state)
    return network


def versions() -> dict[str, str]:
    """Versions of the packages that decide the numbers."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("voicecam", "torch", "torchvision", "fastai", "librosa", "scikit-image", "grad-cam", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found

"""The weights that training starts from: ImageNet's, the shipped backbone's, a file's, or random; and what they have met. Trains
nothing. Nothing in a file of weights is run.
"""

import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from voicecam.audio.fingerprints import count_copies, to_text
from voicecam.config import NO_BACKBONE, SHIPPED_BACKBONE
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import ModelError
from voicecam.files import read_json
from voicecam.network import PLAIN, efficientnet, met_by, stages_of

BODY = {"conv1": 0, "bn1": 1, **stages_of("resnet18")}  # torchvision's names -> places in fastai's body


def load_initial(
    network: nn.Sequential, arch: str, start: str, *, corpora: Sequence[str], clips: np.ndarray | None = None
) -> str:
    """Put the weights that training starts from into the network's body; return one line that says which.

    start : "imagenet" (torchvision's, fetched once; EfficientNet-Lite0's from a package), "shipped" (models/backbone), "none"
        (random), a file (.safetensors or .pth with torchvision's names) or a folder with a saved model; "auto" is ImageNet where
        it can be had, else the shipped backbone where it has not met the `corpora` that are trained and tested on, else random.
    clips : fingerprints of these corpora's recordings, uint8 (n, fingerprints.BYTES): a copy in a folder of another name is found
    Raises ModelError when the weights asked for cannot be had or do not fit.
    """
    if start == "none":
        return "start: random weights"
    if start == "auto":
        return _auto_start(network, arch, corpora, clips)
    if start == "imagenet":
        return _imagenet_start(network, arch)
    path = SHIPPED_BACKBONE if start == "shipped" else Path(start)
    if start == "shipped" and (met := _shipped_problem(arch, corpora, clips)):
        raise ModelError(f"the shipped backbone {met}; use --init none or imagenet")
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise ModelError(
            f"{file}: no such weights; give imagenet, shipped, none, a .safetensors or .pth file, or a saved model's folder"
        )
    _fill_body(network, _read_weights(file), str(file))
    return f"start: the {_shipped_words()}" if start == "shipped" else f"start: weights from {file}"


def met_before(start: str, started: str) -> np.ndarray | None:
    """Fingerprints of what the weights that training started from had met, uint8 (n, fingerprints.BYTES); None where not known.

    start, started : what `load_initial` was given, and the line that it returned
    """
    folder = SHIPPED_BACKBONE if "shipped backbone in models/" in started else Path(start)
    if not (folder / "meta.json").is_file():
        return None
    return met_by(read_json(folder / "meta.json", error=ModelError, needs={"meta": dict})["meta"])


def corpora_of(dataset: Dataset) -> list[str]:
    """Names of the corpora that a data set was joined of, as corpora.table.merge joins them."""
    return dataset.corpus.name.split(" + ")


def met_in_training(dataset: Dataset, split: Split, before: np.ndarray | None) -> dict[str, Any]:
    """What a network has met when it is trained, for its meta: corpora and, where the clips have sound, fingerprints.

    before : fingerprints of what its first weights had met, see `met_before`
    Validation clips count: the epoch is chosen on them.
    """
    if dataset.fingerprints is None:
        return {"corpora": corpora_of(dataset)}
    met = dataset.fingerprints[np.concatenate([split.train, split.valid])]
    return {"corpora": corpora_of(dataset), "fingerprints": to_text(met if before is None else np.concatenate([met, before]))}


def _auto_start(network: nn.Sequential, arch: str, corpora: Sequence[str], clips: np.ndarray | None) -> str:
    try:
        return _imagenet_start(network, arch)
    except ModelError as reason:
        problem = _shipped_problem(arch, corpora, clips)
        if problem is None:
            _fill_body(network, _read_weights(SHIPPED_BACKBONE / "model.safetensors"), str(SHIPPED_BACKBONE))
            return f"start: the {_shipped_words()}; ImageNet weights cannot be fetched here"
        return f"start: random weights ({reason}; the shipped backbone {problem})"


def _imagenet_start(network: nn.Sequential, arch: str) -> str:
    """ImageNet weights: torchvision's from its cache or the network, EfficientNet-Lite0's from a package."""
    if arch in PLAIN:
        raise ModelError(f"architecture {arch} has no ImageNet weights")
    if arch == efficientnet.NAME:
        network[0].load_state_dict(efficientnet.imagenet_weights())
        return f"start: ImageNet weights of {efficientnet.PACKAGE}"
    url = _imagenet_url(arch)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    try:
        if not cached.exists():  # a quick knock first: where packets vanish, the download itself would wait for minutes
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5).close()  # nosec B310: https
        weights = torch.hub.load_state_dict_from_url(url, progress=os.isatty(2), check_hash=True, weights_only=True)
    except (OSError, RuntimeError):  # no way there, or a broken download (its hash is checked)
        raise ModelError("ImageNet weights cannot be fetched here") from None
    _fill_body(network, weights, url)
    return f"start: ImageNet weights of torchvision ({cached.name})"


def _imagenet_url(arch: str) -> str:
    from torchvision.models import get_model_weights

    return get_model_weights(arch).DEFAULT.url


def _shipped_words() -> str:
    """What the shipped backbone is and what it learned."""
    meta = read_json(SHIPPED_BACKBONE / "meta.json", error=ModelError, needs={"label": str, "classes": list})
    return f"shipped backbone in models/, which learned {meta['label']} ({len(meta['classes'])} classes)"


def _shipped_problem(arch: str, corpora: Sequence[str], clips: np.ndarray | None) -> str | None:
    """Why the shipped backbone must not be used, or None: it is missing, another network, or has met these speakers."""
    if not (SHIPPED_BACKBONE / "meta.json").exists():
        return NO_BACKBONE
    meta = read_json(SHIPPED_BACKBONE / "meta.json", error=ModelError, needs={"arch": str, "meta.corpora": list})
    if meta["arch"] != arch:
        return f"is a {meta['arch']}"
    met = {name.lower() for name in meta["meta"]["corpora"]} & {name.lower() for name in corpora}
    if met:
        return f"was trained on {', '.join(sorted(met))}, so scores on it would be too good"
    if clips is not None and (copies := count_copies(clips, met_by(meta["meta"]))):
        return f"was trained on copies of {copies} of these {len(clips)} clips, so scores would be too good"
    return None


def _read_weights(file: Path) -> dict[str, torch.Tensor]:
    """Weights of a file, without running anything in it."""
    try:
        return load_file(file) if file.suffix == ".safetensors" else torch.load(file, map_location="cpu", weights_only=True)
    except Exception as reason:  # safetensors, zip and pickle each raise their own family
        raise ModelError(
            f"{file}: not readable as weights ({type(reason).__name__}); use .safetensors or torchvision's .pth"
        ) from None


def _fill_body(network: nn.Sequential, weights: dict[str, torch.Tensor], name: str) -> None:
    """Copy body weights, named as torchvision or as fastai names them, into the network; the head stays as it is."""
    body = {}
    for key, value in weights.items():
        first, _, rest = key.partition(".")
        if first in BODY:
            body[f"{BODY[first]}.{rest}"] = value
        elif key.startswith("0."):
            body[rest] = value
    try:
        network[0].load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in body.items()})
    except RuntimeError as reason:
        first_line = str(reason).splitlines()[1].strip() if "\n" in str(reason) else str(reason)
        raise ModelError(
            f"{name}: does not fit this architecture ({first_line[:90]}); choose the architecture it was made for"
        ) from None

"""A saved picture network -> network.onnx in its folder, by which network.light runs it without torch."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from voicecam.config import PICTURE_NETWORKS
from voicecam.errors import ModelError
from voicecam.files import file_sha256, write_bytes, write_json
from voicecam.network.light import MADE, NETWORK, load_light
from voicecam.network.model import Model, load_model, to_input
from voicecam.network.onnx_graph import to_graph
from voicecam.network.traceable import traceable

CLOSE = 1e-4  # logits; how far the two may be apart


def can_be_light(model: Model) -> bool:
    """Whether a model runs without torch: a picture network can."""
    return model.arch in PICTURE_NETWORKS and not model.config.of_sound


def export_light(folder: Path) -> Path:
    """Write network.onnx, from grey levels, float32 (clip, row, frame) of 0 to 255, to logits (clip, class), and light.json into
    the folder of a saved model; returns the former's path.

    Raises ModelError for a speech model, and where onnxruntime's logits of random pictures are not those of torch.
    """
    model = load_model(folder)
    if not can_be_light(model):
        raise ModelError(f"{folder}: {model.described} needs torch; give a picture network")
    body, head = traceable(model.network)
    shape = (model.config.n_rows, model.config.n_frames)
    if model.config.features == "mfcc-2020":
        shape = (model.config.image_rows, model.config.image_columns)
    sizes = (model.config.image_rows, model.config.image_columns)
    stretches = None if shape == sizes else [_stretch(a, b) for a, b in zip(shape, sizes)]

    def network(grey: torch.Tensor) -> list[torch.Tensor]:
        stretched = grey if stretches is None else torch.matmul(torch.matmul(stretches[0], grey), stretches[1].T)
        return [head(body(to_input(stretched, model.config)))]

    path = Path(folder) / NETWORK
    write_bytes(path, to_graph(network, {"grey": shape}, ["logits"]).to_bytes(f"voicecam {model.described}, label {model.label}"))
    made = {"weights_sha256": file_sha256(Path(folder) / "model.safetensors"), "network_sha256": file_sha256(path)}
    write_json(Path(folder) / MADE, made)
    random = np.random.default_rng(0).normal(size=(4, *shape))
    apart = float(np.abs(load_light(folder).logits(random) - model.logits(random)).max())
    if apart > CLOSE:
        raise ModelError(f"{path}: logits differ from those of torch by {apart:.1e}; this network cannot be exported")
    return path


def _stretch(length: int, size: int) -> torch.Tensor:
    """The bilinear stretch along one side as a matrix, float32 (size, length)."""
    return F.interpolate(torch.eye(length)[None], size=size, mode="linear", align_corners=False)[0].T

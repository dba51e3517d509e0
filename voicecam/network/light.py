"""A saved picture network on onnxruntime alone, where torch is not installed: matrices -> logits. Makes no maps.

Its network is network.onnx beside the weights, which runs.light_export writes: from grey levels to logits, so that sound and
features are those of every other way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from voicecam.config import Config
from voicecam.errors import ModelError, VoicecamError
from voicecam.features.image import Scale
from voicecam.files import file_sha256, read_json
from voicecam.network.facts import ModelFacts, read_meta
from voicecam.onnx_session import onnx_session

NETWORK, MADE = "network.onnx", "light.json"  # in the folder of a saved model: the graph, and which weights it was made of


@dataclass(frozen=True)
class LightModel(ModelFacts):
    """As network.Model, without a network in torch. graph : what network.onnx holds"""

    graph: bytes
    arch: str
    label: str
    classes: tuple[str, ...]
    config: Config
    scale: Scale
    meta: Mapping[str, Any] = field(default_factory=dict)

    def logits(self, matrices: np.ndarray, *, batch: int = 64) -> np.ndarray:
        """The network's outputs before the softmax, float32 (clip, class), of matrices (clip, n_rows, n_frames)."""
        parts = [np.zeros((0, len(self.classes)), np.float32)]
        for start in range(0, len(matrices), batch):
            grey = self.scale.to_gray(matrices[start : start + batch]).astype(np.float32)
            parts.append(self._session.run(["logits"], {"grey": grey})[0])
        return np.concatenate(parts)

    @cached_property
    def _session(self) -> Any:
        return onnx_session(self.graph)

    def __getstate__(self) -> dict[str, Any]:
        """What other processes are given: they make a session of their own."""
        return {name: value for name, value in vars(self).items() if name != "_session"}


def load_light(folder: Path) -> LightModel:
    """Read a saved model, ready to predict. Raises ModelError where it is missing or damaged, and where it has no network.onnx
    that was made of its weights."""
    folder = Path(folder)
    meta, config, scale = read_meta(folder)
    if not (folder / NETWORK).is_file():
        raise ModelError(f"{folder / NETWORK}: none, and torch is not installed; pip install 'voicecam[full]'")
    made = read_json(folder / MADE, error=ModelError)
    wanted = {"weights_sha256": meta["weights_sha256"], "network_sha256": file_sha256(folder / NETWORK)}
    if made != wanted:
        raise ModelError(f"{folder / NETWORK}: damaged, or made of other weights; take the folder as it was made")
    graph = (folder / NETWORK).read_bytes()
    return LightModel(graph, meta["arch"], meta["label"], tuple(meta["classes"]), config, scale, meta["meta"])


def has_graph(folder: Path) -> bool:
    """Whether a saved model that is whole has a graph made of its weights."""
    try:
        made = read_json(Path(folder) / MADE)
        found = {"weights_sha256": Path(folder) / "model.safetensors", "network_sha256": Path(folder) / NETWORK}
        return all(made.get(name) == file_sha256(path) for name, path in found.items())
    except (VoicecamError, OSError, AttributeError):
        return False


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits (..., class), as scipy.special.softmax over the last axis, which takes longer to import."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)

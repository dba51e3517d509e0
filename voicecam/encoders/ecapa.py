"""SpeechBrain's ECAPA-TDNN speaker embedding, of its own classes, as a torch module from samples to vector. Trains nothing.

hyperparams.yaml names classes to be made and functions to be called. Here it is read as text: the classes are those below, and
only their numbers come from it.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import yaml
from torch import nn

from voicecam.encoders.hub import first_line, weights_folder, wrong_weights
from voicecam.encoders.lengths import sounding
from voicecam.encoders.table import TINY, Encoder, EncoderInfo, need, state_digest, torch_encoder

SETTINGS, WEIGHTS = "hyperparams.yaml", "embedding_model.ckpt"
PARTS = {  # of the pipeline, and the class that the settings must name
    "compute_features": "speechbrain.lobes.features.Fbank",
    "mean_var_norm": "speechbrain.processing.features.InputNormalization",
    "embedding_model": "speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN",
}
SMALL: dict[str, dict[str, Any]] = {  # settings of "tiny"
    "compute_features": {"n_mels": 80},
    "mean_var_norm": {"norm_type": "sentence", "std_norm": False},
    "embedding_model": {
        "input_size": 80,
        "channels": [16, 16, 16, 16, 48],
        "kernel_sizes": [5, 3, 3, 3, 1],
        "dilations": [1, 2, 3, 4, 1],
        "attention_channels": 8,
        "lin_neurons": 192,
    },
}


class Ecapa(nn.Module):
    """float32 (clip, n) at 16 kHz -> float32 (clip, 192, 1), as EncoderClassifier.encode_batch gives it with the lengths of what
    sounds: zeros behind it are left out of the means. Differentiable from the samples on."""

    def __init__(self, compute_features: nn.Module, mean_var_norm: nn.Module, embedding_model: nn.Module):
        super().__init__()
        self.compute_features, self.mean_var_norm, self.embedding_model = compute_features, mean_var_norm, embedding_model

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        lengths = sounding(samples) / samples.shape[1]  # 0..1, as the library counts them
        features = self.mean_var_norm(self.compute_features(samples), lengths)
        return self.embedding_model(features, lengths).transpose(1, 2)


def load(info: EncoderInfo, weights: str, output: str) -> Encoder:
    """The Encoder of "hub", of a folder in the hub's form (hyperparams.yaml, embedding_model.ckpt), or "tiny"."""
    if weights == TINY:
        torch.manual_seed(0)
        network = _made(info, SMALL)
        return torch_encoder(info, output, network, state_digest(network))
    folder, _ = weights_folder(info, weights, [SETTINGS], [WEIGHTS])
    network = _made(info, _settings(info, folder / SETTINGS))
    try:
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        network.embedding_model.load_state_dict(state)
    except UnpicklingError:
        raise wrong_weights(info, f"{folder / WEIGHTS} is a pickle of more than weights, which is not run") from None
    except (OSError, EOFError, RuntimeError, ValueError, TypeError, AttributeError) as reason:
        raise wrong_weights(info, f"{folder / WEIGHTS} does not fit ({first_line(reason)})") from None
    return torch_encoder(info, output, network, state_digest(network))


def _made(info: EncoderInfo, settings: dict[str, dict[str, Any]]) -> Ecapa:
    made = {}
    for part, path in PARTS.items():
        module, name = path.rsplit(".", 1)
        try:
            made[part] = getattr(need(module, info), name)(**settings[part])
        except (TypeError, ValueError, IndexError, AssertionError) as reason:
            raise wrong_weights(info, f"{SETTINGS}: {name} does not take its {part} ({first_line(reason)})") from None
    return Ecapa(**made)


class _Text(yaml.SafeLoader):
    """YAML whose tags are read as text beside their values; what a tag asks for is not done."""


def _tagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> tuple[str, Any]:
    if isinstance(node, yaml.MappingNode):
        return tag, loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return tag, loader.construct_sequence(node, deep=True)
    return tag, loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Text.add_multi_constructor("!", _tagged)


def _settings(info: EncoderInfo, path: Path) -> dict[str, dict[str, Any]]:
    """Of each of PARTS its settings: numbers, lists of them, words. Raises ModelError where the classes are others."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Text)  # nosec B506: _Text is a SafeLoader
        parts = {part: found[part] for part in PARTS}
        wrong = [part for part, name in PARTS.items() if parts[part][0] != f"new:{name}"]
        settings = {part: {key: _value(found, value) for key, value in (parts[part][1] or {}).items()} for part in PARTS}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError, IndexError) as reason:
        raise wrong_weights(info, f"{path} is no pipeline of this encoder ({first_line(reason)})") from None
    if wrong:
        raise wrong_weights(info, f"{path} has {parts[wrong[0]][0]!r} as {wrong[0]}; only {PARTS[wrong[0]]} is made")
    return settings


def _value(found: dict[str, Any], value: Any) -> Any:
    """A setting; `!ref <name>` is that of the name."""
    if isinstance(value, tuple):
        tag, name = value
        if tag != "ref":
            raise TypeError(f"!{tag} is not run")
        return _value({}, found[name.strip("<>")])
    return value

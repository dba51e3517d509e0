"""wav2vec 2.0, WavLM and XLS-R of the transformers library, as torch modules from samples to encodings. Trains nothing."""

import warnings
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from voicecam.encoders.hub import first_line, weights_folder, wrong_weights
from voicecam.encoders.lengths import sounding
from voicecam.encoders.table import RATE, TINY, Encoder, EncoderInfo, need, state_digest, torch_encoder
from voicecam.files import read_json

FILES = ("config.json", "preprocessor_config.json")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
KINDS = {"wav2vec2": "Wav2Vec2", "wavlm": "WavLM"}  # model_type of config.json: the library's name of the classes
LETTERS: dict[str, Any] = {  # emissions need a network that learned letters
    "repository": "facebook/wav2vec2-base-960h",
    "revision": "22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
    "megabytes": 378,
    "learned": "speech without labels, then its letters: LibriSpeech, 960 h of English",
}
UNUSED = {"masked_spec_embed"}  # weights that training alone needs; some folders lack them


class SpeechTransformer(nn.Module):
    """float32 (clip, n) at 16 kHz -> float32 (clip, row, frame), a frame each 20 ms. Differentiable from the samples on.

    What sounds is normalised to mean 0 and variance 1 where the folder's feature extractor does so; zeros behind it stay zeros,
    are masked where it returns a mask, and count in no mean.
    """

    def __init__(self, model: nn.Module, output: str, *, normalise: bool, mask: bool):
        super().__init__()
        self.model: Any = model
        self.output, self.normalise, self.mask = output, normalise, mask

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        lengths = sounding(samples)
        inside = torch.arange(samples.shape[1], device=samples.device) < lengths[:, None]
        if self.normalise:
            samples = normalised(samples, inside)
        mask = inside.long() if self.mask else None
        found = self.model(samples, attention_mask=mask, output_hidden_states=self.output == "layers")
        if self.output == "emissions":
            return found.logits.transpose(1, 2)
        if self.output == "layers":
            return torch.cat([state.transpose(1, 2) for state in found.hidden_states], dim=1)
        frames = found.last_hidden_state.transpose(1, 2)
        return frames if self.output == "frames" else self._mean(frames, lengths)

    def _mean(self, frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """float32 (clip, row, 1): the mean over frames of what sounds."""
        count = self.model._get_feat_extract_output_lengths(lengths).clamp(min=1)
        inside = torch.arange(frames.shape[2], device=frames.device) < count[:, None]
        return (frames * inside[:, None]).sum(dim=2, keepdim=True) / count[:, None, None]


def normalised(samples: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """float32 (clip, n) with mean 0 and variance 1 over the samples `inside`, 0 elsewhere: Wav2Vec2FeatureExtractor's rule."""
    count = inside.sum(dim=1, keepdim=True)
    centred = (samples - (samples * inside).sum(dim=1, keepdim=True) / count) * inside
    return centred / torch.sqrt((centred**2).sum(dim=1, keepdim=True) / count + 1e-7)


def load(info: EncoderInfo, weights: str, output: str) -> Encoder:
    """The Encoder of "hub", of a folder as save_pretrained writes it (model and feature extractor), or "tiny"."""
    library = need("transformers", info)
    warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # the library's own, of WavLM's masks
    if output == "emissions":
        info = replace(info, **LETTERS)
    if weights == TINY:
        model, extractor = _tiny(library, info, output)
    else:
        folder, name = weights_folder(info, weights, FILES, WEIGHTS)
        model, extractor = _read(library, info, output, folder), _settings(info, folder, "preprocessor_config.json")
        if extractor.get("sampling_rate", RATE) != RATE:
            raise wrong_weights(info, f"{folder / name} hears {extractor['sampling_rate']} Hz, not {RATE}")
    info = replace(info, vector=int(model.config.hidden_size))
    how = {"normalise": bool(extractor.get("do_normalize", True)), "mask": bool(extractor.get("return_attention_mask", False))}
    layers = model.config.num_hidden_layers + 1 if output == "layers" else 1
    return torch_encoder(info, output, SpeechTransformer(model, output, **how), state_digest(model), layers=layers)


def _class(library: Any, kind: str, output: str) -> Any:
    return getattr(library, KINDS[kind] + ("ForCTC" if output == "emissions" else "Model"))


def _settings(info: EncoderInfo, folder: Path, name: str) -> dict[str, Any]:
    settings = read_json(folder / name, error=lambda line: wrong_weights(info, line))
    if not isinstance(settings, dict):
        raise wrong_weights(info, f"{folder / name} holds no settings")
    return settings


def _read(library: Any, info: EncoderInfo, output: str, folder: Path) -> Any:
    """The network of a folder. Of a pickle only tensors are read."""
    kind = _settings(info, folder, "config.json").get("model_type")
    if kind not in KINDS:
        raise wrong_weights(info, f"{folder} holds a network of type {kind!r}, not {' or '.join(KINDS)}")
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()  # of what is read in a second
    try:
        model, found = _class(library, kind, output).from_pretrained(
            folder, local_files_only=True, weights_only=True, dtype=torch.float32, output_loading_info=True
        )
    except UnpicklingError:
        raise wrong_weights(info, f"{folder / WEIGHTS[1]} is a pickle of more than weights, which is not run") from None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, SafetensorError) as reason:
        raise wrong_weights(info, f"{folder} cannot be loaded ({first_line(reason)})") from None
    missing = sorted(key for key in found["missing_keys"] if key.split(".")[-1] not in UNUSED)
    if missing:
        raise wrong_weights(info, f"{folder} lacks {len(missing)} of the weights, {missing[0]} among them")
    return model


def _tiny(library: Any, info: EncoderInfo, output: str) -> tuple[Any, dict[str, Any]]:
    """The architecture, small, with random weights that are the same every time; and settings of its feature extractor."""
    kind, large = ("wavlm" if "wavlm" in info.repository else "wav2vec2"), "xls-r" in info.repository
    config = getattr(library, KINDS[kind] + "Config")(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        do_stable_layer_norm=large,
        feat_extract_norm="layer" if large else "group",
    )
    torch.manual_seed(0)
    settings = {"do_normalize": kind == "wav2vec2", "return_attention_mask": large or kind == "wavlm"}
    return _class(library, kind, output)(config), settings

"""Speech transformers (wav2vec2, WavLM, XLS-R) as classifiers of waveforms: built, saved, loaded. Trains nothing.

The networks, and their folders of config.json, model.safetensors and preprocessor_config.json, are Hugging Face transformers'
own: what `save_transformer` writes, its from_pretrained reads, and the other way round. Nothing in a folder is unpickled.
"""

import os
import pickle  # for its error alone
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from voicecam.errors import ModelError
from voicecam.files import read_json
from voicecam.network.hub import CONFIG, PREPROCESSOR, SAFE, SHA256, fetch_weights, need_transformers, no_mask_warning, quiet

RATE = 16_000  # Hz; what all three were trained on
SHORTEST = 400  # samples; the first frame's field of view
NAMES = tuple(SHA256)
KINDS = {"wav2vec2": "wav2vec2", "wavlm": "wavlm", "xls-r": "wav2vec2"}  # their model_type in config.json
HEAD = ("projector.", "classifier.", "layer_weights")  # what a pretrained encoder lacks; training makes it
SPARE = "masked_spec_embed"  # some checkpoints lack it: what masked frames become in training
TINY = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    **{"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 32},
    **{"hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "feat_proj_dropout": 0.0},
    **{"final_dropout": 0.0, "layerdrop": 0.0, "mask_time_prob": 0.0},
}
TINY_OF: dict[str, dict[str, Any]] = {
    "wav2vec2": {},
    "wavlm": {"num_buckets": 32},
    "xls-r": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
}


class WaveformNetwork(nn.Module):
    """A transformers classifier that takes waveforms as they are, float32 (clip, n) at 16 kHz, and gives logits (clip, class).

    model : Wav2Vec2ForSequenceClassification or WavLMForSequenceClassification
    normalise : bring each clip to mean 0 and variance 1, as the model's own feature extractor does ("do_normalize")
    mask : hide trailing digital silence from the model ("return_attention_mask"), as for XLS-R, whose features are normalised
        by layer. wav2vec2 base was trained without: there silence at the end is heard, and counts in mean and variance.

    What Wav2Vec2FeatureExtractor does to clips padded with zeros, in torch: gradients reach the waveform.
    """

    def __init__(self, model: Any, *, normalise: bool = True, mask: bool = False):
        super().__init__()
        self.model, self.normalise, self.mask = model, normalise, mask

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the outputs."""
        return tuple(self.model.config.id2label[i] for i in range(self.model.config.num_labels))

    def prepare(self, sounds: torch.Tensor, lengths: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """What the model takes: input_values, float32 (clip, n), and attention_mask, int64 (clip, n), where it wants one.

        lengths : int (clip,), samples before the padding; None finds where each clip's trailing zeros begin. Give those of the
            recording for altered copies of it, whose silence may not be digital any more.
        """
        sounds = sounds.float()
        lengths = sound_lengths(sounds) if lengths is None else lengths.to(sounds.device)
        n = lengths if self.mask else torch.full_like(lengths, sounds.shape[1])
        heard = torch.arange(sounds.shape[1], device=sounds.device) < n[:, None]  # (clip, n)
        if self.normalise:
            mean = (sounds * heard).sum(1) / n  # (clip,)
            centred = (sounds - mean[:, None]) * heard
            sounds = centred / torch.sqrt(centred.square().sum(1) / n + 1e-7)[:, None]
        return {"input_values": sounds, **({"attention_mask": heard.long()} if self.mask else {})}

    def forward(self, sounds: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Logits, float32 (clip, class), of sounds (clip, n); see `prepare` for `lengths`."""
        if sounds.ndim != 2 or sounds.shape[1] < SHORTEST:
            raise ModelError(f"sounds of shape {tuple(sounds.shape)}: must be (clip, n) with {SHORTEST} samples or more")
        with no_mask_warning():
            return self.model(**self.prepare(sounds, lengths)).logits

    def logits(self, sounds: np.ndarray, rows: Sequence[int] | np.ndarray | None = None, *, batch: int = 16) -> np.ndarray:
        """Logits in eval mode, float32 (clip, class), of rows of an array or memory map, float32 (clip, n); None takes all."""
        rows = np.arange(len(sounds)) if rows is None else np.asarray(rows)
        parts, was_training = [np.zeros((0, self.model.config.num_labels), np.float32)], self.training
        device = next(self.parameters()).device
        self.eval()
        with torch.inference_mode():
            for start in range(0, len(rows), batch):
                taken = np.asarray(sounds[rows[start : start + batch]], dtype=np.float32)
                parts.append(self(torch.from_numpy(taken).to(device)).float().cpu().numpy())
        self.train(was_training)
        return np.concatenate(parts)


class OnSamples(nn.Module):
    """A waveform classifier that takes windows as data.encodings has them: float32 (clip, 1, n) -> logits (clip, class)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return self.network(windows[:, 0])


def sound_lengths(sounds: torch.Tensor) -> torch.Tensor:
    """Samples before each clip's trailing zeros, int64 (clip,), never under SHORTEST; a clip of zeros alone counts as whole."""
    n = sounds.shape[1]
    last = (sounds.detach() != 0).long() * torch.arange(1, n + 1, device=sounds.device)  # (clip, n)
    lengths = last.amax(dim=1)
    return torch.where(lengths == 0, n, lengths.clamp(min=min(SHORTEST, n)))


def build_transformer(name: str, classes: Sequence[str], *, weights: str | Path = "hub", seed: int = 0) -> WaveformNetwork:
    """A classifier with a head of random weights on a pretrained encoder.

    name : "wav2vec2", "wavlm" or "xls-r"
    classes : outputs in alphabetic order, whatever their order here: female 0, male 1. The authors of the three-phase XLS-R
        classifier number male 0 and female 1: swap the columns to compare with their files.
    weights : "hub" (pinned, see network.hub; fetched once, with a bar, a stopped download goes on), a folder in the hub's
        format (config.json and model.safetensors, by save_pretrained), or "tiny" (the same architecture, small,
        of random weights)
    Raises ModelError, one line, for weights that cannot be had or used.
    """
    if name not in NAMES:
        raise ModelError(f"network {name!r}: not known; use one of {', '.join(NAMES)}")
    ordered = sorted(set(classes))
    if len(ordered) < 2:
        raise ModelError(f"classes {ordered}: a classifier needs two or more")
    need_transformers()
    labels = {"id2label": dict(enumerate(ordered)), "label2id": {label: i for i, label in enumerate(ordered)}}
    with _seeded(seed):
        if weights == "tiny":
            return _tiny(name, labels)
        folder = fetch_weights(name) if weights == "hub" else Path(weights)
        network, absent = _read(folder, labels, pickled=weights == "hub")
    if network.model.config.model_type != KINDS[name]:
        raise ModelError(f"{folder}: holds a {network.model.config.model_type}, not the {KINDS[name]} that {name} is")
    lacking = [key for key in absent if not key.startswith(HEAD) and SPARE not in key]
    if lacking:
        raise ModelError(f"{folder}: lacks {len(lacking)} tensors of the encoder (first: {lacking[0]}); fetch it again")
    return network


def _tiny(name: str, labels: dict[str, Any]) -> WaveformNetwork:
    from transformers import AutoConfig, AutoModelForAudioClassification

    config = AutoConfig.for_model(KINDS[name], **TINY, **TINY_OF[name], **labels)
    model = AutoModelForAudioClassification.from_config(config).eval()
    published = {"normalise": False, "mask": True} if name == "wavlm" else {}  # what WavLM base plus says of itself
    return WaveformNetwork(model, **{"mask": name == "xls-r", **published})


def load_transformer(folder: str | Path) -> WaveformNetwork:
    """A saved classifier in eval mode. Raises ModelError, one line, for a folder that holds none, or a damaged one."""
    need_transformers()
    network, absent = _read(Path(folder), None)
    if absent:
        raise ModelError(f"{folder}: no trained classifier ({absent[0]} is not in it); give a folder that training wrote")
    return network


def save_transformer(folder: str | Path, network: WaveformNetwork, *, half: bool = False) -> None:
    """Write config.json, model.safetensors and preprocessor_config.json into `folder`, beside what else lies there; `half`
    stores float16.

    They are written beside and moved in; config.json goes first and comes last, so that a folder that has it is whole.
    """
    from transformers import Wav2Vec2FeatureExtractor

    folder = Path(folder)
    beside = folder / ".arriving"
    shutil.rmtree(beside, ignore_errors=True)  # what a killed process left
    beside.mkdir(parents=True)
    try:
        with quiet():
            halves = {key: value.half() for key, value in network.model.state_dict().items()} if half else None
            network.model.save_pretrained(beside, max_shard_size="50GB", state_dict=halves)
        extractor = Wav2Vec2FeatureExtractor(do_normalize=network.normalise, return_attention_mask=network.mask)
        extractor.save_pretrained(beside)
        (folder / CONFIG).unlink(missing_ok=True)
        for path in sorted(beside.iterdir(), key=lambda path: path.name == CONFIG):
            path.chmod(0o644)  # safetensors makes files only the owner can read
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _read(folder: Path, labels: dict[str, Any] | None, *, pickled: bool = False) -> tuple[WaveformNetwork, list[str]]:
    """The classifier in a folder, and the names of the tensors that it lacks. `labels` replaces the labels it knows.

    pickled : whether pytorch_model.bin is read, with weights_only: of the hub, its SHA-256 known
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForAudioClassification

    settings = _checked(folder, pickled)
    how: dict[str, Any] = {"ignore_mismatched_sizes": True} if labels else {}
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)  # nosec B615: on this disk
        for key, value in (labels or {}).items():
            setattr(config, key, value)
        with quiet():
            model, info = AutoModelForAudioClassification.from_pretrained(  # nosec B615: on this disk
                folder,
                config=config,
                local_files_only=True,
                use_safetensors=not pickled,
                output_loading_info=True,
                dtype=torch.float32,
                **how,
            )
    except pickle.UnpicklingError:
        raise ModelError(f"{folder}: not readable: its weights hold more than tensors; fetch it again") from None
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as reason:
        said = next(iter(str(reason).strip().splitlines()), type(reason).__name__)
        raise ModelError(f"{folder}: not readable as a speech transformer ({said}); make or fetch it again") from None
    network = WaveformNetwork(
        model.eval(),
        normalise=bool(settings.get("do_normalize", True)),
        mask=bool(settings.get("return_attention_mask", config.feat_extract_norm == "layer")),
    )
    absent = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    return network, sorted(absent)


def _checked(folder: Path, pickled: bool) -> dict[str, Any]:
    """The settings of a folder's feature extractor, {} where it has none. Raises ModelError for what is none of ours."""
    kind = read_json(folder / CONFIG, error=ModelError).get("model_type")
    if kind not in KINDS.values():
        raise ModelError(f"{folder}: model_type {kind!r} in {CONFIG}; must be one of {', '.join(sorted(set(KINDS.values())))}")
    if not pickled and not (folder / SAFE).is_file() and not (folder / f"{SAFE}.index.json").is_file():
        if any(folder.glob("*.bin")):
            raise ModelError(
                f"{folder}: only *.bin, pickles that may run code when they are read; write {SAFE} with save_pretrained"
            )
        raise ModelError(f"{folder}: no {SAFE}; give a folder as save_pretrained writes it")
    path = folder / PREPROCESSOR
    return read_json(path, error=ModelError) if path.is_file() else {}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """torch's random numbers from `seed` on inside, and as they were before outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield

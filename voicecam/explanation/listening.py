"""What explanations of a speech model ask: the samples it heard of a recording, its logits of such samples, a map of one window.

How maps are made, band by band and step by step, is in waveform.py and waveform_gradients.py.
"""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from voicecam import audio
from voicecam.config import AUTO, Config
from voicecam.data.encodings import speech_of
from voicecam.encoders import Encoder, load_encoder
from voicecam.errors import ExplainError
from voicecam.explanation.bands import Bands
from voicecam.explanation.waveform import WaveLogits, mel_bands, occlusion_map, wave_logits
from voicecam.network import Model

N_BANDS, N_STEPS = 16, 5  # of a map: bands of equal width in mel up to half the rate, stretches of equal length
OCCLUSION, GRADIENTS = "occlusion", "integrated-gradients"  # the methods that such a model allows
SOUND = "sound"  # what stands for a layer


def sound_bands(config: Config) -> Bands:
    """The bands of a speech model's maps."""
    return mel_bands(N_BANDS, config.sample_rate)


def sound_maps(method: str = AUTO, layer: str = AUTO) -> tuple[str, str]:
    """Method and "layer" of a speech model's maps. Raises ExplainError for those that need a picture."""
    if method not in (AUTO, OCCLUSION, GRADIENTS) or layer not in (AUTO, SOUND):
        asked = method if method not in (AUTO, OCCLUSION, GRADIENTS) else f"layer {layer}"
        raise ExplainError(f"{asked}: needs a network on pictures; a speech model is asked by {OCCLUSION} or {GRADIENTS}")
    return OCCLUSION if method == AUTO else method, SOUND


def shown_config(config: Config) -> Config:
    """How a window that a speech model heard is drawn: mel energies, bands of equal width up to half the rate."""
    return replace(config, features="logmel", encoder="", encoder_weights="", encoder_output="", windows="loudest")


def window_map(model: Model, samples: np.ndarray, *, method: str, target: int, contrast: int | None) -> np.ndarray:
    """The map of one window, float (N_BANDS, N_STEPS), lowest band first: what each band in each stretch is worth, in logits.

    samples : what the model heard, (config.n_samples,); method : OCCLUSION or GRADIENTS; target, contrast : class whose logit is
        explained, and the one that is taken off it
    Raises ExplainError for gradients of an encoder that runs outside of torch.
    """
    config = model.config
    place: dict[str, Any] = {"limits": sound_bands(config).limits, "steps": N_STEPS, "target": target, "contrast": contrast}
    if method == OCCLUSION:
        return occlusion_map(asked_logits(model), samples, config.sample_rate, **place)
    from voicecam.explanation.waveform_gradients import integrated_gradients_map

    network = on_samples(model)
    if network is None:
        raise ExplainError(f"integrated gradients: {config.encoder} runs outside of torch; use method {OCCLUSION}")
    return integrated_gradients_map(network, samples, config.sample_rate, **place)[0]


def occlusion_beside_random(
    model: Model, random: Any, samples: np.ndarray, *, target: int, contrast: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The occlusion map of a window and that of a head with random weights, float (band, step) each; the encoder is asked once.

    random : as `random_head` gives it; samples : as `heard_window` gives them
    """
    config, n = model.config, len(model.classes)
    logits, limits = remembering(asked_logits(model, random)), sound_bands(config).limits
    there, beside = (
        occlusion_map(
            logits,
            samples,
            config.sample_rate,
            limits,
            steps=N_STEPS,
            target=target + shift,
            contrast=None if contrast is None else contrast + shift,
        )
        for shift in (0, n)
    )
    return there, beside


def heard_window(path: Path, config: Config) -> np.ndarray:
    """The loudest window of the speech in a recording as the model is given it, float32 (config.n_samples,); silence after the
    end of a shorter one. Raises AudioError, SilentError where nobody speaks."""
    return audio.prepare(speech_of(audio.read(path)), config).samples


def on_samples(model: Model) -> nn.Module | None:
    """The model as a network from samples, float32 (clip, n), to logits (clip, class), with gradients; None where its encoder
    runs outside of torch."""
    if model.config.features == "waveform":
        return model.network.network
    encoder = _encoder_of(model)
    return None if encoder.network is None else nn.Sequential(encoder.network, model.network).eval()


def asked_logits(model: Model, *others: Any) -> WaveLogits:
    """The model's logits of samples, float (clip, class); those of `others`, heads on the same encoder, to the right of them."""
    if model.config.features == "waveform":
        networks = [wave_logits(model.network.network), *(wave_logits(other.network) for other in others)]
        return lambda sounds: np.concatenate([network(sounds) for network in networks], axis=1)
    encoder, heads = _encoder_of(model), [model.network, *others]

    def logits(sounds: np.ndarray) -> np.ndarray:
        encoded = torch.from_numpy(encoder(np.asarray(sounds, dtype=np.float32)))
        with torch.inference_mode():
            return np.concatenate([head(encoded).numpy() for head in heads], axis=1)

    return logits


def remembering(logits: WaveLogits) -> WaveLogits:
    """The same, which does not compute twice what it was asked last time sound by sound; for one clip after another."""
    known: dict[bytes, np.ndarray] = {}

    def found(sounds: np.ndarray) -> np.ndarray:
        keys = [sound.tobytes() for sound in sounds]
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            if len(known) > 2 * N_BANDS * N_STEPS:
                known.clear()
                new = list(range(len(keys)))
            known.update(zip([keys[i] for i in new], logits(sounds[new])))
        return np.stack([known[key] for key in keys])

    return found


def random_head(model: Model, *, seed: int) -> Any:
    """The same head with random weights, on the same encoder; a network fine-tuned whole has all its weights drawn anew."""
    network = copy.deepcopy(model.network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model.config.features == "waveform":
            inner = network.network.model
            network.network.model = type(inner)(inner.config)  # by the library's own rule
            return network.eval()
        for part in network.modules():
            if hasattr(part, "reset_parameters") and any(True for _ in part.parameters(recurse=False)):
                part.reset_parameters()
    return network.eval()


def _encoder_of(model: Model) -> Encoder:
    config = model.config
    return load_encoder(config.encoder, config.encoder_weights, config.encoder_output)

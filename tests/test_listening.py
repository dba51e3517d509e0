"""What maps of a speech model ask: the window it heard, its logits of samples, and a head of random weights beside it."""

import numpy as np
import pytest
import soundfile as sf
import torch

pytest.importorskip("webrtcvad")
pytest.importorskip("resemblyzer")

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import DEMO, recipe
from voicecam.data.encodings import clip_encoding
from voicecam.errors import ExplainError, SilentError
from voicecam.explanation.listening import (
    asked_logits,
    heard_window,
    on_samples,
    random_head,
    remembering,
    sound_bands,
    sound_maps,
)
from voicecam.features.image import Scale
from voicecam.network import Model
from voicecam.network.classifier import Classifier
from voicecam.network.heads import build_head

WORD = DEMO / "data" / "01" / "4_01_0.ogg"


@pytest.fixture(scope="module")
def model():
    """A two-layer head on Resemblyzer's own vectors, its weights at random."""
    torch.manual_seed(3)
    clips = np.random.default_rng(0).standard_normal((50, 256, 1)).astype(np.float32) * 0.06
    head = build_head("two-layer", clips, 2).eval()
    return Model(head, "two-layer", "gender", ("female", "male"), recipe("embedding"), Scale((), ()), {})


def spoken():
    return audio.read(WORD)


def heard_of(samples, folder):
    sf.write(folder / "clip.wav", samples, 16_000, subtype="FLOAT")
    return heard_window(folder / "clip.wav", recipe("waveform", seconds=1.0))


def test_the_window_heard_is_the_loudest_stretch_of_the_speech_at_the_level(tmp_path):
    """Prepared by hand: the speech between its two ends, mean off, at -31 dB, the second with the most energy."""
    from voicecam.audio.speech import find_speech

    parts = [audio.read(DEMO / "data" / "01" / f"{digit}_01_0.ogg") for digit in range(3)]
    whole = np.concatenate([part.samples for part in parts])
    found = heard_of(whole, tmp_path)
    cut = np.concatenate([whole[round(a * 16_000) : round(b * 16_000)] for a, b in find_speech(Signal(whole, 16_000)).segments])
    cut = cut - cut.mean(dtype=np.float64)
    energy = np.convolve(cut.astype(np.float64) ** 2, np.ones(16_000), mode="valid")
    best = cut[energy.argmax() : energy.argmax() + 16_000]
    best = best * 10 ** (-31 / 20) / np.sqrt(np.mean(best**2))
    np.testing.assert_allclose(found, best, atol=1e-4)


def test_nobody_speaks_in_noise(rng, tmp_path):
    with pytest.raises(SilentError):
        heard_of(0.01 * rng.standard_normal(16_000), tmp_path)


def test_logits_of_the_samples_heard_are_the_classifiers(model):
    """Of a clip of one window; the probabilities are softmax of the logits at temperature 1."""
    samples = heard_window(WORD, model.config)
    z = asked_logits(model)(samples[None])[0]
    p = Classifier(model).probabilities([spoken()])[0]
    np.testing.assert_allclose(np.exp(z - z.max()) / np.exp(z - z.max()).sum(), p, atol=1e-5)
    np.testing.assert_allclose(model.logits(clip_encoding(spoken(), model.config)[None])[0], z, atol=1e-5)


def test_the_whole_chain_has_gradients_and_the_same_logits(model):
    samples = torch.from_numpy(heard_window(WORD, model.config))[None].requires_grad_()
    z = on_samples(model)(samples)
    np.testing.assert_allclose(z.detach().numpy(), asked_logits(model)(samples.detach().numpy()), atol=1e-5)
    z[0, 0].backward()
    assert samples.grad.abs().sum() > 0


def test_a_random_head_differs_and_leaves_the_model_as_it_was(model):
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    torch.manual_seed(11)
    state = torch.get_rng_state()
    first, again, other = (random_head(model, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, model.network.state_dict()[name]) for name, value in before.items())
    weights = [one.state_dict()["2.weight"] for one in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], before["2.weight"])
    assert torch.equal(first.state_dict()["0.mean"], before["0.mean"]), "what standardises is no weight"
    assert not first.training


def test_learned_weights_of_layers_are_drawn_anew_too():
    head = build_head("cnn", np.random.default_rng(0).standard_normal((4, 12, 9)).astype(np.float32), 2, layers=3)
    with torch.no_grad():
        head[1].weight.copy_(torch.tensor([5.0, -1.0, 0.0]))
    config = recipe("frames")
    random = random_head(Model(head.eval(), "cnn", "gender", ("female", "male"), config, Scale((), ()), {}), seed=0)
    assert (random[1].weight == 0).all()
    assert head[1].weight[0] == 5


def test_of_a_network_on_samples_no_weight_stays_trained():
    """Every matrix and kernel, the one of the positions among them, which its own parametrisation hides."""
    pytest.importorskip("transformers")
    from voicecam.network.transformer import OnSamples, build_transformer

    network = OnSamples(build_transformer("xls-r", ("female", "male"), weights="tiny")).eval()
    config = recipe("waveform")
    trained = Model(network, "xls-r", "gender", ("female", "male"), config, Scale((), ()), {})
    random = random_head(trained, seed=3)
    for (name, before), after in zip(network.state_dict().items(), random.state_dict().values(), strict=True):
        spread = before.is_floating_point() and before.ndim > 1 and before.std() > 0
        assert not spread or not torch.equal(before, after), name
    samples = np.random.default_rng(0).standard_normal((2, 8_000)).astype(np.float32)
    both = asked_logits(trained, random)(samples)
    assert both.shape == (2, 4)
    assert np.abs(both[:, :2] - both[:, 2:]).max() > 1e-4


def test_logits_of_other_heads_stand_to_the_right(model):
    samples, other = heard_window(WORD, model.config)[None], random_head(model, seed=5)
    both = asked_logits(model, other)(samples)
    assert both.shape == (1, 4)
    np.testing.assert_allclose(both[:, :2], asked_logits(model)(samples), atol=1e-6)
    assert np.abs(both[:, 2:] - both[:, :2]).max() > 1e-3


def test_what_was_asked_is_not_computed_twice(rng):
    asked = []

    def logits(sounds):
        asked.append(len(sounds))
        return np.stack([sounds.sum(axis=1), sounds[:, 0]], axis=1)

    quick, sounds = remembering(logits), rng.standard_normal((5, 8)).astype(np.float32)
    first = quick(sounds[:3])
    second = quick(sounds[[1, 4, 0]])
    assert asked == [3, 1]
    np.testing.assert_array_equal(first, logits(sounds[:3]))
    np.testing.assert_array_equal(second, logits(sounds[[1, 4, 0]]))


def test_all_that_is_known_already_asks_nothing():
    quick = remembering(lambda sounds: np.ones((len(sounds), 2)))
    sounds = np.ones((2, 4), np.float32)
    quick(sounds)
    assert quick(sounds).shape == (2, 2)


def test_bands_cover_the_whole_rate_in_equal_steps_of_mel():
    limits = sound_bands(recipe("embedding")).limits
    mel = [3 * hz / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4) for band in limits for hz in band]  # Slaney's
    assert (limits[0][0], limits[-1][1]) == (0, 8_000)
    steps = np.diff(np.reshape(mel, (-1, 2)))
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.02)


@pytest.mark.parametrize(("method", "layer"), [("grad-cam", "auto"), ("auto", "layer3")])
def test_a_method_for_pictures_is_refused_in_a_line(method, layer):
    with pytest.raises(ExplainError, match="needs a network on pictures; a speech model is asked by occlusion"):
        sound_maps(method, layer)
    assert sound_maps() == ("occlusion", "sound")

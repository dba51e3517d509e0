"""INA's female/male network in torch: features and layers by hand, its verdicts on voices, and Grad-CAM on it as it is."""

from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from conftest import voice
from voicecam import audio
from voicecam.corpora import open_corpus
from voicecam.encoders import ina, load_encoder

VOICES = Path(__file__).parent.parent / "voicecam" / "voices"


@pytest.fixture(scope="module")
def weights():
    """Name of a layer and of its part -> array, as Keras wrote it."""
    with h5py.File(Path(find_spec("inaSpeechSegmenter").origin).with_name("keras_male_female_cnn.hdf5"), "r") as file:
        groups = file["model_weights"]
        yield lambda layer, part: groups[f"{layer}/{layer}/{part}:0"][()].astype(float)


def test_a_picture_is_log_mel_energies_by_hand(rng):
    clip = voice(180, rng)
    energies = ina.log_mels(torch.from_numpy(clip)[None])[0].numpy()
    assert energies.shape == ((16_000 - 400) // 160 + 1, 24)
    frame = clip[10 * 160 : 10 * 160 + 400].astype(float) * 32768
    flat = np.array([frame[i] - 0.97 * frame[max(i - 1, 0)] for i in range(400)]) * np.hanning(400)
    power = np.array([abs(np.sum(flat * np.exp(-2j * np.pi * k * np.arange(400) / 512))) ** 2 for k in range(257)])
    edges = np.linspace(2595 * np.log10(1 + 100 / 700), 2595 * np.log10(1 + 8000 / 700), 26)
    low, centre, high = 700 * (10 ** (edges[5:8] / 2595) - 1)  # band 5
    lines = np.arange(257) * 31.25
    triangle = np.clip(np.minimum((lines - low) / (centre - low), (high - lines) / (high - centre)), 0, None) * 2 / (high - low)
    triangle[np.flatnonzero(triangle)[-1]] = 0  # SIDEKIT leaves it out
    assert energies[10, 5] == pytest.approx(np.log(power @ triangle + 1e-3), abs=1e-6)

    found = ina.pictures(torch.from_numpy(clip)[None]).numpy()
    assert found.shape == ((98 - 68) // 6 + 1, 1, 68, 24)
    second = energies[6 : 6 + 68]
    np.testing.assert_allclose(found[1, 0], (second - second.mean()) / second.std(), atol=1e-5)


def test_layers_are_keras_by_hand(rng, weights):
    picture = rng.standard_normal((68, 24))
    with torch.no_grad():
        first = ina.network()[0][:3](torch.from_numpy(picture).float()[None, None])[0].numpy()
    kernel = weights("conv2d_1", "kernel")  # (3, 3, 1, 64)
    for row, column, channel in ((0, 0, 0), (65, 21, 63), (30, 7, 20)):
        value = weights("conv2d_1", "bias")[channel]
        for i in range(3):
            for j in range(3):
                value += kernel[i, j, 0, channel] * picture[row + i, column + j]
        scale, shift, mean, variance = (
            weights("batch_normalization_1", part)[channel] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        wanted = max(0, (value - mean) / np.sqrt(variance + 1e-3) * scale + shift)
        assert first[channel, row, column] == pytest.approx(wanted, abs=1e-5)

    body = rng.standard_normal((256,))
    with torch.no_grad():
        scores = ina.network()[3](torch.from_numpy(body).float()[None])[0].numpy()
    for number in range(1, 5):
        body = body @ weights(f"dense_{number}", "kernel") + weights(f"dense_{number}", "bias")
        scale, shift, mean, variance = (
            weights(f"batch_normalization_{number + 5}", part) for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        body = np.maximum(0, (body - mean) / np.sqrt(variance + 1e-3) * scale + shift)
    np.testing.assert_allclose(scores, body @ weights("dense_5", "kernel") + weights("dense_5", "bias"), rtol=1e-4, atol=1e-4)


def test_it_tells_made_voices_of_women_from_men():
    clips = open_corpus(VOICES)
    one = clips.clips.groupby("speaker").head(1)
    female = [ina.ina_probability(audio.read(clips.root / name, rate=16_000).samples)[0] for name in one["path"]]
    right = (np.array(female) > 0.5) == (one["gender"] == "female").to_numpy()
    assert len(right) == 64
    assert right.mean() >= 0.95


def test_the_encoders_vector_is_the_odds_and_repeats_short_clips(rng):
    clip = voice(120, rng, seconds=0.8)
    vector = load_encoder("ina")(clip[None])[0, 0, 0]
    with torch.no_grad():
        scores = ina.network()(ina.pictures(torch.from_numpy(clip)[None])).numpy()
    assert vector == pytest.approx((scores[:, 0] - scores[:, 1]).mean(), abs=1e-4)
    probability = ina.ina_probability(clip)
    assert sum(probability) == pytest.approx(1)
    assert probability[0] == pytest.approx((1 / (1 + np.exp(scores[:, 1] - scores[:, 0]))).mean(), abs=1e-5)
    short = clip[4000:8000]
    both = np.stack([np.pad(short, (0, 8000)), np.tile(short, 3)])
    odds = load_encoder("ina")(both)[:, 0, 0]
    assert odds[0] == pytest.approx(odds[1], abs=1e-4)


def test_grad_cam_works_on_it_as_on_any_picture_network(rng):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    pictures, net = ina.pictures(torch.from_numpy(voice(210, rng))[None]), ina.network()
    convolution = [layer for layer in net[0] if isinstance(layer, torch.nn.Conv2d)][-1]
    with GradCAM(model=net, target_layers=[convolution]) as cam:
        maps = cam(input_tensor=pictures.clone().requires_grad_(True), targets=[ClassifierOutputTarget(0)] * len(pictures))
    assert maps.shape == (len(pictures), 68, 24)
    assert np.isfinite(maps).all()
    assert maps.max() > 0
    assert maps.std(axis=(1, 2)).max() > 0.01

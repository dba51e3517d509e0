"""Maps whose answer is known in advance, shares counted by hand, and a planted tone that the band profile must find."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from voicecam import audio
from voicecam.config import recipe
from voicecam.corpora.table import make_corpus
from voicecam.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_limits, band_names, band_shares, bands_by_class, mean_maps
from voicecam.explanation.methods import attribute
from voicecam.features import features
from voicecam.learner import Training, train
from voicecam.splits import make_splits


class Linear(nn.Module):
    """One convolution, mean over the picture, one linear layer: its Grad-CAM is sum_k w[class, k] a_k / (h w)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.conv(x).mean(dim=(2, 3)))


def test_grad_cam_of_a_linear_model_is_the_map_known_in_advance():
    torch.manual_seed(0)
    model, inputs = Linear(), torch.randn(5, 3, 16, 24)
    targets = np.array([0, 1, 1, 0, 1])
    found = attribute(model, inputs, targets, method="grad-cam", layer=model.conv, batch=2)
    assert found.shape == (5, 8, 12)
    with torch.no_grad():
        activations = model.conv(inputs)  # (clip, channel, 8, 12)
        expected = torch.einsum("nchw,nc->nhw", activations, model.last.weight[targets]) / (8 * 12)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert (found < 0).any(), "maps are signed"
    logits = model(inputs).detach()[range(5), targets] - model.last.bias.detach()[targets]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), logits.numpy(), atol=1e-5)


def test_shares_are_counted_on_the_positive_part_and_blank_maps_have_none():
    maps = np.array([[[1.0, 1.0], [2.0, -9.0]], [[-1.0, -1.0], [0.0, 0.0]]])
    np.testing.assert_allclose(band_shares(maps), [[0.5, 0.5], [np.nan, np.nan]])


def test_bands_of_mfcc_are_coefficients_and_of_logmel_hz():
    mfcc, logmel = recipe("mfcc"), recipe("logmel")
    assert band_names(10, mfcc) == [f"c{2 * i}-c{2 * i + 1}" for i in range(10)]
    assert band_names(8, mfcc)[:4] == ["c0-c2", "c2-c4", "c5-c7", "c7-c9"], "a coefficient on the border is in both"
    assert band_names(1, mfcc) == ["c0-c19"]
    assert band_names(40, mfcc)[:3] == ["c0", "c0", "c1"]
    limits = band_limits(8, logmel)
    assert limits[0][0] == 0
    assert limits[-1][1] == 8000
    assert all(a[1] == b[0] for a, b in pairwise(limits))
    assert band_names(8, logmel)[0].endswith("kHz")


def test_means_are_over_speakers_and_blank_clips_are_counted_not_averaged():
    shares = np.array([[1.0, 0.0]] * 8 + [[0.0, 1.0], [np.nan, np.nan]])
    speakers = ["a"] * 8 + ["b", "b"]  # a talks eight times as much; each counts once
    found = bands_by_class(shares, np.full((10, 2), 0.5), ["x"] * 10, speakers, recipe("mfcc"))
    assert found["share"].tolist() == [0.5, 0.5]
    assert found["blank"].tolist() == [1, 1]
    assert found["clips"].tolist() == [10, 10]
    assert found["speakers"].tolist() == [2, 2]
    assert found["null_share"].tolist() == [0.5, 0.5]
    assert (found["low"] <= found["share"]).all()
    assert (found["share"] <= found["high"]).all()


def test_a_class_with_blank_maps_only_gives_no_number():
    found = bands_by_class(np.full((3, 2), np.nan), np.full((3, 2), np.nan), ["x"] * 3, ["a", "b", "c"], recipe("mfcc"))
    assert found["share"].isna().all()
    assert found["blank"].tolist() == [3, 3]


def test_mean_maps_are_shares_averaged_over_speakers():
    maps = np.array([[[3.0, 1.0]], [[0.0, 5.0]], [[0.0, 7.0]], [[-1.0, 0.0]]])
    found = mean_maps(maps, ["x", "x", "x", "x"], ["a", "b", "b", "b"])
    np.testing.assert_allclose(found["x"], [[0.375, 0.625]])


@pytest.fixture(scope="module")
def tones():
    """Noise of 20 made speakers; every second whistles at 3 kHz at a random time.

    So softly that the level of the whole hardly changes: setting the level would make the other bands of a loud whistle darker,
    and so plant a second cue.
    """
    config, rows, matrices = recipe("logmel", seconds=0.5, image_rows=64, image_columns=64), [], []
    for speaker in range(20):
        rng = np.random.default_rng(speaker)
        for take in range(12):
            samples = 0.05 * rng.standard_normal(8000)
            if speaker % 2:
                start = rng.integers(0, 5000)
                samples[start : start + 2400] += 0.03 * np.sin(2 * np.pi * 3000 * np.arange(2400) / 16_000)
            signal = audio.prepare(audio.from_samples(samples, 16_000), config)
            matrices.append(features(signal, config).matrix)
            rows.append(
                {"path": f"{speaker:02d}_{take:02d}.wav", "speaker": f"{speaker:02d}", "whistle": "yes" if speaker % 2 else "no"}
            )
    return Dataset(make_corpus("tones", ".", rows), np.stack(matrices), config)


def test_the_band_profile_finds_a_planted_tone(tones):
    split = make_splits(tones.corpus, "whistle")[0]
    model = train(
        tones, split, "whistle", Training(start="shipped", epochs=10, lr=3e-3, augment=False), say=lambda line: None
    ).model
    answers = model.probabilities(tones.matrices[split.test]).argmax(axis=1)
    truth = tones.clips["whistle"].to_numpy()[split.test]
    assert (np.asarray(model.classes)[answers] == truth).mean() > 0.95, "a network that does not work explains nothing"
    rows = split.test[truth == "yes"]
    targets = np.full(len(rows), model.classes.index("yes"))
    inputs = model.input(tones.matrices[rows])
    maps = attribute(model.network, inputs, targets, method="grad-cam", layer=model.stage("layer3"))
    names = tones.clips.iloc[rows]
    found = bands_by_class(band_shares(maps), band_shares(maps), names["whistle"], names["speaker"], tones.config)
    top = found.loc[found["share"].idxmax()]
    assert top["from"] <= 3000 <= top["to"]
    assert top["low"] > 1 / maps.shape[1], "the interval must lie above the even share"

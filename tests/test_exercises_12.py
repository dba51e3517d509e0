"""Notebook 12: the checks of its exercises, and how INA's network is asked, against sums by hand and a network of known cells."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from conftest import voice
from voicecam.course import exercises_12 as exercises
from voicecam.course import other_networks
from voicecam.encoders import ina


@pytest.fixture(scope="module")
def network():
    """INA's layers with random weights: their cells are where those of the trained network are."""
    return ina.network("tiny")


def convolutions(network):
    return [layer for layer in network[0] if isinstance(layer, nn.Conv2d)]


def test_the_size_of_a_map_is_what_the_layers_leave(network):
    frames, bands = 68, 24
    for kind in ("conv", "conv", (1, 2), "conv", "conv", (2, 2), "conv"):
        frames, bands = (frames - 2, bands - 2) if kind == "conv" else (frames // kind[0], bands // kind[1])
    test = exercises.map_size(network, convolutions(network)[-1])
    assert test((frames, bands)) is None
    assert test([frames, bands]) is None
    assert "other way round" in test((bands, frames))
    assert "that is the picture" in test((68, 24))
    assert test((28, 2)).startswith("the number of bands is off")
    assert test((30, 3)).startswith("the number of frames and of bands is off")
    assert "two numbers" in test(28)


@pytest.mark.parametrize(("which", "bands"), [(0, 3), (1, 5), (2, 10), (3, 14), (4, 24)])
def test_the_bands_that_a_cell_sees(network, which, bands):
    layer = convolutions(network)[which]
    test = exercises.bands_of_a_cell(network, layer)
    assert test(bands) is None
    assert "too low" in test(bands - 1)
    assert "too high" in test(bands + 1)
    assert np.ptp(np.flatnonzero(exercises.seen_bands(network, layer))) == bands - 1  # one beside the other


def test_three_for_the_second_layer_is_answered_with_where_it_comes_from(network):
    assert "see three bands each" in exercises.bands_of_a_cell(network, convolutions(network)[1])(3)


def agreement(trained, *random):
    rows = [("trained", *trained), *((f"random {i}", value, value - 0.1, value + 0.1) for i, value in enumerate(random))]
    return pd.DataFrame(rows, columns=["method", "spearman", "low", "high"])


@pytest.mark.parametrize(
    ("trained", "random", "said"),
    [((0.6, 0.4, 0.8), (0.1, 0.3), "b"), ((0.6, 0.25, 0.8), (0.1, 0.3), "c"), ((0.3, -0.1, 0.6), (-0.5, -0.4), "c"),
     ((np.nan, np.nan, np.nan), (0.1, 0.2), "c")],
)  # fmt: skip
def test_a_map_is_borne_out_only_above_zero_and_above_every_random_one(trained, random, said):
    table = agreement(trained, *random)
    test = exercises.honest_sentence(table)
    assert test(said) is None
    assert all(test(other) for other in exercises.SENTENCES if other != said)
    assert "one of a, b, c, d" in test("e")
    assert exercises.in_words(table).startswith(exercises.SENTENCES[said])
    assert f"{min(random):.2f} to {max(random):.2f} for 2 with random weights" in exercises.in_words(table)


def test_bands_meet_half_way_in_mel_and_axes_are_their_centres():
    mel = np.linspace(2595 * np.log10(1 + 100 / 700), 2595 * np.log10(1 + 8000 / 700), 26)
    centres = 700 * (10 ** (mel[1:-1] / 2595) - 1)
    rows, columns = other_networks.axes()
    np.testing.assert_allclose(rows.values, centres)
    peaks = ina.mel_bands().argmax(axis=1) * 31.25  # Hz of the triangles' tops
    assert np.abs(peaks - rows.values).max() <= 31.25
    assert columns.values[:2] == pytest.approx([0.0125, 0.0225])
    limits = np.array(other_networks.bands().limits)
    np.testing.assert_allclose(limits[1:, 0], limits[:-1, 1])
    between = 700 * (10 ** ((mel[3] + mel[4]) / 2 / 2595) - 1)
    assert limits[3, 0] == pytest.approx(between)
    assert len(other_networks.bands(2).limits) == 12
    np.testing.assert_allclose(other_networks.bands(2, beyond=2).limits, other_networks.bands(2).limits[1:-1])
    np.testing.assert_allclose(other_networks.bands(beyond=2).limits, limits[2:-2])
    inner = other_networks.axes(beyond=2)
    assert [len(axis.values) for axis in inner] == [20, 64]
    assert inner[0].values[0] == rows.values[2]


def test_a_clip_is_cut_to_one_picture_and_asked_for_the_mean_of_its_pictures(network, rng):
    long, short = voice(200, rng, seconds=1.0), voice(200, rng, seconds=0.4)
    part = other_networks.middle(long)
    np.testing.assert_array_equal(part, long[(16_000 - 11_120) // 2 :][:11_120])
    assert len(ina.pictures(torch.from_numpy(part)[None])) == 1
    np.testing.assert_array_equal(other_networks.middle(short), short)
    with torch.no_grad():
        each = network(ina.pictures(torch.from_numpy(long)[None])).numpy()
    assert len(each) > 1
    np.testing.assert_allclose(other_networks.asked(network)(long[None])[0], each.mean(axis=0), atol=1e-4)


def test_a_random_twin_is_drawn_anew_and_leaves_the_network_alone(network):
    before = [weight.clone() for weight in network.parameters()]
    one, same, other = (other_networks.random_twin(network, seed=seed) for seed in (1, 1, 2))
    picture = torch.ones(1, 1, 68, 24)
    with torch.no_grad():
        answers = [twin(picture)[0].tolist() for twin in (one, same, other, network)]
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]
    assert answers[0] != answers[3]
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters()))
    assert not one.training

"""Checks of 06_gradcam's exercises: right answers pass, likely wrong ones are told what is off."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voicecam import figures
from voicecam.config import recipe
from voicecam.course import exercises_06
from voicecam.features.image import Scale
from voicecam.network import Model, build
from voicecam.runs.fold_clips import FoldClips

LOUD = np.array([[4.0, 3.0, 1.0, 0.0], [4.0, 3.0, 1.0, 0.0]])


@pytest.fixture
def tiny() -> nn.Sequential:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1, bias=False)
    )
    network[0].weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    network[4].weight.data = torch.tensor([[2.0, -4.0]])
    return network


@pytest.fixture
def clips(tmp_path, rng) -> FoldClips:
    """Two clips before a ResNet that was never trained."""
    config = recipe("mfcc", image_rows=96, image_columns=96)
    torch.manual_seed(0)
    network = build("resnet18", 2).eval()
    scale = Scale(np.full(20, -30.0), np.full(20, 30.0))
    model = Model(network, "resnet18", "gender", ("female", "male"), config, scale)
    table = pd.DataFrame({"speaker": ["a", "b"], "true": ["female", "male"], "predicted": ["female", "male"]})
    matrices = rng.normal(0, 10, (2, 20, config.n_frames)).astype(np.float32)
    return FoldClips(tmp_path, 1, model, table, matrices, np.array([0, 1]), np.array([1, 0]), None)


def listened(clips: FoldClips, i: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """A and G of layer4, without hooks: the network taken apart at the layer."""
    body, head = clips.model.network
    with torch.no_grad():
        activations = body(clips.inputs[[i]])
    activations.requires_grad_()
    gradients = torch.autograd.grad(head(activations)[0, target], activations)[0]
    return activations.detach().numpy()[0], gradients.numpy()[0]


def test_a_map_whose_signs_alone_are_drawn_by_chance_stays_alike(rng):
    """A pattern whose sign random weights turn: signed 1, -1, 1, -1, sizes 1. Unrelated maps: all near 0, so that it changes."""
    maps, speakers = rng.normal(size=(32, 4, 4)), [f"{i // 4}" for i in range(32)]
    turned = np.array([1, -1, 1, -1])[:, None, None, None] * (maps + 0.01 * rng.normal(size=(4, 32, 4, 4)))
    found = exercises_06.likeness(maps, turned, speakers)
    assert found["signed, draw by draw"].split(", ")[:2] == ["1.00", "-1.00"]
    assert found["sizes"].startswith("1.00")
    assert found["verdict"] == "stays alike"
    mirrored = exercises_06.likeness(maps, -turned[:1], speakers)
    assert mirrored["signed"].startswith("-1.00")
    assert mirrored["verdict"] == "stays alike"
    assert exercises_06.likeness(maps, rng.normal(size=(8, 32, 4, 4)), speakers)["verdict"] == "changes"


def test_a_map_without_signs_that_goes_to_other_places_changes(rng):
    """Maps nowhere below 0, large where they were small: signed and sizes both -1, which is no sign turned but another place."""
    maps, speakers = rng.uniform(1, 2, (32, 4, 4)), [f"{i // 4}" for i in range(32)]
    found = exercises_06.likeness(maps, 3 - maps[None] + 0.01 * rng.uniform(size=(2, 32, 4, 4)), speakers)
    assert found["sizes"].startswith("-1.00")
    assert found["verdict"] == "changes"


def test_one_speaker_cannot_tell_and_flat_maps_are_left_out(rng):
    maps = rng.normal(size=(8, 4, 4))
    assert exercises_06.likeness(maps, maps[None], ["a"] * 8)["verdict"] == "cannot tell"
    flat = maps.copy()
    flat[0] = 0
    found = exercises_06.likeness(flat, maps[None] + 0.01 * rng.normal(size=(2, 8, 4, 4)), list("aabbccdd"))
    assert found["signed, draw by draw"] == "1.00, 1.00"
    assert found["verdict"] == "stays alike"


def test_the_tiny_map_is_known(tiny):
    test = exercises_06.tiny_map(tiny, torch.tensor([[[[3.0, -1.0], [0.0, 2.0]]]]))
    assert test([[1.5, -1], [0, 1]]) is None
    assert "ReLU" in test([[1.5, 0], [0, 1]])
    assert "4 times too large" in test([[6, -4], [0, 4]])
    assert "upside down" in test([[0, 1], [1.5, -1]])
    assert "wanted is (2, 2)" in test([1.5, -1, 0, 1])
    assert "off" in test([[1.5, 1], [0, 1]])


def test_the_softmax_takes_p_times_one_less_p():
    test = exercises_06.softmax_factor(0.9)
    assert test(0.09) is None
    assert "p itself" in test(0.9)
    assert "1 - p" in test(0.1)
    assert "not unchanged" in test(1)
    assert "upside down" in test(1 / 0.09)
    assert "too high" in test(0.5)
    assert "number is asked for" in test("0.09")


def test_hires_cam_is_told_from_its_relatives(clips):
    test, (a, g) = exercises_06.hires_map(clips, 1, "layer4", 0), listened(clips, 1, 0)
    right = (a * g).sum(axis=0)
    assert test(right) is None
    assert test(torch.tensor(right)) is None
    assert "this is Grad-CAM" in test((g.mean(axis=(1, 2))[:, None, None] * a).sum(axis=0))
    assert "Layer-CAM" in test((np.maximum(g, 0) * a).sum(axis=0))
    assert "after ReLU" in test(np.maximum(right, 0))
    assert "factor" in test((a * g).mean(axis=0))
    assert "sum them" in test(a * g)
    assert "off" in test(right[::-1])


def test_grad_cam_is_broken_by_weights_whose_mean_is_nought():
    test = exercises_06.blank_map(LOUD)
    assert test([[1, 1, -1, -1], [1, 1, -1, -1]]) is None
    assert test([[1, 0, 0, -3], [1, 0, 0, -3]]) is None  # a mean below 0 is blank after ReLU as well
    assert "y is 0" in test(np.zeros((2, 4)))
    assert "above 0" in test(np.ones((2, 4)))
    assert "one weight per cell" in test([1, 1, -1, -1])
    assert "finite" in test(np.full((2, 4), np.nan))


def test_cells_carry_their_numbers():
    values = np.array([[1.0, -2.0], [-0.001, 0.5]])
    ax = figures.figure(2)[1]
    image = figures.plot_cells(values, ax=ax)
    assert [text.get_text() for text in ax.texts] == ["1.00", "\N{MINUS SIGN}2.00", "0.00", "0.50"]
    assert [text.get_position() for text in ax.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert image.get_clim() == (-2, 2)
    assert image.origin == "lower"


def test_large_grids_carry_none_and_blank_ones_are_drawn():
    for values, digits in ((np.ones((9, 9)), 2), (np.ones((2, 2)), None)):
        ax = figures.figure(2)[1]
        figures.plot_cells(values, ax=ax, digits=digits)
        assert not ax.texts
    assert figures.plot_cells(np.zeros((2, 2)), ax=figures.figure(2)[1]).get_clim() == (-1, 1)

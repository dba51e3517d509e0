"""Areas known by hand for a score that adds up cells, and a network that looks at one corner only."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from torch import nn

from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.faithful import (
    area,
    class_scores,
    curves,
    faithfulness,
    faithfulness_table,
    faithfulness_words,
    on_grid,
    picture_itself,
    random_maps,
    road,
)
from voicecam.network import to_input

CELLS = np.arange(1.0, 17).reshape(4, 4)  # what each of 16 cells adds to the score
PIXELS = (slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 8))  # of 8: the nearest to pixels 0, 2, 4 and 6, on each axis


def grey_input(value: float = 127.5, *, n: int = 1, size: int = 8) -> torch.Tensor:
    config = recipe("logmel", image_rows=size, image_columns=size)
    return to_input(torch.full((n, size, size), value), config)


def adding(inputs: torch.Tensor) -> np.ndarray:
    """The sum of the cells that are not grey."""
    seen = ~torch.isclose(inputs, grey_input()).all(dim=1)  # (clip, 8, 8)
    return sum(
        CELLS[i, j] * seen[:, r, c].float().mean(dim=(1, 2)).numpy() for i, r in enumerate(PIXELS) for j, c in enumerate(PIXELS)
    )


def by_hand(order: np.ndarray) -> float:
    """Area under the sum that is left after 0, 1, ..., 16 cells of this order went, by trapezoids of width 1/16."""
    left = [136 - order[:k].sum() for k in range(17)]
    return sum((a + b) / 2 for a, b in itertools.pairwise(left)) / 16


def test_areas_of_the_right_order_its_reverse_and_random_ones():
    inputs = grey_input(200.0, n=3)
    maps = np.stack([CELLS, -CELLS, random_maps((4, 4), seed=1)]).astype(np.float32)
    deletion = area(curves(adding, inputs, maps, steps=16))
    best, worst = by_hand(np.arange(16, 0, -1)), by_hand(np.arange(1, 17))
    np.testing.assert_allclose(deletion[:2], [best, worst])
    assert best < deletion[2] < worst
    np.testing.assert_allclose(deletion[2], by_hand(CELLS.ravel()[np.argsort(-maps[2].ravel())]))
    # cells that come in leave what their absence took: the two areas add up to the whole
    np.testing.assert_allclose(area(curves(adding, inputs, maps, steps=16, mode="insertion")), 136 - deletion)


def test_curves_begin_and_end_with_the_whole_and_the_grey_picture():
    inputs = grey_input(30.0, n=2)
    found = curves(adding, inputs, random_maps((2, 8, 8)), steps=5)
    assert found.shape == (2, 6)
    np.testing.assert_allclose(found[:, [0, -1]], [[136, 0]] * 2)
    assert (np.diff(found, axis=1) < 0).all()


def test_a_flat_map_loses_its_cells_in_random_order():
    inputs = grey_input(200.0, n=40)
    found = area(curves(adding, inputs, np.zeros((40, 4, 4))))
    assert found.std() > 1, "ties must not go from the top left"
    assert abs(found.mean() - 68) < 5


def test_maps_that_do_not_fit_are_refused():
    inputs = grey_input(n=2)
    with pytest.raises(ExplainError, match="one map per clip"):
        curves(adding, inputs, np.zeros((1, 4, 4)))
    with pytest.raises(ExplainError, match="no finer than the picture"):
        curves(adding, inputs, np.zeros((2, 16, 16)))
    with pytest.raises(ExplainError, match="use deletion or insertion"):
        curves(adding, inputs, np.zeros((2, 4, 4)), mode="blur")


def test_road_changes_its_sign_with_the_map_and_is_small_for_random_ones():
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.normal(0, 1, (30, 3, 16, 16)).astype(np.float32))
    inputs[:, :, 2:6, 6:10] += 4  # the loud cell, on which alone the score looks
    right = np.zeros((30, 4, 4))
    right[:, 1, 2] = 1

    def corner(pictures):
        return pictures[:, 0, 2:6, 6:10].mean(dim=(1, 2)).numpy()

    state = torch.get_rng_state()
    found = road(corner, inputs, right)
    assert torch.equal(torch.get_rng_state(), state)
    assert (found > 0.5).all()
    # the reverse takes the right cell away last: at none of the shares from the top, at all of them from the bottom
    np.testing.assert_allclose(road(corner, inputs, -right), -found, atol=1.0)
    assert (road(corner, inputs, -right) < -0.5).all()
    assert abs(road(corner, inputs, random_maps((30, 4, 4))).mean()) < found.mean() / 3


def test_scores_are_the_softmax_and_the_logit_of_the_wanted_class():
    torch.manual_seed(0)
    network, inputs = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 64, 4)).train(), torch.randn(5, 3, 8, 8)
    target = np.array([0, 3, 1, 1, 2])
    found = class_scores(network, target, batch=2)(inputs)
    logits = (inputs.flatten(1) @ network[2].weight.T + network[2].bias).detach().numpy()
    np.testing.assert_allclose(found[:, 0], softmax(logits, axis=1)[range(5), target], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], logits[range(5), target], rtol=1e-4, atol=1e-5)
    assert network.training


def test_pixels_are_averaged_into_the_cells_around_them():
    maps = np.arange(16, dtype=float).reshape(1, 4, 4)
    across = [0 * 2 / 3 + 1 / 3, (1 / 2 + 2 + 3) / 2.5]  # pixel 1 lies half in the cell around 0, half in that around 2
    np.testing.assert_allclose(on_grid(maps, (2, 2))[0], np.add.outer(4 * np.array(across), across), rtol=1e-6)
    np.testing.assert_allclose(on_grid(maps, (4, 4)), maps)


def test_the_picture_itself_is_grey_in_0_to_1():
    np.testing.assert_allclose(picture_itself(grey_input(51.0)), np.full((1, 8, 8), 0.2), atol=1e-6)


def test_means_are_per_speaker_first_and_need_two_speakers_for_an_interval():
    found = over_speakers([1.0, 1.0, 1.0, 0.0, np.nan], ["a", "a", "a", "b", "b"])
    assert found["value"] == 0.5
    assert found["low"] < 0.5 < found["high"]
    alone = over_speakers([1.0, 3.0], ["a", "a"])
    assert alone["value"] == 2.0
    assert np.isnan([alone["low"], alone["high"]]).all()
    assert np.isnan(list(over_speakers([np.nan], ["a"]).values())).all()


class Corner(nn.Module):
    """Class 1 is how bright the last cell of 4 x 4 is: HiRes-CAM knows the place, Grad-CAM's mean over the cells does not."""

    def __init__(self):
        super().__init__()
        self.cells, self.last = nn.AvgPool2d(4), nn.Linear(3 * 16, 2, bias=False)
        with torch.no_grad():
            self.last.weight.zero_()
            self.last.weight.reshape(2, 3, 4, 4)[1, :, 3, 3] = 2.0

    def forward(self, x):
        return self.last(self.cells(x).flatten(1))


@pytest.fixture(scope="module")
def corner_table():
    network, rng = Corner(), np.random.default_rng(3)
    pictures = torch.from_numpy(rng.uniform(60, 200, (24, 16, 16)).astype(np.float32))
    pictures[:, 12:, 12:] = 220.0
    inputs = to_input(pictures, recipe("logmel", image_rows=16, image_columns=16))
    return faithfulness(
        network,
        inputs,
        np.ones(24, int),
        [f"s{i % 6}" for i in range(24)],
        methods=("hires-cam", "eigen-cam"),
        layer=network.cells,
    )


def test_the_table_says_which_method_beats_random_cells(corner_table):
    table = faithfulness_table(corner_table).set_index("method")
    assert list(table.index) == ["hires-cam", "eigen-cam", "random", "loudest cell (no network)"]
    assert (table["grid"] == "4 x 4").all()
    assert (table["speakers"] == 6).all()
    best = table.loc["hires-cam"]
    assert best["deletion_over_random_low"] > 0
    assert best["insertion_over_random_low"] > 0
    assert best["road"] > table.loc["random", "road"]
    assert corner_table.loc[corner_table["method"] == "hires-cam", "deletion"].std() < 1e-6
    assert np.isnan(best["deletion_low"]), "all speakers alike: no interval"
    assert best["insertion_over_random_low"] <= best["insertion_over_random"] <= best["insertion_over_random_high"]
    assert table.loc["random", "deletion_over_random"] == 0
    assert best["seconds"] > 0
    by_hand = corner_table[corner_table["method"] == "hires-cam"].groupby("speaker")["deletion"].mean().mean()
    assert best["deletion"] == pytest.approx(by_hand)


def test_words_come_from_the_intervals():
    names = ["hires-cam", "grad-cam", "random", "loudest cell (no network)"]
    columns = {
        f"{m}_over_{o}{e}": [0.0] * 4
        for m in ("deletion", "insertion", "road")
        for o in ("random", "energy")
        for e in ("", "_low", "_high")
    }
    table = pd.DataFrame({"method": names, **columns})
    table.loc[0, ["deletion_over_random", "deletion_over_random_low", "deletion_over_random_high"]] = 0.2, 0.1, 0.3
    table.loc[1, ["deletion_over_random", "deletion_over_random_low", "deletion_over_random_high"]] = -0.4, -0.5, -0.3
    said = faithfulness_words(table)
    assert said[0] == (
        "deletion, against random cells: better: HiRes-CAM by 0.20 [0.10, 0.30]; worse: Grad-CAM by 0.40 [0.30, 0.50]."
    )
    assert all("no method was shown to differ" in line for line in said[1:])

"""Where the cells of real networks look, found by their gradients, against where the code says they lie."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from voicecam import figures
from voicecam.config import recipe
from voicecam.explanation.bands import band_limits, band_rows
from voicecam.explanation.cells import cell_centres, cell_edges, cell_of_pixel, overlap
from voicecam.explanation.faithful import curves, on_grid
from voicecam.explanation.pointing import mass_inside, points_at, touching
from voicecam.features import column_axis, row_axis
from voicecam.network import build, stages_of


@cache
def weights(arch: str, layer: str, size: int) -> np.ndarray:
    """How much each of a layer's rows follows each row of a picture, (h, size): mean gradient over pictures of chance, with all
    weights of a convolution alike, so that nothing but the layers' geometry speaks."""
    part = build(arch, 2).eval()[0][: stages_of(arch)[layer] + 1]
    for module in part.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    pictures = torch.rand(8, 3, size, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    rows = part(pictures).sum(dim=(0, 1, 3))  # (h,)
    return np.stack([torch.autograd.grad(row, pictures, retain_graph=True)[0].sum(dim=(0, 1, 3)).numpy() for row in rows])


@pytest.mark.parametrize(
    ("arch", "layer", "size"),
    [("small", f"layer{i}", size) for i in (1, 2, 3, 4) for size in (40, 64, 128)]
    + [("resnet18", "layer1", 128), ("resnet18", "layer2", 224), ("resnet18", "layer3", 512)]
    + [("efficientnet-lite0", "layer1", 128), ("efficientnet-lite0", "layer2", 128)],
)
def test_a_cell_is_centred_on_its_number_times_the_step(arch, layer, size):
    seen = weights(arch, layer, size)
    inner = (seen[:, 0] == 0) & (seen[:, -1] == 0)  # what does not reach the picture's border
    found = (seen @ (np.arange(size) + 0.5) / seen.sum(axis=1))[inner]
    expected = cell_centres(len(seen), size)
    step = expected[1] - expected[0]
    assert inner.any() or (size, layer) == (40, "layer4")
    np.testing.assert_allclose(found, expected[inner], atol=0.25 if arch == "small" else 0.1 * step)
    blocks = (np.arange(len(seen)) + 0.5) * size / len(seen)
    assert (np.abs(found - expected[inner]) < np.abs(found - blocks[inner])).all(), "not the middle of a block"


def test_edges_are_half_way_and_the_first_and_last_cells_reach_the_ends():
    np.testing.assert_allclose(cell_edges(4, 32), [0, 4.5, 12.5, 20.5, 32])
    np.testing.assert_allclose(cell_edges(3, 40), [0, 8.5, 24.5, 40])
    for cells, size in ((1, 7), (40, 40), (80, 40)):
        np.testing.assert_allclose(cell_edges(cells, size), np.linspace(0, size, cells + 1))
    assert cell_of_pixel(2, 8).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(overlap(2, 4), [[1, 0.5, 0, 0], [0, 0.5, 1, 1]])


@pytest.mark.parametrize("layer", ["layer2", "layer3"])
def test_bands_of_a_layer_lie_where_it_looks(layer):
    config = recipe("logmel", n_mels=64)  # 128 pixels: 2 for each band
    seen = weights("small", layer, 128)
    row = seen @ (np.arange(128) + 0.5) / seen.sum(axis=1) / 2
    hertz = np.interp(row, np.arange(64) + 0.5, row_axis(config).values)
    for k in range(2, len(seen) - 2):
        low, high = band_rows(len(seen), config)[k]
        assert (low + high) / 2 == pytest.approx(row[k], abs=0.1)
        low, high = band_limits(len(seen), config)[k]
        assert low < hertz[k] < high
        assert band_limits(len(seen), config)[k + 1][0] == high


def test_maps_are_drawn_pointed_with_and_averaged_where_the_layer_looks():
    """A picture with one bright line in the middle of what row 3 of layer3 sees."""
    seen = weights("small", "layer3", 64)
    line = round(seen[3] @ np.arange(64) / seen[3].sum())
    map_ = np.zeros((1, 8, 8))
    map_[0, 3] = 1.0
    cells = np.zeros((1, 64, 64), bool)
    cells[0, line] = True
    assert np.flatnonzero(touching(cells, (8, 8))[0, :, 0]).tolist() == [3]
    assert points_at(map_, cells)[0]
    assert mass_inside(map_, cells)[0] == pytest.approx(1 / 8)
    assert on_grid(cells.astype(float), (8, 8))[0, :, 0].argmax() == 3
    config = recipe("logmel", image_rows=64, image_columns=64, n_mels=64)
    blocks = figures.plot_map(
        np.ones((64, 98)), map_[0], row_axis(config), column_axis(config, 98), size=(64, 64), ax=figures.figure(3)[1]
    )
    edges = blocks.get_coordinates()[:, 0, 1]  # row i lies around i
    assert (edges[3] + edges[4]) / 2 == pytest.approx(line, abs=0.1)
    gone = curves(lambda x: x[:, 0, :, 0].numpy(), torch.ones(1, 3, 64, 64), map_.astype(float), steps=8)[0, 1]  # (64,)
    taken = np.flatnonzero(gone != 1)
    assert abs(taken.mean() - line) <= 0.5, "the cells of the first eighth are the row's"

"""ROAD's filled pixels: those of pytorch-grad-cam's imputer, and a mean that can be computed by hand."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from voicecam.explanation.filling import fill


@pytest.mark.parametrize("share", [0.02, 1 / 3, 2 / 3, 0.98])
def test_the_same_pixels_as_the_library_with_the_same_noise(share):
    picture = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(1))
    keep = np.random.default_rng(2).random((24, 40)) >= share
    torch.manual_seed(3)
    wanted = NoisyLinearImputer()(picture, torch.from_numpy(np.float32(keep)))
    torch.manual_seed(3)
    found = fill(picture, keep)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert torch.equal(found[:, torch.from_numpy(keep)], picture[:, torch.from_numpy(keep)])


def test_a_single_pixel_is_the_weighted_mean_of_its_neighbours(monkeypatch):
    monkeypatch.setattr("voicecam.explanation.filling.NOISE", 0.0)
    picture = torch.arange(9.0).reshape(1, 3, 3) ** 2
    middle, corner = (np.ones((3, 3), dtype=bool) for _ in range(2))
    middle[1, 1] = corner[0, 0] = False
    assert abs(fill(picture, middle)[0, 1, 1] - ((1 + 9 + 25 + 49) / 6 + (0 + 4 + 36 + 64) / 12)) < 1e-5
    assert abs(fill(picture, corner)[0, 0, 0] - (1 / 6 + 9 / 6 + 16 / 12) / (5 / 12)) < 1e-5  # of three neighbours


def test_where_all_that_is_kept_is_one_value_all_becomes_it():
    keep = np.zeros((16, 16), dtype=bool)
    keep[3, 4] = True
    found = fill(torch.full((2, 16, 16), 0.7), keep)
    assert abs(found - 0.7).max() < 0.06  # six spreads of the noise

"""Matrix to picture and back, and the scale that is fitted on training clips only."""

import numpy as np
import pytest
from PIL import Image

from voicecam.config import recipe
from voicecam.errors import DatasetError
from voicecam.features import image
from voicecam.features.image import Scale, fit_scale, load_matrix, save_matrix, save_picture


def test_scale_puts_each_rows_mean_in_the_middle_and_four_spreads_at_the_ends(rng):
    spread, middle = np.array([1.0, 10.0, 0.2]), np.array([0.0, -50.0, 7.0])
    matrices = rng.standard_normal((200, 3, 40)) * spread[:, None] + middle[:, None]
    scale = fit_scale(matrices, recipe("mfcc"))
    np.testing.assert_allclose(scale.low, middle - 4 * spread, rtol=0.1, atol=0.05)
    np.testing.assert_allclose(scale.high, middle + 4 * spread, rtol=0.1, atol=0.05)
    assert scale.to_gray(middle[:, None])[:, 0].tolist() == pytest.approx([127, 127, 127], abs=3)


def test_picture_and_back_is_right_to_half_a_grey_level(rng):
    scale = Scale((-10.0, 0.0), (10.0, 1.0))
    matrix = np.stack([rng.uniform(-10, 10, 50), rng.uniform(0, 1, 50)]).astype(np.float32)
    back = scale.from_gray(scale.to_gray(matrix))
    assert np.abs(back[0] - matrix[0]).max() <= 20 / 255 / 2 + 1e-5
    assert np.abs(back[1] - matrix[1]).max() <= 1 / 255 / 2 + 1e-5


def test_values_beyond_the_scale_are_cut_off_and_the_sign_is_kept():
    scale = Scale((-100.0,), (100.0,))
    assert scale.to_gray(np.array([[-500.0, -100.0, -50.0, 0.0, 50.0, 100.0, 500.0]])).tolist() == [
        [0, 0, 64, 128, 191, 255, 255]
    ]


def test_a_row_that_never_changes_does_not_divide_by_zero():
    assert fit_scale(np.ones((4, 2, 5)), recipe("mfcc")).to_gray(np.ones((2, 5))).tolist() == [[128] * 5] * 2


def test_scale_refuses_a_matrix_of_other_rows():
    with pytest.raises(DatasetError, match="3 rows, scale of 2"):
        Scale((0.0, 0.0), (1.0, 1.0)).to_gray(np.zeros((3, 4)))


def test_scale_goes_through_json():
    scale = Scale((-1.5, 0.0), (2.25, 1.0))
    assert Scale.from_dict(scale.to_dict()) == scale


def test_a_stored_matrix_comes_back(tmp_path, rng):
    matrix = rng.normal(0, 50, (20, 98)).astype(np.float32)
    low, high = save_matrix(tmp_path / "a.png", matrix)
    with Image.open(tmp_path / "a.png") as file:
        assert file.size == (98, 20)
    back = load_matrix(tmp_path / "a.png", low, high)
    assert np.abs(back - matrix).max() <= (high - low) / 65_535


def test_a_stored_picture_comes_back_exactly(tmp_path, rng):
    picture = rng.integers(0, 256, (224, 224), dtype=np.uint8)
    limits = save_picture(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(np.rint(load_matrix(tmp_path / "a.png", *limits)), picture)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (20, 98), (80, 301)])
def test_what_is_written_is_a_png_to_others(tmp_path, rng, shape):
    matrix = rng.integers(0, 65_536, shape).astype(np.float32)
    matrix.flat[0], matrix.flat[-1] = 0, 65_535
    save_matrix(tmp_path / "a.png", matrix)
    with Image.open(tmp_path / "a.png") as file:
        assert file.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(file), matrix if matrix.size > 1 else 0)
    with Image.open(tmp_path / "a.png") as file:
        file.verify()  # of each chunk its checksum


def test_a_broken_picture_says_what_to_do(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a\.png: not readable as a picture.*run make_images again"):
        load_matrix(tmp_path / "a.png", 0, 1)


def test_many_clips_are_taken_in_parts_with_the_same_result(rng, monkeypatch):
    config = recipe("mfcc")
    matrices = (rng.standard_normal((50, config.n_rows, 7)) * 3 + np.arange(config.n_rows)[:, None]).astype(np.float32)
    rows = np.arange(1, 50, 2)
    whole = fit_scale(matrices[rows], config)
    gray = whole.to_gray(matrices)
    monkeypatch.setattr(image, "PART", 4)  # the last part is smaller
    parts = fit_scale(matrices, config, rows=rows)
    np.testing.assert_allclose(parts.low, whole.low, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parts.high, whole.high, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(whole.to_gray(matrices), gray)

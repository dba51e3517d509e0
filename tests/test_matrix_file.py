"""The array of all matrices that training reads: what the images hold, made again where one of them changes."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data import matrix_file
from voicecam.data.dataset import make_images, read_dataset
from voicecam.errors import DatasetError
from voicecam.features.image import save_matrix


@pytest.fixture
def made(write_voices, tmp_path, monkeypatch):
    """Function that reads the data set of 12 clips; and the folders of images and arrays."""
    corpus = open_corpus(write_voices(speakers=4))
    path = make_images(corpus, recipe("logmel"), images=tmp_path / "mfc_dataset", maps=tmp_path / "maps", workers=1)
    plain = read_dataset(path).matrices
    assert not (tmp_path / "cache" / "matrices").exists(), "few images need none"
    monkeypatch.setattr(matrix_file, "FEWEST", 10)
    return lambda: read_dataset(path).matrices, plain, tmp_path / "mfc_dataset" / path.stem, tmp_path / "cache" / "matrices"


def test_the_array_holds_what_the_images_hold_and_is_read_the_next_time(made, monkeypatch):
    read, plain, _, arrays = made
    np.testing.assert_array_equal(read(), plain)
    (array,) = arrays.iterdir()
    monkeypatch.setattr(matrix_file, "load_matrix", None)  # no image is opened any more
    again = read()
    np.testing.assert_array_equal(again, plain)
    again[0] = 7  # stays here
    np.testing.assert_array_equal(np.load(array), plain)


def test_a_changed_image_is_noticed_and_the_old_array_goes(made, rng):
    read, plain, images, arrays = made
    read()
    changed = sorted(images.rglob("*.png"))[0]
    save_matrix(changed, rng.normal(size=plain.shape[1:]))
    found = read()
    assert (found != plain).any(axis=(1, 2)).sum() == 1
    assert len(list(arrays.iterdir())) == 1
    changed.unlink()
    with pytest.raises(DatasetError, match="not readable as a picture"):
        read()


def test_without_room_for_it_the_error_is_the_disks_and_nothing_half_written_stays(made, monkeypatch):
    read, _, _, arrays = made
    monkeypatch.setattr(matrix_file, "load_matrix", lambda *image: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        read()
    assert not arrays.exists() or not os.listdir(arrays)
    shutil.rmtree(arrays, ignore_errors=True)


def test_a_run_that_keeps_all_clips_leaves_the_array_on_disk(write_voices, tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_file, "FEWEST", 10)
    corpus = open_corpus(write_voices(speakers=4))
    path = make_images(corpus, recipe("logmel"), images=tmp_path / "mfc_dataset", maps=tmp_path / "maps", workers=1)
    dataset = read_dataset(path)
    assert dataset.keep(dataset.corpus).matrices is dataset.matrices
    one = replace(dataset.corpus, clips=dataset.clips.iloc[[5]])
    np.testing.assert_array_equal(dataset.keep(one).matrices, dataset.matrices[[5]])

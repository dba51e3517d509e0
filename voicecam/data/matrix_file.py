"""The matrices of a map's images as one memory-mapped array: what training reads. Made of the images, which it must fit.

The pictures are what people look at and what counts; the array is made again wherever one of them has another size or time.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from voicecam.features.image import load_matrix
from voicecam.files import atomic_path, digest

FOLDER = "cache/matrices"  # of a project
FEWEST = 500  # images from which it pays; so many are read in a quarter of a second


def stored_matrices(entries: Mapping[str, Mapping[str, Any]], folder: Path, *, name: str, home: Path) -> np.ndarray:
    """Matrices float32 (clip, n_rows, n_frames) of a map's entries, whose images lie in `folder`, in their order.

    name : of the map; home : of the project. From FEWEST images on an array on disk, of which only what is used is in memory; a
    change of it stays in this process.
    Raises DatasetError for an image that is missing or broken.
    """
    images = _images(entries, folder)
    if len(images) < FEWEST:
        return np.stack([_load(image) for image in images])
    path = home / FOLDER / f"{name}-{_key(images)}.npy"
    if not path.is_file():
        _write(path, images)
        for old in path.parent.glob(f"{name}-*.npy"):
            if old != path:
                old.unlink(missing_ok=True)
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))


def array_key(entries: Mapping[str, Mapping[str, Any]], folder: Path) -> str:
    """What the array of these images is known by."""
    return _key(_images(entries, folder))


def _images(entries: Mapping[str, Mapping[str, Any]], folder: Path) -> list[tuple[str, float, float]]:
    """Path of each image, as text: a Path of each takes longer than to ask for its size; the values of its black and white."""
    return [(os.path.join(folder, entry["image"]), entry["low"], entry["high"]) for entry in entries.values()]


def _write(path: Path, images: list[tuple[str, float, float]]) -> None:
    first = _load(images[0])
    with atomic_path(path) as temporary:
        array = np.lib.format.open_memmap(temporary, "w+", np.float32, (len(images), *first.shape))
        for row, image in enumerate(images):
            array[row] = _load(image)
        array.flush()


def _load(image: tuple[str, float, float]) -> np.ndarray:
    return load_matrix(Path(image[0]), *image[1:])


def _key(images: list[tuple[str, float, float]]) -> str:
    """By which images an array is known: their names, sizes and times, and what their black and white stand for."""
    seen = []
    for path, low, high in images:
        try:
            stat = os.stat(path)
        except OSError:
            _load((path, low, high))  # says what is wrong
            raise
        seen.append([path, stat.st_size, stat.st_mtime_ns, low, high])
    return digest(seen)

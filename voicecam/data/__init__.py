"""A corpus -> images on disk (dataset), augmented copies (augmented), splits by speaker (splits), recordings that are there twice
(duplicates). What most need is handed on."""

from voicecam.data.dataset import Dataset, make_images, read_dataset
from voicecam.data.splits import Split, make_splits, shared_speakers

__all__ = ["Dataset", "Split", "make_images", "make_splits", "read_dataset", "shared_speakers"]

"""A corpus -> images on disk (dataset), augmented copies (augmented), splits by speaker (splits), recordings that are there twice
(duplicates). What most need is handed on, and imported when it is asked for: who only classifies needs no tables."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from voicecam.data.dataset import Dataset, make_images, read_dataset
    from voicecam.data.splits import Split, make_splits, shared_speakers

__all__ = ["Dataset", "Split", "make_images", "make_splits", "read_dataset", "shared_speakers"]

_dataset, _splits = ["Dataset", "make_images", "read_dataset"], ["Split", "make_splits", "shared_speakers"]
__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs={"dataset": _dataset, "splits": _splits})

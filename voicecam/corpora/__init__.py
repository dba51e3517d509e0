"""Corpora on disk -> one table of clips. `open_corpus` finds the layout; one module per layout reads it. Reads no audio."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voicecam.corpora import (
    audiomnist,
    baved,
    coraa_ser,
    csv_list,
    emodb,
    emouerj,
    emovo,
    folders,
    fsdd,
    matrices,
    nemo,
    ravdess,
)
from voicecam.corpora.labels import check_readable, fail, listing
from voicecam.corpora.table import Corpus, Fold, keep_ages, keep_labelled, merge
from voicecam.errors import DatasetError

__all__ = ["LAYOUTS", "Corpus", "Fold", "keep_ages", "keep_labelled", "merge", "open_corpus"]


@dataclass(frozen=True)
class _Layout:
    """How a corpus looks on disk; `find` gives the place to `read` from, or None when `path` looks different."""

    looks: str
    find: Callable[[Path], Path | None]
    read: Callable[[Path], Corpus]


_LAYOUTS = {  # in the order they are tried: what is told by a list first, what fits nearly any folder last
    "table": _Layout(csv_list.TABLE_LOOKS, csv_list.find_table, csv_list.read_table),
    "csv": _Layout(csv_list.CSV_LOOKS, csv_list.find_csv, csv_list.read_csv),
    "audiomnist": _Layout(audiomnist.LOOKS, audiomnist.find, audiomnist.read),
    "baved": _Layout(baved.LOOKS, baved.find, baved.read),
    "ravdess": _Layout(ravdess.LOOKS, ravdess.find, ravdess.read),
    "emodb": _Layout(emodb.LOOKS, emodb.find, emodb.read),
    "emovo": _Layout(emovo.LOOKS, emovo.find, emovo.read),
    "emouerj": _Layout(emouerj.LOOKS, emouerj.find, emouerj.read),
    "coraa-ser": _Layout(coraa_ser.LOOKS, coraa_ser.find, coraa_ser.read),
    "fsdd": _Layout(fsdd.LOOKS, fsdd.find, fsdd.read),
    "nemo": _Layout(nemo.LOOKS, nemo.find, nemo.read),
    "matrices": _Layout(matrices.LOOKS, matrices.find, matrices.read),
    "folders": _Layout(folders.LOOKS, folders.find, folders.read),
}
LAYOUTS = tuple(_LAYOUTS)


def open_corpus(path: str | Path, *, layout: str = "auto") -> Corpus:
    """Read the corpus at `path`: a folder, or a CSV file.

    layout : "auto" takes the first of LAYOUTS that `path` looks like; or one of LAYOUTS.
    Labels that follow from others are added: `age_group` and `teen_adult` from `age`, `emotion_gender3` from `emotion` and
    `gender`.
    Raises DatasetError when nothing is there, when it does not look like the layout, or when its contents are faulty.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"{path}: no such folder or CSV file; check the spelling")
    check_readable([path] if path.is_dir() else [])
    if layout not in ("auto", *LAYOUTS):
        raise DatasetError(f"layout '{layout}' is unknown; use auto, {', '.join(LAYOUTS)}")
    for name in LAYOUTS if layout == "auto" else (layout,):
        place = _LAYOUTS[name].find(path)
        if place is not None:
            return _LAYOUTS[name].read(place)
    raise _unrecognised(path, layout)


def _unrecognised(path: Path, layout: str) -> DatasetError:
    holds = f"holds {listing(sorted(p.name for p in path.iterdir()))}" if path.is_dir() else "is a file"
    if layout != "auto":
        return fail(path, f"{holds}, which is not layout {layout}", f"it should look like {_LAYOUTS[layout].looks}")
    known = "; ".join(f"{name} ({known.looks})" for name, known in _LAYOUTS.items())
    return fail(path, f"{holds}, which is no layout known here", f"arrange it as one of: {known}")

"""Ready-made matrices without their recordings -> Corpus, and the matrices themselves. Computes no features.

Layout: a folder with one .npz file that holds
- one array of three dimensions, (clip, row, frame), uint8 or float: MFCC matrices, row 0 is c0;
- `name` and `speaker`, one per clip: a unique name, and whose voice it is (numbers get leading zeros: 7 of 60 becomes "07");
- any other array with one value per clip: a label. `female`, 0 or 1, gives the label gender.
Beside it may lie speakers.json, {speaker: {"accent": ..., "age": ..., "gender": ...}} like AudioMNIST's metadata and tidied
like it, and folds.json, {label: [{"train": [...], "validate": [...], "test": [...]}, ...]} with speakers; a part may also be
letters, "AB", each of them a key of "LABEL_blocks".
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam.config import Config, recipe
from voicecam.corpora.audiomnist import speaker_labels
from voicecam.corpora.labels import Row, fail, listing, one_gender_each, with_derived
from voicecam.corpora.table import Corpus, Fold, make_corpus
from voicecam.errors import DatasetError
from voicecam.files import read_json

LOOKS = "one .npz with arrays of matrices (clip, row, frame), name and speaker"
ENLARGED = 2  # pixels per coefficient; on AudioMNIST's 12 x 98, more took longer and named no more validation clips right
FEMALE = {"0": "male", "1": "female"}  # what the values of an array `female` mean
Arrays = dict[str, np.ndarray]


def find(path: Path) -> Path | None:
    """The .npz file in folder `path`, or None where there is none or more than one."""
    files = sorted(path.glob("*.npz")) if path.is_dir() else []
    return files[0] if len(files) == 1 else None


def read(file: Path) -> Corpus:
    """The corpus in `file`. Raises DatasetError when an array is missing, or has another length or shape than it should."""
    folder, arrays = file.parent, _arrays(file)
    arrays.pop(_cube(file, arrays))
    names, speakers = _text(arrays.pop("name")), _text(arrays.pop("speaker"))
    width = max(map(len, speakers))
    people, repairs = _people(folder / "speakers.json", sorted(set(speakers)), width)
    labels = _labels(file, arrays)
    rows, contradictions = one_gender_each(
        [
            {"path": name, "speaker": who, **people.get(who, {}), **{field: labels[field][i] for field in labels}}
            for i, (name, who) in enumerate(zip(names, speakers))
        ]
    )
    folds = _folds(folder / "folds.json", set(speakers), width)
    return make_corpus(
        folder.resolve().name,
        folder,
        [with_derived(row) for row in rows],
        repairs=(*repairs, *contradictions),
        folds=folds,
        matrices=file,
    )


def load_matrices(file: Path, names: pd.Series) -> np.ndarray:
    """The matrices of the clips called `names`, in that order: (clip, row, frame), uint8 or float as in the file.

    Raises DatasetError when the file does not hold them all.
    """
    arrays = _arrays(file)
    rows = pd.Index(_text(arrays["name"])).get_indexer(pd.Index(names))
    if (rows < 0).any():
        raise fail(file, f"no longer holds {names.iloc[int(np.argmin(rows))]}", "make the images again")
    return arrays[_cube(file, arrays)][rows]


def ready_config(file: Path, *, image_size: Sequence[int] | None = None) -> Config:
    """The settings that fit the file's matrices: as many coefficients and frames as they have.

    image_size : rows and columns of the picture given to the network; None is ENLARGED pixels per coefficient, one per frame
    uint8 matrices are pictures of the recipe mfcc-2020: their values are the grey levels. Float ones are of recipe mfcc, for
    which a scale is fitted. How they were made beyond that the file does not tell.
    """
    arrays = _arrays(file)
    matrices = arrays[_cube(file, arrays)]
    _, rows, frames = matrices.shape
    likely = recipe("mfcc-2020" if matrices.dtype == np.uint8 else "mfcc", windows="loudest", n_mfcc=rows, n_mels=max(40, rows))
    height, width = image_size or (ENLARGED * rows, frames)
    seconds = (likely.window + (frames - 1) * likely.hop) / likely.sample_rate
    return replace(likely, seconds=seconds, image_rows=height, image_columns=width)


def _arrays(file: Path) -> Arrays:
    """All arrays of the file. Pickled objects are refused: they could run code."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as reason:
        raise fail(file, f"not readable as arrays ({reason})", "save it again with numpy.savez, without objects") from None


def _cube(file: Path, arrays: Arrays) -> str:
    """The name of the array of matrices. Raises DatasetError unless there is one and all arrays fit it."""
    cubes = [name for name, values in arrays.items() if values.ndim == 3]
    if len(cubes) != 1:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise fail(file, f"{len(cubes)} arrays of shape (clip, row, frame) (there are: {shapes or 'none'})", "give exactly one")
    matrices = arrays[cubes[0]]
    if matrices.dtype != np.uint8 and matrices.dtype.kind != "f":
        raise fail(file, f"{cubes[0]} is {matrices.dtype}", "save the matrices as uint8 or float")
    if 0 in matrices.shape or (matrices.dtype.kind == "f" and not np.isfinite(matrices).all()):
        raise fail(file, f"{cubes[0]} {matrices.shape} is empty or not finite everywhere", "save whole, finite matrices")
    missing = [name for name in ("name", "speaker") if name not in arrays]
    if missing:
        raise fail(file, f"no array {' or '.join(missing)} (arrays: {listing(sorted(arrays))})", "add one value per clip")
    for name, values in arrays.items():
        if name != cubes[0] and values.shape != (len(matrices),):
            raise fail(file, f"{name} has shape {values.shape}, {cubes[0]} has {len(matrices)} clips", "give one value per clip")
    return cubes[0]


def _text(values: np.ndarray) -> list[str]:
    """Values as text; whole numbers with leading zeros to the same width, but for one digit, so that they sort."""
    if values.dtype.kind in "iu":
        width = len(str(values.max()))
        return [str(value).zfill(width) for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def _labels(file: Path, arrays: Arrays) -> dict[str, list[str | None]]:
    labels: dict[str, list[str | None]] = {
        field: [None if number != number else text for number, text in zip(values.tolist(), _text(values))]  # NaN is missing
        for field, values in arrays.items()
    }
    if "female" in labels:
        strange = sorted(map(str, set(labels["female"]) - set(FEMALE)))
        if strange:
            raise fail(file, f"female holds {listing(strange)}", "use 0 and 1, or name the array gender")
        labels["gender"] = [FEMALE[str(value)] for value in labels.pop("female")]
    return labels


def _people(file: Path, speakers: list[str], width: int) -> tuple[dict[str, Row], list[str]]:
    """Labels of each speaker and the repair lines; nothing where there is no such file."""
    if not file.is_file():
        return {}, []
    people = read_json(file, error=DatasetError)
    if not isinstance(people, dict) or not all(isinstance(person, dict) for person in people.values()):
        raise fail(file, "is not a table of speakers", 'write {"01": {"gender": "female"}, ...}')
    return speaker_labels({_speaker(key, width): person for key, person in people.items()}, speakers)


def _folds(file: Path, speakers: set[str], width: int) -> dict[str, tuple[Fold, ...]]:
    """The folds by label; nothing where there is no such file."""
    if not file.is_file():
        return {}
    stored = read_json(file, error=DatasetError)
    try:
        folds = {
            label: tuple(_fold(fold, stored.get(f"{label}_blocks", {}), width) for fold in many)
            for label, many in stored.items()
            if not label.endswith("_blocks")
        }
    except (AttributeError, KeyError, TypeError) as reason:
        raise fail(file, f"is not a table of folds ({reason!r})", 'write {"gender": [{"train": [...], ...}]}') from None
    strangers = {who for many in folds.values() for fold in many for who in fold.train + fold.valid + fold.test} - speakers
    if strangers:
        raise fail(file, f"names speakers without clips: {listing(sorted(strangers))}", "correct the list")
    return folds


def _fold(fold: Mapping[str, Any], blocks: Mapping[str, Any], width: int) -> Fold:
    parts = []
    for part in ("train", "validate", "test"):
        named = [who for block in fold[part] for who in blocks[block]] if isinstance(fold[part], str) else fold[part]
        parts.append(tuple(_speaker(who, width) for who in named))
    return Fold(*parts)


def _speaker(name: object, width: int) -> str:
    """A speaker's name as the clips have it."""
    return str(name).zfill(width) if str(name).isdigit() else str(name)

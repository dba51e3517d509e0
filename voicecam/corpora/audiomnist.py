"""AudioMNIST on disk -> Corpus: spoken digits of 60 speakers, its metadata tidied, its published folds beside it.

Layout of github.com/soerenab/AudioMNIST (Becker et al., arXiv:1807.03418): data/01/0_01_0.wav is digit 0 by speaker 01, take 0;
data/audioMNIST_meta.txt is JSON, speaker -> accent, age, gender, native speaker, recordingroom. A file demo.json beside data/
marks a made-up corpus in the same layout: it gives name and note, and the published folds do not apply to its speakers.
Does not download (see download.py) and does not read audio.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from voicecam.corpora.labels import Row, fail, has_names, rows_from_names
from voicecam.corpora.metadata import tidy_ages, tidy_genders, tidy_words
from voicecam.corpora.table import Corpus, Fold, make_corpus
from voicecam.errors import DatasetError
from voicecam.files import read_json

LOOKS = "data/01/0_01_0.wav and data/audioMNIST_meta.txt"
META = "audioMNIST_meta.txt"
NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>\d\d)_(?P<take>\d+)")
CLIPS = "[0-9][0-9]/*"

# Speakers of the published splits (soerenab/AudioMNIST, preprocess_data.py). A fold trains on some blocks in a row, validates
# on the next one and tests on the one after; fold k starts at block k. The gender blocks are three women, then three men.
GENDER_BLOCKS = ("36 47 56 02 44 50", "26 12 57 25 37 45", "43 28 52 48 53 41", "58 59 60 07 23 38")
DIGIT_BLOCKS = (
    "28 56 07 19 35 01 06 16 23 34 46 53",
    "36 57 09 24 37 02 08 17 29 39 48 54",
    "43 58 14 25 38 03 10 20 30 40 49 55",
    "12 47 59 15 27 41 04 11 21 31 44 50",
    "26 52 60 18 32 42 05 13 22 33 45 51",
)


def find(path: Path) -> Path | None:
    """The data folder at `path` or below it, or None where there is none."""
    return next((folder for folder in (path, path / "data") if has_names(folder, CLIPS, NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in data folder `folder`; paths start there. Raises DatasetError when the metadata is missing or broken."""
    speakers = sorted(sub.name for sub in folder.glob("[0-9][0-9]") if sub.is_dir())
    labels, repairs = speaker_labels(_metadata(folder), speakers)
    rows, left_out = rows_from_names(folder, CLIPS, NAME, lambda name: _row(name, labels))
    _check_folders(folder, rows)
    demo = _demo(folder)
    folds = {} if demo else published_folds({str(row["speaker"]) for row in rows})
    return make_corpus(
        demo.get("name", "AudioMNIST"), folder, rows, repairs=(*repairs, *left_out), folds=folds, note=demo.get("note", "")
    )


def published_folds(speakers: Iterable[str]) -> dict[str, tuple[Fold, ...]]:
    """The published folds by label; a label is left out unless all of its speakers are among `speakers`."""
    folds = {"gender": _folds(GENDER_BLOCKS, train=2), "digit": _folds(DIGIT_BLOCKS, train=3)}
    present = set(speakers)
    return {label: fs for label, fs in folds.items() if present.issuperset(fs[0].train + fs[0].valid + fs[0].test)}


def _folds(blocks: tuple[str, ...], *, train: int) -> tuple[Fold, ...]:
    return tuple(_fold(blocks[k:] + blocks[:k], train) for k in range(len(blocks)))


def _fold(blocks: tuple[str, ...], train: int) -> Fold:
    first, valid, test = " ".join(blocks[:train]), blocks[train], blocks[train + 1]
    return Fold(train=tuple(first.split()), valid=tuple(valid.split()), test=tuple(test.split()))


def _metadata(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    file = folder / META
    if not file.is_file():
        raise fail(file, "is missing", "copy it from the corpus, or choose another layout")
    people = read_json(file, error=DatasetError)
    if not isinstance(people, dict) or not all(isinstance(person, dict) for person in people.values()):
        raise fail(file, "is not a table of speakers", "copy it from the corpus again")
    return people


def speaker_labels(people: Mapping[str, Mapping[str, Any]], speakers: list[str]) -> tuple[dict[str, Row], list[str]]:
    """Labels of each speaker who has a folder, and the repair lines. All of `people` vote on spellings; empty fields go."""
    tidied = {
        "gender": tidy_genders(_column(people, "gender")),
        "age": tidy_ages(_column(people, "age")),
        "accent": tidy_words(_column(people, "accent"), "accent"),
        "native": tidy_words(_column(people, "native speaker"), "native"),
        "room": tidy_words(_column(people, "recordingroom"), "room", misspelt=True),
    }
    tidied = {field: (values, lines) for field, (values, lines) in tidied.items() if lines or any(values.values())}
    unknown = [speaker for speaker in speakers if speaker not in people]
    repairs = [line for _, lines in tidied.values() for line in lines]
    repairs += [f"no metadata, so no labels, for speaker {', '.join(unknown)}"] if unknown else []
    return {s: {field: values.get(s) for field, (values, _) in tidied.items()} for s in speakers}, repairs


def _column(people: Mapping[str, Mapping[str, Any]], field: str) -> dict[str, object]:
    return {speaker: person.get(field) for speaker, person in people.items()}


def _row(name: re.Match[str], labels: Mapping[str, Row]) -> Row:
    return {"speaker": name["speaker"], "digit": name["digit"], "take": name["take"], **labels.get(name["speaker"], {})}


def _check_folders(folder: Path, rows: list[Row]) -> None:
    """A clip in another speaker's folder would put one voice into both parts of a split."""
    astray = [str(row["path"]) for row in rows if not str(row["path"]).startswith(f"{row['speaker']}/")]
    if astray:
        raise fail(
            folder / astray[0], f"folder and file name disagree on the speaker ({len(astray)} clips)", "move or rename them"
        )


def _demo(folder: Path) -> dict[str, str]:
    """Name and note of a made-up corpus; empty for the real one."""
    file = next((f for f in (folder.parent / "demo.json", folder / "demo.json") if f.is_file()), None)
    if file is None:
        return {}
    demo = read_json(file, error=DatasetError)
    if not isinstance(demo, dict) or not all(isinstance(demo.get(key), str) for key in ("name", "note")):
        raise fail(file, "has no text for name and note", "delete the demo corpus and make it again")
    return {key: demo[key] for key in ("name", "note")}

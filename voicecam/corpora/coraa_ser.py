"""CORAA SER on disk -> Corpus: Brazilian Portuguese talk, in the three classes of the SE&R 2022 challenge. Does not read audio.

Layout of github.com/rmarcacini/ser-coraa-pt-br: train/ of data_train.zip with files such as
bfamcv02_segment110_non-neutral-female.wav: recording of the corpus C-ORAL-BRASIL I, segment, class. Beside it, where it was
fetched too, the test set: test_ser/ and test_ser_metadata.csv with columns wav_file, label and file; one of wav_file and file
names the clip in test_ser/, the other names it as the training set would.

Who speaks was not published. The recording stands as the `speaker`: it holds several people, who stay together, so nobody is on
two sides of a split unless two recordings share a person. No gender is given, for the class tells it of some clips alone.
`part` tells train from test; the authors' own division may share recordings, so it is no published fold.
"""

import csv
import re
from pathlib import Path

from voicecam.corpora.labels import Row, fail, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "train/bfamcv02_segment110_non-neutral-female.wav"
NAME = re.compile(r"(?P<recording>[^_]+)_(?P<segment>.+)_(?P<label>neutral|non-neutral-female|non-neutral-male)")
NOTE = (
    "Who speaks in CORAA SER was not published: a recording of several people stands for a speaker, so a person of two "
    "recordings may be on both sides of a split, and intervals are over recordings."
)
TRAIN, TEST, TEST_TABLE = "train", "test_ser", "test_ser_metadata.csv"


def find(path: Path) -> Path | None:
    """The folder that holds train/, or the training clips themselves; or None."""
    return path if any(has_names(path, glob, NAME) for glob in (f"{TRAIN}/*", "*")) else None


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. Raises DatasetError for a test set without its table, or a faulty one."""
    glob = f"{TRAIN}/*" if has_names(folder, f"{TRAIN}/*", NAME) else "*"
    rows, left_out = rows_from_names(folder, glob, NAME, lambda name: _row(name, "train"))
    tested = _test_rows(folder) if (folder / TEST).is_dir() else []
    return make_corpus("CORAA SER", folder, [*rows, *tested], repairs=tuple(left_out), note=NOTE)


def _row(name: re.Match[str], part: str) -> Row:
    emotion, *gender = name["label"].rsplit("-", 1) if name["label"] != "neutral" else ["neutral"]
    return {
        "speaker": name["recording"],
        "segment": name["segment"],
        "emotion": emotion,
        "emotion_gender3": " ".join([emotion, *gender]),
        "part": part,
    }


def _test_rows(folder: Path) -> list[Row]:
    table, rows = folder / TEST_TABLE, []
    if not table.is_file():
        raise fail(table, f"is missing, and {TEST}/ is there", f"copy it from the corpus, or move {TEST}/ away")
    with open(table, encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file)
        if not {"wav_file", "label", "file"} <= set(lines.fieldnames or ()):
            raise fail(table, "has no columns wav_file, label and file", "copy it from the corpus again")
        for line in lines:
            names = [Path(line[column] or "").name for column in ("wav_file", "file")]
            clip = next((name for name in names if name and (folder / TEST / name).is_file()), None)
            told = next((found for name in names if (found := NAME.fullmatch(Path(name).stem))), None)
            if clip is None or told is None or told["label"] != (line["label"] or "").strip():
                raise fail(table, f"line {lines.line_num} ({', '.join(names)}) fits no clip of {TEST}/", "fetch both again")
            rows.append({"path": f"{TEST}/{clip}", **_row(told, "test")})
    return rows

"""nEMO on disk -> Corpus: Polish sentences in six emotions by nine actors. Does not read audio.

Layout of github.com/amu-cai/nEMO (Christop, arXiv:2404.06292): samples/EB0_anger_1.wav: speaker, emotion, sentence; beside it
data.tsv gives file_id, speaker_id, gender and age of each file.
"""

import csv
import re
from pathlib import Path

from voicecam.corpora.labels import Row, canonical_gender, fail, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "samples/EB0_anger_1.wav and data.tsv"
# In the words that RAVDESS uses, so that the two can be compared
EMOTIONS = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprised",
}
NAME = re.compile(rf"(?P<speaker>[A-Z]{{2}}\d)_(?P<emotion>{'|'.join(EMOTIONS)})_(?P<sentence>\d+)")
TABLE = "data.tsv"


def find(path: Path) -> Path | None:
    """The folder samples, `path` or `path`/samples, or None."""
    return next((folder for folder in (path, path / "samples") if has_names(folder, "*", NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. Raises DatasetError when data.tsv is missing or has other columns."""
    people = _people(folder.parent / TABLE)
    rows, left_out = rows_from_names(folder, "*", NAME, lambda name: _row(name, people))
    return make_corpus("nEMO", folder, rows, repairs=tuple(left_out))


def _people(table: Path) -> dict[str, tuple[str | None, str]]:
    """Gender and age of each speaker."""
    if not table.is_file():
        raise fail(table, "is missing", "copy it from the corpus, or fetch it with voicecam corpus get nemo")
    with open(table, encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if not {"speaker_id", "gender", "age"} <= set(lines.fieldnames or ()):
            raise fail(table, "has no columns speaker_id, gender and age", "copy it from the corpus again")
        return {line["speaker_id"].strip(): (canonical_gender(line["gender"]), line["age"].strip()) for line in lines}


def _row(name: re.Match[str], people: dict[str, tuple[str | None, str]]) -> Row:
    gender, age = people.get(name["speaker"], (None, ""))
    return {
        "speaker": name["speaker"],
        "gender": gender,
        "age": age or None,
        "emotion": EMOTIONS[name["emotion"]],
        "sentence": name["sentence"],
    }

"""Free Spoken Digit Dataset on disk -> Corpus: English digits by six men. Does not read audio.

Layout of github.com/Jakobovski/free-spoken-digit-dataset: recordings/7_jackson_32.wav is digit 7 by jackson, take 32.
"""

import re
from pathlib import Path

from voicecam.corpora.labels import Row, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "recordings/7_jackson_32.wav"
NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[A-Za-z]+)_(?P<take>\d+)")
MEN = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def find(path: Path) -> Path | None:
    """The folder that holds the wav files, `path` or `path`/recordings, or None."""
    return next((folder for folder in (path, path / "recordings") if has_names(folder, "*", NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. The gender of a speaker who is not one of the six is missing."""
    rows, left_out = rows_from_names(folder, "*", NAME, _row)
    return make_corpus("FSDD", folder, rows, repairs=tuple(left_out))


def _row(name: re.Match[str]) -> Row:
    gender = "male" if name["speaker"] in MEN else None
    return {"speaker": name["speaker"], "gender": gender, "digit": name["digit"], "take": name["take"]}

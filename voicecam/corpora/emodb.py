"""EMO-DB on disk -> Corpus: ten German sentences in seven emotions by ten actors. Does not read audio.

Layout of the Berlin Database of Emotional Speech (Burkhardt et al., Interspeech 2005): wav/03a01Fa.wav: speaker 03, sentence a01,
emotion F (the first letter of the German word), version a. Genders and ages are from the database's own page.
"""

import re
from pathlib import Path

from voicecam.corpora.labels import Row, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "wav/03a01Fa.wav"
NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<take>[a-z]?)")
SPEAKERS = {
    "03": ("male", "31"),
    "08": ("female", "34"),
    "09": ("female", "21"),
    "10": ("male", "32"),
    "11": ("male", "26"),
    "12": ("male", "30"),
    "13": ("female", "32"),
    "14": ("female", "35"),
    "15": ("male", "25"),
    "16": ("female", "31"),
}
# Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral; in the words that RAVDESS uses, so that the two can be compared
EMOTIONS = {"W": "angry", "L": "bored", "E": "disgust", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral"}


def find(path: Path) -> Path | None:
    """The folder that holds the wav files, `path` or `path`/wav, or None."""
    return next((folder for folder in (path, path / "wav") if has_names(folder, "*", NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. A speaker who is not one of the ten has no gender and no age."""
    rows, left_out = rows_from_names(folder, "*", NAME, _row)
    return make_corpus("EMO-DB", folder, rows, repairs=tuple(left_out))


def _row(name: re.Match[str]) -> Row:
    gender, age = SPEAKERS.get(name["speaker"], (None, None))
    return {
        "speaker": name["speaker"],
        "gender": gender,
        "age": age,
        "emotion": EMOTIONS[name["emotion"]],
        "sentence": name["sentence"],
        "take": name["take"] or None,
    }

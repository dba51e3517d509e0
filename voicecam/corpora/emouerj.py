"""emoUERJ on disk -> Corpus: ten Portuguese sentences in four emotions by eight actors. Does not read audio.

Layout of zenodo.org/records/5427549: files such as m01h01.wav: m (man) or w (woman), actor 01 to 04 of that gender, emotion
(happiness, anger, sadness, neutral), number of the recording. The actors chose their sentences; the names do not tell which.
"""

import re
from pathlib import Path

from voicecam.corpora.labels import Row, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "m01h01.wav"
NAME = re.compile(r"(?P<speaker>(?P<gender>[mw])0[1-4])(?P<emotion>[hasn])(?P<take>\d\d)")
GENDERS = {"m": "male", "w": "female"}
EMOTIONS = {"h": "happy", "a": "angry", "s": "sad", "n": "neutral"}  # in the words that RAVDESS uses


def find(path: Path) -> Path | None:
    """The folder that holds the wav files, `path` or `path`/emoUERJ, or None."""
    return next((folder for folder in (path, path / "emoUERJ") if has_names(folder, "*", NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there."""
    rows, left_out = rows_from_names(folder, "*", NAME, _row)
    return make_corpus("emoUERJ", folder, rows, repairs=tuple(left_out))


def _row(name: re.Match[str]) -> Row:
    return {
        "speaker": name["speaker"],
        "gender": GENDERS[name["gender"]],
        "emotion": EMOTIONS[name["emotion"]],
        "take": name["take"],
    }

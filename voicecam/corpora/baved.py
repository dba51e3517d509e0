"""BAVED on disk -> Corpus: seven Arabic words at three levels of emotion. Does not read audio.

Layout of github.com/40uf411/Basic-Arabic-Vocal-Emotions-Dataset: folders 0 to 6, one for each word, with files such as
0/0-m-21-0-1-105.wav: speaker, gender, age in years, word, level of emotion, record. Each speaker number has one gender and age.
Levels: 0 low (tired, down), 1 neutral (daily speech), 2 high (joy, anger and so on); of the three classes of emotion_gender3 low
and high are both non-neutral. Some speakers are 5 or 6 years old.
"""

import re
from pathlib import Path

from voicecam.corpora.labels import Row, canonical_gender, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "0/0-m-21-0-1-105.wav"
NAME = re.compile(r"(?P<speaker>\d+)-(?P<gender>[fm])-(?P<age>\d+)-(?P<word>[0-6])-(?P<emotion>[0-2])-\d+")
CLIPS = "[0-6]/*"
EMOTIONS = {"0": "low", "1": "neutral", "2": "high"}


def find(path: Path) -> Path | None:
    """`path` when it holds the word folders, else None."""
    return path if has_names(path, CLIPS, NAME) else None


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there."""
    rows, left_out = rows_from_names(folder, CLIPS, NAME, _row)
    return make_corpus("BAVED", folder, rows, repairs=tuple(left_out))


def _row(name: re.Match[str]) -> Row:
    return {
        "speaker": name["speaker"],
        "gender": canonical_gender(name["gender"]),
        "age": str(int(name["age"])),
        "word": name["word"],
        "emotion": EMOTIONS[name["emotion"]],
    }

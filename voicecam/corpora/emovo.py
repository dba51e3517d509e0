"""EMOVO on disk -> Corpus: fourteen Italian sentences in seven emotions by six actors. Does not read audio.

Layout of EMOVO (Costantini et al., LREC 2014, aclanthology.org/L14-1478): a folder for each actor, f1 to f3 women and m1 to m3
men, with files such as f1/dis-f1-b1.wav: the first three letters of the Italian emotion, actor, sentence.
"""

import re
from pathlib import Path

from voicecam.corpora.labels import Row, canonical_gender, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "f1/dis-f1-b1.wav"
# disgusto, gioia, neutro, paura, rabbia, sorpresa, tristezza; in the words that RAVDESS uses, so that the two can be compared
EMOTIONS = {
    "dis": "disgust",
    "gio": "happy",
    "neu": "neutral",
    "pau": "fearful",
    "rab": "angry",
    "sor": "surprised",
    "tri": "sad",
}
NAME = re.compile(rf"(?P<emotion>{'|'.join(EMOTIONS)})-(?P<speaker>(?P<gender>[fm])[1-3])-(?P<sentence>[a-z]\d)")
CLIPS = "[fm][1-3]/*"


def find(path: Path) -> Path | None:
    """The folder that holds the actors' folders, `path` or `path`/EMOVO, or None."""
    return next((folder for folder in (path, path / "EMOVO") if has_names(folder, CLIPS, NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there."""
    rows, left_out = rows_from_names(folder, CLIPS, NAME, _row)
    return make_corpus("EMOVO", folder, rows, repairs=tuple(left_out))


def _row(name: re.Match[str]) -> Row:
    return {
        "speaker": name["speaker"],
        "gender": canonical_gender(name["gender"]),
        "emotion": EMOTIONS[name["emotion"]],
        "sentence": name["sentence"],
    }

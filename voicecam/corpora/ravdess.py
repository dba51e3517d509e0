"""RAVDESS on disk -> Corpus: two English sentences in eight emotions by 24 actors. Speech only: song is left out.

Layout of zenodo.org/records/1188976: Actor_12/03-01-06-01-02-01-12.wav, with or without Audio_Speech_Actors_01-24 above: modality
(03 audio), channel (01 speech), emotion, intensity, statement, repetition, actor. Odd actors are men. Of the three
classes of emotion_gender3 calm is non-neutral. Does not read audio.
"""

import re
from pathlib import Path

from voicecam.corpora.labels import Row, has_names, rows_from_names
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "Actor_12/03-01-06-01-02-01-12.wav"
NAME = re.compile(r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-(?P<take>0[12])-(?P<actor>\d\d)")
CLIPS = "Actor_*/*"
SPEECH = "Audio_Speech_Actors_01-24"
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}  # "Kids are talking by the door", "Dogs are sitting by the door"


def find(path: Path) -> Path | None:
    """The folder that holds the actors' folders with speech, or None."""
    return next((folder for folder in (path, path / SPEECH) if has_names(folder, CLIPS, NAME)), None)


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. Files that are not audio-only speech are left out and counted."""
    rows, left_out = rows_from_names(folder, CLIPS, NAME, _row)
    return make_corpus("RAVDESS", folder, rows, repairs=tuple(left_out))


def _row(name: re.Match[str]) -> Row:
    return {
        "speaker": name["actor"],
        "gender": "male" if int(name["actor"]) % 2 else "female",
        "emotion": EMOTIONS[name["emotion"]],
        "intensity": INTENSITIES[name["intensity"]],
        "statement": STATEMENTS[name["statement"]],
        "take": str(int(name["take"])),
    }

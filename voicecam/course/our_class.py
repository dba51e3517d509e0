"""A class's own recordings: recorded word by word, read as a corpus, split, and deleted again. Trains nothing.

All that a lesson makes of them (recordings, images, maps, networks) lies in one folder of my_wavs/, which git ignores. Without
recordings the folder is another one, filled with eight of the demo voices.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.audio import recorder
from voicecam.audio.microphone import record_word
from voicecam.corpora import Corpus
from voicecam.corpora.espeak_plan import WORDS
from voicecam.corpora.labels import audio_files, fail
from voicecam.corpora.table import make_corpus
from voicecam.course.display import say
from voicecam.data.splits import Split, make_splits
from voicecam.errors import DatasetError
from voicecam.explanation.audible import wav_bytes
from voicecam.files import file_sha256, write_bytes

OURS, DEMO_CLASS, RECORDINGS = "class", "class-demo", "recordings"
ROOMS = ("first-room", "second-room")  # of the demo class: a voice's two takes
MADE = ("my_wavs", "mfc_dataset", "maps", "results", "cache")  # folders of a project in which recordings may lie


@dataclass(frozen=True)
class OurClass:
    """folder : holds all that is made of the recordings; corpus : with the labels word and room; demo : whether its voices are
    synthetic"""

    folder: Path
    corpus: Corpus
    demo: bool


def open_class(home: Path, demo: Corpus) -> OurClass:
    """The class recorded in home/my_wavs/class/recordings/ROOM/NAME_WORD.wav, or where nothing lies there eight demo voices.

    demo : the demo corpus; of each gender and accent the first voice is taken. Raises DatasetError for names that do not fit.
    """
    ours, other = (home / "my_wavs" / name for name in (OURS, DEMO_CLASS))
    if any(next(audio_files(room), None) for room in _rooms(ours)):
        return OurClass(ours, read_class(ours), False)
    shutil.rmtree(other, ignore_errors=True)
    lay_down(demo, other)
    return OurClass(other, read_class(other), True)


def read_class(folder: Path) -> Corpus:
    """The recordings in folder/recordings as a corpus: path, speaker, word, room. Raises DatasetError for other names."""
    root, rows = folder / RECORDINGS, []
    for room in _rooms(folder):
        for file in audio_files(room):
            speaker, word, *_ = [*file.stem.casefold().split("_"), ""]
            if not (speaker and word):
                raise fail(file, "no NAME_WORD in the name", "rename it, such as ada_seven.wav")
            rows.append({"path": f"{room.name}/{file.name}", "speaker": speaker, "word": word, "room": room.name})
    return make_corpus(folder.name, root, rows)


def lay_down(demo: Corpus, folder: Path) -> None:
    """Write eight demo voices as WAV into folder/recordings, their two takes as two rooms."""
    people = demo.clips.drop_duplicates(["gender", "accent"])["speaker"]
    for clip in demo.clips[demo.clips["speaker"].isin(people)].to_dict("records"):
        name = f"{ROOMS[int(clip['take'])]}/voice{clip['speaker']}_{WORDS[int(clip['digit'])]}.wav"
        write_bytes(folder / RECORDINGS / name, wav_bytes(audio.read(demo.root / clip["path"])))


def record_words(home: Path, *, name: str, room: str, words: Sequence[str], seconds: float = 4.0) -> None:
    """Record each word from the microphone into home/my_wavs/class/recordings/ROOM. Raises AudioError without a microphone."""
    for word in words:
        say(f"Say **{word}**:")
        signal = record_word(seconds)
        recorder.save(signal, home / "my_wavs" / OURS / RECORDINGS / room, word=word, name=name, now=datetime.now())


def class_splits(corpus: Corpus, label: str) -> list[Split]:
    """For the word: each speaker is tested once by a network that never heard them. For the speaker, who cannot be new: each
    room is tested once, and every fifth clip of the others validates. Raises DatasetError for one room, or like make_splits."""
    clips = corpus.clips
    if label != "speaker":
        return make_splits(corpus, label, kind="folds", folds=clips["speaker"].nunique())
    rooms = sorted(clips["room"].unique())
    if len(rooms) < 2:
        raise DatasetError(f"{corpus.name}: 1 room ({rooms[0]}); record in a second one, to test in a room not trained in")
    return [_around_room(clips, room) for room in rooms]


def _around_room(clips: pd.DataFrame, room: str) -> Split:
    here = (clips["room"] == room).to_numpy()
    rest = np.flatnonzero(~here)
    turn = clips.iloc[rest].groupby("speaker").cumcount().to_numpy() % 5 == 0
    return Split(rest[~turn], rest[turn], np.flatnonzero(here))


def delete_all(ours: OurClass) -> int:
    """Delete the class's folder with all that is in it; returns how many files that were. Raises DatasetError for a folder that
    is none of a class: nothing else is ever deleted."""
    folder = ours.folder
    if folder.parent.name != "my_wavs" or folder.name not in (OURS, DEMO_CLASS) or folder.is_symlink():
        raise DatasetError(f"{folder}: no folder of a class in my_wavs/; nothing was deleted, delete it by hand")
    n = len(_files(folder))
    shutil.rmtree(folder)
    return n


def contents_of(ours: OurClass) -> set[tuple[int, str]]:
    """Size and SHA-256 of each recording: taken before `delete_all`, they find copies after it."""
    return {(file.stat().st_size, file_sha256(file)) for file in _files(ours.folder / RECORDINGS)}


def left(home: Path, known: Collection[tuple[int, str]], ours: OurClass) -> list[Path]:
    """Files of the class's folder that are still there, and copies of its recordings under any name in the project's folders
    for work. known : as `contents_of` gave it"""
    sizes = {size for size, _ in known}
    alike = [file for name in MADE for file in _files(home / name) if file.stat().st_size in sizes]
    return sorted({*_files(ours.folder), *(file for file in alike if (file.stat().st_size, file_sha256(file)) in known)})


def _rooms(folder: Path) -> list[Path]:
    root = folder / RECORDINGS
    return sorted(room for room in root.iterdir() if room.is_dir()) if root.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]

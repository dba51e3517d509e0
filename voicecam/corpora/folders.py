"""A folder per class -> Corpus: root/CLASS/SPEAKER_anything.wav. Does not read audio.

The class is the name of the folder directly below root (label column `label`); files deeper down are not read. The speaker is
the file name up to its first "_". This is taken only where it can be true of the whole corpus:
- every file name has such a part;
- there is more than one speaker;
- some speaker has more than one clip (else the part is a clip number);
- no speaker has the name of a class ("yes_01.wav" in folder yes: the part repeats the class).
Otherwise the corpus is refused: without speakers, a split would put the same voice into training and test.
"""

from collections.abc import Sequence
from pathlib import Path

from voicecam.corpora.labels import Row, audio_files, fail, subfolders
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "CLASS/SPEAKER_xxx.wav"


def find(path: Path) -> Path | None:
    """`path` when a folder directly below it holds audio, else None."""
    return path if path.is_dir() and any(next(audio_files(sub), None) for sub in subfolders(path)) else None


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. Raises DatasetError when the file names do not tell the speakers."""
    files = [(sub.name, file) for sub in subfolders(folder) for file in audio_files(sub)]
    rows = [_row(label, file) for label, file in files]
    fault = _fault(rows)
    if fault:
        raise fail(folder, fault, "speakers are needed for a split: rename to SPEAKER_xxx.wav, or list the clips in a CSV")
    return make_corpus(folder.resolve().name, folder, rows)


def _row(label: str, file: Path) -> Row:
    speaker, mark, _ = file.stem.partition("_")
    return {"path": f"{label}/{file.name}", "speaker": speaker if mark else "", "label": label}


def _fault(rows: Sequence[Row]) -> str:
    """Why the file names cannot be telling the speakers, or ""."""
    speakers = {str(row["speaker"]).casefold() for row in rows}
    classes = {str(row["label"]).casefold() for row in rows}
    unnamed = [row["path"] for row in rows if not row["speaker"]]
    if unnamed:
        return f"{len(unnamed)} file names have no speaker before a '_' (first: {unnamed[0]})"
    if len(speakers) == 1:
        return f"all file names start with '{next(iter(speakers))}_', which would be the only speaker"
    if speakers & classes:
        return f"file names start with the class ('{min(speakers & classes)}_'), not with a speaker"
    return "every file name starts differently, so no speaker has two clips" if len(speakers) == len(rows) else ""

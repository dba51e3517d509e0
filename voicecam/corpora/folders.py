"""A folder per class -> Corpus: root/CLASS/SPEAKER_anything.wav. Does not read audio.

The class is the name of the folder directly below root (label column `label`); files deeper down are not read. The speaker is
the file name up to its first "_", as in recordings by `voicecam record`, NAME_WORD_20260504T130201.wav. Earlier ones of its,
WORD_NAME_20260504-130201.wav, have the speaker second; whether the first part is the word, the corpus as a whole must tell.
Speakers are taken from the names only where that can be true of the whole corpus:
- every file name has such a part;
- there is more than one speaker;
- some speaker has more than one clip (else the part is a clip number);
- no speaker has the name of a class ("yes_01.wav" in folder yes: the part repeats the class).
Otherwise the corpus is refused: without speakers, a split would put the same voice into training and test. Names that differ in
capitals or accents only (Zoe, Zoë) are one speaker. The speakers found are said, and a doubt where they look like words.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from voicecam.corpora.labels import Row, audio_files, check_readable, fail, listing, subfolders
from voicecam.corpora.table import Corpus, make_corpus

LOOKS = "CLASS/SPEAKER_xxx.wav"
RECORDED = re.compile(r"([^_]+)_([^_]+)_\d{8}([T-])\d{6}(?:-\d+)?")  # T: name, word; -: word, name, by earlier versions
MOST_SAID = 12  # speakers that are named


class _Name(NamedTuple):
    """What a clip's place and name say. first, second : parts between "_", "" where there is none; date : "T", "-" or ""."""

    path: str
    label: str
    first: str
    second: str
    date: str


def find(path: Path) -> Path | None:
    """`path` when a folder directly below it holds audio, else None."""
    return path if path.is_dir() and any(next(audio_files(sub), None) for sub in subfolders(path)) else None


def read(folder: Path) -> Corpus:
    """The corpus in `folder`; paths start there. Raises DatasetError when the file names do not tell the speakers, or a class's
    folder cannot be read."""
    classes = subfolders(folder)
    check_readable(classes)
    names = [_name(sub.name, file) for sub in classes for file in audio_files(sub)]
    word_first = _word_first(folder, [name for name in names if name.date == "-"])
    rows, repairs = _one_spelling([_row(name, word_first) for name in names])
    fault = _fault(rows)
    if fault:
        raise fail(folder, fault, "speakers are needed for a split: rename to SPEAKER_xxx.wav, or list the clips in a CSV")
    doubt = _doubt([name for name in names if name.date != "-"])
    remarks = (_speakers_line(rows), *([f"warning: {doubt}"] if doubt else []))
    return make_corpus(folder.resolve().name, folder, rows, repairs=repairs, note=doubt, remarks=remarks)


def _name(label: str, file: Path) -> _Name:
    path, label, stem = f"{label}/{file.name}", *(unicodedata.normalize("NFC", text) for text in (label, file.stem))
    if recorded := RECORDED.fullmatch(stem):
        return _Name(path, label, *recorded.groups())
    first, mark, rest = stem.partition("_")
    second, more, _ = rest.partition("_")
    return _Name(path, label, first if mark else "", second if more else "", "")


def _row(name: _Name, word_first: bool) -> Row:
    speaker = name.second if name.date == "-" and word_first else name.first
    return {"path": name.path, "speaker": speaker, "label": name.label}


def _word_first(folder: Path, old: Sequence[_Name]) -> bool:
    """Whether names with an older date, X_Y_20260504-130201, begin with the word. Raises DatasetError where they do not tell."""
    if not old:
        return False
    classes, firsts, seconds = ({_folded(name[i]) for name in old} for i in (1, 2, 3))
    if bool(firsts & classes) != bool(seconds & classes):  # one part repeats the class: that is the word
        return bool(firsts & classes)
    one_word = len(firsts) == 1 < len(seconds)
    if not firsts & classes and (one_word or (_in_several_classes(old, "first") and _in_one_class_each(old, "second"))):
        return True
    raise fail(
        folder,
        f"{len(old)} names such as {old[0].path} do not tell which part is the speaker and which the word",
        "rename them to NAME_WORD_20260504T130201.wav (a T in the date), or list the clips in a CSV",
    )


def _classes_of(names: Iterable[_Name], part: str) -> dict[str, set[str]]:
    """Each value of a part of the names, and the classes where it stands."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in names:
        found[_folded(getattr(name, part))].add(name.label)
    return found


def _in_several_classes(names: Iterable[_Name], part: str) -> bool:
    return all(len(classes) > 1 for classes in _classes_of(names, part).values())


def _in_one_class_each(names: Iterable[_Name], part: str) -> bool:
    found = _classes_of(names, part)
    return len(found) > 1 and all(len(classes) == 1 for classes in found.values())


def _doubt(names: Sequence[_Name]) -> str:
    """A sentence where the speakers, which come first in these names, look like words; "" where they do not."""
    if not names or not all(re.search(r"[^\W\d]", name.second) for name in names):
        return ""
    beside: dict[str, set[str]] = defaultdict(set)
    for name in names:
        beside[name.second].add(name.first)
    firsts, seconds = (listing(sorted(set(values))) for values in zip(*((name.first, name.second) for name in names)))
    swapped = _in_several_classes(names, "first") and _in_one_class_each(names, "second")
    if swapped and all(len(values) > 1 for values in beside.values()):
        return (
            f"What was taken for speakers ({firsts}) stands in several classes each, what follows in the names ({seconds}) in "
            "one class only: if these are the speakers, every score is too good, and the files must be named SPEAKER_xxx.wav."
        )
    own = len(beside) > 1 and len({name.first for name in names}) == len(beside) == len({name[2:4] for name in names})
    if own and all(name.date for name in names):
        return f"Each speaker ({firsts}) says one word of their own ({seconds}): voices and words cannot be told apart here."
    return ""


def _one_spelling(rows: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """The rows with one spelling for speakers that differ in capitals or accents only, the most frequent; a line per change."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        spellings[_folded(str(row["speaker"]))][str(row["speaker"])] += 1
    right = {name: some.most_common(1)[0][0] for some in spellings.values() for name in some}
    lines = (
        f'speaker: "{name}" -> "{right[name]}" ({count} clips)'
        for some in spellings.values()
        for name, count in some.items()
        if right[name] != name
    )
    return [{**row, "speaker": right[str(row["speaker"])]} for row in rows], tuple(lines)


def _folded(name: str) -> str:
    """The name without capitals and accents; the marks of other scripts stay, where they are letters."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(c for c in plain if not "\u0300" <= c <= "\u036f").casefold()


def _speakers_line(rows: Sequence[Row]) -> str:
    clips = Counter(str(row["speaker"]) for row in rows)
    said = [f"{name} ({count} clips)" if i == 0 else f"{name} ({count})" for i, (name, count) in enumerate(sorted(clips.items()))]
    return f"{len(clips)} speakers (from file names): {listing(said, most=MOST_SAID)}"


def _fault(rows: Sequence[Row]) -> str:
    """Why the file names cannot be telling the speakers, or ""."""
    speakers = {_folded(str(row["speaker"])) for row in rows}
    classes = {_folded(str(row["label"])) for row in rows}
    unnamed = [row["path"] for row in rows if not row["speaker"]]
    if unnamed:
        return f"{len(unnamed)} file names have no speaker before a '_' (first: {unnamed[0]})"
    if len(speakers) == 1:
        return f"by their names all files are of one speaker, '{rows[0]['speaker']}'"
    if speakers & classes:
        return f"file names give the class ('{min(speakers & classes)}') for the speaker"
    return "every file name starts differently, so no speaker has two clips" if len(speakers) == len(rows) else ""

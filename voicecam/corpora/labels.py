"""What the adapters share: which files count as audio, file-name patterns, and labels that follow from other labels.

Builds no corpus and reads no audio.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from voicecam.audio.sound_files import AUDIO_SUFFIXES, audio_files, listing, passed_over  # noqa: F401  handed on
from voicecam.errors import DatasetError

Row = dict[str, str | None]
_GENDERS = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}
# "child" ends before 14, about where the male voice breaks; "14-19" also keeps teenagers apart from the grown-up decades.
_AGE_GROUPS = ((14, "child"), (20, "14-19"), (30, "20-29"), (40, "30-39"), (50, "40-49"), (float("inf"), "50+"))

_TENS = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")
_DECADES = {name: (float(start), float(start + 9)) for start, name in zip(range(20, 100, 10), _TENS)}
_DECADES |= {"teens": (13.0, 19.0), "fourties": _DECADES["forties"]}  # as Common Voice spells it


def has_names(folder: Path, glob: str, pattern: re.Pattern[str]) -> bool:
    """Whether any audio file of `folder` that fits `glob` has a stem that fits `pattern`."""
    return any(pattern.fullmatch(file.stem) for file in audio_files(folder, glob))


def rows_from_names(
    folder: Path, glob: str, pattern: re.Pattern[str], row: Callable[[re.Match[str]], Row]
) -> tuple[list[Row], list[str]]:
    """One row for each file whose stem fits `pattern`, and a line each on the files left out and on contradictory genders.

    Raises DatasetError where a folder that may hold such files cannot be read.
    """
    check_readable(sub for part in Path(glob).parts[:-1] for sub in folder.glob(part) if sub.is_dir())
    files = list(audio_files(folder, glob))
    found = [(file, pattern.fullmatch(file.stem)) for file in files]
    rows = [{"path": file.relative_to(folder).as_posix(), **row(match)} for file, match in found if match]
    rows, contradictions = one_gender_each(rows)
    return [with_derived(each) for each in rows], [*skipped([file.name for file, match in found if not match]), *contradictions]


def skipped(names: list[str]) -> list[str]:
    """One repair line for files that were left out, or no line."""
    return [f"{len(names)} files left out: their names do not fit the layout (first: {names[0]})"] if names else []


def canonical_gender(value: object) -> str | None:
    """ "female" or "male" for the usual spellings (F, m, Woman), else None."""
    return _GENDERS.get(str(value).strip().lower())


def one_gender_each(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The rows, without the gender of speakers who are given several, and a line for each of them."""
    genders: dict[str | None, set[str]] = {}
    for row in rows:
        genders.setdefault(row.get("speaker"), set()).update({row["gender"]} if row.get("gender") else set())  # type: ignore[arg-type]
    several = {who: sorted(given) for who, given in genders.items() if len(given) > 1}
    lines = [f"gender: speaker {who} is called {' and '.join(given)} -> missing" for who, given in several.items()]
    return [{**row, "gender": None} if row.get("speaker") in several else dict(row) for row in rows], lines


def age_years(age: str | None) -> tuple[float, float] | None:
    """Youngest and oldest age in years that a text may mean: "27" is 27 to 27, "20-29" and "twenties" 20 to 29, "teens" 13 to 19.

    None for what is missing, no age, or not within 0 to 130.
    """
    text = str(age or "").strip().lower()
    if text in _DECADES:
        return _DECADES[text]
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\s*[-\u2013]\s*(\d+(?:\.\d+)?))?", text)
    if parts is None:
        return None
    low, high = float(parts[1]), float(parts[2] or parts[1])
    return (low, high) if low <= high < 130 else None


def age_group(age: str | None) -> str | None:
    """ "child" (below 14), "14-19", "20-29", "30-39", "40-49" or "50+"; None for an age that is missing, or a band of several."""
    years = age_years(age)
    groups = {next(name for below, name in _AGE_GROUPS if end < below) for end in years or ()}
    return groups.pop() if len(groups) == 1 else None


def teen_adult(age: str | None) -> str | None:
    """ "teen" (13 to 19, Common Voice's teens) or "adult" (from 20); None for children, a missing age, or a band of both."""
    youngest, oldest = age_years(age) or (0, 0)
    if youngest >= 20:
        return "adult"
    return "teen" if youngest >= 13 and oldest < 20 else None


def emotion_gender3(emotion: str | None, gender: str | None) -> str | None:
    """ "neutral", "non-neutral female" or "non-neutral male", the three classes of CORAA SER; None where one is unknown.

    As the challenge's winners mapped the other corpora (github.com/alefiury/SE-R-2022-SER-Track, get_metadata.py): only what a
    corpus itself calls neutral is neutral. RAVDESS's calm is not, nor are BAVED's levels low and high.
    """
    if not emotion or gender not in ("female", "male"):
        return None
    return "neutral" if emotion == "neutral" else f"non-neutral {gender}"


def with_derived(row: Mapping[str, str | None]) -> Row:
    """The row with `age_group` and `teen_adult` after an `age`, and `emotion_gender3` where emotion and gender stand; own columns
    win."""
    derived: Row = {}
    if "age" in row:
        derived |= {"age_group": age_group(row["age"]), "teen_adult": teen_adult(row["age"])}
    if "emotion" in row and "gender" in row:
        derived["emotion_gender3"] = emotion_gender3(row["emotion"], row["gender"])
    return dict(row) | {name: value for name, value in derived.items() if name not in row}


def subfolders(folder: Path) -> list[Path]:
    """Folders directly below `folder`, sorted, hidden ones left out."""
    return sorted(sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith("."))


def check_readable(folders: Iterable[Path]) -> None:
    """Raise DatasetError for the first folder that may not be listed or entered: its clips would be missed in silence."""
    for folder in folders:
        if not os.access(folder, os.R_OK | os.X_OK):
            raise fail(folder, "cannot be read", "allow it (chmod u+rx), or move the folder away")


def fail(path: Path, found: str, do: str) -> DatasetError:
    """The error "what: got; do"."""
    return DatasetError(f"{path}: {found}; {do}")

"""Clips listed in a CSV file -> Corpus. Does not read audio.

The CSV is UTF-8 with commas and has columns `path` and `speaker`; every other named column is a label, apart from measures of the
recording (MEASURES). Two layouts: your own CSV with paths relative to its folder ("csv"), and a folder with clips.csv and audio/,
paths relative to audio/ ("table"). Genders written F, m, Woman and so on become female and male; other labels stay as they are.
"""

import csv
from collections import Counter
from pathlib import Path, PurePosixPath

from voicecam.corpora.labels import Row, canonical_gender, fail, one_gender_each, with_derived
from voicecam.corpora.table import Corpus, make_corpus

CSV_LOOKS = "your.csv, or clips.csv in the folder, with columns path, speaker and labels"
TABLE_LOOKS = "clips.csv and audio/"
LIST = "clips.csv"
MEASURES = ("duration", "seconds", "frames", "samples", "sample_rate", "channels")


def find_csv(path: Path) -> Path | None:
    """The CSV file at `path`, or clips.csv in folder `path`; else None."""
    if path.suffix.lower() == ".csv" and path.is_file():
        return path
    return path / LIST if (path / LIST).is_file() else None


def find_table(path: Path) -> Path | None:
    """`path` when it holds clips.csv and audio/, else None."""
    return path if (path / LIST).is_file() and (path / "audio").is_dir() else None


def read_csv(file: Path) -> Corpus:
    """The clips listed in `file`, relative to its folder. Raises DatasetError for a faulty list or files that are not there."""
    return _corpus(file, file.parent)


def read_table(folder: Path) -> Corpus:
    """The clips listed in `folder`/clips.csv, relative to `folder`/audio. Raises DatasetError like `read_csv`."""
    return _corpus(folder / LIST, folder / "audio")


def _corpus(file: Path, root: Path) -> Corpus:
    rows, repairs = _tidy_genders(_rows(file))
    rows, contradictions = one_gender_each(rows)
    _check_paths(file, root, [str(row["path"]) for row in rows if row["path"]])
    name = file.resolve().parent.name if file.name == LIST else file.stem
    return make_corpus(name, root, _derive(rows), repairs=(*repairs, *contradictions))


def _rows(file: Path) -> list[Row]:
    try:
        with open(file, newline="", encoding="utf-8-sig") as text:  # -sig: spreadsheets put a byte order mark first
            lines = [[cell.strip() for cell in line] for line in csv.reader(text)]
    except (UnicodeDecodeError, csv.Error) as reason:
        raise fail(file, f"not readable as CSV ({reason})", "save it as CSV, UTF-8, with commas") from None
    header, *cells = lines or [[]]
    _check_header(file, header)
    _check_widths(file, len(header), cells)
    return [_row(header, line) for line in cells if any(line)]


def _row(header: list[str], line: list[str]) -> Row:
    row: Row = {name: cell or None for name, cell in zip(header, line) if name and name not in MEASURES}
    return row | {"path": (row["path"] or "").replace("\\", "/")}


def _check_header(file: Path, header: list[str]) -> None:
    missing = [name for name in ("path", "speaker") if name not in header]
    if missing:
        found = f"no column {' or '.join(missing)} (columns: {', '.join(header) or 'none'})"
        raise fail(file, found, "name the columns in the first line, separated by commas")
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise fail(file, f"column {twice[0]} stands twice", "rename one")


def _check_widths(file: Path, width: int, cells: list[list[str]]) -> None:
    for number, line in enumerate(cells, start=2):
        if any(line) and len(line) != width:
            raise fail(
                file, f"row {number} has {len(line)} cells, the first line has {width}", "put cells with commas into quotes"
            )


def _check_paths(file: Path, root: Path, paths: list[str]) -> None:
    outside = [path for path in paths if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts]
    if outside:
        raise fail(file, f"{len(outside)} paths lead out of {root} (first: {outside[0]})", "write them relative to that folder")
    absent = [path for path in paths if not (root / path).is_file()]
    if absent:
        below = len(absent) == len(paths) and (root / "audio" / paths[0]).is_file()
        do = f"give the folder, {root}, whose clips lie in audio/" if below else "correct the list"
        raise fail(file, f"{len(absent)} of {len(paths)} listed files are not in {root} (first: {absent[0]})", do)


def _tidy_genders(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    typed = Counter(row["gender"] for row in rows if row.get("gender"))
    words = {word: canonical_gender(word) or word for word in typed}
    tidied = [row | {"gender": words.get(row["gender"])} if "gender" in row else row for row in rows]
    return tidied, tuple(f'gender: "{word}" -> "{words[word]}" ({typed[word]} clips)' for word in typed if words[word] != word)


def _derive(rows: list[Row]) -> list[Row]:
    """Add age_group, teen_adult and emotion_gender3; the latter only where the corpus calls an emotion neutral."""
    derived = [with_derived(row) for row in rows]
    if any(row.get("emotion") == "neutral" for row in rows) or any("emotion_gender3" in row for row in rows):
        return derived
    return [{name: value for name, value in row.items() if name != "emotion_gender3"} for row in derived]

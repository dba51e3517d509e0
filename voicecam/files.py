"""Files that appear whole or not at all, their names, tables and fingerprints. Knows nothing of audio or images."""

import hashlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecam.errors import VoicecamError
from voicecam.locks import lock, opened

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 255  # bytes of a file name that Linux, macOS and Windows take
NAMED = ("path", "speaker", "true", "predicted", "decision", "class", "true_class", "column", "group", "name")  # columns of names

DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # no file may be called so on Windows
TEMPORARY = re.compile(r"\..*-[a-z0-9_]{8}(\.[^.]*)?")  # names that atomic_path gives


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, delete it when it fails.

    A reader never sees a half-written file, also after a kill: it sees the old file, or none.
    """
    handle, temporary = _beside(Path(path))
    os.close(handle)
    with _put(temporary, path):
        yield temporary


def _beside(path: Path) -> tuple[int, Path]:
    """An open new file in the folder of `path`, which is made where it is not there, and its path."""
    prefix = cut_bytes(f".{path.stem}", LONGEST_NAME - len(os.fsencode(path.suffix)) - 9)  # mkstemp adds eight letters
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{prefix}-", suffix=path.suffix)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{prefix}-", suffix=path.suffix)
    return handle, Path(name)


@contextmanager
def _put(temporary: Path, path: Path) -> Iterator[None]:
    """Rename `temporary` to `path` when the block ends well, delete it when it fails."""
    try:
        yield
        os.chmod(temporary, 0o644)  # mkstemp makes files only the owner can read
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Write files in `folder` and below, which is made where it is not there. When no other process is in such a block, what
    killed ones left of `atomic_path` is deleted first."""
    with _held(folder) as handle:
        if lock(handle, wait=False):
            for place, _, names in os.walk(folder):
                _sweep(Path(place), names)
        lock(handle, shared=True)
        yield


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Read a file of `folder` and write it anew, while every other process that wants to do so in this folder waits. What killed
    ones left of `atomic_path` there is deleted first."""
    with _held(folder) as handle:
        if lock(handle):
            _sweep(folder, os.listdir(folder))
        yield


@contextmanager
def _held(folder: Path) -> Iterator[int | None]:
    """The open folder, for locks. One that is made for this and stays empty is taken away again."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with opened(folder) as handle:
            yield handle
    finally:
        if made:
            with suppress(OSError):
                folder.rmdir()


def _sweep(folder: Path, names: list[str]) -> None:
    for name in filter(TEMPORARY.fullmatch, names):
        (folder / name).unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    handle, temporary = _beside(Path(path))
    with _put(temporary, path), open(handle, "wb") as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, atomically. NaN is refused: JSON has none; use None."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, indent=1, ensure_ascii=False, allow_nan=False)  # piece by piece: a map's text may have 100 MB
        file.write("\n")


def read_json(
    path: Path, *, error: Callable[[str], VoicecamError] = VoicecamError, needs: Mapping[str, type] | None = None
) -> Any:
    """Read a JSON file; a missing or broken one raises `error` with one line. NaN and Infinity count as broken.

    needs : names that an object must have, "outer.inner" for one in another, and the kind of each; None: anything may stand there
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as reason:  # ValueError: no UTF-8, no JSON, or a number of thousands of digits
        raise error(f"{path}: not readable as JSON ({reason}); delete it and make it again") from None
    return found if needs is None else _kinds_checked(found, path, error, needs)


def _kinds_checked(found: Any, path: Path, error: Callable[[str], VoicecamError], needs: Mapping[str, type]) -> Any:
    """What was found. Raises `error` for the first of `needs` that is not there or of another kind."""
    if not isinstance(found, dict):
        raise error(f"{path}: holds no object; it was changed, or made by another version: make it again")
    for name, kind in needs.items():
        value: Any = found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise error(f"{path}: what it says of {name} cannot be read: changed, or of another version; make it again")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def shown(path: Path) -> str:
    """The path as text that can be printed and written: bytes of a name that are no UTF-8 as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """folder/stem.suffix, or with -2, -3 and so on behind the stem where that is taken. A stem that is too long is cut."""
    stem = cut_bytes(stem, LONGEST_NAME - len(suffix.encode()) - 5)  # room for -9999
    path, number = folder / f"{stem}{suffix}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{suffix}", number + 1
    return path


def safe_name(text: str, *, longest: int = 40, extra: str = "") -> str:
    """The text as part of a file name: letters, marks and digits of any script (NFC); the rest becomes hyphens.

    longest : characters at most; of UTF-8 at most 100 bytes, so that two such names and a date fit into one file name
    extra : other characters that may stay
    "unnamed" where nothing is left; a name that Windows keeps for devices (con, nul) gets "-1".
    """
    whole = unicodedata.normalize("NFC", text)
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c in extra else "-" for c in whole)
    name = cut_bytes(re.sub("-+", "-", kept).strip("-")[:longest], 100).strip("-") or "unnamed"
    return f"{name}-1" if DEVICES.fullmatch(name) else name


def cut_bytes(text: str, most: int) -> str:
    """The text, or as many of its first characters as take at most `most` bytes in a file name."""
    whole = text.encode("utf-8", "surrogateescape")
    return text if len(whole) <= most else whole[:most].decode("utf-8", "ignore")


def read_table(path: Path, *, text: Sequence[str] = ()) -> "pd.DataFrame":
    """A table that a run wrote as CSV. Columns of names (NAMED, and those of `text`) are text as it stands: a class may be called
    NA, 007 or True. In all others an empty cell is NaN."""
    import pandas as pd  # here, because importing pandas takes half a second

    names = {*NAMED, *text}
    empty = {column: [""] for column in pd.read_csv(path, nrows=0).columns if column not in names}
    return pd.read_csv(path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=empty)


def digest(value: Any, *, length: int = 10) -> str:
    """The first `length` hex digits of the SHA-256 of `value` written as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:length]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(root: Path, names: Iterable[str], *, memory: Path) -> dict[str, str]:
    """What the bytes of each file root/name are known by, 16 hex digits: the same wherever a copy lies. "" for one not readable.

    memory : folder where size and time stamp of each are kept beside that, so that a second call reads no file again
    """
    path = memory / f"{digest(os.path.abspath(root))}.json"
    known: dict[str, list] = {}
    with suppress(VoicecamError):  # none is there, or a damaged one: then the files are read
        known = read_json(path)
    found = {name: _content(root / name, known.get(name)) for name in names}
    if any(known.get(name) != entry for name, entry in found.items()):
        write_json(path, {**known, **found})
    return {name: str(entry[2]) for name, entry in found.items()}


def _content(path: Path, known: list | None) -> list:
    """Size in bytes, time stamp in ns and digest of a file; `known` is what they were."""
    try:
        seen = path.stat()
        stamp = [seen.st_size, seen.st_mtime_ns]
        return known if known and known[:2] == stamp and known[2] else [*stamp, file_sha256(path)[:16]]
    except OSError:
        return [0, 0, ""]


def portable(path: Path, home: Path) -> str:
    """The path as it stands in files of the project in `home`: from there on where it lies below, and holds in a copy of the
    project; else absolute."""
    for whole in (os.path.abspath, os.path.realpath):
        if Path(whole(path)).is_relative_to(whole(home)):
            return Path(whole(path)).relative_to(whole(home)).as_posix()
    return os.path.abspath(path)

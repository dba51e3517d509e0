"""Fetches a real corpus of sources.py, checks it and lays it out as its adapter expects.

The folder appears by one rename when every clip is there and readable; before, there are only NAME.zip, once it is whole, and
hidden folders. Beside it stays NAME.lock.json: address, hashes, licence, citation. A corpus that is fetched again must have the
same clips. Knows no single corpus.
"""

import hashlib
import io
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import soundfile
from tqdm import tqdm

from voicecam.audio.interrupts import interrupt_waits
from voicecam.corpora.sources import Source
from voicecam.errors import DatasetError
from voicecam.files import read_json, write_json

LARGEST = 5_000_000  # bytes in one file of an archive that is worth reading; a clip of 5 s in stereo has 1 MB
AGAIN = "it was deleted, run again to fetch it anew"


@dataclass(frozen=True)
class Fetched:
    """clips : how many there are; new : whether they were fetched now; proof : what they were held against"""

    clips: int
    new: bool
    proof: str


def get_corpus(source: Source, folder: str | Path) -> Fetched:
    """Make `folder` hold the corpus. One that is complete is left alone; an archive NAME.zip beside it is not fetched again.

    Raises DatasetError when something else is in `folder`, when the download fails (see `fetch`), when the disk is too full, when
    the clips are others than at the first fetch, or when the archive has another hash, is damaged, or lacks clips; it is then
    deleted, so that the next run fetches it anew.
    """
    from voicecam.corpora.fetch import fetch  # 0.2 s that the command's help need not wait

    folder = Path(folder)
    with _said(folder):
        if there := _complete(folder, source, source.clips):
            return Fetched(there, False, _proof_in(folder))
        archive = folder.with_name(folder.name + ".zip")
        check_space(folder, source.space - (archive.stat().st_size if archive.is_file() else 0))
        found = _unpack(archive if archive.is_file() else fetch(source.url, archive), folder, source)
        archive.unlink()
        return found


def get_mini(source: Source, folder: str | Path) -> Fetched:
    """Make `folder` hold the small part of the corpus, its files fetched one by one; when it stops, those that have arrived stay.

    Raises DatasetError as `get_corpus` does; a clip that is not readable is deleted, so that the next run fetches it anew.
    """
    folder = Path(folder)
    with _said(folder):
        if there := _complete(folder, source, len(source.mini)):
            return Fetched(there, False, _proof_in(folder))
        beside = folder.with_name(f".{folder.name}.arriving")
        for path in _shown([*source.needs, *source.mini], "fetching"):
            _fetch_single(source, beside, path)
        clips = {path: beside / path for path in source.mini}
        contents = contents_of(clips[path] for path in sorted(clips))
        proof = f"single files of {source.single}, of which no hash is published"
        return _put(beside, folder, source, url=source.single, archive="", contents=contents, clips=len(clips), proof=proof)


def contents_of(clips: Iterable[Path]) -> str:
    """SHA-256 over file name and bytes of each clip, one after the other: the same however they were packed."""
    hashed = hashlib.sha256()
    for clip in clips:
        hashed.update(clip.name.encode())
        hashed.update(clip.read_bytes())
    return hashed.hexdigest()


def check_space(folder: Path, needed: int) -> None:
    """Raise DatasetError when the disk of `folder` (or of its nearest parent) has fewer than `needed` bytes free."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise DatasetError(f"{there}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; make room or choose another folder")


class _FaultyError(Exception):
    """What has arrived is not the corpus as it should be."""


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    """What the system refuses, as our error."""
    try:
        yield
    except OSError as reason:
        raise DatasetError(f"{folder}: cannot be written ({reason}); choose another folder or make room") from None


def _complete(folder: Path, source: Source, clips: int) -> int:
    """How many clips are in `folder`; 0 where it is not there or empty. Refuses a folder with other contents."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return 0
    paths = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    there = sum(path.endswith(".wav") and bool(source.members.fullmatch(path)) for path in paths)
    if there >= clips and paths.issuperset(source.needs):
        return there
    raise DatasetError(f"{folder}: holds something else ({there} of {clips} clips); delete it or choose another folder")


def _unpack(archive: Path, folder: Path, source: Source) -> Fetched:
    """Unpack the clips into the new folder, each checked: CRC, readable, not empty. Deletes `archive` when it fails a check."""
    beside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)  # what a killed run left
    try:
        found, right = _hash_of(archive, source)
        if right is False and not source.contents:
            raise _FaultyError(f"its hash is {found}, {source.hash} is right")
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, source)
            check_space(folder, sum(member.file_size for member in members.values()))
            _write_members(opened, members, beside)
        clips = [path for path in sorted(members) if path.endswith(".wav")]
        contents = contents_of(beside / path for path in clips)
        if right is False and contents != source.contents:
            raise _FaultyError(f"its hash is {found}, {source.hash} is right, and its clips are others too")
        proof = f"{source.hash or found} ({source.proof})" if right else f"clips sha256:{contents} ({source.proof})"
        return _put(beside, folder, source, url=source.url, archive=found, contents=contents, clips=len(clips), proof=proof)
    # NotImplementedError is zipfile's word for a compression it does not know: for us, one more faulty archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, _FaultyError) as reason:
        archive.unlink()
        raise DatasetError(f"{archive}: {reason}; {AGAIN}, or use another --url or --hash") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _hash_of(archive: Path, source: Source) -> tuple[str, bool | None]:
    """The archive's hash as "sha256:...", and whether it is the right one; None where that is not known."""
    import pooch

    kind = source.hash.partition(":")[0] or "sha256"
    found = f"{kind}:{pooch.file_hash(str(archive), alg=kind)}"
    return found, found == source.hash if source.hash else None


def _members(opened: zipfile.ZipFile, source: Source) -> dict[str, zipfile.ZipInfo]:
    """Members to write, by their path in the new folder, which is built from the match alone."""
    found = [(source.members.fullmatch(member.filename), member) for member in opened.infolist()]
    members = {match["path"]: member for match, member in found if match}
    clips = sum(path.endswith(".wav") for path in members)
    missing = [path for path in source.needs if path not in members]
    if clips < source.clips or missing:
        raise _FaultyError(f"{clips} of {source.clips} clips{''.join(f', no {path}' for path in missing)}")
    return members


def _write_members(opened: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], beside: Path) -> None:
    for path in _shown(sorted(members), "checking and unpacking"):
        if members[path].file_size > LARGEST:
            raise _FaultyError(f"{path} has {members[path].file_size} bytes, at most {LARGEST} are possible")
        content = opened.read(members[path])  # checks the CRC
        if path.endswith(".wav"):
            _check_clip(path, content)
        (beside / path).parent.mkdir(parents=True, exist_ok=True)
        (beside / path).write_bytes(content)


def _check_clip(path: str, content: bytes) -> None:
    try:
        with interrupt_waits():
            samples, _ = soundfile.read(io.BytesIO(content), always_2d=True, dtype="int16")  # (sample, channel)
    except soundfile.LibsndfileError as reason:
        raise _FaultyError(f"{path} is not readable as audio ({reason})") from None
    if not len(samples):
        raise _FaultyError(f"{path} is empty")


def _fetch_single(source: Source, beside: Path, path: str) -> None:
    """One file of the small part, where it has not arrived yet."""
    from voicecam.corpora.fetch import fetch

    file = beside / path
    if file.is_file():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fetch(source.single + path, file, bar=False)
    try:
        if path.endswith(".wav"):
            _check_clip(path, file.read_bytes())
    except _FaultyError as reason:
        file.unlink()
        raise DatasetError(f"{source.single}: {reason}; {AGAIN}") from None


def _put(beside: Path, folder: Path, source: Source, *, url: str, archive: str, contents: str, clips: int, proof: str) -> Fetched:
    """Hold the clips against the first fetch's, write down what was fetched, and let the folder appear."""
    lock = _lock_of(folder)
    known = read_json(lock, error=DatasetError, needs={"contents": str})["contents"] if lock.is_file() else contents
    if known != contents:
        raise DatasetError(
            f"{lock}: the clips are not those of the first fetch; delete this file if they may differ, then run again"
        )
    found = {"corpus": source.title, "url": url, "archive": archive, "contents": contents, "clips": clips, "proof": proof}
    write_json(lock, {**found, "licence": source.licence, "citation": source.citation})
    os.replace(beside, folder)
    return Fetched(clips, True, proof)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock.json")


def _proof_in(folder: Path) -> str:
    """What the clips were held against when they were fetched."""
    lock = _lock_of(folder)
    if not lock.is_file():
        return "nothing: fetched in another way"
    return read_json(lock, error=DatasetError, needs={"proof": str})["proof"]


def _shown(paths: list[str], what: str) -> Iterable[str]:
    return tqdm(paths, desc=what, unit="file", disable=not sys.stderr.isatty())

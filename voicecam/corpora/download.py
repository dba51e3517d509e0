"""Fetches the real AudioMNIST (about 1 GB), checks every file and lays it out as the adapter expects. Fetches no other corpus.

The source is GitHub's archive of github.com/soerenab/AudioMNIST (MIT licence), one zip. The folder appears by one rename when
every clip is there and sound; before, there are only NAME.zip, once it is whole, and hidden folders that go.
"""

import io
import os
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import soundfile
from tqdm import tqdm

from voicecam.errors import DatasetError

URL = "https://codeload.github.com/soerenab/AudioMNIST/zip/refs/heads/master"
SPEAKERS, DIGITS, TAKES = 60, 10, 50
RATE = 48_000  # Hz
SPACE = 3_500_000_000  # bytes: the zip and, beside it, the clips
LARGEST = 5_000_000  # bytes in one file of the archive that is worth reading; a clip of 1 s has 96 kB
# Only these members are written, under names built from the match: no path in a zip can lead out of the folder.
MEMBER = re.compile(
    r"(?:[^/]+/)?(?:(?P<clip>data/(?P<speaker>\d\d)/\d_(?P=speaker)_\d{1,2}\.wav)|(?P<text>data/audioMNIST_meta\.txt|LICENSE))"
)
META = "data/audioMNIST_meta.txt"


def get_audiomnist(
    folder: str | Path,
    *,
    url: str = URL,
    speakers: int = SPEAKERS,
    digits: int = DIGITS,
    takes: int = TAKES,
    rate: int = RATE,
    space: int = SPACE,
) -> int:
    """Make `folder` hold AudioMNIST and return the number of its clips. A complete folder is left alone.

    speakers, digits, takes : how many of each there must be; rate : of every clip, in Hz (mono).
    space : bytes that must be free at the start, less the archive where it is there already: it is not fetched again.
    Raises DatasetError when something else is in `folder`, when the download fails (see `fetch`), when the disk is too full, or
    when the archive is damaged or holds other clips than it should; it is then deleted, so that the next run fetches it anew.
    """
    from voicecam.corpora.fetch import fetch  # 0.2 s that the command's help need not wait

    folder, expected = Path(folder), _expected(speakers, digits, takes)
    try:
        if not _complete(folder, expected):
            archive = folder.with_name(folder.name + ".zip")
            check_space(folder, space - (archive.stat().st_size if archive.is_file() else 0))
            unpack(archive if archive.is_file() else fetch(url, archive), folder, expected=expected, rate=rate)
            archive.unlink()
    except OSError as reason:
        raise DatasetError(f"{folder}: cannot be written ({reason}); choose another folder or make room") from None
    return len(expected)


def check_space(folder: Path, needed: int) -> None:
    """Raise DatasetError when the disk of `folder` (or of its nearest parent) has fewer than `needed` bytes free."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise DatasetError(f"{there}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; make room or choose another folder")


def unpack(archive: Path, folder: Path, *, expected: frozenset[str], rate: int) -> None:
    """Unpack the clips of `archive` into the new folder `folder`, each checked: CRC, readable, `rate` Hz, mono, not empty.

    expected : paths of the clips relative to `folder`, e.g. "data/01/0_01_0.wav"; all of them must be there, and no others.
    Raises DatasetError and deletes `archive` when it fails a check; `folder` appears only when all is well.
    """
    beside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)  # what a killed run left
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, expected)
            check_space(folder, sum(member.file_size for member in members.values()))
            _write_members(opened, members, beside, rate)
        os.replace(beside, folder)
    # NotImplementedError is zipfile's word for a compression it does not know: for us, one more faulty archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, _FaultyError) as reason:
        archive.unlink()
        raise DatasetError(f"{archive}: {reason}; it was deleted, run again to fetch it anew, or use another url") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _FaultyError(Exception):
    """The archive can be read but is not AudioMNIST as it should be."""


def _expected(speakers: int, digits: int, takes: int) -> frozenset[str]:
    each = ((s, d, t) for s in range(1, speakers + 1) for d in range(digits) for t in range(takes))
    return frozenset(f"data/{s:02d}/{d}_{s:02d}_{t}.wav" for s, d, t in each)


def _complete(folder: Path, expected: frozenset[str]) -> bool:
    """Whether all is in `folder` already; refuses a folder with other contents. An empty folder is as good as none."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    there = {file.relative_to(folder).as_posix() for file in folder.glob("data/*/*.wav")}
    if there == expected and (folder / META).is_file():
        return True
    raise DatasetError(
        f"{folder}: holds something else ({len(there & expected)} of {len(expected)} clips); delete it or choose another folder"
    )


def _members(opened: zipfile.ZipFile, expected: frozenset[str]) -> dict[str, zipfile.ZipInfo]:
    """Members to write, by their path in the new folder."""
    found = [(MEMBER.fullmatch(member.filename), member) for member in opened.infolist()]
    members = {match["clip"] or match["text"]: member for match, member in found if match}
    wanted = expected | {META}
    missing, surplus = sorted(wanted - members.keys()), sorted(members.keys() - wanted - {"LICENSE"})
    if missing or surplus:
        first = f"first missing: {missing[0]}" if missing else f"first surplus: {surplus[0]}"
        raise _FaultyError(f"{len(wanted & members.keys())} of {len(wanted)} files and {len(surplus)} unknown ones ({first})")
    return members


def _write_members(opened: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], beside: Path, rate: int) -> None:
    for path, member in tqdm(sorted(members.items()), desc="checking and unpacking", disable=not sys.stderr.isatty()):
        if member.file_size > LARGEST:
            raise _FaultyError(f"{path} has {member.file_size} bytes, at most {LARGEST} are possible")
        content = opened.read(member)  # checks the CRC
        if path.endswith(".wav"):
            _check_clip(path, content, rate)
        (beside / path).parent.mkdir(parents=True, exist_ok=True)
        (beside / path).write_bytes(content)


def _check_clip(path: str, content: bytes, rate: int) -> None:
    try:
        samples, found = soundfile.read(io.BytesIO(content), always_2d=True, dtype="int16")  # (sample, channel)
    except soundfile.LibsndfileError as reason:
        raise _FaultyError(f"{path} is not readable as audio ({reason})") from None
    if found != rate or samples.shape[1] != 1 or not len(samples):
        raise _FaultyError(f"{path} has {found} Hz, {samples.shape[1]} channels, {len(samples)} samples; {rate} Hz mono is right")

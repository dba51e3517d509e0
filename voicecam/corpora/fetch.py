"""One file over HTTP, to disk, surviving dropped connections. Knows nothing of what the file holds.

A download grows as NAME.part; NAME appears by a rename when it is whole. NAME.part.json keeps the server's ETag or Last-Modified,
so that a later call asks for the rest only (Range with If-Range) and gets it only if the file is still the same one. A server
that cannot do this (GitHub makes its archives on the fly) sends the file from its start, and the partial one is replaced.
"""

import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from voicecam.errors import DatasetError
from voicecam.files import read_json, write_json

CHUNK = 1 << 16  # bytes
TIMEOUT = 30.0  # s without a byte before a connection counts as dropped
SPARSE = 100_000_000  # bytes between two lines when stderr is no terminal
PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses that may be gone at the next try
DROPPED = (urllib.error.URLError, HTTPException, ssl.SSLError, ConnectionError, TimeoutError)


class _DroppedError(Exception):
    """The transfer ended early; trying again may help."""


def fetch(url: str, target: Path, *, tries: int = 5, wait: float = 2.0) -> Path:
    """Download `url` to `target` and return `target`.

    tries : tries in a row that bring no more bytes than were there before, until it gives up.
    wait : seconds before the second try, doubled for each further one.
    Raises DatasetError when the server refuses, when the tries are used up, or when the disk is too full; the partial file stays.
    """
    if not re.match(r"https?://", url):
        raise DatasetError(f"{url}: not an http or https address; correct the url")
    target.parent.mkdir(parents=True, exist_ok=True)
    part, failed, most = part_path(target), 0, _size(part_path(target))
    while True:
        try:
            _transfer(url, part)
            break
        except _DroppedError as reason:
            failed = 0 if _size(part) > most else failed + 1
            most = max(most, _size(part))
            if failed >= tries:
                raise DatasetError(f"{url}: {reason}, {tries} tries in a row; run again to continue") from None
            pause = wait * 2 ** max(failed - 1, 0)
            print(f"{reason}; trying again in {pause:.0f} s", file=sys.stderr)
            time.sleep(pause)
    part.replace(target)
    _note(part).unlink(missing_ok=True)
    return target


def part_path(target: Path) -> Path:
    """Where the download of `target` grows."""
    return target.with_name(target.name + ".part")


def check_space(folder: Path, needed: int) -> None:
    """Raise DatasetError when the disk of `folder` (or of its nearest parent) has fewer than `needed` bytes free."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise DatasetError(f"{there}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; make room or choose another folder")


def _transfer(url: str, part: Path) -> None:
    """One request: what is missing of `part`, or all of it."""
    have, validator = _resumable(url, part)
    headers = {"User-Agent": "voicecam"} | ({"Range": f"bytes={have}-", "If-Range": validator} if have else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
            _receive(response, url, part, have=have, validator=validator)
    except urllib.error.HTTPError as reason:
        _refused(reason, part)
    except DROPPED as reason:
        raise _DroppedError(f"connection lost ({getattr(reason, 'reason', reason) or type(reason).__name__})") from None


def _resumable(url: str, part: Path) -> tuple[int, str]:
    """Bytes of `part` that the server can continue, and the validator to ask with; (0, "") to start from the beginning."""
    note: dict[str, Any] = {}
    with suppress(DatasetError):
        note = read_json(_note(part), error=DatasetError)
    if not _size(part) or note.get("url") != url or not note.get("validator"):
        return 0, ""
    return _size(part), note["validator"]


def _receive(response: HTTPResponse, url: str, part: Path, *, have: int, validator: str) -> None:
    resumed = response.status == 206
    if resumed and not _continues(response, have, validator):
        _forget(part)
        raise _DroppedError("the server sent another part than was asked for")
    if not resumed:
        have = 0
        _forget(part)
        write_json(_note(part), {"url": url, "validator": _validator(response)})
    total = None if response.length is None else have + response.length  # length: what is still to come; None if unknown
    check_space(part.parent, response.length or 0)
    with open(part, "ab") as file, _progress(part.stem, have, total) as count:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            count(len(chunk))
    if total is not None and _size(part) != total:  # http.client ends quietly when a connection with a known length drops
        raise _DroppedError(f"connection lost after {_size(part)} of {total} bytes")


def _continues(response: HTTPResponse, have: int, validator: str) -> bool:
    """Whether a 206 answer starts at byte `have` of the same file."""
    seen = _validator(response)
    same = seen == validator or (not seen and not validator.startswith('"'))  # a 206 must repeat an ETag, but no Last-Modified
    return same and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _validator(response: HTTPResponse) -> str:
    """What If-Range may carry: a strong ETag, else Last-Modified, else nothing (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _refused(reason: urllib.error.HTTPError, part: Path) -> None:
    if reason.code == 416:  # the partial file is as long as the server's or longer: start again
        _forget(part)
        raise _DroppedError("the server could not continue the partial file") from None
    if reason.code in PASSING:
        raise _DroppedError(f"server answered {reason.code} {reason.reason}") from None
    raise DatasetError(f"{reason.url}: server answered {reason.code} {reason.reason}; check the url") from None


@contextmanager
def _progress(name: str, have: int, total: int | None) -> Iterator[Any]:
    """A function to call with the bytes that came: a bar on a terminal, else a line for every SPARSE bytes."""
    terminal = sys.stderr.isatty()
    with tqdm(desc=name, initial=have, total=total, unit="B", unit_scale=True, disable=not terminal) as bar:
        done = have

        def count(size: int) -> None:
            nonlocal done
            bar.update(size)
            if not terminal and done // SPARSE != (done + size) // SPARSE:
                print(f"{name}: {(done + size) / 1e6:.0f} MB" + (f" of {total / 1e6:.0f}" if total else ""), file=sys.stderr)
            done += size

        yield count


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)

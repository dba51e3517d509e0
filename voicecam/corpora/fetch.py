"""One file over HTTP, to disk, with pooch's tries. Knows nothing of what the file holds.

A transfer that breaks off goes on from there, at the next try or the next run, where the server sends parts. Others, such as
GitHub, which makes its archives on the fly, send the whole file again.
"""

import os
import shutil
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from voicecam.errors import DatasetError
from voicecam.files import digest

TRIES = 3
CHUNK = 1 << 16  # bytes
TIMEOUT = 30  # seconds without a byte
PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses that may be gone at the next try


class _LastingError(Exception):
    """Trying again would not help. No ValueError, after which pooch would."""


def fetch(url: str, target: Path, *, bar: bool = True) -> Path:
    """Download `url` to `target`, which appears by a rename when it is whole, and return `target`.

    What has arrived lies in the hidden folder .NAME.fetching beside `target`, named after the address: the next run with the same
    address goes on from there. bar : a progress bar where somebody watches.
    Raises DatasetError when the address is wrong, the server refuses or TRIES tries broke off, OSError when the disk does.
    """
    beside = target.absolute().with_name(f".{target.name}.fetching")
    arrived = beside / f"{digest(url)}.part"
    pooch.get_logger().setLevel("WARNING")  # no lines beside ours
    source = pooch.create(beside, "", registry={target.name: None}, urls={target.name: url}, retry_if_failed=TRIES - 1)
    try:
        _keep_only(arrived)
        os.replace(source.fetch(target.name, downloader=partial(_receive, arrived, bar)), target)
        shutil.rmtree(beside, ignore_errors=True)
    except _LastingError as reason:
        raise DatasetError(f"{url}: {reason}; check the url") from None
    except requests.RequestException as reason:
        raise DatasetError(f"{url}: {_why(reason)}, {TRIES} tries in a row; check the network, then run again") from None
    finally:
        with suppress(OSError):
            beside.rmdir()  # where nothing has arrived
    return target


def _keep_only(arrived: Path) -> None:
    """Delete what killed runs left beside it, and what came from other addresses."""
    for file in arrived.parent.glob("*"):
        if file != arrived:
            file.unlink()


def _receive(arrived: Path, bar: bool, url: str, file: str, _: pooch.Pooch | None) -> None:
    """One try, as pooch asks for it. Raises RequestException where another one may help."""
    try:
        _append(url, arrived, bar)
    except requests.RequestException as reason:
        refused = reason.response is not None and reason.response.status_code not in PASSING
        if refused or isinstance(reason, ValueError):  # requests' word for an address that is none
            raise _LastingError(_why(reason)) from None
        raise
    os.replace(arrived, file)


def _append(url: str, arrived: Path, bar: bool) -> None:
    """Write what of `url` is not in `arrived` yet; all of it, where the server does not send that part."""
    there = arrived.stat().st_size if arrived.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={there}-"} if there else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
        if answer.status_code == 416 or (answer.status_code == 206 and not goes_on):  # another file by now, or it is whole
            arrived.unlink()
            return _append(url, arrived, bar)
        answer.raise_for_status()
        start = there if answer.status_code == 206 else 0
        size = start + int(answer.headers.get("Content-Length", 0))
        hidden = not (bar and sys.stderr.isatty())
        shown = tqdm(desc="fetching", unit="B", unit_scale=True, leave=False, disable=hidden, initial=start, total=size or None)
        with open(arrived, "ab" if start else "wb") as part, shown:
            for chunk in answer.iter_content(CHUNK):
                part.write(chunk)
                shown.update(len(chunk))


def _why(reason: requests.RequestException) -> str:
    """What went wrong, in a few words: the server's, else the system's."""
    if reason.response is not None:
        return f"server answered {reason.response.status_code} {reason.response.reason}"
    if isinstance(reason, ValueError):
        return str(reason)
    said, inner = "it ended too early", reason.__context__
    while inner is not None:
        if isinstance(inner, OSError) and str(inner):
            said = str(inner)
        inner = inner.__context__
    return f"connection failed ({said})"

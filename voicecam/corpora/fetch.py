"""One file over HTTP, to disk, by pooch. Knows nothing of what the file holds.

A transfer that breaks off is tried again, each time from its start: GitHub makes its archives on the fly and sends no parts.
"""

import os
import shutil
import sys
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from voicecam.errors import DatasetError

TRIES = 3
CHUNK = 1 << 16  # bytes
PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses that may be gone at the next try


class _LastingError(Exception):
    """Trying again would not help. No ValueError, after which pooch would."""


class _Bar(tqdm):
    """A bar whose truth, by which pooch asks whether there is one, does not hang on a size that the server may not say."""

    def __bool__(self) -> bool:
        return True


def fetch(url: str, target: Path) -> Path:
    """Download `url` to `target`, which appears by a rename when it is whole, and return `target`.

    It grows in a hidden folder beside `target` that goes in any case; what a killed run left there goes at the next one.
    Raises DatasetError when the address is wrong, the server refuses or TRIES tries broke off, OSError when the disk does.
    """
    beside = target.absolute().with_name(f".{target.name}.fetching")
    shutil.rmtree(beside, ignore_errors=True)
    pooch.get_logger().setLevel("WARNING")  # no lines beside ours
    source = pooch.create(beside, "", registry={target.name: None}, urls={target.name: url}, retry_if_failed=TRIES - 1)
    try:
        os.replace(source.fetch(target.name, downloader=_receive), target)
    except _LastingError as reason:
        raise DatasetError(f"{url}: {reason}; check the url") from None
    except requests.RequestException as reason:
        raise DatasetError(f"{url}: {_why(reason)}, {TRIES} tries in a row; check the network, then run again") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _receive(url: str, file: str, _: pooch.Pooch | None) -> None:
    """One try, as pooch asks for it. Raises RequestException where another one may help."""
    try:
        with _Bar(desc="fetching", unit="B", unit_scale=True, leave=False, disable=not sys.stderr.isatty()) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK)(url, file, None)
    except requests.RequestException as reason:
        refused = reason.response is not None and reason.response.status_code not in PASSING
        if refused or isinstance(reason, ValueError):  # requests' word for an address that is none
            raise _LastingError(_why(reason)) from None
        raise


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

"""A new folder that appears whole or not at all. Knows nothing of what is put into it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicecam.errors import DatasetError
from voicecam.locks import lock, opened


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A new locked folder beside `folder`, renamed to it when the block ends well and deleted when it fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-building-"
    _delete_leftovers(folder.parent, prefix)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=prefix))
    try:
        with opened(building) as handle:
            lock(handle)
            yield building
            building.chmod(0o755)  # mkdtemp makes folders only the owner can read
            _rename(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _rename(building: Path, folder: Path) -> None:
    try:
        os.rename(building, folder)  # replaces an empty folder, refuses any other
    except OSError as reason:
        raise DatasetError(f"{folder}: cannot be put in place ({reason.strerror}); start again") from None


def _delete_leftovers(parent: Path, prefix: str) -> None:
    """Delete what killed builds left; a build that still runs holds its lock and stays."""
    for leftover in parent.glob(f"{prefix}*"):
        with opened(leftover) as handle:
            if lock(handle, wait=False):
                shutil.rmtree(leftover)

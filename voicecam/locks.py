"""Locks on folders. The system lets them go when a process ends, however it ends. Where it has none for folders (Windows, some
network disks) nothing is locked: two processes then do the same work, each whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def opened(folder: Path) -> Iterator[int | None]:
    """The open folder, for `lock`, and what is locked until the block ends; None where folders cannot be opened."""
    handle = None if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def lock(handle: int | None, *, shared: bool = False, wait: bool = True) -> bool:
    """Whether the lock on an open folder was had: another may hold it, and there may be none.

    shared : beside others who share it; wait : until others let it go
    """
    if fcntl is None or handle is None:
        return False
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True

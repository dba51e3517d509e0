"""Processes that work beside this one: they leave Ctrl-C to it, and they end when it ends, however it ends."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from voicecam.errors import VoicecamError


class _Process(SpawnProcess):
    """A process that is started afresh, as on every system, and does not import the program that asks for it: its work is this
    package's, and a program without `if __name__ == "__main__"` would begin again in each."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        program = sys.modules["__main__"].__dict__
        hidden: dict[str, Any] = {name: program.pop(name) for name in ("__file__", "__spec__") if name in program}
        program["__spec__"] = None
        try:
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]
        finally:
            program.pop("__spec__")
            program.update(hidden)


class _Context(SpawnContext):
    Process = _Process  # type: ignore[assignment]


@contextmanager
def worker_pool(workers: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of `workers` processes, one per core for None. Work that has not begun when the block ends is dropped.

    Raises VoicecamError when one of them is lost while its work is waited for.
    """
    pool = ProcessPoolExecutor(workers or os.cpu_count(), mp_context=_Context(), initializer=_begin)
    try:
        yield pool
    except BrokenProcessPool:
        raise VoicecamError(
            "a process was ended from outside, often for want of memory; close other programs, then give the same command again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In a new process: ignore Ctrl-C, which reaches every process of a terminal, and watch the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot end its processes, and they would wait for work for ever: each holds the pipe that brings it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

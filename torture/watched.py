"""Watches what runs: the output of this process down to the C libraries, and the memory of it and of others. Linux."""

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

MOST_MEMORY = 1.5e9  # bytes
BUG = re.compile(r"Traceback|Fatal Python|Segmentation|core dumped|AssertionError|Exception ignored")


class Output:
    """What was written while `captured` ran. text : of standard output and standard error"""

    out = ""
    err = ""


@contextlib.contextmanager
def captured(*, seconds: int = 600) -> Iterator[Output]:
    """Catch all that this process writes, also from inside C. Raises TimeoutError after so many seconds."""
    found, kept = Output(), []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for stream, file in ((sys.stdout, out), (sys.stderr, err)):
            stream.flush()
            number = {sys.stdout: 1, sys.stderr: 2}[stream]
            kept.append((number, os.dup(number)))
            os.dup2(file.fileno(), number)
        before = signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(seconds)
        try:
            yield found
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            sys.stdout.flush()
            sys.stderr.flush()
            for number, old in kept:
                os.dup2(old, number)
                os.close(old)
            found.out, found.err = (_text(file) for file in (out, err))


def _too_long(_number: int, _frame: object) -> None:
    raise TimeoutError("took too long")


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return file.read().decode("utf-8", "backslashreplace")  # type: ignore[attr-defined]


def forget_peak() -> None:
    """Let `peak` of this process start anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak(pid: int | str = "self") -> int:
    """Most resident memory that a process had, in bytes; 0 for one that is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def below(pid: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *below(child)]
    return found


class Peaks(threading.Thread):
    """Most memory of each process below `pid`, and of itself, seen every 0.2 s until `stop`."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.peaks, self._on = pid, dict[int, int](), True
        self.start()

    def run(self) -> None:
        """Look until told to stop."""
        while self._on:
            for one in (self.pid, *below(self.pid)):
                self.peaks[one] = max(self.peaks.get(one, 0), peak(one))
            time.sleep(0.2)

    def stop(self) -> int:
        """The largest, in bytes."""
        self._on = False
        self.join()
        return max(self.peaks.values(), default=0)


def bugs(text: str) -> list[str]:
    """Lines that only a bug writes."""
    return [line for line in text.splitlines() if BUG.search(line)]


def litter(folder: Path, *, allowed: Sequence[str] = ()) -> list[str]:
    """Temporary files of atomic writes below a folder, and other files beginning with a dot that nobody asked for."""
    found = [path for path in folder.rglob(".*") if path.is_file() and path.name not in allowed]
    return [str(path.relative_to(folder)) for path in found]

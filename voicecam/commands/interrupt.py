"""Ctrl-C while a command imports its packages, which takes seconds: it ends at once, with one line. Needs nothing but Python."""

import os
import signal
import sys
from types import FrameType

PID = os.getpid()
PACKAGE = __name__.rpartition(".")[0]  # whose functions ask for the imports


def end_imports() -> None:
    """From here on Ctrl-C ends a command that still imports. Where it is ignored, as in jobs in the background, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)


def stop(_number: int, frame: FrameType | None) -> None:
    """Ctrl-C. Before the work, and in imports that the command asks for, nothing has begun, and half an import fails in odd ways:
    end at once. In the work it is a KeyboardInterrupt, which leaves everything whole."""
    if os.getpid() != PID:  # a process that was just started beside this one
        os._exit(130)
    importing, working, called = False, False, ""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        asked = name == "__main__" or name == PACKAGE or name.startswith(f"{PACKAGE}.")
        importing |= asked and called.startswith("<frozen importlib")
        working |= frame.f_code.co_name == "finish"
        called, frame = frame.f_code.co_filename, frame.f_back
    if working and not importing:
        raise KeyboardInterrupt
    sys.stderr.flush()
    os.write(2, b"stopped\n")
    os._exit(130)

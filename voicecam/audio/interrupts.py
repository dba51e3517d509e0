"""Ctrl-C while a C library asks Python for bytes: it waits until the library is done. Reads and writes no sound itself.

What is raised inside such a call does not come out of it: the library's binding (cffi's for libsndfile, Cython's for FFmpeg)
prints a traceback, drops the exception, and the library takes the file for one that ends there.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupt_waits() -> Iterator[None]:
    """Hold Ctrl-C back inside the with block, for milliseconds; at its end the program's own handler is called, once.

    Takes some microseconds. Does nothing outside the main thread, where Python runs no handlers, and where Ctrl-C is ignored or
    ends the process without asking Python.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before) or isinstance(before, signal.Handlers):
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(came[0], sys._getframe())

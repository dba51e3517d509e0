"""Where work on many clips is done: in processes or threads of this computer or, within `on("dask://HOST:PORT")`, on a cluster.

The one place that knows of either. A cluster's workers see the same folders under the same names, and have voicecam of the same
version. The work writes its own files; here results come back in order, and what has not begun when nobody asks any more is
dropped.
"""

import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from voicecam.errors import VoicecamError

HERE, THREADS, PROCESSES = "here", "threads", "processes"  # ways of this computer
ADDRESS = re.compile(r"dask://[^\s/:]+:\d{1,5}")
TRIES = 10.0  # s to reach a cluster
BLAS = "OPENBLAS_NUM_THREADS"  # of numpy's products, which are small here: threads that wait for each other take twice the time
AHEAD = 4  # chunks given out for each core beyond those whose results were taken

_clusters: list[Any] = []  # clients of distributed; the last one does the work


@contextmanager
def on(address: str | None) -> Iterator[None]:
    """Within the block, what goes through `spread` is done by the Dask cluster whose scheduler is at dask://HOST:PORT.

    A worker that is lost is done without: others do its work again. Raises VoicecamError where there is no such cluster, where it
    has no workers, and where theirs is another voicecam. None: here.
    """
    if address is None:
        yield
        return
    client = _client(address)
    _clusters.append(client)
    try:
        yield
    except _lost_errors() as reason:
        raise VoicecamError(
            f"{address}: the cluster lost the work ({type(reason).__name__}), often for want of memory or because its scheduler "
            "ended; mend it, then give the same command again"
        ) from None
    finally:
        _clusters.remove(client)
        client.close(timeout=2)


def beside() -> int:
    """How many processes of this computer may work side by side: one per core; one within `on`, where a cluster does the work."""
    return 1 if _clusters else os.cpu_count() or 1


def spread(
    function: Callable[..., Any],
    jobs: Iterable[Sequence[Any]],
    *,
    shared: Sequence[Any] = (),
    workers: int | None = None,
    by: str = PROCESSES,
    chunk: int = 1,
    long: bool = False,
) -> Generator[Any]:
    """function(*shared, *job) of each job, in the order of the jobs. function, shared and results can be pickled.

    shared : what every job is given first; it reaches each worker of a cluster once
    workers : how many at a time; None is one per core. On a cluster, which has its own number, it says nothing
    by : "here", one after another in this process; "threads"; "processes", which import anew. On a cluster they are all the same
    chunk : jobs given out together. Of AHEAD chunks a core results are kept at most: memory is flat in the number of jobs
    long : jobs take minutes, so that processes are ended where nobody asks any more (Ctrl-C), and not waited for
    Raises what the function raises, and VoicecamError when a process is lost while its work is waited for.
    """
    if _clusters:
        client, place = _clusters[-1], os.getcwd()
        sent = client.submit(pickle.loads, pickle.dumps((function, tuple(shared))), pure=False)
        submit = lambda part: client.submit(_run_there, place, sent, part, pure=False)  # noqa: E731
        yield from _in_order(submit, jobs, chunk, AHEAD * sum(client.ncores().values()))
        return
    if by == HERE:
        yield from (function(*shared, *job) for job in jobs)
        return
    n = workers or os.cpu_count() or 1
    if by == THREADS:
        threads = ThreadPoolExecutor(n)
        try:
            yield from _in_order(lambda part: threads.submit(_run, function, shared, part), jobs, chunk, AHEAD * n)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(n, mp_context=_Context(), initializer=_begin, initargs=(function, tuple(shared)))
    try:
        yield from _in_order(lambda part: pool.submit(_run_beside, part), jobs, chunk, AHEAD * n)
    except BrokenProcessPool:
        raise VoicecamError(
            "a process was ended from outside, often for want of memory; close other programs, then give the same command again"
        ) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - others if long else ():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(submit: Callable[[list], Any], jobs: Iterable, chunk: int, ahead: int) -> Generator[Any]:
    """Results of chunks that are given out, `ahead` of them at a time."""
    waiting: deque[Any] = deque()
    left = iter(jobs)
    try:
        while part := list(islice(left, chunk)):
            waiting.append(submit(part))
            if len(waiting) >= ahead:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _run(function: Callable[..., Any], shared: Sequence[Any], part: list) -> list:
    return [function(*shared, *job) for job in part]


class _Process(SpawnProcess):
    """A process that is started afresh, as on every system, and does not import the program that asks for it: its work is this
    package's, and a program without `if __name__ == "__main__"` would begin again in each."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        program = sys.modules["__main__"].__dict__
        hidden: dict[str, Any] = {name: program.pop(name) for name in ("__file__", "__spec__") if name in program}
        program["__spec__"] = None
        mask = getattr(signal, "pthread_sigmask", lambda *how: ())  # until `_begin`, Ctrl-C must not reach it either
        before = mask(getattr(signal, "SIG_BLOCK", 0), {signal.SIGINT})
        threads = os.environ.get(BLAS)
        os.environ[BLAS] = threads or "1"  # there is a process for each core
        try:
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]
        finally:
            if threads is None:
                del os.environ[BLAS]
            mask(getattr(signal, "SIG_SETMASK", 0), before)
            program.pop("__spec__")
            program.update(hidden)


class _Context(SpawnContext):
    Process = _Process  # type: ignore[assignment]


_given: list[tuple[Callable[..., Any], tuple]] = []  # in a process beside: the function and what is shared


def _begin(function: Callable[..., Any], shared: tuple) -> None:
    """In a new process: ignore Ctrl-C, which reaches every process of a terminal, and watch the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _given[:] = [(function, shared)]


def _run_beside(part: list) -> list:
    return _run(*_given[0], part)


def _end_with_parent() -> None:
    """A killed parent cannot end its processes, and they would wait for work for ever: each holds the pipe that brings it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_there(place: str, sent: tuple[Callable[..., Any], tuple], part: list) -> list:
    """On a worker of a cluster: in the folder of whoever asks, since paths may begin there."""
    try:
        os.chdir(place)
    except OSError:
        raise VoicecamError(f"{place}: not there on a worker of the cluster; its workers must see the same folders") from None
    return _run(*sent, part)


def _client(address: str) -> Any:
    """A client of the cluster's scheduler."""
    if not ADDRESS.fullmatch(address):
        raise VoicecamError(f"--engine {address}: not known; give dask://HOST:PORT, the address of a Dask scheduler")
    from distributed import Client

    from voicecam import __version__

    place = address.replace("dask", "tcp", 1)
    try:
        client = Client(place, timeout=TRIES, set_as_default=False)
    except (OSError, TimeoutError):
        raise VoicecamError(
            f"{address}: no Dask scheduler answers; start one: dask scheduler, and on each machine dask worker HOST:PORT"
        ) from None
    try:
        client.wait_for_workers(1, timeout=TRIES)
        found = set(client.run(eval, "__import__('voicecam').__version__").values())
    except ImportError:
        found = {"none"}
    except TimeoutError:
        client.close(timeout=2)
        raise VoicecamError(f"{address}: has no workers; start some: dask worker {place}") from None
    if found != {__version__}:
        client.close(timeout=2)
        raise VoicecamError(
            f"{address}: its workers have voicecam {', '.join(sorted(found))}, here is {__version__}; install that there"
        )
    return client


def _lost_errors() -> tuple[type[BaseException], ...]:
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    return KilledWorker, CancelledError, CommClosedError

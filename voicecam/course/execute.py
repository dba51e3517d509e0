"""Runs notebooks from top to bottom in a fresh kernel and writes them with their outputs, whole or not at all."""

import os
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from voicecam.course.lesson import QUICK
from voicecam.errors import VoicecamError
from voicecam.files import write_text

TIMEOUT_S = 900  # per cell; a whole notebook is meant to take four minutes
LARGEST = 1_000_000  # bytes of a notebook with its outputs


def notebooks(folder: Path) -> list[Path]:
    """The numbered notebooks of a folder, in order. Raises VoicecamError when there are none."""
    found = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise VoicecamError(f"{folder}: no numbered notebooks such as 01_explore.ipynb; give the folder that holds them")
    return found


def execute(path: Path, to: Path, *, quick: bool = False) -> float:
    """Run one notebook in its folder and write it executed to `to`, which may be `path`; returns the seconds it took.

    quick : with a smaller corpus and shorter training, see course.lesson
    Raises VoicecamError, and writes nothing, when a cell fails or the outputs pass 1 MB. Ctrl-C ends the kernel.
    """
    if not path.is_file():
        raise VoicecamError(f"{path}: no such notebook; those of the course stand in nbs/")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    started = time.monotonic()
    try:
        _run(client, {**os.environ, QUICK: "1" if quick else "0"})
    except CellExecutionError as reason:
        raise VoicecamError(f"{path}: a cell failed ({reason.ename}: {reason.evalue}); open it and run it there") from None
    except NoSuchKernel:
        raise VoicecamError("notebooks need ipykernel; run: make lab") from None
    except DeadKernelError:
        raise VoicecamError(f"{path}: its kernel died, often for want of memory; close other programs and try again") from None
    seconds = time.monotonic() - started
    text = nbformat.writes(_tidy(notebook)) + "\n"
    if len(text.encode()) > LARGEST:
        raise VoicecamError(f"{path}: {len(text.encode()) / 1e6:.1f} MB with its outputs, 1 MB is allowed; show less")
    write_text(to, text)
    return seconds


def _run(client: NotebookClient, environment: dict[str, str]) -> None:
    """Execute in a thread: in the main one nbclient takes Ctrl-C for itself, and what is left looks like a kernel that died."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(client.execute, env=environment)
        try:
            done.result()
        except KeyboardInterrupt:
            while not done.done():  # also where the kernel is still to start
                kernel = getattr(getattr(client.km, "provisioner", None), "process", None)
                if kernel is not None:
                    kernel.kill()
                wait([done], timeout=0.1)
            raise


def _tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without times and widget states, which change with every run and tell a reader nothing."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook

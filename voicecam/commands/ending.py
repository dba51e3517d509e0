"""How a script ends: with its last line, or with one line that says what is wrong and what to do, and an exit status.

Reads no options and does no work.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from voicecam.errors import VoicecamError
from voicecam.network.torchrun import rank

EXTRAS = {  # of pyproject.toml, and what they bring
    "web": ("fastapi", "uvicorn", "python_multipart"),
    "notebooks": ("IPython", "ipywidgets", "nbclient", "nbformat"),
    "mic": ("sounddevice",),
    "full": (
        "torch",
        "scipy",
        "pandas",
        "PIL",
        "safetensors",
        "fastai",
        "torchvision",
        "matplotlib",
        "skimage",
        "captum",
        "jinja2",
        "onnx",
    ),
    "cluster": ("dask", "distributed"),
    "torchrun": ("accelerate",),
}
STOPPED = "stopped; the same command goes on from here"
REMEDIES = {
    errno.ENOSPC: "make room, then give the same command again; what was done is kept",
    errno.EDQUOT: "make room, then give the same command again; what was done is kept",
    errno.EFBIG: "files of this size are not allowed here (ulimit -f)",
    errno.EACCES: "check its permissions, or work in a folder of your own",
    errno.EPERM: "check its permissions, or work in a folder of your own",
    errno.EROFS: "work in a folder that can be written",
    errno.ENOENT: "check the name",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EMFILE: "close other programs, or take fewer --workers",
}

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # torch's words, in a RuntimeError


def finish(work: Callable[[], str], *, stopped: str = STOPPED) -> int:
    """Do the work and print the line it returns, last. Returns the exit status: 0; 2 after an error that the user can mend,
    said in one line; 130 after Ctrl-C; 141 when nobody reads the output any more. A bug keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    try:
        print(work(), flush=True)
    except BrokenPipeError:
        return _leave(141)  # as the shell says it of programs that SIGPIPE ends
    except KeyboardInterrupt:
        return _leave(130, "\n" * somebody_watches() + stopped)  # below the ^C that a terminal shows
    except (VoicecamError, OSError, MemoryError, RuntimeError, ModuleNotFoundError) as error:
        line = mendable(error)
        if line is None:
            raise
        return _leave(2, f"error: {line}")
    return 0


def mendable(error: BaseException) -> str | None:
    """What went wrong and what to do, in one line; None for a bug."""
    if isinstance(error, VoicecamError):
        return str(error)
    if isinstance(error, OSError):
        return _system_line(error)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("voicecam"):
        name = error.name.partition(".")[0]
        extra = next((f"[{extra}]" for extra, names in EXTRAS.items() if name in names), "")
        return f"{name} is not installed here; run: {sys.executable} -m pip install {_package(extra)}"
    if "inline_container" in str(error):  # torch's word for a file that it could not write
        return f"a file could not be written; {REMEDIES[errno.ENOSPC]}"
    if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        return "no memory left; close other programs, or take a smaller --batch, --image-size or --workers"
    return None


def _package(extra: str) -> str:
    """What pip is told to install: this package with an extra; from the repository with the versions that were tried."""
    root = Path(__file__).parent.parent
    if (root / "pyproject.toml").exists():
        return f"-c '{root / 'constraints.txt'}' -e '{root}{extra}'"
    return f"'voicecam{extra}'"


def _system_line(error: OSError) -> str:
    """What the system refused, and what to do."""
    what = f"{error.filename}: " if error.filename else ""
    said = error.strerror or str(error)
    return f"{what}{said}; {REMEDIES.get(error.errno or 0, 'check that the disk has room and can be written, then try again')}"


def _leave(status: int, line: str = "") -> int:
    """Say the line, and let go of output that is taken no more: Python would try again at its end, and complain."""
    if line and not rank():
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


def somebody_watches() -> bool:
    """Whether progress bars have a terminal to move on; of several processes the first one alone has."""
    return sys.stderr.isatty() and not rank()

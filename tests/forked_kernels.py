"""Kernels for tests of notebooks with the large libraries loaded: one process imports them once, and each kernel is a fork of it.

A kernel is a process of its own, with its own variables, folder and environment. It imports voicecam itself, and what looks at
the notebook while it is imported: fastai, IPython, pyplot. Not for macOS, where a fork of a process with such libraries may stop.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBRARIES = ("numpy", "pandas", "scipy.signal", "scipy.stats", "sklearn.linear_model", "sklearn.model_selection")
LIBRARIES += ("torch", "torchvision", "matplotlib", "parselmouth", "soundfile", "soxr", "PIL.Image")
PLACE = "FORKED_KERNELS"  # environment variable: the socket at which kernels are asked for


@contextmanager
def forked_kernels(folder: Path) -> Iterator[dict[str, str]]:
    """Environment variables under which the kernel python3 is a fork; none where there are no such forks."""
    if sys.platform != "linux":
        yield {}
        return
    spec = {
        "argv": [sys.executable, "-S", __file__, "ask", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    place = str(folder / "s")
    with subprocess.Popen([sys.executable, __file__, "serve", place], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"ready\n"
        yield {PLACE: place, "JUPYTER_PATH": str(folder)}  # then standard input is closed, which ends it


def ask(file: str) -> None:
    """Be the kernel's process for whoever started it: ask for a fork, and end when that one ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent before a kernel is asked to end
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(os.environ[PLACE])
        asked = {"file": file, "cwd": os.getcwd(), "env": dict(os.environ)}
        socket.send_fds(server, [json.dumps(asked).encode()], [1, 2])
        server.recv(1)


def serve(place: str) -> None:
    """Load the libraries; then fork a kernel for everybody who asks, until standard input ends."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as ipykernel sets it, before matplotlib looks
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(place)
        listener.listen()
        print("ready", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            asker, _ = listener.accept()
            message, outputs, _, _ = socket.recv_fds(asker, 1 << 20, 2)
            if os.fork() == 0:
                listener.close()
                be_kernel(asker, outputs, **json.loads(message))
            for each in (asker.detach(), *outputs):
                os.close(each)


def be_kernel(asker: socket.socket, outputs: list[int], *, file: str, cwd: str, env: dict[str, str]) -> None:
    """Be an IPython kernel as `python -m ipykernel_launcher` is, for as long as the asker lives."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update({**env, "JPY_PARENT_PID": str(os.getppid())})  # with whom it ends
    threading.Thread(target=lambda: asker.recv(1) or os._exit(1), daemon=True).start()
    sys.path[:] = [*filter(None, env.get("PYTHONPATH", "").split(os.pathsep)), *sys.path]
    sys.argv[:] = ["ipykernel_launcher", "-f", file]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
    os._exit(0)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file: a kernel does not have it
    {"ask": ask, "serve": serve}[sys.argv[1]](sys.argv[2])

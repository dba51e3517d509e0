"""What every script imports first: it finds the project and its packages, and lets Ctrl-C end the imports, which take seconds.

Needs nothing but Python itself. A Python without the packages hands over to the project's own in .venv, where there is one.
"""

import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PID = os.getpid()
PACKAGES = (  # what pyproject.toml asks for, by the names they are imported by
    "captum",
    "espeakng_loader",
    "fastai",
    "jinja2",
    "librosa",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "pandas",
    "parselmouth",
    "PIL",
    "pytorch_grad_cam",
    "safetensors",
    "scipy",
    "silero_vad",
    "skimage",
    "sklearn",
    "soundfile",
    "soxr",
    "torch",
    "torchvision",
    "tqdm",
)


def stop(_number, frame) -> None:
    """Ctrl-C. Before the work, and in imports that the script asks for, nothing has begun, and half an import fails in odd ways:
    end at once. In the work it is a KeyboardInterrupt, which leaves everything whole."""
    if os.getpid() != PID:  # a process that was just started beside this one
        os._exit(130)
    importing, working, called = False, False, ""
    while frame is not None:
        importing |= frame.f_globals.get("__name__") == "__main__" and called.startswith("<frozen importlib")
        working |= frame.f_code.co_name == "finish"
        called, frame = frame.f_code.co_filename, frame.f_back
    if working and not importing:
        raise KeyboardInterrupt
    os.write(2, b"stopped\n")
    os._exit(130)


def find_packages() -> None:
    """Let this Python find voicecam; where it lacks a package, go on in .venv, or end with one line and status 2."""
    from importlib.util import find_spec

    sys.path.insert(1, ROOT)
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if not missing:
        return
    venv = os.path.join(ROOT, ".venv")
    own = os.path.join(venv, "bin", "python")
    if os.path.exists(own) and os.path.realpath(sys.prefix) != os.path.realpath(venv):
        os.execv(own, [own, *sys.argv])
    print(f"error: {sys.executable} has no {', '.join(missing[:3])}; in {ROOT} run: make install", file=sys.stderr)
    raise SystemExit(2)


def started() -> bool:
    """Whether a script that a person started imports this, not a test or a process beside a script."""
    frame = sys._getframe()
    while frame.f_globals["__name__"] == __name__ or frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame.f_globals["__name__"] == "__main__"


if started():
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell lets its background jobs ignore it
        signal.signal(signal.SIGINT, stop)
    find_packages()

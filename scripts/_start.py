"""What every script imports first: it finds the project and its packages, and lets Ctrl-C end the imports, which take seconds.

Needs nothing but Python itself. A Python without the packages hands over to the project's own in .venv, where there is one.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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


def find_packages() -> None:
    """Let this Python find voicecam; where it lacks a package, go on in .venv, or end with one line and status 2."""
    sys.path.insert(1, str(ROOT))
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    own = ROOT / ".venv" / "bin" / "python"
    if own.exists() and Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        os.execv(str(own), [str(own), *sys.argv])
    print(f"error: {sys.executable} has no {', '.join(missing[:3])}; in {ROOT} run: make install", file=sys.stderr)
    raise SystemExit(2)


def stop(_number, frame) -> None:
    """Ctrl-C. In an import that the script asked for nothing has begun, and half an import fails in odd ways: end at once."""
    called = ""
    while frame is not None:
        if frame.f_globals.get("__name__") == "__main__" and called.startswith("<frozen importlib"):
            os.write(2, b"stopped\n")
            os._exit(130)
        called, frame = frame.f_code.co_filename, frame.f_back
    raise KeyboardInterrupt


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell lets its background jobs ignore it
    signal.signal(signal.SIGINT, stop)
find_packages()

"""What every script imports first: it finds the project and its packages, and lets Ctrl-C end the imports, which take seconds.

Needs nothing but Python itself. A Python without the packages hands over to the project's own in .venv, where there is one.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = (  # what pyproject.toml asks for, by the names they are imported by
    "captum",
    "espeakng_loader",
    "fastai",
    "jinja2",
    "lazy_loader",
    "librosa",
    "matplotlib",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "parselmouth",
    "PIL",
    "pooch",
    "pytorch_grad_cam",
    "requests",
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
    "yaml",
)


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
    find_packages()
    from voicecam.commands.interrupt import end_imports

    end_imports()

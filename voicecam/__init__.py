"""voicecam: see what a CNN hears. Three lines are enough:

    model = voicecam.load()
    model.classify("me.wav")
    model.explain("me.wav").plot()

Nothing heavy is imported before it is used; modules are there as attributes, e.g. `voicecam.audio`.
"""

import os

import lazy_loader

__version__ = "0.1.0"

# Nothing leaves this computer. onnxruntime 1.31, which finds speech here, reports its use to its maker unless this stands in the
# environment before its first import; its own disable_telemetry_events() comes too late. Processes started from here inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

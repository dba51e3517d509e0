"""voicecam: see what a CNN hears. Imports nothing by itself; import the module you need, e.g. `from voicecam import audio`."""

import os

__version__ = "0.1.0"

# Nothing leaves this computer. onnxruntime 1.31, which finds speech here, reports its use to its maker unless this stands in the
# environment before its first import; its own disable_telemetry_events() comes too late. Processes started from here inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

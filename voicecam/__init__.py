"""voicecam: see what a CNN hears. Imports nothing by itself; import the module you need, e.g. `from voicecam import audio`."""

__version__ = "0.1.0"

"""Sound: reading, resampling and cutting it (signal), speech, pitch, degradations, microphone, recorder. `audio.load` and the
other names of audio.signal are handed on, and `find_speech`, `median_f0`."""

from voicecam.audio.parts import read_parts
from voicecam.audio.pitch import median_f0
from voicecam.audio.signal import (
    ANY,
    CLIP,
    PIECE,
    SILENCE_DBFS,
    Limits,
    Signal,
    centre,
    fit_length,
    from_samples,
    load,
    loudest_start,
    prepare,
    prepare_whole,
    read,
    read_bytes,
    resample,
    set_level,
)
from voicecam.audio.speech import find_speech

__all__ = [
    "ANY",
    "CLIP",
    "PIECE",
    "SILENCE_DBFS",
    "Limits",
    "Signal",
    "centre",
    "find_speech",
    "fit_length",
    "from_samples",
    "load",
    "loudest_start",
    "median_f0",
    "prepare",
    "prepare_whole",
    "read",
    "read_bytes",
    "read_parts",
    "resample",
    "set_level",
]

"""Samples -> the bytes of a sound file, in memory. Writes no file: libsndfile does not say that a disk is full."""

import io
from typing import Any

import numpy as np
import soundfile as sf

from voicecam.audio.interrupts import interrupt_waits


def sound_bytes(samples: np.ndarray, rate: int, **how: Any) -> bytes:
    """A sound file's bytes.

    samples : (n,) or (n, channels), full scale 1
    rate : Hz
    how : soundfile.write's format, subtype and the like; WAV of 16 bits where nothing is said
    """
    file = io.BytesIO()
    with interrupt_waits():
        sf.write(file, samples, rate, **(how or {"format": "WAV", "subtype": "PCM_16"}))
    return file.getvalue()

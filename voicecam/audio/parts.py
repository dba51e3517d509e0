"""A long sound file, part by part. Decodes nothing itself; see signal.py."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voicecam.audio.signal import Limits, Signal, file_blocks
from voicecam.errors import AudioError
from voicecam.files import shown

PAUSE, LOOKED_AT = 0.4, 30.0  # s; a recording is parted in the softest stretch so long, of the last half minute
LONGEST = Limits(seconds=12 * 3600.0, samples=12 * 3600 * 2 * 48_000)


def read_parts(path: Path, *, rate: int, seconds: float, limits: Limits = LONGEST) -> Iterator[Signal]:
    """A sound file as `read` reads it, in parts of at most `seconds` s that end where it is soft: hours take no more memory than
    minutes. Raises as `read` does; what is wrong with a file may show at its end only, after its parts."""
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{shown(path)}: no such file; check the path")
    most, waiting = round(seconds * rate), np.zeros(0, np.float32)
    with open(path, "rb") as file:
        for block in file_blocks(file, shown(path), rate, limits):
            waiting = np.concatenate([waiting, block.samples])
            while len(waiting) > most:
                end = _softest(waiting[:most], rate)
                yield Signal(waiting[:end].copy(), rate)
                waiting = waiting[end:].copy()
    if len(waiting):
        yield Signal(waiting, rate)


def _softest(samples: np.ndarray, rate: int) -> int:
    """The middle of the softest PAUSE in the last half minute."""
    first, size = max(1, len(samples) - round(LOOKED_AT * rate)), round(PAUSE * rate)
    part = samples[first:].astype(np.float64)
    energy = np.cumsum(np.square(part))
    return first + (int(np.argmin(energy[size:] - energy[:-size])) + size // 2 if len(part) > 2 * size else len(part))

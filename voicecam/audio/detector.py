"""Silero VAD on onnxruntime: samples -> probability of speech in each frame -> segments. Prepares no sound; see speech.py.

The network is a file of the package silero-vad, which is not imported: that needs torch. Steps and rules are its own (Silero Team
2024, MIT); tests hold both to each other.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from voicecam.errors import VoicecamError
from voicecam.onnx_session import onnx_session

NETWORK = "data/silero_vad_16k_sequence.onnx"  # in the package: for 16 kHz, takes a sequence of frames
FRAME, CONTEXT = 512, 64  # samples of a frame at 16 kHz, and of the one before that the network sees with it
AT_ONCE = 512  # frames in one call
SPEECH, SILENCE = 0.5, 0.35  # probabilities from which speech begins, and below which it ends

_LOADING = Lock()


class Samples(Protocol):
    """float32 samples at 16 kHz, read slice by slice; `size` is how many."""

    size: int

    def __getitem__(self, wanted: slice) -> np.ndarray: ...


def frame_probabilities(samples: Samples) -> np.ndarray:
    """Probability of speech in each frame of 32 ms, float32 (n_frames,); the last frame is filled with silence."""
    n = -(-samples.size // FRAME)
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    before, found = np.zeros(CONTEXT, np.float32), [np.zeros(0, np.float32)]
    for first in range(0, n, AT_ONCE):
        count = min(AT_ONCE, n - first)
        heard = samples[slice(first * FRAME, min(samples.size, (first + count) * FRAME))]
        frames = np.pad(heard, (0, count * FRAME - len(heard))).reshape(count, FRAME).astype(np.float32, copy=False)
        contexts = np.concatenate([before[None], frames[:-1, -CONTEXT:]])
        given = {"input": np.concatenate([contexts, frames], axis=1), "h": hidden, "c": cell}
        p, hidden, cell = _session().run(["speech_probs", "hn", "cn"], given)
        before = frames[-1, -CONTEXT:]
        found.append(p.reshape(-1))
    return np.concatenate(found)


def speech_segments(p: np.ndarray, n: int, *, gap: float) -> list[tuple[int, int]]:
    """(start, end) in samples of the speech in n samples with frame probabilities p.

    It begins with a frame of SPEECH, and ends where a frame below SILENCE begins, unless one of SPEECH follows within `gap`
    samples.
    """
    found: list[tuple[int, int]] = []
    start = end = None
    for number, value in enumerate(p.tolist()):
        at = number * FRAME
        if value >= SPEECH:
            start, end = (at if start is None else start), None
        elif value < SILENCE and start is not None:
            end = at if end is None else end
            if at - end >= gap:
                found.append((start, end))
                start = end = None
    return found if start is None else [*found, (start, n)]


def _session() -> Any:
    with _LOADING:
        return _load()


@lru_cache(maxsize=1)
def _load() -> Any:
    return onnx_session(str(network_file()))


def network_file() -> Path:
    """The file. Raises VoicecamError where the package is not there, or holds none."""
    package = find_spec("silero_vad")
    path = Path(package.submodule_search_locations[0]) / NETWORK if package and package.submodule_search_locations else None
    if path is None or not path.is_file():
        raise VoicecamError("the speech detector is not installed here; run: pip install --no-deps silero-vad==6.2.3")
    return path

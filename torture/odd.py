"""What the zoo of odd files is made of: an Odd is one file and what must become of it; the voice that every whole file holds."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

ROOT = Path(__file__).parent.parent
PLAIN = ROOT / "tests" / "recordings" / "spoken.flac"
RATE = 16_000  # Hz of PLAIN
SAME = "same"  # the voice is whole: the answer is the plain file's
WHOLE = "whole"  # the voice is whole: the plain file's answer, or a refusal where the format is not read
CUT = "cut"  # something of the voice is missing: a refusal
ANY = "any"  # what it says cannot be known: an answer or a refusal


@dataclass(frozen=True)
class Odd:
    """One file.

    group : of the zoo, its name
    path : where it lies
    expect : SAME, WHOLE, CUT or ANY
    exact : the samples are PLAIN's own, so the probability is too
    """

    group: str
    path: Path
    expect: str
    exact: bool = False


def plain() -> np.ndarray:
    """The known voice, float32 (n,) at RATE."""
    return sf.read(PLAIN, dtype="float32")[0]


def encoded(samples: np.ndarray, rate: int = RATE, **kind: str) -> bytes:
    """The bytes of a sound file of a format and subtype of libsndfile."""
    buffer = io.BytesIO()
    sf.write(buffer, samples, rate, **{"format": "WAV", "subtype": "PCM_16", **kind})
    return buffer.getvalue()


def pcm(samples: np.ndarray) -> bytes:
    """Samples as 16-bit integers, little-endian."""
    return np.round(samples * 32767).astype("<i2").tobytes()


def chunk(name: bytes, data: bytes, *, size: int | None = None) -> bytes:
    """A RIFF chunk, padded to an even length. size : what its head says, if not the truth"""
    said = len(data) if size is None else size
    return name + struct.pack("<I", said) + data + b"\0" * (len(data) % 2)


def head(*, channels: int = 1, rate: int = RATE, bits: int = 16, tag: int = 1) -> bytes:
    """A WAV's fmt chunk."""
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, (rate * block) % 2**32, block % 65_536, bits))


def riff(*chunks: bytes, size: int | None = None, name: bytes = b"RIFF") -> bytes:
    """A WAV of chunks. size : what its head says, if not the truth"""
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


class Zoo:
    """Collects Odds and writes them, each group in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder, self.all = folder, list[Odd]()

    def place(self, group: str, name: str | bytes) -> Path:
        """Where a file of a group goes."""
        folder = self.folder / group
        folder.mkdir(parents=True, exist_ok=True)
        return folder / (name if isinstance(name, str) else name.decode("utf-8", "surrogateescape"))

    def add(self, group: str, name: str | bytes, data: bytes, expect: str, *, exact: bool = False) -> Path:
        """Write a file and note what must become of it."""
        path = self.place(group, name)
        path.write_bytes(data)
        self.note(group, path, expect, exact=exact)
        return path

    def note(self, group: str, path: Path, expect: str, *, exact: bool = False) -> None:
        """Note what must become of a file that is there."""
        self.all.append(Odd(group, path, expect, exact))

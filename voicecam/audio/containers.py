"""Which kind of sound file it is, by its first bytes, and how many of the bytes it promises are missing. Decodes nothing.

Only kinds named here are ever opened: decoders guess, and some of the formats they guess at are no recordings. Libraries read a
file that was cut off as far as it goes and say nothing, so what its header promises is compared with its size.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
UNKNOWN = 0x7FFFF000  # bytes, what SoX writes; a 32-bit size from here on is of a stream that did not know its length
LARGEST = 2**50  # bytes; no file is larger, though a damaged header can point beyond
MOST_CHUNKS = 100_000  # a file of zeros is a chain of empty chunks
OGG_PAGE = 27 + 255 + 255 * 255  # bytes of the largest page


@dataclass(frozen=True)
class Kind:
    """A kind of sound file.

    name : as people call it
    ffmpeg : FFmpeg's name of it, where that can read some that libsndfile cannot, else None
    libsndfile : whether libsndfile reads it
    missing : (file, its size in bytes) to the number of promised bytes that are missing; 0 or less where none is
    """

    name: str
    ffmpeg: str | None
    libsndfile: bool
    missing: Callable[[BinaryIO, int], int]


def kind_of(file: BinaryIO) -> Kind | None:
    """The kind of a file, by its first bytes after an ID3 tag; None for what is no sound. Leaves the file at its start."""
    head = _at(file, _id3_bytes(file), 16)
    file.seek(0)
    for start, magic, kind in _KINDS:
        if head[start : start + len(magic)] == magic and (kind is not RIFF or head[8:12] == b"WAVE"):
            return kind
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return MP3 if head[1] & 0x06 else AAC  # ADTS puts 00 where MPEG audio has its layer
    return MP3 if _id3_bytes(file) else None


def missing_bytes(file: BinaryIO, kind: Kind) -> int:
    """How many bytes the header promises beyond the end of the file; 0 where all are there. Leaves the file at its start."""
    try:
        return max(0, kind.missing(file, file.seek(0, 2)))
    except (struct.error, ValueError, IndexError):  # a header that ends early: the decoder says so
        return 0
    finally:
        file.seek(0)


def counts_its_frames(file: BinaryIO) -> bool:
    """Whether an MP3's first frame holds the number of its frames (Xing's header). Leaves the file at its start."""
    head = _xing(file)
    file.seek(0)
    return len(head) == 16 and bool(head[7] & 1)


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    if place > LARGEST:
        return b""
    file.seek(place)
    return file.read(size)


def _id3_bytes(file: BinaryIO) -> int:
    """Size of the ID3v2 tag at the start; 0 without one."""
    head = _at(file, 0, 10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0)))


def _chunks(file: BinaryIO, place: int, form: str, *, even: int = 1, counted: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte, size) of one chunk after another.

    form : struct's, of a name and a size; even : sizes are rounded up to a multiple; counted : bytes of the head that the
    size counts too
    """
    length = struct.calcsize(form)
    for _ in range(MOST_CHUNKS):
        head = _at(file, place, length)
        if len(head) < length:
            return
        name, size = struct.unpack(form, head)
        yield name, place + length, size - counted
        place += length + max(0, -(-(size - counted) // even) * even)


def _in_chunk(wanted: bytes, place: int, form: str, *, even: int = 1, counted: int = 0) -> Callable[[BinaryIO, int], int]:
    """`Kind.missing` of a file whose samples are in one chunk, the first whose name starts with `wanted`."""

    def missing(file: BinaryIO, size: int) -> int:
        for name, start, promised in _chunks(file, place, form, even=even, counted=counted):
            if name.startswith(wanted):
                unknown = promised < 0 or (form.endswith("I") and promised >= UNKNOWN)
                return 0 if unknown else start + promised - size
        return 0

    return missing


def _riff(file: BinaryIO, size: int) -> int:
    """WAV, little (RIFF) or big-endian (RIFX), or with 64-bit sizes (RF64) in a chunk of their own."""
    form = ">4sI" if _at(file, 0, 4) == b"RIFX" else "<4sI"
    large = None
    for name, start, promised in _chunks(file, 12, form, even=2):
        if name == b"ds64":
            large = struct.unpack("<Q", _at(file, start + 8, 8))[0]
        if name == b"data":
            promised = large if large is not None and promised == 0xFFFFFFFF else promised
            return start + promised - size if large is not None or promised < UNKNOWN else 0
    return 0


def _au(file: BinaryIO, size: int) -> int:
    start, promised = struct.unpack("<II" if _at(file, 0, 4) == b"dns." else ">II", _at(file, 4, 8))
    return start + promised - size if promised < UNKNOWN else 0


def _ogg(file: BinaryIO, size: int) -> int:
    """Ogg promises no size: its last page must be whole and marked as the last. 1 where it is not."""
    start = max(0, size - OGG_PAGE)
    tail = _at(file, start, OGG_PAGE)
    at = tail.rfind(b"OggS\x00")
    page = tail[at : at + 27]
    if at < 0 or len(page) < 27:
        return 1
    lengths = tail[at + 27 : at + 27 + page[26]]
    whole = len(lengths) == page[26] and at + 27 + page[26] + sum(lengths) <= len(tail)
    return 0 if whole and page[5] & 4 else 1


def _nist(file: BinaryIO, size: int) -> int:
    head = _at(file, 0, 1024).split(b"end_head")[0].decode("latin-1").splitlines()
    said = {parts[0]: parts[2] for line in head[2:] if len(parts := line.split()) == 3}
    samples = int(said.get("sample_count", 0)) * int(said.get("sample_n_bytes", 0)) * int(said.get("channel_count", 1))
    coded = not said.get("sample_coding", "pcm").startswith(("pcm", "ulaw", "alaw"))  # packed: fewer bytes than promised
    return 0 if coded else int(head[1]) + samples - size


def _mp4(file: BinaryIO, size: int) -> int:
    """MP4: its boxes follow one another to the end; a size of 0 is "to the end", 1 has 64 bits after the name."""
    place = 0
    while place + 8 <= size:
        promised = struct.unpack(">I", _at(file, place, 4))[0]
        if promised == 1:
            promised = struct.unpack(">Q", _at(file, place + 8, 8))[0]
        if promised < 8:
            return 0
        place += promised
    return place - size


def _matroska(file: BinaryIO, size: int) -> int:
    """WebM and Matroska: the Segment after the EBML head; a live recording's has no size."""
    head, promised = _ebml(file, 4)
    start, promised = _ebml(file, head + promised + 4)
    return 0 if promised < 0 else start + promised - size


def _ebml(file: BinaryIO, place: int) -> tuple[int, int]:
    """(first byte of an element's data, its size or -1 where that is unknown) of the size that stands at `place`."""
    raw = _at(file, place, 8)
    width = 9 - raw[0].bit_length() if raw and raw[0] else 0
    if not width or len(raw) < width:
        raise ValueError("no size")
    value = int.from_bytes(raw[:width], "big") & (1 << 7 * width) - 1
    return place + width, -1 if value == (1 << 7 * width) - 1 else value


def _mp3(file: BinaryIO, size: int) -> int:
    """MP3: Xing's header may hold the bytes of the frames. Some count the ID3 tag before them, so nobody's is taken off."""
    head = _xing(file)
    if len(head) < 16 or not head[7] & 2:
        return 0
    return struct.unpack(">I", head[12:16] if head[7] & 1 else head[8:12])[0] - size


def _xing(file: BinaryIO) -> bytes:
    """The first 16 bytes of Xing's header in an MP3's first frame: mark, flags, frames, bytes. Empty without one."""
    head = _at(file, _id3_bytes(file), 256)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    return head[at : at + 16] if at > 0 else b""


def _nothing(_file: BinaryIO, _size: int) -> int:
    """The format promises no bytes; FLAC promises samples, which the reader counts."""
    return 0


RIFF = Kind("WAV", None, True, _riff)
AIFF = Kind("AIFF", None, True, _in_chunk(b"SSND", 12, ">4sI", even=2))
W64 = Kind("W64", None, True, _in_chunk(b"data", 40, "<16sQ", even=8, counted=24))
CAF = Kind("CAF", "caf", True, _in_chunk(b"data", 8, ">4sq"))
AU = Kind("AU", None, True, _au)
FLAC = Kind("FLAC", None, True, _nothing)
OGG = Kind("Ogg", "ogg", True, _ogg)
MP3 = Kind("MP3", None, True, _mp3)
NIST = Kind("NIST", None, True, _nist)
MP4 = Kind("MP4", "mp4", False, _mp4)
WEBM = Kind("WebM", "matroska", False, _matroska)
AMR = Kind("AMR", "amr", False, _nothing)
WMA = Kind("WMA", "asf", False, _nothing)
AAC = Kind("AAC", "aac", False, _nothing)

_KINDS = (  # where the mark stands, the mark, the kind
    (0, b"RIFF", RIFF),
    (0, b"RIFX", RIFF),
    (0, b"RF64", RIFF),
    (8, b"AIFF", AIFF),
    (8, b"AIFC", AIFF),
    (0, W64_RIFF, W64),
    (0, b"caff", CAF),
    (0, b".snd", AU),
    (0, b"dns.", AU),
    (0, b"fLaC", FLAC),
    (0, b"OggS", OGG),
    (0, b"NIST_1A\n", NIST),
    (4, b"ftyp", MP4),
    (4, b"moov", MP4),
    (4, b"mdat", MP4),
    (4, b"wide", MP4),
    (0, b"\x1a\x45\xdf\xa3", WEBM),
    (0, b"#!AMR", AMR),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", WMA),
)

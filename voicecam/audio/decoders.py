"""An open sound file -> its samples, block by block, by libsndfile or, for what that cannot read, by FFmpeg's libraries (PyAV).

Judges nothing: mixing, limits and what is too short or silent are `audio`'s.
"""

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import soundfile as sf

from voicecam.audio.containers import MP3, Kind, counts_its_frames
from voicecam.audio.interrupts import interrupt_waits

BLOCK = 2**20  # samples over all channels: 4 MB
NO_LENGTH = 2**36 - 1  # samples; a FLAC from a pipe says this many, or none at all


class DecodeError(Exception):
    """The library's reason, one line, why a file cannot be opened or read on."""


class PyAVMissingError(DecodeError):
    """The file is of a kind that only FFmpeg's libraries read, and PyAV is not installed."""


@dataclass(frozen=True)
class Stream:
    """An open file.

    rate : Hz
    promised : samples of each channel that its header promises; None where it promises none, or only an estimate
    blocks : float32 arrays (n, channels), n > 0, full scale 1; iterating raises DecodeError where the file is damaged
    """

    rate: int
    promised: int | None
    blocks: Iterator[np.ndarray]


@contextmanager
def open_stream(file: BinaryIO, kind: Kind) -> Iterator[Stream]:
    """The samples of an open file, which stays open. Raises DecodeError, PyAVMissingError."""
    with ExitStack() as stack:
        yield _open(file, kind, stack)


def _open(file: BinaryIO, kind: Kind, stack: ExitStack) -> Stream:
    if kind.libsndfile:
        try:
            opened = stack.enter_context(_libsndfile(file, kind))
            return Stream(opened.samplerate, opened.frames if opened.frames < NO_LENGTH else None, _blocks(opened))
        except (sf.LibsndfileError, RuntimeError) as reason:
            if kind.ffmpeg is None or not _has_pyav():
                raise DecodeError(_one_line(reason)) from None
    return stack.enter_context(_ffmpeg(file, kind))


class _Onward(sf.SoundFile):
    """A file read from start to end. soundfile seeks after each block, which some codecs cannot do and others do wrongly.

    hold : what a block is read in; interrupt_waits where libsndfile asks Python for bytes
    """

    hold: Callable[[], AbstractContextManager] = staticmethod(interrupt_waits)

    def seekable(self) -> bool:
        return False


class _Sought:
    """A file as libsndfile asks for it. A damaged header sends it anywhere: it stays where it is, for what is raised in there
    would be printed and not raised here."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.read, self.readinto, self.tell = file.read, file.readinto, file.tell  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = 0) -> int:
        """To a place in the file, where there is such a place."""
        with suppress(ValueError, OSError, OverflowError):
            self._file.seek(offset, whence)
        return self.tell()


def _libsndfile(file: BinaryIO, kind: Kind) -> AbstractContextManager[_Onward]:
    if kind is MP3 and not counts_its_frames(file):
        return _piped(file)
    if os.name == "posix" and isinstance(file, io.BufferedReader):  # elsewhere libsndfile has file numbers of its own
        return _by_number(file)
    with interrupt_waits():
        return _Onward(_Sought(file))


@contextmanager
def _by_number(file: BinaryIO) -> Iterator[_Onward]:
    """A file on disk that libsndfile reads by itself, four times as fast as when it asks Python for each piece."""
    number = file.fileno()
    before = os.lseek(number, 0, os.SEEK_CUR)
    os.lseek(number, 0, os.SEEK_SET)
    try:
        with _Onward(number, closefd=False) as opened:
            opened.hold = nullcontext
            yield opened
    finally:
        os.lseek(number, before, os.SEEK_SET)  # where `file` believes it to be


@contextmanager
def _piped(file: BinaryIO) -> Iterator[_Onward]:
    """An MP3 that does not count its frames, as from a pipe: given a size, libsndfile estimates its length from that and reads no
    further."""
    theirs, ours = os.pipe()
    feeder = threading.Thread(target=_feed, args=(file, ours), daemon=True)
    feeder.start()
    try:
        with _Onward(theirs, closefd=False) as opened:
            yield opened
    finally:
        os.close(theirs)  # the feeder's next write fails
        feeder.join()


def _feed(file: BinaryIO, pipe: int) -> None:
    with open(pipe, "wb", buffering=0) as out:
        try:
            while data := file.read(65_536):
                out.write(data)
        except BrokenPipeError:  # nobody reads on
            pass


def _blocks(opened: _Onward) -> Iterator[np.ndarray]:
    # no more than is promised, and some: what a block has left libsndfile fills with zeros, 1 ms for BLOCK
    most = max(1, min(BLOCK // opened.channels, opened.frames + 4096))
    try:
        while len(block := _next_block(opened, most)):
            yield block
    except (sf.LibsndfileError, RuntimeError) as reason:
        raise DecodeError(_one_line(reason)) from None


def _next_block(opened: _Onward, most: int) -> np.ndarray:
    with opened.hold():
        return opened.read(most, dtype="float32", always_2d=True)


def _has_pyav() -> bool:
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _ffmpeg(file: BinaryIO, kind: Kind) -> Iterator[Stream]:
    """The first sound track, by the one demuxer for this kind: FFmpeg's guesses could follow a playlist to other files."""
    if not _has_pyav():
        raise PyAVMissingError(f"{kind.name} needs PyAV")
    import av

    file.seek(0)
    try:
        with interrupt_waits():
            container = av.open(file, format=kind.ffmpeg, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as reason:
        raise DecodeError(_one_line(reason)) from None
    with container:
        if not container.streams.audio:
            raise DecodeError("it has no sound track")
        frames = _frames(container, container.streams.audio[0], av)
        first = next(frames, None)
        if first is None:
            raise DecodeError("its sound track is empty")
        yield Stream(first.sample_rate, None, _arrays(first, frames, av))


def _frames(container: Any, track: Any, av: Any) -> Iterator[Any]:
    try:
        decoded = container.decode(track)
        while (frame := _next_frame(decoded)) is not None:
            yield frame
    except av.EOFError:
        return
    except (av.FFmpegError, ValueError) as reason:
        raise DecodeError(_one_line(reason)) from None


def _next_frame(decoded: Iterator[Any]) -> Any:
    with interrupt_waits():
        return next(decoded, None)


def _arrays(first: Any, rest: Iterator[Any], av: Any) -> Iterator[np.ndarray]:
    """Frames as float32 arrays (n, channels), at the rate of the first. Interleaved: PyAV reads beyond its memory for more than
    eight planes."""
    channels = first.layout.nb_channels
    to_float = av.AudioResampler(format="flt", layout=first.layout, rate=first.sample_rate)
    try:
        for frame in chain([first], rest, [None]):  # None: what the converter still holds
            yield from (part.to_ndarray().reshape(-1, channels) for part in to_float.resample(frame) if part.samples)
    except (av.FFmpegError, ValueError) as reason:
        raise DecodeError(_one_line(reason)) from None


def _one_line(reason: Exception) -> str:
    """The library's own words, without the file object's name that it puts around them."""
    words = getattr(reason, "error_string", None) or getattr(reason, "strerror", None) or reason
    return " ".join(str(words).split()).rstrip(".: ")

"""Bytes of a sound file -> Signal, in one process of its own, with limits on size and time. A file that crashes or hangs the
decoder costs that process, not the server. Judges nothing."""

import io
import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock

import soundfile as sf

from voicecam import audio
from voicecam.audio import Signal
from voicecam.errors import AudioError

MOST_SECONDS = 60.0  # s of sound in an upload
MOST_SAMPLES = 24_000_000  # over all channels: 60 s of stereo at 192 kHz. A FLAC of silence packs 20 MB from far more
TIMEOUT_S = 20.0  # s for one file; the largest allowed takes some 2 s
NAME = "recording"  # what messages call every file: its own name is the person's business
UNREADABLE = f"{NAME}: not readable as sound; use WAV, FLAC, OGG or MP3"


class Decoder:
    """Reads sound files, one after another. Starts its process when it is needed, and again where it was lost."""

    def __init__(self, *, timeout: float = TIMEOUT_S):
        self._timeout = timeout
        self._one = Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def decode(self, data: bytes) -> Signal:
        """The sound in a file's bytes. Raises AudioError for what is no sound, too long, or takes too long."""
        with self._one:
            try:
                answer = self._ask(data)
            except (EOFError, OSError):  # the process died of it
                self._stop()
                raise AudioError(UNREADABLE) from None
        if isinstance(answer, AudioError):
            raise answer
        return answer

    def start(self) -> None:
        """Start the process now, so that the first file need not wait for it."""
        with self._one:
            self._start()

    def close(self) -> None:
        """End the process."""
        with self._one:
            self._stop()

    def _ask(self, data: bytes) -> Signal | AudioError:
        self._start()
        assert self._pipe is not None
        self._pipe.send_bytes(data)
        if not self._pipe.poll(self._timeout):
            self._stop()
            return AudioError(f"{NAME}: took more than {self._timeout:g} s to decode; export it as WAV")
        return self._pipe.recv()

    def _start(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")  # fork would copy the server's threads and locks half-way
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True, name="decoder")
        self._process.start()
        theirs.close()

    def _stop(self) -> None:
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None


def decode(data: bytes) -> Signal:
    """The sound in a file's bytes, read as `audio.read` reads every file.

    Raises AudioError as that does, and for more than MOST_SECONDS or MOST_SAMPLES; messages name no file or folder.
    """
    if not data:
        raise AudioError(f"{NAME}: 0 bytes; record or copy it again")
    _refuse_long(data)
    with _as_file(data) as path:
        try:
            return audio.read(path)
        except AudioError as reason:
            raise type(reason)(str(reason).replace(str(path), NAME)) from None


def _refuse_long(data: bytes) -> None:
    try:
        with sf.SoundFile(io.BytesIO(data)) as file:
            seconds, samples = file.frames / file.samplerate, file.frames * file.channels
    except (sf.LibsndfileError, RuntimeError, TypeError):
        return  # no sound: audio.read says so in its own words
    if seconds > MOST_SECONDS:
        raise AudioError(f"{NAME}: {seconds:.0f} s of sound, {MOST_SECONDS:.0f} s are the most; cut it")
    if samples > MOST_SAMPLES:
        raise AudioError(f"{NAME}: {samples} samples, {MOST_SAMPLES} are the most; export it with fewer channels")


@contextmanager
def _as_file(data: bytes) -> Iterator[Path]:
    """A path that reads as these bytes: in memory where the system can (Linux), else a file that is deleted at once."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("recording"), "wb") as file:
            file.write(data)
            file.flush()
            yield Path(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        path.write_bytes(data)
        yield path


def _work(pipe: Connection) -> None:
    """The process: decode what comes in until the server goes away."""
    while True:
        try:
            data = pipe.recv_bytes()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer: Signal | AudioError = decode(data)
        except AudioError as reason:
            answer = reason
        except Exception:  # whatever a broken file does to the library: the person hears this, the terminal the rest
            traceback.print_exc()
            answer = AudioError(UNREADABLE)
        pipe.send(answer)

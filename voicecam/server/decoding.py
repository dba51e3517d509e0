"""Bytes of a sound file -> Signal, in one process of its own, with limits on size and time. A file that crashes or hangs the
decoder costs that process, not the server. Judges nothing."""

import multiprocessing
import traceback
from multiprocessing.connection import Connection
from threading import Lock

from voicecam import audio
from voicecam.audio import Limits, Signal
from voicecam.errors import AudioError

MOST_SECONDS = 60.0  # s of sound in an upload
MOST_SAMPLES = 24_000_000  # over all channels: 60 s of stereo at 192 kHz. A FLAC of silence packs 20 MB from far more
TIMEOUT_S = 20.0  # s for one file; the largest allowed takes some 2 s
LIMITS = Limits(seconds=MOST_SECONDS, samples=MOST_SAMPLES)
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

    Raises AudioError as that does, beyond LIMITS too; messages name no file or folder.
    """
    return audio.read_bytes(data, name=NAME, limits=LIMITS)


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

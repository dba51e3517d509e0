"""Ctrl-C while libsndfile or FFmpeg asks Python for the bytes of a file: it comes out afterwards, once, with nothing printed."""

import contextlib
import io
import signal
import sys
import threading
import time

import numpy as np
import pytest
import soundfile as sf

from voicecam.audio import degrade, read_bytes
from voicecam.audio import signal as sounds
from voicecam.audio.interrupts import interrupt_waits
from voicecam.audio.written import sound_bytes


class Interrupting(io.BytesIO):
    """A file in memory; the n-th time that it is read, Ctrl-C comes in the middle of that."""

    def __init__(self, data: bytes, nth: int):
        super().__init__(data)
        self.left = nth

    def _come(self) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)

    def read(self, *how):
        self._come()
        return super().read(*how)

    def readinto(self, buffer):
        self._come()
        return super().readinto(buffer)


@pytest.fixture
def tone():
    return np.sin(2 * np.pi * 220 * np.arange(3 * 2**20) / 48_000).astype(np.float32) / 2


@pytest.fixture(autouse=True)
def own_handler(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)  # pytest's prints nothing
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    found = signal.signal(signal.SIGINT, before)
    assert found is signal.default_int_handler


def encoded(samples, kind):
    if kind == "M4A":
        av = pytest.importorskip("av")
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as out:
            track = out.add_stream("aac", rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = 48_000
            out.mux(track.encode(frame))
            out.mux(track.encode(None))
        return file.getvalue()
    file = io.BytesIO()
    with sf.SoundFile(file, "w", 48_000, 1, format=kind) as out:
        for block in np.split(samples, 48):  # libsndfile's Vorbis falls over much at once
            out.write(block)
    return file.getvalue()


def read_all(file):
    return [*sounds.file_blocks(file, "x", None, sounds.ANY)]


def test_soundfile_itself_prints(tone, capfd):
    """What this is for; where soundfile mends it, the block is no longer needed."""
    data = encoded(tone, "WAV")
    with contextlib.suppress(sf.LibsndfileError):
        sf.read(Interrupting(data, 8))
    assert "vio_read" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF", "M4A"])
def test_ctrl_c_in_any_read_comes_out_and_nothing_is_printed(kind, tone, capfd):
    data = encoded(tone, kind)
    whole = Interrupting(data, 10**9)
    expected = np.concatenate([block.samples for block in read_all(whole)])
    reads = 10**9 - whole.left
    assert len(expected) >= len(tone)
    for nth in sorted({1, 2, 3, reads // 4, reads // 2, 3 * reads // 4, reads - 1, reads}):
        with pytest.raises(KeyboardInterrupt):
            read_all(Interrupting(data, max(1, nth)))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_while_samples_are_written_and_degraded(tone, capfd, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            signal.raise_signal(signal.SIGINT)
            return super().write(data)

    with monkeypatch.context() as patch:
        patch.setattr("voicecam.audio.written.io.BytesIO", Full)
        with pytest.raises(KeyboardInterrupt):
            sound_bytes(tone, 48_000)
        with pytest.raises(KeyboardInterrupt):
            degrade.mp3(tone[:48_000], 48_000, 64)
    np.testing.assert_allclose(read_bytes(sound_bytes(tone, 48_000)).samples, tone, atol=2**-15)
    assert capfd.readouterr() == ("", "")


def test_the_error_of_a_broken_file_gives_way_to_ctrl_c(tone, capfd):
    def broken():
        with interrupt_waits():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("broken")

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert capfd.readouterr().err == ""


def test_once_however_often_and_in_blocks_within_blocks():
    calls = []
    signal.signal(signal.SIGINT, lambda number, frame: calls.append((number, frame is not None)))
    handler = signal.getsignal(signal.SIGINT)
    with interrupt_waits():
        with interrupt_waits():
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
        assert calls == []
    assert calls == [(signal.SIGINT, True)]
    assert signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("how", [signal.SIG_IGN, signal.SIG_DFL])
def test_where_python_is_not_asked_it_stays_so(how):
    signal.signal(signal.SIGINT, how)
    with interrupt_waits():
        assert signal.getsignal(signal.SIGINT) is how
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_another_thread_leaves_the_handler_alone():
    seen = []

    def work():
        with interrupt_waits():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_it_takes_microseconds():
    begun = time.process_time()
    for _ in range(10_000):
        with interrupt_waits():
            pass
    assert (time.process_time() - begun) / 10_000 < 200e-6

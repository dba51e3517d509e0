"""The microphone, through PortAudio: devices by name, a recording that starts when it says so, playback. Decides nothing.

An edge: nothing but scripts imports it. sounddevice is imported late, so that its absence is one line and not a traceback.
"""

import queue
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from voicecam.audio.signal import Signal
from voicecam.errors import AudioError

RATE = 48_000  # Hz; what sound cards run at; those that cannot give their own rate
BLOCK_S = 0.05  # s between blocks: the level meter moves 20 times a second
PATIENCE_S = 5.0  # s without a block after which a device counts as dead
INSTALL = (
    "Linux: sudo apt install libportaudio2 (Fedora: dnf install portaudio); macOS: brew install portaudio; "
    "Windows: pip install --force-reinstall sounddevice"
)


@dataclass(frozen=True)
class Device:
    """An input. name : as the system calls it; host : the sound system it belongs to; rate : its own, in Hz."""

    index: int
    name: str
    host: str
    channels: int
    rate: int
    default: bool

    @property
    def listens_to_output(self) -> bool:
        """Whether it records what the computer plays, by its name."""
        return any(word in self.name.lower() for word in ("monitor", "stereo mix", "loopback", "what u hear"))


def devices() -> list[Device]:
    """All inputs. Raises AudioError, with what to install or to do, without sounddevice, PortAudio or any microphone."""
    sd = _sounddevice()
    hosts, chosen = sd.query_hostapis(), sd.default.device[0]
    found = [
        Device(
            i,
            entry["name"],
            hosts[entry["hostapi"]]["name"],
            entry["max_input_channels"],
            round(entry["default_samplerate"]),
            i == chosen,
        )
        for i, entry in enumerate(sd.query_devices())
        if entry["max_input_channels"] > 0
    ]
    if not found:
        raise AudioError(
            "no microphone found; plug one in and allow its use (Linux: pavucontrol; macOS: System Settings > Privacy > "
            "Microphone; Windows: Settings > Privacy > Microphone)"
        )
    return found


def find_device(name: str | None, among: list[Device]) -> Device:
    """The device of that name or, if only one fits, of that part of a name; upper and lower case are alike. None: the default.

    Raises AudioError where none or several fit.
    """
    if name is None:
        return next((device for device in among if device.default), among[0])
    exact = [device for device in among if device.name.lower() == name.lower()]
    fitting = exact or [device for device in among if name.lower() in device.name.lower()]
    if len({device.name for device in fitting}) == 1:
        return fitting[0]
    names = "; ".join(dict.fromkeys(device.name for device in fitting or among))
    found = "several devices fit" if fitting else "no such device"
    raise AudioError(f"--device {name}: {found}; use one of: {names}")


def record(device: Device, *, seconds: float, start: Callable[[], None], hear: Callable[[Signal], bool]) -> tuple[Signal, int]:
    """Record at most `seconds`; returns the recording and how many blocks the computer was too slow for.

    start : called while the device runs already; counts down and says "speak now". What was captured before it returned is
        dropped: all that waits, and the device's delay and one block after that
    hear : called with each block; True ends the recording. Ctrl-C ends it too, after `start`
    Raises AudioError where the device cannot be opened or gives nothing.
    """
    sd, blocks, lost = _sounddevice(), queue.Queue(), []  # type: ignore[var-annotated]

    def collect(samples: np.ndarray, _frames: int, _time: Any, status: Any) -> None:
        blocks.put(samples[:, 0].copy())
        if status.input_overflow:
            lost.append(1)

    try:
        rate = _rate(sd, device)
        stream = sd.InputStream(
            rate, round(rate * BLOCK_S), device.index, channels=1, dtype="float32", latency="low", callback=collect
        )
        with stream:
            start()
            _drop_waiting(blocks)
            lost.clear()
            kept = _collect(blocks, round((stream.latency + BLOCK_S) * rate), seconds, rate, hear)
    except sd.PortAudioError as reason:
        raise AudioError(
            f"{device.name}: cannot be opened ({_first_line(reason)}); close what else records, or use --device"
        ) from None
    return Signal(kept, rate), len(lost)


def play(signal: Signal) -> None:
    """Play a recording on the default output and wait for its end. Raises AudioError where there is none."""
    sd = _sounddevice()
    try:
        sd.play(signal.samples, signal.rate, blocking=True)
    except sd.PortAudioError as reason:
        raise AudioError(f"cannot play ({_first_line(reason)}); check the system's output") from None


def record_word(seconds: float, *, device: str | None = None) -> Signal:
    """Record until the word is over, at most `seconds`; prints when to speak. device : a part of its name, None the default."""
    from voicecam.audio.recorder import EndpointDetector

    chosen = find_device(device, devices())
    heard, _ = record(chosen, seconds=seconds, start=lambda: print("speak now", flush=True), hear=EndpointDetector())
    return heard


def _collect(blocks: queue.Queue, skip: int, seconds: float, rate: int, hear: Callable[[Signal], bool]) -> np.ndarray:
    """Blocks until `hear` says so, `seconds` are full or Ctrl-C, float32 (n,); the first `skip` samples are dropped."""
    wanted, kept, over = round(seconds * rate), [np.zeros(0, np.float32)], False
    try:
        while not over and sum(map(len, kept)) < wanted:
            block = blocks.get(timeout=PATIENCE_S)
            skipped, block = min(skip, len(block)), block[skip:]
            skip -= skipped
            if len(block):
                kept.append(block)
                over = hear(Signal(block, rate))
    except queue.Empty:
        raise AudioError(f"the device gives no sound for {PATIENCE_S:.0f} s; unmute it or use --device") from None
    except KeyboardInterrupt:
        pass  # what was said until now is kept
    return np.concatenate(kept)[:wanted]


def _drop_waiting(blocks: queue.Queue) -> None:
    while not blocks.empty():
        blocks.get_nowait()


def _rate(sd: Any, device: Device) -> int:
    """48 kHz where the device can, else its own rate."""
    try:
        sd.check_input_settings(device.index, channels=1, dtype="float32", samplerate=RATE)
    except sd.PortAudioError:
        return device.rate
    return RATE


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise AudioError(f"recording needs sounddevice; run: {sys.executable} -m pip install sounddevice") from None
    except OSError:  # its wheels for Linux come without PortAudio
        raise AudioError(f"PortAudio is not installed; {INSTALL}") from None
    return sounddevice


def _first_line(reason: Exception) -> str:
    return str(reason).splitlines()[0].rstrip(".")

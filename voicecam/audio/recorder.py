"""What a recorder decides, without a device: level meter, end of the word, warnings, name and file. Records nothing itself."""

from datetime import datetime
from pathlib import Path

import numpy as np

from voicecam import audio
from voicecam.audio.detector import FRAME
from voicecam.audio.detector import SPEECH as LIKELY
from voicecam.audio.signal import Signal
from voicecam.audio.speech import RATE as SPEECH_RATE
from voicecam.audio.speech import speech_probabilities
from voicecam.audio.written import sound_bytes
from voicecam.files import free_path, safe_name, write_bytes

RATE = 48_000  # Hz, of the files
QUIET_AFTER_S = 0.8  # s of quiet after speech that end a recording: longer than the pauses inside a word or short sentence
LOOK_S = 0.2  # s between looks for speech
BACK_S = 3.0  # s that a look goes back: bounds its time
SPOKEN_FRAMES = 3  # frames of 32 ms that must be speech before a word can be over, so that a click does not end it
CLIPPED = 0.999  # of full scale; a sample from here on counts as clipped
CLIPPED_SAMPLES = 3  # as many make the warning: a lone peak can touch the end by chance
SOFT_DBFS = -40.0  # dB re full scale; speech with a lower peak is mostly the room's noise
METER_DB, METER_WIDTH = 60, 30  # the meter shows this many dB below full scale, on this many places


class EndpointDetector:
    """Whether the word is over: speech was heard, and then QUIET_AFTER_S without. Call it with each block of a recording."""

    def __init__(self) -> None:
        self._blocks: list[Signal] = []
        self._unseen = 0.0  # s since the last look
        self.heard = False
        speech_probabilities(np.zeros(FRAME, np.float32))  # loads the detector now, not while somebody speaks

    def __call__(self, block: Signal) -> bool:
        """Take the next block, float samples at any rate; True from the block on where the word is over."""
        self._blocks.append(block)
        self._unseen += block.seconds
        if self._unseen < LOOK_S:
            return False
        self._unseen = 0.0
        while sum(part.seconds for part in self._blocks[1:]) > BACK_S:
            self._blocks.pop(0)
        return self._look(Signal(np.concatenate([part.samples for part in self._blocks]), block.rate))

    def _look(self, signal: Signal) -> bool:
        ready = audio.resample(audio.centre(signal), SPEECH_RATE).samples
        speaking = np.flatnonzero(speech_probabilities(ready) >= LIKELY)
        self.heard = self.heard or len(speaking) >= SPOKEN_FRAMES
        last = (speaking[-1] + 1) * FRAME / SPEECH_RATE if len(speaking) else 0.0
        return self.heard and len(ready) / SPEECH_RATE - last >= QUIET_AFTER_S


def decibels(value: float) -> float:
    """An amplitude in dB re full scale; -120 for what is less, zero included."""
    return 20 * float(np.log10(max(value, 1e-6)))


def meter(block: Signal) -> str:
    """The block's peak as a bar: "[##########          ]  -40 dBFS", with CLIP behind it where it clips."""
    peak = float(np.abs(block.samples).max(initial=0.0))
    level = decibels(peak)
    filled = round(METER_WIDTH * min(1.0, max(0.0, 1 + level / METER_DB)))
    return f"[{'#' * filled:<{METER_WIDTH}}] {level:4.0f} dBFS{' CLIP' if peak >= CLIPPED else '     '}"


def warnings_of(signal: Signal, *, heard: bool) -> list[str]:
    """What is wrong with a recording, one line each: silence, softness, clipping, no speech.

    heard : whether speech was heard in it
    """
    peak = float(np.abs(audio.centre(signal).samples).max(initial=0.0)) if len(signal.samples) else 0.0
    if decibels(peak) < audio.SILENCE_DBFS:
        return [f"silent (peak {decibels(peak):.0f} dBFS): muted, or the wrong device; see --list and --device"]
    found = []
    clipped = int(np.count_nonzero(np.abs(signal.samples) >= CLIPPED))
    if clipped >= CLIPPED_SAMPLES:
        found.append(f"clipped: {clipped} samples at full scale; move away or lower the input level")
    if decibels(peak) < SOFT_DBFS:
        found.append(f"soft: peak {decibels(peak):.0f} dBFS; come closer, raise the input level, or check the device")
    return found if heard else [*found, "no speech was heard; is it the right device?"]


def save(signal: Signal, folder: Path, *, word: str, name: str, now: datetime) -> Path:
    """Write folder/NAME_WORD_DATE.wav, 48 kHz, 16 bit, one channel; returns the path. What is there stays: -2 follows DATE.

    DATE is local time, 20260504T130201. corpora/folders.py reads the speaker off NAME, and tells by the T that it stands first.
    """
    samples = np.clip(audio.resample(signal, RATE).samples, -1.0, 1.0)
    path = free_path(folder, f"{safe_name(name)}_{safe_name(word)}_{now:%Y%m%dT%H%M%S}", ".wav")
    write_bytes(path, sound_bytes(samples, RATE))
    return path

"""Words spoken by espeak-ng, as 16-bit samples. Knows nothing of rooms, noise or files.

espeak-ng keeps its random state from call to call, so it repeats itself only in a fresh process with the same calls in the
same order. `speak` therefore starts one process per list of words. That process runs this file alone, and starts often, so
nothing slow is imported here: not numpy, not the rest of voicecam.corpora.
"""

import ctypes
import json
import os
import subprocess
import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from voicecam.errors import DatasetError

RATE = 22050  # Hz, the only rate espeak-ng renders at
_SYNCHRONOUS, _NO_EXIT = 2, 0x8000  # espeak_Initialize: give samples to the callback; report errors, do not end the process
_SPEED, _PITCH, _PITCH_RANGE = 1, 3, 4  # espeak_SetParameter
_UTF8 = 1


@dataclass(frozen=True)
class Word:
    """What to say and how. voice : accent+variant, "en-us+f1". rate_wpm : 80 or more. pitch, pitch_range : 0 to 99."""

    text: str
    voice: str
    rate_wpm: int
    pitch: int
    pitch_range: int


def speak(words: Sequence[Word]) -> list[array]:
    """Speak `words` in a fresh process; one array of 16-bit samples at 22,050 Hz each, the same for the same list.

    Raises DatasetError when espeakng-loader is missing, a voice does not exist or the process fails.
    """
    command = [sys.executable, "-P", __file__]  # -P: without this file's own folder on the path
    search = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    request = json.dumps([asdict(word) for word in words]).encode()
    done = subprocess.run(command, input=request, capture_output=True, env={**os.environ, "PYTHONPATH": search}, check=False)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise DatasetError(last if done.returncode == 2 else f"espeak-ng: exit status {done.returncode} ({last}); try again")
    header, samples = done.stdout.split(b"\n", 1)
    whole = array("h", samples)
    ends = list(accumulate(json.loads(header)))
    return [whole[start:end] for start, end in zip([0] + ends, ends)]


def _answer() -> int:
    """The fresh process: words as JSON on stdin; on stdout one line with the lengths, then all samples."""
    try:
        spoken = _speak_here([Word(**word) for word in json.load(sys.stdin)])
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 2
    sys.stdout.buffer.write(json.dumps([len(samples) // 2 for samples in spoken]).encode() + b"\n" + b"".join(spoken))
    return 0


def _speak_here(words: Sequence[Word]) -> list[bytes]:
    library, data = _load()
    heard: list[bytes] = []
    callback = _listen(heard)  # ctypes does not keep it alive: this name does, until the last word is spoken
    library.espeak_SetSynthCallback(callback)
    spoken = []
    for word in words:
        heard.clear()
        _set_voice(library, data, word)
        text = word.text.encode()
        library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        if not heard:
            raise DatasetError(f"espeak-ng: no sound for '{word.text}' from {word.voice}; take another word or voice")
        spoken.append(b"".join(heard))
    return spoken


def _load() -> tuple[ctypes.CDLL, Path]:
    """The library, ready to speak, and its data folder."""
    try:
        import espeakng_loader  # here: the rest of the module works without it
    except ImportError:
        raise DatasetError("demo corpus: espeakng-loader is not installed; run: pip install espeakng-loader") from None
    data = Path(espeakng_loader.get_data_path())
    library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    if library.espeak_Initialize(_SYNCHRONOUS, 0, str(data.parent).encode(), _NO_EXIT) != RATE:
        raise DatasetError(f"espeak-ng: does not start with the data in {data}; install espeakng-loader again")
    return library, data


def _listen(heard: list[bytes]) -> Callable[..., int]:
    """A callback for espeak-ng that collects samples in `heard`."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def collect(samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            heard.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    return kind(collect)


def _set_voice(library: ctypes.CDLL, data: Path, word: Word) -> None:
    accent, _, variant = word.voice.partition("+")
    # espeak-ng takes an unknown variant without a word and speaks with its plain voice, so the file is looked up here.
    known = not variant or (data / "voices" / "!v" / variant).is_file()
    if not known or library.espeak_SetVoiceByName(word.voice.encode()):
        what = f"accent '{accent}'" if known else f"variant '{variant}'"
        raise DatasetError(f"espeak-ng: voice {word.voice}: no {what}; install the pinned espeakng-loader (constraints.txt)")
    for parameter, value in ((_SPEED, word.rate_wpm), (_PITCH, word.pitch), (_PITCH_RANGE, word.pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)


if __name__ == "__main__":
    sys.exit(_answer())

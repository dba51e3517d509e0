"""A learner's own recording in a notebook: the button to upload it, its bytes, a saved clip for those who hand in none, and the
tour's network to ask about it."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.microphone import record_word
from voicecam.corpora import Corpus
from voicecam.corpora.labels import AUDIO_SUFFIXES
from voicecam.course.display import say, show_controls
from voicecam.errors import AudioError, SilentError
from voicecam.explanation.audible import wav_bytes
from voicecam.network.recordings import NO_SPEECH
from voicecam.prediction import Prediction
from voicecam.server.decoding import decode
from voicecam.voice_model import VoiceModel

SOUNDS = ",".join(AUDIO_SUFFIXES)  # what the button offers
RATE = 16_000  # Hz, of the saved clip
PAUSE_S = 0.4  # s of silence after each of its words


def predict_bytes(model: VoiceModel, data: bytes, *, name: str = "recording") -> Prediction:
    """What a model says of the bytes of a sound file. Raises nothing for bytes that cannot be used: `error` says why."""
    try:
        signal = decode(data)
    except SilentError:  # readable, but nobody speaks
        return Prediction(name, NO_SPEECH)
    except AudioError as reason:
        return Prediction(name, None, error=str(reason))
    return replace(model.classify(signal), path=name)


def from_microphone(seconds: float = 5.0) -> tuple[str, bytes]:
    """A name and the bytes of a WAV file, recorded now. Raises AudioError where there is no microphone."""
    return "microphone", wav_bytes(record_word(seconds))


def uploaded(value: Any) -> tuple[str, bytes] | None:
    """Name and bytes of the last file in the value of an ipywidgets.FileUpload, None where there is none.

    Version 8 gives a sequence of dicts, version 7 (Colab) a dict by name.
    """
    if not value:
        return None
    if isinstance(value, Mapping):
        name, entry = list(value.items())[-1]
        return str(name), bytes(entry["content"])
    return str(value[-1]["name"]), bytes(value[-1]["content"])


def upload_box(heard: Callable[[str, bytes], None]) -> Any:
    """Show a button that uploads a sound file from the learner's computer to the kernel; returns the ipywidgets.FileUpload.

    heard : called with name and bytes of each file as it arrives; what it shows appears under the button
    A page without a kernel shows a line instead.
    """
    import ipywidgets  # an extra: pip install voicecam[notebooks]

    button, shown = ipywidgets.FileUpload(accept=SOUNDS, multiple=False, description="Upload a recording"), ipywidgets.Output()
    button.layout.width = "14em"

    def arrived(_change: Any) -> None:
        found = uploaded(button.value)
        if found is not None:
            with shown:
                shown.clear_output(wait=True)
                heard(*found)

    button.observe(arrived, names="value")
    show_controls(ipywidgets.VBox([button, shown]))
    return button


def saved_words(corpus: Corpus, n: int = 3) -> bytes:
    """The saved clip, as the bytes of a WAV file at 16 kHz: n clips of the corpus's first speaker, of as many words as there are,
    with pauses between them."""
    own = corpus.clips[corpus.clips["speaker"] == corpus.clips["speaker"].iloc[0]]
    rows = np.linspace(0, len(own) - 1, min(n, len(own))).round().astype(int)
    signals = [audio.resample(audio.read(corpus.root / path), RATE) for path in own["path"].iloc[rows]]
    pause = np.zeros(round(PAUSE_S * RATE), np.float32)
    return wav_bytes(Signal(np.concatenate([part for one in signals for part in (one.samples, pause)]), RATE))


def tour_learner(home: Path) -> Learner | None:
    """The learner that 00_tour exported to home/results/tour, as fastai's load_learner gives it, without its warning; where it
    cannot be had, None, and a line that says why.

    Reading a pickle runs what stands in it: open only files of your own.
    """
    path = home / "results" / "tour" / "learner.pkl"
    try:
        return torch.load(path, map_location="cpu", weights_only=False)  # nosec B614: said above
    except FileNotFoundError:
        say("The tour's network is not there: run 00_tour first, then this cell.")
    except (AttributeError, ImportError, EOFError, RuntimeError, pickle.UnpicklingError) as reason:
        say(f"The tour's network cannot be loaded ({str(reason).splitlines()[0]}): run 00_tour again.")
    return None

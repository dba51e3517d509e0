"""The six clips of the guided minute, chosen by what the model really says of them. No person's voice: made from the demo voices.
Says nothing that was not asked of the model."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from voicecam import audio
from voicecam.audio import Signal, degrade
from voicecam.audio.pitch import shift_pitch
from voicecam.config import DEMO, UNCERTAIN
from voicecam.corpora import open_corpus
from voicecam.errors import VoicecamError
from voicecam.files import atomic_path, read_table, write_json
from voicecam.network.classifier import Classifier, Prediction, load_classifier, sure_classes
from voicecam.network.recordings import predict_recording

KINDS = ("sure", "uncertain", "wrong", "noise", "two", "pitch")
TRIES = 300  # recordings asked of the model at most for each kind
OTHER = "word"  # column of the demo voices' other words
SEMITONES = 7.0  # how far the pitch is moved: a fifth


@dataclass(frozen=True)
class Clip:
    """kind : of KINDS; truth : what was said, in the order of saying; made : how, in numbers for the page's words"""

    kind: str
    signal: Signal
    truth: tuple[str, ...]
    made: dict[str, float]


def write_clips(folder: Path, model: Path, *, seed: int = 7) -> Path:
    """Write six WAV files and clips.json, a list in the order of KINDS; returns the list's path.

    model : folder of the model that is asked; its classes are among the demo voices' labels "digit" or "gender"
    An entry holds file, kind, truth, made, and the model's own answer by predict_recording: prediction, label, probability.
    Raises VoicecamError where no recording of a kind is found.
    """
    classifier = load_classifier(model)
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for kind in KINDS:
        clip, said = _first(classifier, kind, np.random.default_rng([seed, KINDS.index(kind)]))
        with atomic_path(folder / f"{kind}.wav") as temporary:
            sf.write(temporary, clip.signal.samples, clip.signal.rate, subtype="PCM_16", format="WAV")
        listed.append(_entry(clip, said))
    write_json(folder / "clips.json", listed)
    return folder / "clips.json"


def _entry(clip: Clip, said: Prediction) -> dict[str, Any]:
    answer = {"prediction": said.prediction, "label": said.label, "probability": said.probability}
    return {"file": f"{clip.kind}.wav", "kind": clip.kind, "truth": list(clip.truth), "made": clip.made, **answer}


def _first(classifier: Classifier, kind: str, rng: np.random.Generator) -> tuple[Clip, Prediction]:
    """The first recording of which the model says what its kind asks for."""
    for clip, _ in zip(_candidates(classifier, kind, rng), range(TRIES)):
        said = predict_recording(classifier, clip.signal)
        if _fits(clip, said, classifier.threshold):
            return clip, said
    raise VoicecamError(
        f"clip {kind!r}: the model gives no such answer to any of {TRIES} recordings; make the site with another one"
    )


def _fits(clip: Clip, said: Prediction, threshold: float) -> bool:
    """Noise and a moved pitch are taken as they come. Of two voices the windows are sure of both words."""
    sure = said.probability or 0.0
    return {
        "sure": said.prediction in clip.truth and sure > 0.97,
        "uncertain": said.prediction == UNCERTAIN,
        "wrong": said.label is not None and said.prediction == said.label and said.label not in clip.truth,
        "noise": True,
        "two": len(set(clip.truth)) == 2 and set(clip.truth) <= set(sure_classes(said.windows, threshold=threshold)),
        "pitch": said.label is not None,
    }[clip.kind]


def _candidates(classifier: Classifier, kind: str, rng: np.random.Generator) -> Iterator[Clip]:
    """Recordings that may be of the kind, without end. Their samples are those that a 16-bit file gives back."""
    words = _Words(classifier, rng)
    while True:
        signal, truth, made = words.make(kind)
        samples = signal.samples / max(1.0, float(np.abs(signal.samples).max()) / 0.9)
        yield Clip(kind, Signal((np.round(samples * 32_767) / 32_768).astype(np.float32), signal.rate), truth, made)


class _Words:
    """Words of the demo voices, one after another in the order of chance."""

    def __init__(self, classifier: Classifier, rng: np.random.Generator):
        corpus = open_corpus(DEMO)
        label = classifier.model.label
        self.root, self.rng = corpus.root, rng
        self.clips = corpus.clips[corpus.clips[label].isin(classifier.model.classes)]
        self.label = label
        others = read_table(DEMO / "words" / "clips.csv")
        self.others = others[~others[OTHER].isin(classifier.model.classes)]  # words that the model was not taught

    def make(self, kind: str) -> tuple[Signal, tuple[str, ...], dict[str, float]]:
        """A recording, what is said in it, and how it was made."""
        (one, said), rng = self._word(), self.rng
        if kind == "noise":
            quiet = rng.standard_normal(2 * one.rate).astype(np.float32)
            return Signal(0.05 * quiet, one.rate), (), {"seconds": 2.0}
        if kind == "two":
            other, also = self._word()
            pause = np.zeros(round(0.4 * one.rate), np.float32)
            samples = [pause, audio.set_level(one, -26).samples, pause, audio.set_level(other, -26).samples, pause]
            return Signal(np.concatenate(samples), one.rate), (said, also), {}
        if kind == "pitch":
            moved = shift_pitch(one.samples, one.rate, SEMITONES)
            return Signal(moved, one.rate), (said,), {"semitones": SEMITONES}
        if kind == "wrong" and self.label == "digit":
            row = self.others.iloc[int(rng.integers(len(self.others)))]
            return audio.read(DEMO / "words" / row["path"], rate=16_000), (str(row[OTHER]),), {}
        if kind == "sure":
            return one, (said,), {}
        snr = float(np.round(rng.uniform(0, 12)))
        return Signal(degrade.noise(one.samples, one.rate, snr_db=snr, slope=1.0, rng=rng), one.rate), (said,), {"snr": snr}

    def _word(self) -> tuple[Signal, str]:
        row = self.clips.iloc[int(self.rng.integers(len(self.clips)))]
        return audio.read(self.root / row["path"], rate=16_000), str(row[self.label])

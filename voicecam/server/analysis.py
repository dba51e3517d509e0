"""A recording -> all that the page shows of it, as plain values for JSON: prediction, waveform, picture, map and bands; its
sounds are in sounds.py. The prediction is that of files and microphone, recordings.predict_recording. The browser draws.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from voicecam.audio import Signal
from voicecam.audio.pitch import median_f0
from voicecam.audio.speech import cut, find_speech
from voicecam.config import map_choice
from voicecam.errors import ExplainError
from voicecam.explanation.band_occlusion import occluded_bands
from voicecam.explanation.bands import band_limits, band_set
from voicecam.explanation.cells import cell_edges
from voicecam.explanation.counterfactual import shift_speech
from voicecam.explanation.methods import METHODS, attribute_all
from voicecam.explanation.training_ranges import BANDS, DIGITS, TrainingRanges, describe_outliers, strongest
from voicecam.features import column_axis, row_axis
from voicecam.network import Model, recordings
from voicecam.network.classifier import Classifier, sure_classes
from voicecam.network.recordings import NO_SPEECH, Prediction
from voicecam.server.listening import explain_sound
from voicecam.server.values import picture, plain, wav_text, waveform
from voicecam.voice_model import targets_of

MAPPING = Lock()  # of whoever asks `mapped`: maps hang hooks into the network, so one at a time


@dataclass(frozen=True)
class Explainer:
    """A classifier, and the training clips' bands (None where they were not measured). Its maps are those of
    config.DEFAULT_MAPS; a speech model's are those of voice_model. name : what the page calls it where there are several"""

    classifier: Classifier
    ranges: TrainingRanges | None = None
    name: str = "voice"

    @property
    def method(self) -> str:
        """How its maps are made, a key of explanation.METHODS."""
        return map_choice(self.classifier.model.arch, self.classifier.model.config.features)[0]

    @property
    def layer(self) -> str:
        """The stage of the network that they look at."""
        return map_choice(self.classifier.model.arch, self.classifier.model.config.features)[1]

    @cached_property
    def mapped(self) -> Model:
        """A copy of the model for maps alone: the hooks that these hang in would catch another thread's passes."""
        model = self.classifier.model
        return replace(model, network=deepcopy(model.network))


def analyse(explainer: Explainer, signal: Signal, served: Sequence[Explainer] = ()) -> dict[str, Any]:
    """The prediction of a recording at any rate, as `recordings.row` has it, with waveform, timeline, explanation (None where
    there is no speech), and the verdict of every model that is served, this one among them."""
    prediction = recordings.predict_recording(explainer.classifier, signal, name="")
    found = [
        prediction if one is explainer else recordings.predict_recording(one.classifier, signal) for one in served or [explainer]
    ]
    return {
        **answer(explainer, prediction),
        "verdicts": verdicts(served or [explainer], found),
        "waveform": waveform(signal),
        "explanation": None if prediction.spoken is None else explain(explainer, prediction),
    }


def silent(explainer: Explainer, served: Sequence[Explainer] = ()) -> dict[str, Any]:
    """What `analyse` gives for a recording in which nothing is heard at all."""
    models, nothing = served or [explainer], Prediction("", NO_SPEECH)
    said = verdicts(models, [nothing] * len(models))
    return {**answer(explainer, nothing), "verdicts": said, "waveform": None, "explanation": None}


def verdicts(models: Sequence[Explainer], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Each model's name with its prediction, label and probability."""
    rows = zip(models, predictions)
    return [
        {"model": one.name, "prediction": said.prediction, "label": said.label, "probability": said.probability}
        for one, said in rows
    ]


def answer(explainer: Explainer, prediction: Prediction) -> dict[str, Any]:
    """The judgement's row without the file's name; beside it its timeline in words where it has several windows, and a sentence
    where some of them are sure of different classes."""
    row = recordings.row(prediction)
    del row["path"], row["error"]
    windows, threshold = prediction.windows, explainer.classifier.threshold
    line = recordings.timeline(windows, threshold=threshold) if len(windows) > 1 else None
    torn = len(sure_classes(windows, threshold=threshold)) > 1
    said = f"The windows disagree: {line}. One answer does not hold for the whole recording." if torn else None
    return {**row, "timeline": line, "disagreement": said}


def explain(explainer: Explainer, prediction: Prediction) -> dict[str, Any]:
    """Picture, map and bands of the window that speaks most for the likeliest class."""
    model, matrix = explainer.classifier.model, prediction.matrix
    if matrix is None or prediction.log_mel is None or prediction.label is None:
        raise ExplainError("no speech in this recording, so there is nothing to explain")
    window = prediction.windows[prediction.strongest]
    if model.config.of_sound:
        return {"start": window.start, "end": window.end, **explain_sound(model, prediction)}
    target, contrast = targets_of(model, prediction.label)
    with MAPPING:
        found = attribute_all(
            explainer.mapped.network,
            model.input(matrix[None]),
            target,
            methods=[explainer.method],
            layer=explainer.mapped.stage(explainer.layer),
            contrast=contrast,
        )[explainer.method][0]
    return {
        "start": window.start,
        "end": window.end,
        "picture": picture(matrix, row_axis(model.config), column_axis(model.config, model.config.n_frames)),
        "map": _map(explainer, found, prediction.label),
        "bands": None if model.config.features == "mfcc-2020" else _bands(explainer, prediction.log_mel, prediction.label),
    }


def bands_of(explainer: Explainer, prediction: Prediction, label: str) -> np.ndarray:
    """What the page shows of a recording's bands, float (band,), for a class of one's choice: to measure training speakers.

    Raises ExplainError where nobody spoke in it.
    """
    if prediction.log_mel is None:
        raise ExplainError("no speech in this recording, so no band of it speaks for anything")
    return _drops(explainer, prediction.log_mel, label)


def shift(explainer: Explainer, signal: Signal, semitones: float) -> dict[str, Any]:
    """The answer when the voice is moved in pitch: prediction, label, probability, probabilities, f0, and its sound (WAV).

    The speech is cut out first, at most its loudest 10 s. Praat resynthesises it also at 0 semitones, so that steps can be
    compared with each other. Raises ExplainError for a recording without speech, and as `shift_voice` does.
    """
    speech = find_speech(signal)
    if not speech:
        raise ExplainError("no speech in this recording, so there is no pitch to move")
    spoken = cut(signal, speech).signal
    moved = shift_speech(spoken, explainer.classifier.model.config.sample_rate, semitones=semitones)
    said = explainer.classifier.classify(moved)
    return {
        "semitones": semitones,
        "prediction": said.prediction,
        "label": said.label,
        "probability": said.probability,
        "probabilities": said.probabilities,
        "f0": median_f0(moved),
        "wav": wav_text(moved),
    }


def warm_up(explainer: Explainer) -> None:
    """Do everything once, on noise, so that the first recording need not wait for libraries to load."""
    classifier = explainer.classifier
    config = classifier.model.config
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * config.n_samples).astype(np.float32)
    signal = Signal(noise, config.sample_rate)
    find_speech(signal), median_f0(signal), waveform(signal)
    explain(explainer, recordings.predict_speech(classifier, signal))


def _map(explainer: Explainer, found: np.ndarray, label: str) -> dict[str, Any]:
    """The raw map, row 0 lowest, and in words when it is strongest. Of bands they say nothing: its cells are coarser."""
    config = explainer.classifier.model.config
    limits = [list(pair) for pair in band_limits(len(found), config)]
    return {
        "method": METHODS[explainer.method].title,
        "layer": explainer.layer,
        "label": label,
        "values": plain(found, 6),
        "limits": limits,
        "edges": {  # of the cells, as shares of the picture from its lower left corner
            "rows": plain(cell_edges(found.shape[0], config.image_rows) / config.image_rows, 6),
            "columns": plain(cell_edges(found.shape[1], config.image_columns) / config.image_columns, 6),
        },
        "words": _map_words(explainer, found, label),
    }


def _map_words(explainer: Explainer, found: np.ndarray, label: str) -> str:
    """One sentence: at which time of the window the map's strongest block lies."""
    config, title = explainer.classifier.model.config, METHODS[explainer.method].title
    if not (found > 0).any():
        return f"The {title} map for {label} is blank: nothing in it is above 0."
    column = int(found.max(axis=0).argmax())
    shares = cell_edges(found.shape[1], config.image_columns)[column : column + 2] / config.image_columns
    start, end = ((config.window - config.hop) / 2 + shares * config.n_frames * config.hop) / config.sample_rate
    grid = f"{found.shape[0]} by {found.shape[1]} blocks"
    return f"The {title} map for {label}, {grid}: the strongest lies {start:.2f} to {end:.2f} s into the window."


def _bands(explainer: Explainer, log_mel: np.ndarray, label: str) -> dict[str, Any]:
    """What each band is worth to this clip's score, beside the training clips'."""
    drops, bands = _drops(explainer, log_mel, label), band_set(BANDS, explainer.classifier.model.config)
    return {
        "names": list(bands.names),
        "limits": [list(pair) for pair in bands.limits],
        "values": plain(drops, DIGITS),
        "training": None if explainer.ranges is None else explainer.ranges.of(label),
        "words": _band_words(drops, bands.names, label, explainer.ranges),
    }


def _band_words(drops: np.ndarray, names: tuple[str, ...], label: str, ranges: TrainingRanges | None) -> str:
    """The band that speaks most for the class and, where training clips were measured, what is unusual beside them."""
    return " ".join(dict.fromkeys([strongest(drops, names, label), describe_outliers(drops, names, label, ranges)]))


def _drops(explainer: Explainer, log_mel: np.ndarray, label: str) -> np.ndarray:
    """Fall of the label's score with each band as in the average training clip, float (band,), logits; log_mel : of a window, in
    dB, float (n_mels, n_frames)."""
    model = explainer.classifier.model
    target, contrast = targets_of(model, label)
    return occluded_bands(model, log_mel[None], band_set(BANDS, model.config), target, contrast=contrast)[0]

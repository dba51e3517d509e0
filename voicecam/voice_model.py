"""A trained model that takes recordings: VoiceModel, for people in Python. Trains nothing; its answers are in prediction.py.

Example:
    >>> import voicecam
    >>> voicecam.load().predict(["me.wav"])
    array(['female'], dtype='<U6')
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import AUTO, RESULTS, SHIPPED, map_choice
from voicecam.errors import AudioError, ExplainError, ModelError, SilentError
from voicecam.network import Model, load_model, recordings, save_model
from voicecam.network.card import write_card
from voicecam.network.classifier import Classifier, clip_windows
from voicecam.network.recordings import NO_SPEECH
from voicecam.prediction import Explanation, Prediction, targets_of

if TYPE_CHECKING:
    from voicecam.explanation.training_ranges import TrainingRanges

Recording = str | PathLike[str] | np.ndarray | Signal

MOST_NAMED = 5  # corpora that are named in a line


class VoiceModel:
    """A trained model that takes recordings: a file's path, samples with their rate, or a Signal.

    Example:
        >>> import voicecam
        >>> voicecam.load()
        VoiceModel(gender: female, male; fine on logmel pictures, trained on 13 corpora)
    """

    def __init__(self, model: Model, folder: Path | None = None):
        """folder : where the model lies, and with it the bands of its training clips"""
        self.model, self.classifier, self.folder = model, Classifier(model), folder

    def __repr__(self) -> str:
        m, trained = self.model, self.model.meta.get("corpora") or []
        named = ", ".join(map(str, trained)) if len(trained) <= MOST_NAMED else f"{len(trained)} corpora"
        heard = f", trained on {named}" if trained else ""
        return f"VoiceModel({m.label}: {', '.join(m.classes)}; {m.described}{heard})"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's outputs.

        Example:
            >>> import voicecam
            >>> voicecam.load().classes
            ('female', 'male')
        """
        return self.model.classes

    @property
    def classes_(self) -> np.ndarray:
        """The same as scikit-learn names them.

        Example:
            >>> import voicecam
            >>> voicecam.load().classes_
            array(['female', 'male'], dtype='<U6')
        """
        return np.array(self.model.classes)

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the model was trained on and how it was tested, as its meta.json holds it.

        Example:
            >>> import voicecam
            >>> voicecam.load().meta["corpora"][:3]
            ['baved', 'ravdess', 'slr45']
        """
        return self.model.meta

    def classify(self, recording: Recording | list[Recording], rate: int | None = None) -> Any:
        """The Prediction of a recording; of a folder or a list, a list of them.

        recording : path of a sound file or of a folder with some, samples (n,) or (n, channel) in -1..1 with `rate` in Hz, a
            Signal, or a list of these
        Raises AudioError for a single recording that cannot be used; in a list or folder it is a Prediction with an `error`.

        Example:
            >>> import numpy as np
            >>> import voicecam
            >>> model = voicecam.load()
            >>> model.classify("me.wav")
            Prediction(female 0.89, 1.37 s of speech, F0 177 Hz)
            >>> model.classify(np.zeros(16000), 16000)
            Prediction(no speech)
        """
        if isinstance(recording, str | PathLike) and Path(recording).is_dir():
            return self.classify(list(recordings.sound_files([Path(recording)])[0]))
        if isinstance(recording, list):
            return [self.prediction(self._predicted(one, rate)) for one in recording]
        found = self.prediction(self._predicted(recording, rate))
        if found.error is not None:
            raise AudioError(found.error)
        return found

    def explain(
        self,
        recording: Recording | Prediction,
        rate: int | None = None,
        *,
        label: str | None = None,
        method: str = AUTO,
        layer: str = AUTO,
    ) -> Explanation:
        """Why: a map of the window that speaks most for the likeliest class.

        recording : as for `classify`, or the Prediction that it gave; label : the class to explain, by default the likeliest
        method : one of explanation.methods.METHODS; layer : "layer1" to "layer4"; "auto" : see config.DEFAULT_MAPS. Of a speech
            model bands and stretches of the sound are asked about: method "occlusion" or "integrated-gradients", no layer
        Raises ExplainError for a recording without speech, a class, method or layer that is not known.

        Example:
            >>> import voicecam
            >>> model = voicecam.load()
            >>> model.explain("me.wav", label="male", method="grad-cam", layer="layer2").map.shape
            (10, 20)
        """
        found = recording if isinstance(recording, Prediction) else self.classify(recording, rate)
        if not isinstance(found, Prediction) or found.matrix is None or found.label is None:
            raise ExplainError(f"{getattr(found, 'path', 'several recordings')}: no speech of one recording to explain")
        asked = label or found.label
        _check_known("label", asked, self.classes)
        mapped = self._sound_map if self.model.config.of_sound else self._picture_map
        method, layer, cam = mapped(found, asked, method, layer)
        return Explanation(found, asked, method, layer, cam, self)

    def _picture_map(self, found: Prediction, asked: str, method: str, layer: str) -> tuple[str, str, np.ndarray]:
        """Method, layer and map of the window's picture."""
        from voicecam.explanation.methods import METHODS, attribute_all

        method, layer = map_choice(self.model.arch, self.model.config.features, method=method, layer=layer)
        _check_known("method", method, tuple(METHODS))
        target, contrast = targets_of(self.model, asked)
        inputs, stage = self.model.input(np.asarray(found.matrix)[None]), self.model.stage(layer)
        maps = attribute_all(self.model.network, inputs, target, methods=[method], layer=stage, contrast=contrast)
        return method, layer, maps[method][0]

    def _sound_map(self, found: Prediction, asked: str, method: str, layer: str) -> tuple[str, str, np.ndarray]:
        """Method, "sound" and the map of the window's sound by band and time."""
        from voicecam.explanation.listening import sound_maps, window_map

        method, layer = sound_maps(method, layer)
        target, contrast = targets_of(self.model, asked)
        other = None if contrast is None else int(contrast[0])
        return method, layer, window_map(self.model, found.heard().samples, method=method, target=int(target[0]), contrast=other)

    def logits(self, recording: Recording, rate: int | None = None) -> np.ndarray:
        """The network's outputs for the speech of a recording, float64 (window, class), before temperature and softmax.

        Raises AudioError for one that cannot be used or has no speech.

        Example:
            >>> import voicecam
            >>> voicecam.load().logits("me.wav").shape
            (2, 2)
        """
        found = self.classify(recording, rate)
        if found.spoken is None:
            raise AudioError(f"{found.path}: no speech")
        return self.model.logits(clip_windows(found.spoken, self.model.config)).astype(np.float64)

    def randomised(self, seed: int = 0) -> "VoiceModel":
        """The same architecture with random weights, which has learned nothing: what a map must be held against. Of a network on
        an encoder the network alone; the encoder stays.

        Example:
            >>> import voicecam
            >>> voicecam.load().randomised().explain("me.wav").map.shape
            (10, 20)
        """
        from voicecam.explanation.listening import random_head
        from voicecam.explanation.randomise import randomised_model

        if self.model.config.of_sound:
            return VoiceModel(replace(self.model, network=random_head(self.model, seed=seed)))
        return VoiceModel(randomised_model(self.model, seed=seed))

    @property
    def threshold(self) -> float:
        """Probability of the likeliest class below which the prediction is "uncertain".

        Example:
            >>> import voicecam
            >>> round(voicecam.load().threshold, 3)
            0.873
        """
        return self.classifier.threshold

    @property
    def temperature(self) -> float:
        """What the mean of the windows' logits is divided by before the softmax.

        Example:
            >>> import voicecam
            >>> round(voicecam.load().temperature, 2)
            0.74
        """
        return self.model.temperature

    @cached_property
    def training_ranges(self) -> "TrainingRanges | None":
        """What each band is worth for the clips that the model was trained on; None where it was not measured.

        Example:
            >>> import voicecam
            >>> len(voicecam.load().training_ranges.names)
            20
        """
        from voicecam.explanation.training_ranges import load_ranges

        return None if self.folder is None else load_ranges(self.folder)

    def predict(self, recordings: Sequence[Recording]) -> np.ndarray:
        """The likeliest class of each recording, str (n,), as scikit-learn gives it; "no speech" where there is none.

        Raises AudioError for one that cannot be used.

        Example:
            >>> import voicecam
            >>> voicecam.load().predict(["me.wav"])
            array(['female'], dtype='<U6')
        """
        return np.array([one.label or NO_SPEECH for one in self._all(recordings)])

    def predict_proba(self, recordings: Sequence[Recording]) -> np.ndarray:
        """Calibrated probabilities, float (n, class), in the order of `classes_`; NaN where there is no speech.

        Example:
            >>> import voicecam
            >>> voicecam.load().predict_proba(["me.wav"]).round(2)
            array([[0.89, 0.11]])
        """
        rows = [[(one.probabilities or {}).get(name, np.nan) for name in self.classes] for one in self._all(recordings)]
        return np.array(rows, dtype=float).reshape(-1, len(self.classes))

    @classmethod
    def from_pretrained(cls, name: str | PathLike[str] = "voice") -> "VoiceModel":
        """A model: one that comes with the package by its name, a saved model's folder, a run's folder or its name in results/,
        or one of the Hugging Face hub ("owner/name", where huggingface_hub is installed). `voicecam.load` is the same.

        Raises ModelError where there is none.

        Example:
            >>> import voicecam
            >>> voicecam.VoiceModel.from_pretrained("pitch").classes  # a run in results/
            ('high', 'low')
        """
        places = [SHIPPED / name, Path(name), Path(name) / "fold1", RESULTS / name / "fold1"]
        place = next((place for place in places if (place / "meta.json").is_file()), None)
        if place is None and str(name).count("/") == 1 and not Path(name).exists():
            place = _from_hub(str(name))
        if place is None:
            shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob("*/meta.json")))
            raise ModelError(
                f"{name}: no model; use one of {shipped}, a folder with a meta.json, a run in results/, or OWNER/NAME"
            )
        return cls(load_model(place), place)

    def save_pretrained(self, folder: str | PathLike[str]) -> Path:
        """Write the model (safetensors, JSON) with its card into a new folder; returns it. `load(folder)` reads it.

        Example:
            >>> import voicecam
            >>> folder = voicecam.load().save_pretrained("mine")
            >>> voicecam.load(folder).classes
            ('female', 'male')
        """
        place = Path(folder)
        if place.exists() and any(place.iterdir()):
            raise ModelError(f"{place}: is there already; give a new folder")
        save_model(place, self.model)
        write_card(place, self.model)
        return place

    def _predicted(self, recording: Recording, rate: int | None) -> recordings.Prediction:
        if isinstance(recording, str | PathLike):
            return recordings.predict_file(self.classifier, Path(recording))
        try:
            return recordings.predict_recording(self.classifier, _signal(recording, rate))
        except SilentError:
            return recordings.Prediction("recording", NO_SPEECH)

    def prediction(self, found: recordings.Prediction) -> Prediction:
        """What recordings.predict_recording said, as a Prediction of this model.

        Example:
            >>> import voicecam
            >>> from voicecam.network import recordings
            >>> model, sound = voicecam.load(), voicecam.audio.read("me.wav")
            >>> model.prediction(recordings.predict_recording(model.classifier, sound))
            Prediction(female 0.89, 1.37 s of speech, F0 177 Hz)
        """
        return Prediction(**vars(found), model=self)

    def _all(self, recordings: Sequence[Recording]) -> list[Prediction]:
        if isinstance(recordings, str | PathLike | np.ndarray | Signal):
            raise AudioError("one recording given; predict takes a list of them, classify takes one")
        found = [self.prediction(self._predicted(one, None)) for one in recordings]
        for one in found:
            if one.error is not None:
                raise AudioError(one.error)
        return found


def _check_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ExplainError(f"{what} {name!r}: not known; use one of {', '.join(known)}")


def _signal(recording: np.ndarray | Signal, rate: int | None) -> Signal:
    if isinstance(recording, Signal):
        return recording
    if rate is None:
        raise AudioError("samples without their rate; give it in Hz: classify(samples, 16000)")
    return audio.from_samples(np.asarray(recording), rate)


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ModelError(f"{name}: a model of the hub needs huggingface_hub; pip install huggingface_hub") from None
    return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.md"]))  # nosec B615: the name is the user's

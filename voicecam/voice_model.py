"""A model that takes recordings, what it says of one, and why: Prediction, Explanation and VoiceModel, for people in Python.

"Explain one recording" is written here; files, page and notebooks use it. Trains nothing.

Example:
    >>> import voicecam
    >>> model = voicecam.load()
    >>> model.explain("me.wav")
    Explanation(hires-cam at layer3 for female, 5 x 5 cells; female 0.79, uncertain, 1.37 s of speech, F0 177 Hz)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import AUTO, map_choice
from voicecam.errors import AudioError, ExplainError, ModelError, SilentError
from voicecam.features import column_axis, row_axis
from voicecam.network import Model, recordings, save_model
from voicecam.network.classifier import Classifier
from voicecam.network.recordings import NO_SPEECH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Recording = str | PathLike[str] | np.ndarray | Signal


@dataclass(frozen=True, repr=False)
class Prediction(recordings.Prediction):
    """What a model says of one recording.

    prediction : a class, "uncertain" or "no speech"; label, probability : the likeliest class and its calibrated probability
    probabilities : of every class; windows : the same for each window; speech_seconds : s; f0 : median pitch in Hz
    error : why a file of a list could not be used; then all else is empty

    Example:
        >>> import voicecam
        >>> said = voicecam.load().classify("me.wav")
        >>> said.prediction, said.label, round(said.f0)
        ('uncertain', 'female', 177)
        >>> [round(window.probabilities["female"], 2) for window in said.windows]
        [0.97, 0.32]
    """

    model: "VoiceModel | None" = None

    def _repr_html_(self) -> str:
        if self.matrix is None or self.model is None:
            return f"<p>{escape(self.summary)}</p>"
        from voicecam.figures import figure, plot_matrix

        (fig, ax), config = figure(3.2), self.model.model.config
        plot_matrix(self.matrix, row_axis(config), column_axis(config, self.matrix.shape[1]), ax=ax)
        return f"<p>{escape(self.summary)}</p>{_image_tag(fig, f'picture of the recording: {self.summary}')}"


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why a recording was given its class: a map over the window that speaks most for it, and what can be asked further.

    prediction : what was said of the recording
    label : the class that the map is for; of two, against the other; method, layer : how the map was made
    map : float32 (h, w), raw, row 0 lowest; above 0 speaks for the class, a cell covers its part of the window's picture

    Example:
        >>> import voicecam
        >>> why = voicecam.load().explain("me.wav", label="male", method="grad-cam")
        >>> why.label, why.method, why.layer, why.map.shape
        ('male', 'grad-cam', 'layer3', (5, 5))
    """

    prediction: Prediction
    label: str
    method: str
    layer: str
    map: np.ndarray
    model: "VoiceModel" = field(compare=False)

    def __repr__(self) -> str:
        h, w = self.map.shape
        return f"Explanation({self.method} at {self.layer} for {self.label}, {h} x {w} cells; {self.prediction.summary})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{_image_tag(self.plot().figure, repr(self))}"

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The picture under the positive part of its map; time in s, frequency in Hz (a coefficient's number for MFCCs).

        Example:
            >>> import voicecam
            >>> ax = voicecam.load().explain("me.wav").plot()
            >>> ax.get_title()
            'me.wav: female 0.790'
            >>> ax.figure.savefig("why.png")
        """
        from voicecam.figures import figure, plot_map

        ax, config = ax or figure(3.6)[1], self.model.model.config
        matrix, window = self._heard[0], self.prediction.windows[self.prediction.strongest]
        axes = row_axis(config), column_axis(config, matrix.shape[1])
        plot_map(matrix, np.maximum(self.map, 0), *axes, size=(config.image_rows, config.image_columns), ax=ax)
        other = f"; map for {self.label}" * (self.label != self.prediction.label)
        said = f"{self.prediction.label} {self.prediction.probability:.3f}"
        ax.set_title(f"{Path(self.prediction.path).name}: {said}{other}", fontsize=10)
        ax.set_xlabel(f"time (s) from {window.start:.2f} s of the recording on")
        return ax

    @cached_property
    def window(self) -> Signal:
        """The window that the map is about, as the network got it: resampled, its level set.

        Example:
            >>> import voicecam
            >>> window = voicecam.load().explain("me.wav").window
            >>> window.seconds, window.rate
            (1.0, 16000)
        """
        if self.prediction.spoken is None:
            raise ExplainError(f"{self.prediction.path}: its sound was not kept; explain the recording again")
        return recordings.strongest_window(self.prediction, self.prediction.spoken, self.model.model.config)

    def bands(self, bands: str = "third-octaves") -> pd.DataFrame:
        """What each band is worth to the score: columns band, from_hz, to_hz, drop (logits; above 0 speaks for the label).

        bands : see explanation.bands.band_set. By band occlusion, see `explanation.occluded.occluded_bands`.

        Example:
            >>> import voicecam
            >>> voicecam.load().explain("me.wav").bands("octaves").round(1).head(3)
                 band  from_hz  to_hz  drop
            0  125 Hz     88.4  176.8   0.6
            1  250 Hz    176.8  353.6   2.2
            2  500 Hz    353.6  707.1   2.3
        """
        from voicecam.explanation.band_occlusion import occluded_bands
        from voicecam.explanation.bands import band_set

        model, chosen = self.model.model, band_set(bands, self.model.model.config)
        target, contrast = targets_of(model, self.label)
        drops = occluded_bands(model, self._heard[1][None], chosen, target, contrast=contrast)[0]
        low, high = zip(*chosen.limits)
        return pd.DataFrame({"band": chosen.names, "from_hz": low, "to_hz": high, "drop": drops})

    def sounds(self) -> dict[str, Signal]:
        """The window, what the evidence sounds like, and the rest: see `explanation.audible.split_sound`.

        The evidence is found by integrated gradients over the mel energies, whatever the map's method. Raises ExplainError where
        there is none.

        Example:
            >>> import voicecam
            >>> sounds = voicecam.load().explain("me.wav").sounds()
            >>> {name: sound.seconds for name, sound in sounds.items()}
            {'window': 1.0, 'evidence': 1.0, 'rest': 1.0}
        """
        from voicecam.explanation.audible import split_sound
        from voicecam.explanation.mel_gradients import log_mel_attribution

        model = self.model.model
        target, contrast = targets_of(model, self.label)
        weight = log_mel_attribution(model, self._heard[1][None], target, contrast=contrast)
        parts = split_sound(self.window, weight[0], model.config)
        return {"window": self.window, "evidence": parts.evidence, "rest": parts.rest}

    def play(self) -> None:
        """Players for `sounds`, in a notebook.

        Example:
            >>> import voicecam
            >>> voicecam.load().explain("me.wav").play()
            <IPython.core.display.Markdown object>
            ...
        """
        from IPython.display import Audio, Markdown, display

        from voicecam.explanation.audible import wav_bytes

        for name, sound in self.sounds().items():
            display(Markdown(name), Audio(data=wav_bytes(sound)))

    def shift_pitch(self, semitones: float) -> Prediction:
        """What the model says of the same speech with its pitch moved (Praat's resynthesis; formants stay).

        semitones : -12 to 12 is sensible; at 0 it is resynthesised too. Of long speech only its loudest 10 s are moved.

        Example:
            >>> import voicecam
            >>> voicecam.load().explain("me.wav").shift_pitch(-8)
            Prediction(male 0.98, 1.37 s of speech, F0 112 Hz)
        """
        from voicecam.explanation.counterfactual import shift_speech

        if self.prediction.spoken is None:
            raise ExplainError(f"{self.prediction.path}: its sound was not kept; explain the recording again")
        moved = shift_speech(self.prediction.spoken, self.model.model.config.sample_rate, semitones=semitones)
        return self.model.prediction(recordings.predict_speech(self.model.classifier, moved, name=self.prediction.path))

    @property
    def _heard(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix and mel energies of the window."""
        if self.prediction.matrix is None or self.prediction.log_mel is None:
            raise ExplainError(f"{self.prediction.path}: no speech, so there is nothing to explain")
        return self.prediction.matrix, self.prediction.log_mel


class VoiceModel:
    """A trained model that takes recordings: a file's path, samples with their rate, or a Signal.

    Example:
        >>> import voicecam
        >>> voicecam.load()
        VoiceModel(gender: female, male; small on logmel pictures, trained on baved, ravdess, slr45, nemo, fsdd)
    """

    def __init__(self, model: Model):
        self.model, self.classifier = model, Classifier(model)

    def __repr__(self) -> str:
        m, trained = self.model, self.model.meta.get("corpora") or []
        heard = f", trained on {', '.join(map(str, trained))}" if trained else ""
        return f"VoiceModel({m.label}: {', '.join(m.classes)}; {m.arch} on {m.config.features} pictures{heard})"

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
            Prediction(female 0.79, uncertain, 1.37 s of speech, F0 177 Hz)
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
        method : one of explanation.methods.METHODS; layer : "layer1" to "layer4"; "auto" : see config.DEFAULT_MAPS
        Raises ExplainError for a recording without speech, a class, method or layer that is not known.

        Example:
            >>> import voicecam
            >>> model = voicecam.load()
            >>> model.explain("me.wav", label="male", method="grad-cam", layer="layer2").map.shape
            (10, 10)
        """
        from voicecam.explanation.methods import METHODS, attribute

        found = recording if isinstance(recording, Prediction) else self.classify(recording, rate)
        if not isinstance(found, Prediction) or found.matrix is None or found.label is None:
            raise ExplainError(f"{getattr(found, 'path', 'several recordings')}: no speech of one recording to explain")
        asked = label or found.label
        method, layer = map_choice(self.model.arch, self.model.config.features, method=method, layer=layer)
        for what, name, known in (("label", asked, self.classes), ("method", method, tuple(METHODS))):
            if name not in known:
                raise ExplainError(f"{what} {name!r}: not known; use one of {', '.join(known)}")
        target, contrast = targets_of(self.model, asked)
        inputs, stage = self.model.input(found.matrix[None]), self.model.stage(layer)
        cam = attribute(self.model.network, inputs, target, method=method, layer=stage, contrast=contrast)[0]
        return Explanation(found, asked, method, layer, cam, self)

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
            array([[0.79, 0.21]])
        """
        rows = [[(one.probabilities or {}).get(name, np.nan) for name in self.classes] for one in self._all(recordings)]
        return np.array(rows, dtype=float).reshape(-1, len(self.classes))

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
            Prediction(female 0.79, uncertain, 1.37 s of speech, F0 177 Hz)
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


def targets_of(model: Model, label: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The class whose logit is explained, int (1,), and the one taken off it where there are two.

    Example:
        >>> import voicecam
        >>> from voicecam.voice_model import targets_of
        >>> targets_of(voicecam.load().model, "male")
        (array([1]), array([0]))
    """
    from voicecam.explanation.methods import other_of_two

    target = np.array([model.classes.index(label)])
    return target, other_of_two(target, len(model.classes))


def _signal(recording: np.ndarray | Signal, rate: int | None) -> Signal:
    if isinstance(recording, Signal):
        return recording
    if rate is None:
        raise AudioError("samples without their rate; give it in Hz: classify(samples, 16000)")
    return audio.from_samples(np.asarray(recording), rate)


def _image_tag(fig: Any, alt: str) -> str:
    from base64 import b64encode

    from voicecam import figures

    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{b64encode(figures.png_bytes(fig)).decode()}">'

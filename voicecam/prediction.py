"""What a model says of one recording, and why: Prediction and Explanation, for people in Python.

"Explain one recording" is written here and in voice_model.py; files, page and notebooks use it.

Example:
    >>> import voicecam
    >>> voicecam.load().explain("me.wav")
    Explanation(hires-cam at layer4 for female, 10 x 20 cells; female 0.89, 1.37 s of speech, F0 177 Hz)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.features import Axis, column_axis, row_axis
from voicecam.network import Model, recordings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from voicecam.explanation.training_ranges import TrainingRanges
    from voicecam.voice_model import VoiceModel


@dataclass(frozen=True, repr=False)
class Prediction(recordings.Prediction):
    """What a model says of one recording.

    prediction : a class, "uncertain" or "no speech"; label, probability : the likeliest class and its calibrated probability
    probabilities : of every class; windows : the same for each window; speech_seconds : s; doubtful : it may be music or noise
    f0 : median pitch in Hz; error : why a file of a list could not be used; then all else is empty

    Example:
        >>> import voicecam
        >>> said = voicecam.load().classify("me.wav")
        >>> said.prediction, said.label, round(said.f0)
        ('female', 'female', 177)
        >>> [round(window.probabilities["female"], 2) for window in said.windows]
        [0.89, 0.89]
    """

    model: "VoiceModel | None" = None

    def _repr_html_(self) -> str:
        if self.matrix is None or self.model is None:
            return f"<p>{escape(self.summary)}</p>"
        from voicecam.figures import figure, plot_matrix

        fig, ax = figure(3.2)
        plot_matrix(*self.picture(), ax=ax)
        return f"<p>{escape(self.summary)}</p>{_image_tag(fig, f'picture of the recording: {self.summary}')}"

    def picture(self) -> tuple[np.ndarray, Axis, Axis]:
        """The picture of the window that speaks most for the label, float (row, column), and what its rows and columns are. Of a
        speech model, which is shown none, the window's mel energies in dB.

        Example:
            >>> import voicecam
            >>> picture, rows, columns = voicecam.load().classify("me.wav").picture()
            >>> picture.shape, rows.kind, columns.kind
            ((40, 79), 'frequency', 'time')
        """
        if self.matrix is None or self.log_mel is None or self.model is None:
            raise ExplainError(f"{self.path}: no speech, so there is nothing to explain")
        config = self.model.model.config
        if config.of_sound:
            from voicecam.explanation.listening import shown_config

            shown = shown_config(config)
            return self.log_mel, row_axis(shown), column_axis(shown, self.log_mel.shape[1])
        return self.matrix, row_axis(config), column_axis(config, self.matrix.shape[1])

    def heard(self) -> Signal:
        """That window as the network got it: resampled, its level set.

        Example:
            >>> import voicecam
            >>> window = voicecam.load().classify("me.wav").heard()
            >>> window.seconds, window.rate
            (1.0, 16000)
        """
        if self.spoken is None or self.model is None:
            raise ExplainError(f"{self.path}: its sound was not kept; explain the recording again")
        return recordings.strongest_window(self, self.spoken, self.model.model.config)


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
        ('male', 'grad-cam', 'layer4', (10, 20))
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
            'me.wav: female 0.892'
            >>> ax.figure.savefig("why.png")
        """
        from voicecam.figures import figure, plot_map

        ax, config = ax or figure(3.6)[1], self.model.model.config
        matrix, rows, columns = self.prediction.picture()
        window = self.prediction.windows[self.prediction.strongest]
        h, w = self.map.shape  # of a speech model its cells are even parts of the window
        size = (h, w) if config.of_sound else (config.image_rows, config.image_columns)
        plot_map(matrix, np.maximum(self.map, 0), rows, columns, size=size, ax=ax)
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
        return self.prediction.heard()

    def bands(self, bands: str = "third-octaves") -> pd.DataFrame:
        """What each band is worth to the score: columns band, from_hz, to_hz, drop (logits; above 0 speaks for the label).

        And mean, low, high of single training clips of that class (8 of 10 lie between low and high), where `voicecam bands`
        measured them for the model.

        bands : see explanation.bands.band_set. By band occlusion, see explanation.band_occlusion; of a speech model each band is
            taken out of the sound, see explanation.waveform.band_drops.

        Example:
            >>> import voicecam
            >>> voicecam.load().explain("me.wav").bands("octaves").round(1).head(3)
                 band  from_hz  to_hz  drop
            0  125 Hz     88.4  176.8   0.2
            1  250 Hz    176.8  353.6   0.7
            2  500 Hz    353.6  707.1   1.9
        """
        from voicecam.explanation.band_occlusion import occluded_bands
        from voicecam.explanation.bands import band_set

        model, chosen = self.model.model, band_set(bands, self.model.model.config)
        target, contrast = targets_of(model, self.label)
        if model.config.of_sound:
            drops = self._sound_drops(chosen.limits)
        else:
            drops = occluded_bands(model, self._log_mel[None], chosen, target, contrast=contrast)[0]
        low, high = zip(*chosen.limits)
        table = pd.DataFrame({"band": chosen.names, "from_hz": low, "to_hz": high, "drop": drops})
        ranges = self._ranges
        usual = None if ranges is None or ranges.names != chosen.names else ranges.of(self.label)
        return table if usual is None else table.assign(**{name: usual[name] for name in ("mean", "low", "high")})

    def _sound_drops(self, limits: Sequence[tuple[float, float]]) -> np.ndarray:
        """Fall of a speech model's score without each band of the sound, float (band,)."""
        from voicecam.explanation.listening import asked_logits
        from voicecam.explanation.waveform import band_drops

        model, window = self.model.model, self.window
        target, contrast = targets_of(model, self.label)
        asked: dict[str, Any] = {"target": int(target[0]), "contrast": None if contrast is None else int(contrast[0])}
        return band_drops(asked_logits(model), window.samples, window.rate, limits, **asked)

    def plot_bands(self, ax: "Axes | None" = None) -> "Axes":
        """What each third of an octave is worth, over the range of single training clips of the class where that is known.

        Example:
            >>> import voicecam
            >>> voicecam.load().explain("me.wav").plot_bands().figure.savefig("bands.png")
        """
        from voicecam.figures import class_colours, figure, plot_ranges

        ax, model, table = ax or figure(3.8, width=9)[1], self.model.model, self.bands()
        shown = table.rename(columns={"band": "name", "drop": "value"}).reindex(columns=["name", "value", "mean", "low", "high"])
        plot_ranges(shown, colour=class_colours(model.classes)[self.label], ax=ax)
        ax.set_title(f"what each band is worth for {self.label}: {Path(self.prediction.path).name}", pad=28)
        return ax

    def describe_bands(self) -> str:
        """In words: which bands lie outside the range of training clips, or the one that speaks most where there is no range.

        Example:
            >>> import voicecam
            >>> voicecam.load().explain("me.wav").describe_bands()
            '... of 20 bands lie outside what 8 of 10 training clips named female have in each ...'
        """
        from voicecam.explanation.training_ranges import describe_outliers

        table = self.bands()
        if self.model.model.config.of_sound:
            top = table.loc[table["drop"].idxmax()]
            return f"Most for {self.label} speaks the band {top['band']}: without it the score falls by {top['drop']:.2f}."
        return describe_outliers(table["drop"].to_numpy(), tuple(table["band"]), self.label, self._ranges)

    @property
    def _ranges(self) -> "TrainingRanges | None":
        return self.model.training_ranges

    def sounds(self) -> dict[str, Signal]:
        """The window, what the evidence sounds like, and the rest: see `explanation.audible.split_sound`.

        The evidence is found by integrated gradients over the mel energies, whatever the map's method. Raises ExplainError where
        there is none, and for a speech model, which is not shown mel energies.

        Example:
            >>> import voicecam
            >>> sounds = voicecam.load().explain("me.wav").sounds()
            >>> {name: sound.seconds for name, sound in sounds.items()}
            {'window': 1.0, 'evidence': 1.0, 'rest': 1.0}
        """
        from voicecam.explanation.audible import split_sound
        from voicecam.explanation.mel_gradients import log_mel_attribution

        model = self.model.model
        if model.config.of_sound:
            raise ExplainError(f"{model.arch} on sound: has no mel energies to divide; use bands() or the map")
        target, contrast = targets_of(model, self.label)
        weight = log_mel_attribution(model, self._log_mel[None], target, contrast=contrast)
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
    def _log_mel(self) -> np.ndarray:
        """Mel energies of the window in dB."""
        if self.prediction.log_mel is None:
            raise ExplainError(f"{self.prediction.path}: no speech, so there is nothing to explain")
        return self.prediction.log_mel


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


def _image_tag(fig: Any, alt: str) -> str:
    from base64 import b64encode

    from voicecam import figures

    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{b64encode(figures.png_bytes(fig)).decode()}">'

"""A saved model with its own features -> what it says of a recording. Finds no speech and records none.

Files, microphone, page and notebooks all go through here, so that a recording is treated as the training clips were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from voicecam import audio, features
from voicecam.audio import Signal
from voicecam.config import UNCERTAIN, Config
from voicecam.data.network_input import sample_starts, speech_of, window_encodings, window_input
from voicecam.encoders import load_encoder
from voicecam.errors import ModelError, SilentError
from voicecam.network.light import LightModel, has_graph, load_light, softmax

if TYPE_CHECKING:
    from voicecam.network.model import Model

NO_SPEECH = "no speech"
DOUBT = "may be music or noise"


@dataclass(frozen=True)
class Window:
    """One window of a recording: from `start` to `end` in s, and the probability of each class by this window alone."""

    start: float
    end: float
    probabilities: dict[str, float]


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a model says of one recording.

    path : as it was given
    prediction : a class; "uncertain" where the probability of the likeliest class is below the model's threshold; "no speech";
        None where the file could not be used, and `error` says why
    label, probability, probabilities : the likeliest class, its calibrated probability in 0..1, and that of every class, which
        add up to 1; None where no speech was classified
    windows : in order of time, in s of the recording
    speech_seconds : speech in s, without pauses; doubtful : whether that may be music or noise, see audio.speech
    f0 : median pitch in Hz, or None where nothing is voiced
    matrix : float32 (n_rows, n_frames), the window that speaks most for `label`; strongest : its place in `windows`
    log_mel : float (n_mels, n_frames), that window's mel energies in dB
    spoken : the speech that was classified, cut out of the recording
    """

    path: str
    prediction: str | None
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    windows: tuple[Window, ...] = ()
    speech_seconds: float = 0.0
    doubtful: bool = False
    f0: float | None = None
    error: str | None = None
    matrix: np.ndarray | None = None
    strongest: int = 0
    log_mel: np.ndarray | None = None
    spoken: Signal | None = None

    def __repr__(self) -> str:
        return f"Prediction({self.summary})"

    @property
    def summary(self) -> str:
        """ "female 0.82, uncertain, 0.58 s of speech, F0 222 Hz" """
        if self.error is not None:
            return f"error: {self.error}"
        if self.label is None:
            return NO_SPEECH
        unsure = [UNCERTAIN] * (self.prediction == UNCERTAIN)
        pitch = "no F0" if self.f0 is None else f"F0 {self.f0:.0f} Hz"
        doubt = [DOUBT] * self.doubtful
        return ", ".join(
            [f"{self.label} {self.probability:.2f}", *unsure, f"{self.speech_seconds:.2f} s of speech", *doubt, pitch]
        )


class Classifier:
    """A model that takes recordings. `model.meta` may hold `temperature` and `threshold`; without them nothing is uncertain."""

    def __init__(self, model: "Model | LightModel"):
        """Raises ModelError where a head's encoder is not at hand, or has other weights than the one it was trained on."""
        _check_encoder(model)
        self.model = cast("Model", model)  # a LightModel too has all that is asked for here
        self.threshold = float(model.meta.get("threshold", 0.0))

    def probabilities(self, signals: Sequence[Signal]) -> np.ndarray:
        """Probabilities, float64 (signal, class), of recordings at any rate. Raises AudioError for one without sound. A speech
        model hears the speech alone: NaN where there is none."""
        config = self.model.config
        heard = [_speech_or_none(signal) for signal in signals] if config.of_sound else list(signals)
        found = np.full((len(heard), len(self.model.classes)), np.nan)
        spoken = [i for i, signal in enumerate(heard) if signal is not None]
        found[spoken] = self.probabilities_of([clip_windows(signal, config) for signal in heard if signal is not None])
        return found

    def probabilities_of(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities, float64 (clip, class), of the windows of clips, each (n_windows, n_rows, n_frames), see `clip_windows`.

        The clip's logits are the mean over its windows: each window votes with its evidence (a product of experts), so one sure
        window outweighs several unsure ones. The temperature is fitted on such means. Of an encoder's vectors the mean is taken
        before the network, as in training.
        """
        if not len(clips):
            return np.zeros((0, len(self.model.classes)))
        if self.model.config.of_sound:
            pooled = self.model.logits(np.stack([clip.mean(axis=0) for clip in clips])).astype(np.float64)
            return softmax(pooled / self.model.temperature)
        logits = self.model.logits(np.concatenate(clips)).astype(np.float64)  # (all windows, class)
        ends = np.cumsum([len(clip) for clip in clips])
        pooled = np.stack([part.mean(axis=0) for part in np.split(logits, ends[:-1])])  # (clip, class)
        return softmax(pooled / self.model.temperature)

    def classify(self, signal: Signal, *, clip: "ClipFeatures | None" = None) -> Prediction:
        """The prediction on one recording, with its windows. Raises AudioError for one without sound.

        clip : its features, where the caller has them
        """
        config, classes = self.model.config, self.model.classes
        clip = clip_features(signal, config) if clip is None else clip
        logits = self.model.logits(clip.matrices).astype(np.float64)  # (window, class)
        alone = softmax(logits / self.model.temperature)
        if config.of_sound:
            p = self.probabilities_of([clip.matrices])[0]
        else:  # the same, see there, without asking the network again
            p = softmax(logits.mean(axis=0) / self.model.temperature)
        best = int(p.argmax())
        return Prediction(
            path="recording",
            prediction=classes[best] if p[best] >= self.threshold else UNCERTAIN,
            label=classes[best],
            probability=float(p[best]),
            probabilities=_named(classes, p),
            windows=tuple(Window(start, end, _named(classes, row)) for (start, end), row in zip(_times(signal, config), alone)),
        )


def _check_encoder(model: "Model | LightModel") -> None:
    """See Classifier; nothing is known of the encoder of a head that was trained elsewhere."""
    trained_on, config = model.meta.get("encoder_weights"), model.config
    if config.features != "encoder" or trained_on is None:
        return
    encoder = load_encoder(config.encoder, config.encoder_weights, config.encoder_output)
    if encoder.weights != trained_on:
        raise ModelError(
            f"{config.encoder}: has other weights ({encoder.weights}) than those that the model was trained on ({trained_on}); "
            f"install those, or train it again: {encoder.info.packages}"
        )


def _speech_or_none(signal: Signal) -> Signal | None:
    try:
        return speech_of(signal)
    except SilentError:
        return None


def load_classifier(folder: Path, *, light: bool = False) -> Classifier:
    """The Classifier of a saved model. Raises ModelError like `network.load_model`.

    light : by onnxruntime where the model has a graph of its weights, see network.light: the same answers without torch.
        Where torch is not installed it is always so.
    """
    if find_spec("torch") is None or (light and has_graph(folder)):
        return Classifier(load_light(folder))
    from voicecam.network.model import load_model

    return Classifier(load_model(folder))


def sure_classes(windows: Sequence[Window], *, threshold: float) -> tuple[str, ...]:
    """The classes that at least one window alone is sure of, in order of time. More than one: the windows disagree, and one
    answer does not hold for the whole recording (two voices, say).

    threshold : probability from which a window is sure of its likeliest class
    """
    likeliest = [max(window.probabilities.items(), key=lambda item: item[1]) for window in windows]
    return tuple(dict.fromkeys(label for label, probability in likeliest if probability >= threshold))


@dataclass(frozen=True)
class ClipFeatures:
    """A recording's features, computed once for all that asks for them.

    matrices : float32 (n_windows, n_rows, n_frames), what the network is shown: the loudest window or all, as config.windows
        says; of a speech model the windows' encodings
    decibels : float (frame, n_mels), mel energies in dB of what is looked at; starts : first frame of each window in it
    """

    matrices: np.ndarray
    decibels: np.ndarray
    starts: tuple[int, ...]
    config: Config

    def log_mel(self, window: int) -> np.ndarray:
        """Mel energies of a window in dB, float (n_mels, n_frames), as `features.log_mel_energies` finds them in its samples."""
        start = self.starts[window]
        return features.floored(self.decibels[start : start + self.config.n_frames], self.config).T  # -> (band, frame)


def clip_features(signal: Signal, config: Config) -> ClipFeatures:
    """The features of a recording at any rate. A window starts every config.window_step of its length, the last one ends with the
    recording; the spectra are computed once for the whole. Raises AudioError for one without sound."""
    loudest = config.windows == "loudest"
    prepared = audio.prepare(signal, config) if loudest else audio.prepare_whole(signal, config)
    decibels = features.mel_decibels(prepared.samples, config)  # (frame, band)
    starts = (0,) if loudest else tuple(features.window_starts(len(decibels), config))
    if config.of_sound:
        samples = sample_starts(len(prepared.samples), config)
        matrices, starts = window_encodings(prepared.samples, samples, config), tuple(start // config.hop for start in samples)
    else:
        inputs = (window_input(decibels[start : start + config.n_frames], config) for start in starts)
        first = next(inputs)
        matrices = np.empty((len(starts), *first.shape), np.float32)  # not stacked: an hour has 200 MB
        for matrix, one in zip(matrices, chain([first], inputs)):
            matrix[:] = one
    return ClipFeatures(matrices, decibels, starts, config)


def clip_windows(signal: Signal, config: Config) -> np.ndarray:
    """The matrices alone, see `clip_features`."""
    return clip_features(signal, config).matrices


def _times(signal: Signal, config: Config) -> list[tuple[float, float]]:
    """Start and end of each window in s of the recording; a short recording's one window ends with it."""
    total = signal.seconds
    if config.windows == "loudest":
        start = audio.loudest_start(signal, config.seconds)
        return [(start, min(total, start + config.seconds))]
    n = round(total * config.sample_rate)
    if config.of_sound:
        begins = [start / config.sample_rate for start in sample_starts(n, config)]
        return [(start, min(total, start + config.seconds)) for start in begins]
    frames = 1 + max(0, n - config.window) // config.hop
    starts = [start * config.hop / config.sample_rate for start in features.window_starts(frames, config)]
    return [(start, min(total, start + config.seconds)) for start in starts]


def _named(classes: Sequence[str], p: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(classes, p)}

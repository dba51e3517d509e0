"""Two evaluated runs on the same clips, asked alike: about changed sound, about one clip, and for their time; and a recording of
one's own. What nbs/11_speech_models.ipynb shares with no other notebook. Trains nothing.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voicecam import audio, figures
from voicecam.audio import Signal
from voicecam.audio.speech import find_speech
from voicecam.config import Config
from voicecam.corpora import Corpus
from voicecam.corpora.labels import audio_files
from voicecam.course.display import say
from voicecam.course.recording import saved_words
from voicecam.errors import AudioError
from voicecam.explanation.bands import Bands
from voicecam.explanation.waveform import WaveLogits
from voicecam.features import column_axis, row_axis
from voicecam.figures.canvas import CLASS_COLOURS, INK
from voicecam.network import Model
from voicecam.network.classifier import NO_SPEECH, Classifier, clip_windows, load_classifier
from voicecam.runs import fold_places

TIMED = 15  # clips
Change = Callable[[np.ndarray, int], np.ndarray]  # samples (n,), rate in Hz -> samples


def answers(folder: Path, clips: pd.DataFrame, root: Path, change: Change) -> pd.DataFrame:
    """Each clip, changed, asked of the network that tested it: path, speaker, fold, true, and predicted, "no speech" where none
    was found.

    folder : of a run; clips : rows of its predictions; root : where their paths begin
    change : called as change(samples, rate); a clip that it cannot change, as it is too short, is left out
    """
    rows, classifiers = [], [load_classifier(place) for place in fold_places(folder)]
    for clip in clips.to_dict("records"):
        signal = audio.read(root / clip["path"])
        try:
            changed = Signal(change(signal.samples, signal.rate).astype(np.float32), signal.rate)
        except AudioError:
            continue
        predicted = _said(classifiers[int(clip["fold"]) - 1], changed)
        rows.append({**{name: clip[name] for name in ("path", "speaker", "fold", "true")}, "predicted": predicted})
    return pd.DataFrame(rows)


def _said(classifier: Classifier, signal: Signal) -> str:
    p = classifier.probabilities([signal])[0]
    return NO_SPEECH if np.isnan(p).any() else classifier.model.classes[int(p.argmax())]


def plot_changes(found: Mapping[str, Mapping[str, Any]], names: tuple[str, str], *, chance: float, ax: Axes) -> None:
    """Balanced accuracy of two systems under each change, with 95 % intervals over speakers; dotted: chance.

    found : by change, as evaluation.compare gives it
    """
    places = np.arange(len(found))
    for shift, name, one, colour in zip((-0.08, 0.08), names, ("first", "second"), CLASS_COLOURS):
        scores = pd.DataFrame([each["balanced_accuracy"][one] for each in found.values()]).astype(float)
        ax.vlines(places + shift, scores["low"], scores["high"], color=colour, linewidth=2)
        ax.plot(places + shift, scores["value"], "o-", color=colour, label=name)
    ax.axhline(chance, color=INK, linestyle=":", linewidth=1.2)
    ax.set_xticks(places, list(found), rotation=30, ha="right")
    ax.set(ylim=(0, 1.05), ylabel="balanced accuracy")


def some_clips(predictions: pd.DataFrame, n: int) -> pd.DataFrame:
    """About n rows of predictions, of each class as many, drawn by chance; the same ones of two tables of the same clips."""
    rows = predictions.sort_values("path")
    each = max(1, n // rows["true"].nunique())
    return rows.sample(frac=1, random_state=0).groupby("true").head(each).reset_index(drop=True)


def verdict(found: Mapping[str, Any], first: str, second: str, neither: str) -> str:
    """What evaluation.compare found, in words: `first` or `second` where the interval of the difference lies above or below 0."""
    low, high = found["difference"]["low"], found["difference"]["high"]
    if low is None or found["few_speakers"]:
        return neither
    return first if low > 0 else second if high < 0 else neither


def points(difference: Mapping[str, Any]) -> str:
    """A difference of shares with its interval as text, in points: {"value": 0.2, "low": 0.1, "high": 0.3} -> "20 [10, 30]"."""
    value, low, high = (difference[name] for name in ("value", "low", "high"))
    ends = "" if low is None or high is None else f" [{round(100 * low)}, {round(100 * high)}]"
    return f"{round(100 * value)}{ends}".replace("-", "\N{MINUS SIGN}")


def few_speakers(corpus: Corpus, label: str, n: int) -> Corpus:
    """The corpus with the first n speakers of each class."""
    chosen = corpus.clips.drop_duplicates("speaker").groupby(label)["speaker"].head(n)
    return replace(corpus, clips=corpus.clips[corpus.clips["speaker"].isin(chosen)].reset_index(drop=True))


def right_in_both(first: pd.DataFrame, second: pd.DataFrame) -> tuple[str, str]:
    """Path and true class of the first clip, by path, that two tables of predictions of the same clips both have right; of the
    first clip where there is none."""
    right = [set(one["path"][one["true"] == one["predicted"]]) for one in (first, second)]
    path = min(right[0] & right[1] or set(first["path"]))
    return path, str(first.set_index("path")["true"][path])


def pictures(sounds: np.ndarray, span: slice, config: Config) -> np.ndarray:
    """What a network on pictures is shown of each sound's samples in `span`, float32 (clip, n_rows, n_frames).

    sounds : (clip, n) at config.sample_rate; the network takes one window of a clip
    """
    return np.concatenate([clip_windows(Signal(sound[span], config.sample_rate), config) for sound in sounds])


def asked_pictures(model: Model, span: slice) -> WaveLogits:
    """The logits of a network on pictures, of sounds (clip, n), as explanation.waveform asks for them; see `pictures`."""
    return lambda sounds: model.logits(pictures(sounds, span, model.config))


def plot_picture_map(config: Config, matrix: np.ndarray, cam: np.ndarray, *, ax: Axes) -> None:
    """What speaks for the class in a raw map (h, w), over the matrix (n_rows, n_frames) that the network was shown."""
    size = (config.image_rows, config.image_columns)
    figures.plot_map(matrix, np.maximum(cam, 0), row_axis(config), column_axis(config, matrix.shape[1]), ax=ax, size=size)


def drop_rows(drops: Mapping[str, np.ndarray], bands: Bands) -> pd.DataFrame:
    """What systems lose without each band (band,), by system, as figures.plot_drops takes it; one clip has no intervals."""
    none = {"low": np.nan, "high": np.nan}
    return pd.DataFrame(
        {"class": name, "from": low, "to": high, "drop": drop, **none}
        for name, values in drops.items()
        for (low, high), drop in zip(bands.limits, values)
    )


def milliseconds(folder: Path, corpus: Corpus) -> float:
    """How long the first fold's network takes for a clip, from the opened file to the answer: the median of TIMED, in ms."""
    classifier, took = load_classifier(fold_places(folder)[0]), []
    for path in corpus.clips["path"].iloc[np.linspace(0, len(corpus.clips) - 1, TIMED).astype(int)]:
        signal, began = audio.read(corpus.root / path), time.perf_counter()
        _said(classifier, signal)
        took.append(time.perf_counter() - began)
    return 1000 * float(np.median(took))


def own_recording(home: Path, words: Corpus, *, known: Collection[str]) -> tuple[str, Signal]:
    """Name and sound of the last recording in home/my_wavs in which somebody speaks; where there is none, what a demo voice says
    in `words`: the last one that is also in `known`, if any is."""
    for path in reversed(list(audio_files(home / "my_wavs"))):
        try:
            signal = audio.read(path)
        except AudioError as reason:
            say(f"{reason}. **So it is left out.**")
            continue
        if find_speech(signal):
            return path.name, signal
        say(f"{path.name}: no speech found. **So it is left out.**")
    speakers = sorted(words.clips["speaker"].unique())
    voice = ([name for name in speakers if name in set(known)] or speakers)[-1]
    theirs = replace(words, clips=words.clips[words.clips["speaker"] == voice].reset_index(drop=True))
    return f"words of demo voice {voice}", audio.read_bytes(saved_words(theirs, n=len(theirs.clips)))

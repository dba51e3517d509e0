"""Sound files -> what a Classifier says of the speech in them: predictions in the order of the files, as rows and as lines.

Speech is found and cut out first, so that silence never reaches the network. Trains and draws nothing.
"""

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.pitch import median_f0
from voicecam.audio.sound_files import audio_files, passed_over
from voicecam.audio.speech import cut, find_speech
from voicecam.config import UNCERTAIN, Config
from voicecam.data.network_input import sample_starts
from voicecam.engine import PROCESSES, THREADS, spread
from voicecam.errors import AudioError, SilentError, VoicecamError
from voicecam.features import window_starts
from voicecam.files import shown
from voicecam.network.classifier import DOUBT, NO_SPEECH, Classifier, Prediction, Window, clip_features, sure_classes
from voicecam.network.long_recordings import joined

KEPT = ("matrix", "log_mel", "spoken")  # what of a Prediction is large
LARGE, LONG = 8_000_000, 300.0  # bytes of a file, s of a recording, from which it is read in parts, or one at a time
MANY = 200  # files from which processes of their own pay: each begins with imports of 0.3 s, or 2 s of torch's

_ONE_LARGE = RLock()


def sound_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files named, and all sound files below the folders named, each once; and the names of those folders' other files.

    Raises AudioError for a folder without any sound file.
    """
    found: dict[Path, None] = {}
    others: list[str] = []
    for path in paths:
        files = list(audio_files(path, "**/*")) if path.is_dir() else [path]
        if not files:
            raise AudioError(f"{shown(path)}: no sound files in this folder; name one with WAV, FLAC, OGG or MP3 files")
        found |= dict.fromkeys(files)
        others += passed_over(path, "**/*") if path.is_dir() else []
    return list(found), others


def predict_files(
    classifier: Classifier, paths: Sequence[Path], *, workers: int | None = None, keep: Sequence[str] = KEPT
) -> Iterator[Prediction]:
    """Predictions of files, several at a time, in their order. A file that cannot be used is a Prediction with an `error`.

    keep : which of KEPT a prediction shall have; without them thousands take little memory
    Few files are read by threads, which begin at once; many by processes, which take a while to begin and then share no
    lock: half of a word's time goes into pitch and Python. Stopped early, it drops the files that wait.
    """
    by = PROCESSES if len(paths) >= MANY and workers != 1 else THREADS
    with closing(spread(_slim, ((path,) for path in paths), shared=(classifier, tuple(keep)), workers=workers, by=by)) as results:
        yield from results


def _slim(classifier: Classifier, keep: tuple[str, ...], path: Path) -> Prediction:
    dropped: dict[str, Any] = {name: None for name in KEPT if name not in keep}
    return replace(predict_file(classifier, path, whole="spoken" in keep), **dropped)


def predict_file(classifier: Classifier, path: Path, *, whole: bool = True) -> Prediction:
    """The prediction of one file, see `predict_recording`. Raises nothing, whatever the file does: its `error` says why. A fault
    of this program too is only this file's; its traceback goes to standard error.

    whole : False: of a picture network's recording that is longer than LONG a part after another is read, see long_recordings
    """
    name = shown(path)
    config = classifier.model.config
    try:
        if not (whole or config.of_sound or config.windows == "loudest"):
            return _predict_parts(classifier, audio.read_parts(path, rate=config.sample_rate, seconds=LONG), name)
        with _ONE_LARGE if os.path.getsize(path) > LARGE else nullcontext():
            heard = [audio.read(path, rate=config.sample_rate)]
            with _ONE_LARGE if heard[0].seconds > LONG else nullcontext():
                return predict_recording(classifier, heard.pop(), name=name)  # given away: it is let go of in there
    except SilentError:  # readable, but nobody speaks
        return Prediction(name, NO_SPEECH)
    except VoicecamError as reason:
        return Prediction(name, None, error=str(reason) if str(reason).startswith(name) else f"{name}: {reason}")
    except OSError as reason:
        return Prediction(name, None, error=f"{name}: not readable ({reason.strerror or reason}); check its permissions")
    except MemoryError:
        return Prediction(name, None, error=f"{name}: too long for this computer's memory; cut it")
    except Exception as bug:
        traceback.print_exc()
        said = " ".join(f"{type(bug).__name__}: {bug}".split())
        return Prediction(name, None, error=f"{name}: failed in this program ({said}); report it with the traceback above")


def _predict_parts(classifier: Classifier, parts: Iterator[Signal], name: str) -> Prediction:
    first = next(parts)
    second = next(parts, None)
    if second is None:
        return predict_recording(classifier, first, name=name)
    every = chain([first, second], parts)
    del first, second
    return joined(classifier, ((part.seconds, predict_recording(classifier, part, name=name)) for part in every), name=name)


def predict_recording(classifier: Classifier, signal: Signal, *, name: str = "recording") -> Prediction:
    """Find the speech in a recording at any rate, cut it out and classify it; "no speech" where there is none."""
    if classifier.model.config.of_sound:
        signal = audio.resample(signal, classifier.model.config.sample_rate)  # before it is cut, as in training
    speech = find_speech(signal)
    if not speech:
        return Prediction(name, NO_SPEECH)
    spoken = cut(signal, speech)
    del signal  # an hour has 230 MB
    found = predict_speech(classifier, spoken.signal, name=name)
    times = (replace(w, start=spoken.time(w.start), end=spoken.time(w.end, end=True)) for w in found.windows)
    return replace(found, speech_seconds=speech.seconds, doubtful=speech.doubtful, windows=tuple(times))


def predict_speech(classifier: Classifier, spoken: Signal, *, name: str = "recording") -> Prediction:
    """Classify a sound that is speech from end to end, as cut out of a recording; times are those of this sound."""
    clip = clip_features(spoken, classifier.model.config)
    found = classifier.classify(spoken, clip=clip)
    strongest = int(np.argmax([window.probabilities[str(found.label)] for window in found.windows]))
    return replace(
        found,
        path=name,
        speech_seconds=spoken.seconds,
        f0=median_f0(spoken),
        matrix=clip.matrices[strongest].copy(),  # else it would keep an hour's windows
        strongest=strongest,
        log_mel=clip.log_mel(strongest),
        spoken=spoken,
    )


def strongest_window(prediction: Prediction, spoken: Signal, config: Config) -> Signal:
    """The prepared window, config.n_samples long, whose matrix the judgement of this speech holds."""
    if config.windows == "loudest":
        return audio.prepare(spoken, config)
    whole = audio.prepare_whole(spoken, config)
    if config.of_sound:
        first = sample_starts(len(whole.samples), config)[prediction.strongest]
        found = whole.samples[first : first + config.n_samples]
        return Signal(np.pad(found, (0, config.n_samples - len(found))), whole.rate)
    starts = window_starts(1 + (len(whole.samples) - config.window) // config.hop, config)
    first = min(starts[prediction.strongest] * config.hop, len(whole.samples) - config.n_samples)
    return Signal(whole.samples[first : first + config.n_samples], whole.rate)


def row(prediction: Prediction) -> dict[str, Any]:
    """As JSON can hold it: path, prediction, label, probability, probabilities, speech_seconds, doubtful, f0, windows, error."""
    windows = [{"start": w.start, "end": w.end, "probabilities": w.probabilities} for w in prediction.windows]
    return {
        "path": prediction.path,
        "prediction": prediction.prediction,
        "label": prediction.label,
        "probability": prediction.probability,
        "probabilities": prediction.probabilities or {},
        "speech_seconds": prediction.speech_seconds,
        "doubtful": prediction.doubtful,
        "f0": prediction.f0,
        "windows": windows,
        "error": prediction.error,
    }


def lines(prediction: Prediction, *, threshold: float) -> list[str]:
    """In words: one line, and a timeline where there are several windows.

    threshold : probability below which a window of the timeline is uncertain
    """
    if prediction.error is not None:
        return [prediction.error]
    if prediction.prediction == NO_SPEECH:
        return [f"{prediction.path}: no speech"]
    best = f"{prediction.label} {prediction.probability:.3f}"
    answer = f"uncertain, likeliest {best}" if prediction.prediction == UNCERTAIN else best
    pitch = "no F0" if prediction.f0 is None else f"F0 {prediction.f0:.0f} Hz"
    doubt = f"{DOUBT}, " * prediction.doubtful
    first = f"{prediction.path}: {answer} ({prediction.speech_seconds:.2f} s of speech, {doubt}{pitch})"
    if len(prediction.windows) < 2:
        return [first]
    torn = "the windows disagree: " * (len(sure_classes(prediction.windows, threshold=threshold)) > 1)
    return [first, f"  {torn}{timeline(prediction.windows, threshold=threshold)}"]


def timeline(windows: Sequence[Window], *, threshold: float) -> str:
    """ "0.00-2.50 s female, 2.00-3.50 s uncertain": runs of windows that say the same. Windows overlap, so runs do too."""
    runs = groupby(windows, key=lambda window: _said(window, threshold))
    parts = [(said, list(run)) for said, run in runs]
    return ", ".join(f"{run[0].start:.2f}-{run[-1].end:.2f} s {said}" for said, run in parts)


def _said(window: Window, threshold: float) -> str:
    label, probability = max(window.probabilities.items(), key=lambda item: item[1])
    return label if probability >= threshold else UNCERTAIN

"""Sound files -> what a Classifier says of the speech in them: verdicts in the order of the files, as rows and as lines.

Speech is found and cut out first, so that silence never reaches the network. Trains and draws nothing.
"""

import os
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.pitch import median_f0
from voicecam.audio.speech import cut, find_speech
from voicecam.config import UNCERTAIN, Config
from voicecam.corpora.labels import audio_files, passed_over
from voicecam.errors import AudioError, SilentError, VoicecamError
from voicecam.features import window_starts
from voicecam.files import shown
from voicecam.network.classifier import Classifier, Window, clip_features, sure_classes

NO_SPEECH = "no speech"


@dataclass(frozen=True)
class Judgement:
    """What was said of one recording.

    path : as it was given
    verdict : a class, "uncertain" or "no speech"; None where the file could not be used, and `error` says why
    label, probability, probabilities : the likeliest class, its calibrated probability, and that of every class, see
        `classifier.Verdict`; None and {} where no speech was classified
    speech_seconds : speech in s, without pauses; f0 : median pitch in Hz, or None where nothing is voiced
    windows : their times are those of the recording
    matrix : float32 (n_rows, n_frames), the window that speaks most for `label`; strongest : its place in `windows`
    log_mel : float (n_mels, n_frames), that window's mel energies in dB
    spoken : the speech that was classified, cut out of the recording; None where there is none
    """

    path: str
    verdict: str | None
    label: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    speech_seconds: float = 0.0
    f0: float | None = None
    windows: tuple[Window, ...] = ()
    error: str | None = None
    matrix: np.ndarray | None = None
    strongest: int = 0
    log_mel: np.ndarray | None = None
    spoken: Signal | None = None


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


def judge_files(classifier: Classifier, paths: Sequence[Path], *, workers: int | None = None) -> Iterator[Judgement]:
    """Judge files, several at a time, in their order. A file that cannot be used is a Judgement with an `error`.

    Threads: reading, resampling and both networks leave Python's lock, and processes would each import torch for seconds.
    Stopped early, it drops the files that wait, and does not wait for those at work.
    """
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        yield from pool.map(partial(judge_file, classifier), paths)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def judge_file(classifier: Classifier, path: Path) -> Judgement:
    """Judge one file, see `judge`. Raises nothing, whatever the file does: its `error` says why. A fault of this program too is
    only this file's; its traceback goes to standard error."""
    name = shown(path)
    try:
        return judge(classifier, audio.read(path, rate=classifier.model.config.sample_rate), name=name)
    except SilentError:  # readable, but nobody speaks
        return Judgement(name, NO_SPEECH)
    except VoicecamError as reason:
        return Judgement(name, None, error=str(reason) if str(reason).startswith(name) else f"{name}: {reason}")
    except OSError as reason:
        return Judgement(name, None, error=f"{name}: not readable ({reason.strerror or reason}); check its permissions")
    except MemoryError:
        return Judgement(name, None, error=f"{name}: too long for this computer's memory; cut it")
    except Exception as bug:
        traceback.print_exc()
        said = " ".join(f"{type(bug).__name__}: {bug}".split())
        return Judgement(name, None, error=f"{name}: failed in this program ({said}); report it with the traceback above")


def judge(classifier: Classifier, signal: Signal, *, name: str = "recording") -> Judgement:
    """Find the speech in a recording at any rate, cut it out and classify it; "no speech" where there is none."""
    speech = find_speech(signal)
    if not speech:
        return Judgement(name, NO_SPEECH)
    spoken = cut(signal, speech)
    del signal  # an hour has 230 MB
    said = judge_speech(classifier, spoken.signal, name=name)
    times = (replace(w, start=spoken.time(w.start), end=spoken.time(w.end, end=True)) for w in said.windows)
    return replace(said, speech_seconds=speech.seconds, windows=tuple(times))


def judge_speech(classifier: Classifier, spoken: Signal, *, name: str = "recording") -> Judgement:
    """Classify a sound that is speech from end to end, as cut out of a recording; times are those of this sound."""
    clip = clip_features(spoken, classifier.model.config)
    said = classifier.classify(spoken, clip=clip)
    alone = [window.probabilities[said.label] for window in said.windows]
    strongest = int(np.argmax(alone))
    return Judgement(
        path=name,
        verdict=said.verdict,
        label=said.label,
        probability=said.probability,
        probabilities=said.probabilities,
        speech_seconds=spoken.seconds,
        f0=median_f0(spoken),
        windows=said.windows,
        matrix=clip.matrices[strongest].copy(),  # else it would keep an hour's windows
        strongest=strongest,
        log_mel=clip.log_mel(strongest),
        spoken=spoken,
    )


def strongest_window(judgement: Judgement, spoken: Signal, config: Config) -> Signal:
    """The prepared window, config.n_samples long, whose matrix the judgement of this speech holds."""
    if config.windows == "loudest":
        return audio.prepare(spoken, config)
    whole = audio.prepare_whole(spoken, config)
    starts = window_starts(1 + (len(whole.samples) - config.window) // config.hop, config)
    first = min(starts[judgement.strongest] * config.hop, len(whole.samples) - config.n_samples)
    return Signal(whole.samples[first : first + config.n_samples], whole.rate)


def row(judgement: Judgement) -> dict[str, Any]:
    """The Judgement as JSON can hold it: path, verdict, label, probability, probabilities, speech_seconds, f0, windows, error."""
    windows = [{"start": w.start, "end": w.end, "probabilities": w.probabilities} for w in judgement.windows]
    return {
        "path": judgement.path,
        "verdict": judgement.verdict,
        "label": judgement.label,
        "probability": judgement.probability,
        "probabilities": judgement.probabilities or {},
        "speech_seconds": judgement.speech_seconds,
        "f0": judgement.f0,
        "windows": windows,
        "error": judgement.error,
    }


def lines(judgement: Judgement, *, threshold: float) -> list[str]:
    """The Judgement in words: one line, and a timeline where there are several windows.

    threshold : probability below which a window of the timeline is uncertain
    """
    if judgement.error is not None:
        return [judgement.error]
    if judgement.verdict == NO_SPEECH:
        return [f"{judgement.path}: no speech"]
    best = f"{judgement.label} {judgement.probability:.3f}"
    verdict = f"uncertain, likeliest {best}" if judgement.verdict == UNCERTAIN else best
    pitch = "no F0" if judgement.f0 is None else f"F0 {judgement.f0:.0f} Hz"
    first = f"{judgement.path}: {verdict} ({judgement.speech_seconds:.2f} s of speech, {pitch})"
    if len(judgement.windows) < 2:
        return [first]
    torn = "the windows disagree: " * (len(sure_classes(judgement.windows, threshold=threshold)) > 1)
    return [first, f"  {torn}{timeline(judgement.windows, threshold=threshold)}"]


def timeline(windows: Sequence[Window], *, threshold: float) -> str:
    """ "0.00-2.50 s female, 2.00-3.50 s uncertain": runs of windows that say the same. Windows overlap, so runs do too."""
    runs = groupby(windows, key=lambda window: _said(window, threshold))
    parts = [(said, list(run)) for said, run in runs]
    return ", ".join(f"{run[0].start:.2f}-{run[-1].end:.2f} s {said}" for said, run in parts)


def _said(window: Window, threshold: float) -> str:
    label, probability = max(window.probabilities.items(), key=lambda item: item[1])
    return label if probability >= threshold else UNCERTAIN

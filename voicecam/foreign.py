"""A saved model on a corpus that it did not learn from: the same scores as a run's, clip by clip through the Classifier."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio, evaluation
from voicecam.classifier import Classifier
from voicecam.corpora.table import Corpus, keep_labelled
from voicecam.errors import AudioError, DatasetError, ModelError
from voicecam.files import read_json, write_json, write_text
from voicecam.fingerprints import COPY, fingerprint, nearest

Progress = Callable[[Iterable, int], Iterable]
BATCH = 64  # clips given to the network at once; bounds the memory


def score_model(
    folder: Path,
    classifier: Classifier,
    corpus: Corpus,
    *,
    facts: dict[str, Any],
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Predict all clips of `corpus` that have the model's label; writes predictions.csv, per_speaker.csv, per_group.csv,
    risk_coverage.csv and, last, metrics.json into `folder`; returns the metrics.

    facts : written into metrics.json as they are, such as the command; the same facts again give what is there
    Clips that cannot be used are listed in metrics.json under "failed". Joined corpora are the folds, so that fold_mean is
    the mean over corpora. Raises ModelError when the folder holds another test or the model has met the corpus in training,
    DatasetError when the corpus lacks the label or has classes that the model does not know.
    """
    path = folder / "metrics.json"
    if path.exists():
        there = read_json(path, error=ModelError)
        if there.get("facts") != facts:
            raise ModelError(f"{folder}: holds another test; choose another --run name")
        return there
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder}: is there and is no finished test; choose another --run name")
    model = classifier.model
    corpus = _suitable(corpus, classifier)
    p, failed = _probabilities(classifier, corpus, progress)
    clips = corpus.clips[~np.isnan(p[:, 0])].reset_index(drop=True)
    p = p[~np.isnan(p[:, 0])]
    if clips.empty:
        raise DatasetError(f"{corpus.root}: none of {len(failed)} clips can be used; the first: {failed[0][1]}")
    rows = np.arange(len(clips))
    predictions = evaluation.prediction_table(clips, model.label, rows, p, model.classes, fold=1, threshold=classifier.threshold)
    if "corpus" in clips:
        predictions["fold"] = pd.factorize(clips["corpus"], sort=True)[0] + 1
    metrics = {
        **evaluation.all_scores(predictions, evaluation.at_temperature(p, 1 / model.temperature), model.classes),
        "corpora": sorted(clips["corpus"].unique()) if "corpus" in clips else [corpus.name],
        "failed": failed,
        "facts": facts,
    }
    for name, text in evaluation.all_tables(predictions, clips).items():
        write_text(folder / name, text)
    write_json(path, metrics)
    return metrics


def _suitable(corpus: Corpus, classifier: Classifier) -> Corpus:
    """The clips with the model's label. Raises where the model has met the corpus, or does not know its classes."""
    model = classifier.model
    names = set(corpus.clips["corpus"]) if "corpus" in corpus.clips else {corpus.name}
    met = {name.lower() for name in names} & {name.lower() for name in model.meta.get("corpora", [])}
    if met:
        raise ModelError(
            f"the model was trained on {', '.join(sorted(met))}: scores there would be too good; give a corpus that is new to it"
        )
    labelled = keep_labelled(corpus, model.label)
    unknown = sorted(set(labelled.clips[model.label]) - set(model.classes))
    if unknown:
        raise DatasetError(
            f"{corpus.name}: class '{unknown[0]}' of '{model.label}' is unknown to the model (it has {', '.join(model.classes)})"
        )
    return labelled


def _refuse_copies(met: np.ndarray | None, signals: dict[str, audio.Signal]) -> None:
    """Raise ModelError where a recording is a copy of one that the model has met, under whatever name."""
    if met is None or not len(met) or not signals:
        return
    names, prints = list(signals), np.stack([fingerprint(signal) for signal in signals.values()])
    copies = np.flatnonzero(nearest(prints, met)[1] <= COPY)
    if len(copies):
        raise ModelError(
            f"{names[copies[0]]}: is a copy of a recording that the model was trained on ({len(copies)} copies among "
            f"{len(names)} clips): scores would be too good; give a corpus that is new to it"
        )


def _probabilities(classifier: Classifier, corpus: Corpus, progress: Progress) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Probabilities, float (clip, class), NaN for clips that cannot be used; and those with the reason."""
    names = list(corpus.clips["path"])
    p = np.full((len(names), len(classifier.model.classes)), np.nan)
    failed: list[tuple[str, str]] = []
    waiting: dict[int, audio.Signal] = {}
    for number, name in enumerate(progress(names, len(names))):
        try:
            waiting[number] = audio.read(corpus.root / name)
        except AudioError as error:
            failed.append((name, str(error)))
        if len(waiting) == BATCH or number == len(names) - 1:
            _refuse_copies(classifier.model.met, {names[row]: signal for row, signal in waiting.items()})
            p[list(waiting)] = classifier.probabilities(list(waiting.values()))
            waiting = {}
    return p, failed

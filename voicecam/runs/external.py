"""A saved model on corpora that it did not learn from: the same scores as a run's, clip by clip through the Classifier."""

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio, evaluation
from voicecam.audio.fingerprints import COPY, fingerprint, nearest
from voicecam.corpora.table import Corpus, keep_labelled
from voicecam.engine import HERE, spread
from voicecam.errors import AudioError, DatasetError, ModelError
from voicecam.files import read_json, write_json, write_text
from voicecam.network.classifier import NO_SPEECH, Classifier
from voicecam.progress import Progress

BATCH = 64  # clips given to the network at once; bounds the memory


def score_model(
    folder: Path,
    classifier: Classifier,
    corpus: Corpus,
    *,
    facts: dict[str, Any],
    known_corpus: bool = False,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Predict all clips of `corpus` that have the model's label; writes predictions.csv, per_speaker.csv, per_group.csv,
    risk_coverage.csv, corpora.csv and, last, metrics.json into `folder`; returns the metrics.

    facts : written into metrics.json as they are, such as the command; the same facts again give what is there
    known_corpus : whether other speakers of these corpora may have trained the model, see `new_speakers`; a copy never may
    Clips that cannot be used, and of a speech model those in which nobody speaks, are listed in metrics.json under "failed".
    Of each corpus no_speech is the share of clips in which nobody is found speaking, and balanced_with_no_speech the balanced
    accuracy with these as wrong: what `classify` reaches, which refuses them, where a picture network scores each clip whole.
    Joined corpora are the folds: by_corpus has a row for each, fold_mean is their mean with an interval over their speakers, and
    over_corpora says what another one may give. Raises ModelError when the folder holds another test or the model has met the
    corpus in training, DatasetError when the corpus lacks the label or has classes that the model does not know.
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
    corpus = _suitable(corpus, classifier, known_corpus=known_corpus)
    p, silent, failed = _probabilities(classifier, corpus, progress)
    judged = _refused(p, silent, corpus.clips[model.label], model.classes)
    every = _predictions(corpus.clips, judged, classifier).assign(silent=silent[~np.isnan(judged[:, 0])])
    clips = corpus.clips[~np.isnan(p[:, 0])].reset_index(drop=True)
    if clips.empty:
        raise DatasetError(f"{corpus.root}: none of {len(failed)} clips can be used; the first: {failed[0][1]}")
    predictions = _predictions(corpus.clips, p, classifier)
    names = sorted(clips["corpus"].unique()) if "corpus" in clips else [corpus.name]
    metrics = {
        **evaluation.all_scores(
            predictions, evaluation.at_temperature(p[~np.isnan(p[:, 0])], 1 / model.temperature), model.classes
        ),
        **evaluation.all_corpora(predictions, model.classes, names),
        "corpora": names,
        "failed": failed,
        "facts": facts,
    }
    for row, fold in zip(metrics["by_corpus"], np.unique(predictions["fold"]), strict=True):
        row |= _as_classified(every[every["fold"] == fold], model.classes)
    for name, text in evaluation.all_tables(predictions, clips).items():
        write_text(folder / name, text)
    write_text(folder / "corpora.csv", evaluation.corpus_table(metrics["by_corpus"]).to_csv(index=False, float_format="%.6g"))
    write_json(path, metrics)
    return metrics


def new_speakers(corpus: Corpus, met: np.ndarray | None, *, progress: Progress = lambda items, total: items) -> Corpus:
    """The clips of speakers of whom no recording is a copy of one that a model was trained on.

    met : the model's fingerprints, see `Model.met`. Raises ModelError where they are not known or nobody is left. A recording
    that cannot be read is nobody's copy.
    """
    if met is None:
        raise ModelError("the model does not say which recordings it was trained on; give corpora that are new to it")
    names, copies = list(corpus.clips["path"]), np.zeros(len(corpus.clips), dtype=bool)
    for number, name in enumerate(progress(names, len(names))):
        with suppress(AudioError):
            copies[number] = nearest(fingerprint(audio.read(corpus.root / name))[None], met)[1][0] <= COPY
    speakers = corpus.clips["speaker"]
    kept = ~speakers.isin(speakers[copies]).to_numpy()
    if not kept.any():
        raise ModelError(f"{corpus.name}: the model was trained on every speaker of it; give a corpus that is new to it")
    return replace(corpus, clips=corpus.clips[kept].reset_index(drop=True))


def corpus_lines(metrics: dict[str, Any]) -> list[str]:
    """The entries by_corpus and over_corpora of metrics as a Markdown table, a corpus a row, and lines on all together."""
    rows, together = metrics["by_corpus"], metrics["over_corpora"]
    classes = list(rows[0]["recall"])
    head = ["corpus", f"speakers, {'/'.join(classes)}", "clips", "balanced accuracy", *classes, "ECE", "uncertain"]
    head += ["wrong of those answered", *(f"wrong of answered {name}" for name in classes)]
    head += ["no speech", "balanced accuracy with these as wrong"] * ("no_speech" in rows[0])
    lines = [head, ["---"] * len(head), *(_cells(row, classes) for row in rows)]
    table = [f"| {' | '.join(cells)} |" for cells in lines]
    ece, wrong, k = together["ece"], together["error_answered"], together["corpora"]
    if k == 1:
        return table
    spans = [f"ECE {_span(ece)}", f"wrong of those answered {_span(wrong)}"]
    return [
        *table,
        f"mean over {k} corpora, and least to most: balanced accuracy {together['mean']:.3f}; {'; '.join(spans)}",
        f"interval over corpora: a typical one {interval(together['typical'])}, "
        f"the next one {together['next']['low']:.3f} to {together['next']['high']:.3f}",
    ]


def interval(score: dict[str, float | None]) -> str:
    """ "0.946 [0.917, 0.971]", "0.946 (no interval)", or "none" where there is no score."""
    value, low, high = (score[name] for name in ("value", "low", "high"))
    if value is None:
        return "none"
    return f"{value:.3f} (no interval)" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _cells(row: dict[str, Any], classes: list[str]) -> list[str]:
    who = "/".join(str(row["speakers"][name]) for name in classes)
    shares = [row["recall"][name] for name in classes], [row["error_answered_of"][name] for name in classes]
    recall, wrong = ([_number(share) for share in part] for part in shares)
    score, unsure, answered = interval(row["balanced_accuracy"]), _number(row["uncertain"]), interval(row["error_answered"])
    heard = [f"{row['no_speech']:.3f}", interval(row["balanced_with_no_speech"])] if "no_speech" in row else []
    return [row["corpus"], who, str(row["clips"]), score, *recall, f"{row['ece']:.3f}", unsure, answered, *wrong, *heard]


def _number(score: dict[str, float | None] | None) -> str:
    return "none" if score is None or score["value"] is None else f"{score['value']:.3f}"


def _span(values: dict[str, float | None]) -> str:
    return "none" if values["mean"] is None else f"{values['mean']:.3f} ({values['least']:.3f} to {values['most']:.3f})"


def _suitable(corpus: Corpus, classifier: Classifier, *, known_corpus: bool) -> Corpus:
    """The clips with the model's label. Raises where the model has met the corpus, or does not know its classes."""
    model = classifier.model
    names = set(corpus.clips["corpus"]) if "corpus" in corpus.clips else {corpus.name}
    met = {name.lower() for name in names} & {name.lower() for name in model.meta.get("corpora", [])}
    if met and not known_corpus:
        raise ModelError(
            f"the model was trained on {', '.join(sorted(met))}: scores there would be too good; give a corpus that is new to "
            "it, or --new-speakers"
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


def _predictions(clips: pd.DataFrame, p: np.ndarray, classifier: Classifier) -> pd.DataFrame:
    """The table of predictions of the clips that have probabilities; joined corpora are the folds."""
    model, known = classifier.model, ~np.isnan(p[:, 0])
    folds = pd.factorize(clips["corpus"], sort=True)[0] + 1 if "corpus" in clips else np.ones(len(clips), int)
    clips, rows = clips[known].reset_index(drop=True), np.arange(known.sum())
    table = evaluation.prediction_table(clips, model.label, rows, p[known], model.classes, fold=1, threshold=classifier.threshold)
    return table.assign(fold=folds[known])


def _refused(p: np.ndarray, silent: np.ndarray, truth: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """The probabilities, those of clips in which nobody is found speaking set on the other classes: no answer is a wrong one."""
    wrong = np.array([[(name != true) / (len(classes) - 1) for name in classes] for true in truth])
    return np.where(silent[:, None], wrong, p)


def _as_classified(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    scores = evaluation.evaluate(predictions.reset_index(drop=True), classes)["network"]
    return {"no_speech": float(predictions["silent"].mean()), "balanced_with_no_speech": scores["balanced_accuracy"]}


def _probabilities(
    classifier: Classifier, corpus: Corpus, progress: Progress
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Probabilities, float (clip, class), NaN for clips that cannot be used; in which nobody is found speaking, bool (clip,); and
    those that cannot be used, with the reason."""
    names = list(corpus.clips["path"])
    p, silent = np.full((len(names), len(classifier.model.classes)), np.nan), np.zeros(len(names), bool)
    failed: list[tuple[str, str]] = []
    jobs = ((names[start : start + BATCH],) for start in range(0, len(names), BATCH))
    with closing(spread(_judged, jobs, shared=(classifier, corpus.root), by=HERE)) as results:
        each = (one for some in results for one in some)
        for row, (found, quiet, reason) in enumerate(progress(each, len(names))):
            p[row], silent[row] = found, quiet
            failed += [(names[row], reason)] * bool(reason)
    return p, silent, failed


def _judged(classifier: Classifier, root: Path, names: list[str]) -> list[tuple[np.ndarray, bool, str]]:
    """Of each clip probabilities, float (class,), or NaN; whether nobody is found speaking; why it cannot be used, or nothing."""
    signals: dict[str, audio.Signal] = {}
    reasons: dict[str, str] = {}
    for name in names:
        try:
            signals[name] = audio.read(root / name)
        except AudioError as error:
            reasons[name] = str(error)
    _refuse_copies(classifier.model.met, signals)
    found = dict(zip(signals, classifier.probabilities(list(signals.values()))))
    none = np.full(len(classifier.model.classes), np.nan)
    quiet = {name for name, signal in signals.items() if np.isnan(found[name][0]) or _nobody_speaks(signal, classifier)}
    reasons |= {name: NO_SPEECH for name, p in found.items() if np.isnan(p[0])}
    return [(found.get(name, none), name in quiet, reasons.get(name, "")) for name in names]


def _nobody_speaks(signal: audio.Signal, classifier: Classifier) -> bool:
    """Of a recording of which a speech model has heard speech it is known that somebody does."""
    return not (classifier.model.config.of_sound or audio.find_speech(signal))

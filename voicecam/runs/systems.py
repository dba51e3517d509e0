"""Evaluated runs of several systems on the same corpora -> one table: how well, how sure, how fast, how large, how short a word.

Trains nothing: the runs are made by the commands. All numbers are the runs' own but the speed, which is measured here.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio, evaluation, runs
from voicecam.config import TRANSFORMERS
from voicecam.corpora.table import Corpus
from voicecam.encoders import ENCODERS
from voicecam.errors import AudioError, ModelError
from voicecam.files import read_json
from voicecam.network import load_model
from voicecam.network.classifier import load_classifier
from voicecam.runs.robustness import run_robustness

NEAR = 0.02  # of balanced accuracy: clips are long enough where no more than this is lost against the clean ones
TIMED = 24  # clips whose classification is timed, after two that warm up
COLUMNS = ("balanced_accuracy", "low", "high", "worst_corpus", "ece", "uncertain", "error_answered", "seconds_needed",
           "noise_10_db", "telephone", "room_0.8_s", "clips_per_second", "weights_mb", "explains", "licence")  # fmt: skip


def system_row(folder: Path, *, limit: int) -> dict[str, Any]:
    """A run's row of the table, see COLUMNS.

    limit : clips per class under each condition of robustness
    balanced_accuracy with low and high : mean over the held-back corpora or folds, interval over speakers; worst_corpus: of these
    ece, uncertain, error_answered : expected calibration error, share of clips that the threshold leaves open, errors of the rest
    seconds_needed : shortest length in s from which on at most NEAR is lost; None where no tested length is enough
    noise_10_db, telephone, room_0.8_s : balanced accuracy there; clips_per_second : from the file to the answer, on this machine
    weights_mb : of the encoder and the network; explains : how; licence : of the encoder's weights
    """
    metrics, model = read_json(folder / "metrics.json", error=ModelError), load_model(runs.fold_places(folder)[0])
    corpora = metrics.get("by_corpus") or []
    scores = [row["balanced_accuracy"]["value"] for row in corpora] or [fold["balanced_accuracy"] for fold in metrics["folds"]]
    table = run_robustness(folder, limit=limit, log=lambda line: None).set_index("condition")
    mean = metrics["fold_mean"]
    return {
        "balanced_accuracy": mean["value"],
        "low": mean["low"],
        "high": mean["high"],
        "worst_corpus": min(scores),
        "ece": metrics["calibration"]["ece"]["value"],
        "uncertain": metrics["abstention"]["uncertain"]["value"],
        "error_answered": metrics["abstention"]["error_answered"]["value"],
        "seconds_needed": seconds_needed(table),
        "noise_10_db": _under(table, "white noise, 10 dB"),
        "telephone": _under(table, "telephone"),
        "room_0.8_s": _under(table, "room, RT60 0.8 s"),
        "clips_per_second": clips_per_second(folder),
        "weights_mb": _megabytes(folder, model.config.encoder),
        **facts(model.arch, model.config.encoder),
    }


def facts(arch: str, encoder: str) -> dict[str, Any]:
    """What is known of a system without asking it: how it is explained, and the licence of what others trained."""
    if encoder or arch in TRANSFORMERS:
        info = ENCODERS[encoder or arch]
        how = "occlusion of the sound, integrated gradients" if info.differentiable else "occlusion of the sound"
        return {"explains": how, "licence": info.licence}
    return {"explains": "Grad-CAM on the picture", "licence": "that of the corpora"}


def _megabytes(folder: Path, encoder: str) -> float:
    """Of a run's first network as it is saved, and of the encoder below it."""
    own = (runs.fold_places(folder)[0] / "model.safetensors").stat().st_size / 1e6
    return round(own, 1) + (ENCODERS[encoder].megabytes if encoder else 0)


def seconds_needed(table: pd.DataFrame) -> float | None:
    """The shortest tested length from which on at most NEAR of balanced accuracy is lost; table : of robustness, by condition"""
    lengths = table[table["group"] == "length"]
    lost = (lengths["clean_same_clips"] - lengths["balanced_accuracy"]).to_numpy()
    seconds = np.array([float(name.split()[0]) for name in lengths.index])
    enough = [s for i, s in enumerate(seconds) if np.all(lost[i:][np.isfinite(lost[i:])] <= NEAR) and np.isfinite(lost[i])]
    return min(enough) if enough else None


def clips_per_second(folder: Path) -> float:
    """Clips that the first fold's network classifies in a second, one after another, from the file on, on this machine."""
    classifier = load_classifier(runs.fold_places(folder)[0])
    predictions, root = runs.read_predictions(folder), runs.run_dataset(runs.open_run(folder)).corpus.root
    names = predictions["path"].iloc[np.linspace(0, len(predictions) - 1, TIMED + 2).astype(int)]
    began = time.perf_counter()
    for i, name in enumerate(names):
        if i == 2:
            began = time.perf_counter()
        try:
            classifier.probabilities([audio.read(root / name)])
        except AudioError:
            continue
    return TIMED / (time.perf_counter() - began)


def _under(table: pd.DataFrame, condition: str) -> float:
    return float(table["balanced_accuracy"].get(condition, np.nan))


def f0_row(corpus: Corpus, label: str, splits: Sequence[Any], pitches: np.ndarray) -> dict[str, Any]:
    """The row of a threshold on the median pitch alone, chosen on training clips: what a phonetician would try first.

    pitches : median F0 of each clip in Hz, NaN where nothing is voiced (then the class that is more frequent in training)
    """
    classes = sorted(corpus.clips[label].unique())
    truth = corpus.clips[label].to_numpy(dtype=str)
    tables = []
    for fold, split in enumerate(splits, start=1):
        cut, above = _threshold(pitches[split.train], truth[split.train], classes)
        said = np.where(np.nan_to_num(pitches[split.test], nan=-np.inf) > cut, above, 1 - above)
        p = np.eye(2)[said] * 0.98 + 0.01
        tables.append(evaluation.prediction_table(corpus.clips, label, split.test, p, classes, fold=fold))
    found = evaluation.evaluate(pd.concat(tables, ignore_index=True), classes)
    mean, each = found["fold_mean"], [fold["balanced_accuracy"] for fold in found["folds"]]
    row = {"balanced_accuracy": mean["value"], "low": mean["low"], "high": mean["high"], "worst_corpus": min(each)}
    return {**dict.fromkeys(COLUMNS), **row, "weights_mb": 0, "explains": "it is a threshold in Hz", "licence": "none needed"}


def _threshold(f0: np.ndarray, truth: np.ndarray, classes: Sequence[str]) -> tuple[float, int]:
    """The pitch in Hz that separates two classes best by balanced accuracy, and the number of the class above it."""
    voiced = np.isfinite(f0)
    f0, second = f0[voiced], truth[voiced] == classes[1]
    best = (-1.0, 0.0, 0)
    values = np.unique(f0)
    for cut in (values[1:] + values[:-1]) / 2:
        above = 0.5 * ((f0[second] > cut).mean() + (f0[~second] <= cut).mean())  # balanced accuracy with the second class above
        best = max(best, (above, float(cut), 1), (1 - above, float(cut), 0))
    return best[1], best[2]

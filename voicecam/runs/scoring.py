"""A trained run -> predictions of its test clips and their scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import evaluation
from voicecam.data.dataset import Dataset
from voicecam.errors import ModelError
from voicecam.files import read_json, write_json, write_text
from voicecam.network import load_model
from voicecam.runs.folder import Settings, fold_places, open_run, read_split
from voicecam.runs.training import predict


def evaluate_run(folder: Path, dataset: Dataset) -> dict[str, Any]:
    """Predict each fold's test part; write predictions.csv, per_speaker.csv, per_group.csv, risk_coverage.csv and, last,
    metrics.json; returns the metrics."""
    path = folder / "metrics.json"
    if path.exists():
        return read_json(path, error=ModelError)
    settings = open_run(folder)
    predictions, before, baselines, metas = _predict(folder, dataset, settings)
    classes = [name.removeprefix("p_") for name in predictions if name.startswith("p_")]
    metrics = evaluation.all_scores(predictions, before, classes)
    metrics["baselines"] = {name: evaluation.evaluate(table, classes)["network"] for name, table in baselines.items()}
    metrics["calibration"]["temperatures"] = [meta.get("temperature", 1.0) for meta in metas]
    metrics["abstention"] |= {
        "max_error": settings.max_error,
        "thresholds": [meta.get("threshold") for meta in metas],
        "validation_speakers": [meta.get("validation_speakers") for meta in metas],
    }
    if settings.split == "corpora":
        metrics |= evaluation.all_corpora(predictions, classes)
    for name, text in evaluation.all_tables(predictions, dataset.clips).items():
        write_text(folder / name, text)
    write_json(path, metrics)
    return metrics


def _predict(
    folder: Path, dataset: Dataset, settings: Settings
) -> tuple[pd.DataFrame, np.ndarray, dict[str, pd.DataFrame], list[Mapping[str, Any]]]:
    """Over all folds: predictions of the test parts, their probabilities at temperature 1, those of the baselines; each meta."""
    tables, before, metas = [], [], []
    baselines: dict[str, list[pd.DataFrame]] = {name: [] for name in evaluation.BASELINES}
    for number, place in enumerate(fold_places(folder), start=1):
        model, split = load_model(place), read_split(place, dataset)
        if not len(split.test):
            raise ModelError(f"{folder}: nobody was held back to be tested; ship it with voicecam ship --tested RUN")
        p, clips = predict(model, dataset, split.test), (dataset.clips, settings.label)
        threshold = model.meta.get("threshold", 0.0)
        tables.append(evaluation.prediction_table(*clips, split.test, p, model.classes, fold=number, threshold=threshold))
        before.append(evaluation.at_temperature(p, 1 / model.temperature))
        metas.append(model.meta)
        simple = evaluation.baseline_predictions(
            dataset.matrices, *clips, split, model.classes, fold=number, seed=settings.training.seed
        )
        for name, table in simple.items():
            baselines[name].append(table)
    joined = {name: pd.concat(parts) for name, parts in baselines.items()}
    return pd.concat(tables, ignore_index=True), np.concatenate(before), joined, metas

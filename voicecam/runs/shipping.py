"""A run's network -> a folder of its own, with the scores it goes by."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from voicecam import audio, evaluation
from voicecam.audio.fingerprints import fingerprint, to_text
from voicecam.config import TrainConfig
from voicecam.corpora.table import Corpus
from voicecam.errors import ModelError
from voicecam.files import read_json, write_json
from voicecam.network import Model, load_model, save_model
from voicecam.network.card import MOST_NAMED, write_card
from voicecam.runs.folder import fold_places, open_run, read_predictions
from voicecam.runs.light_export import can_be_light, export_light


def ship(folder: Path, out: Path, *, tested: Path | None = None, licence: str | None = None) -> Path:
    """Write the network of a run with one split to `out`, as float16, with its scores; returns the weights' path.

    tested : another run, evaluated over several folds, whose scores the network goes by and which sets its temperature and
        threshold: for a network that learned from everybody (split "none") and has nobody left to be tested on. Without it,
        the run's own scores are written.
    licence : of the weights, as their card names it
    Raises ModelError when there is more than one network to ship, and when `tested` trained another kind of network.
    """
    places = fold_places(folder)
    if len(places) > 1:
        raise ModelError(f"{folder}: has {len(places)} networks, one per fold; ship a run with --split speakers or none")
    model = load_model(places[0])
    found = _own_scores(folder) if tested is None else _borrowed_scores(model, tested, max_error=open_run(folder).max_error)
    command = read_json(folder / "run.json", error=ModelError, needs={"command": str})["command"]
    stated = {} if licence is None else {"licence": licence}
    save_model(out, replace(model, meta={**stated, **model.meta, "command": command, **found}), half=True)
    write_card(out, load_model(out))
    if can_be_light(model):
        export_light(out)
    return out / "model.safetensors"


def rescore(folder: Path, *, tested: Path) -> Path:
    """Write temperature, threshold and scores of a model that ships again, as `ship` does; returns meta.json's path.

    The weights stay as they are. Raises ModelError when `tested` trained another kind of network.
    """
    saved, path = load_model(folder), folder / "meta.json"
    found = _borrowed_scores(saved, tested, max_error=open_run(tested).max_error)
    write_json(path, {**read_json(path, error=ModelError), "meta": {**saved.meta, **found}})
    write_card(folder, load_model(folder))
    return path


def add_fingerprints(folder: Path, corpus: Corpus) -> int:
    """Write fingerprints of a corpus's recordings into a saved model's meta.json, which was trained on them before training
    kept any; returns how many. Raises ModelError where the model has some already, AudioError for an unreadable recording.
    """
    meta = read_json(folder / "meta.json", error=ModelError, needs={"meta": dict})
    if "fingerprints" in meta["meta"]:
        raise ModelError(f"{folder}: has fingerprints of what it was trained on; train it again to change them")
    prints = np.stack([fingerprint(audio.read(corpus.root / name)) for name in corpus.clips["path"]])
    write_json(folder / "meta.json", {**meta, "meta": {**meta["meta"], "fingerprints": to_text(prints)}})
    return len(prints)


def _own_scores(folder: Path) -> dict[str, Any]:
    read_predictions(folder)  # raises where the run was not evaluated
    scores = read_json(folder / "metrics.json", error=ModelError, needs={"network.per_class": dict})["network"]
    each = ("per_class", "confusion") if len(scores["per_class"]) > MOST_NAMED else ()
    return {"test": {name: score for name, score in scores.items() if name not in each}}


def _borrowed_scores(model: Model, tested: Path, *, max_error: float) -> dict[str, Any]:
    """Temperature and threshold from all folds of `tested`; scores of each fold under those that the other folds ask for. Of one
    fold the scores alone."""
    _check_same_kind(model, tested)
    predictions = read_predictions(tested)
    metrics = read_json(tested / "metrics.json", error=ModelError)
    command = read_json(tested / "run.json", error=ModelError)["command"]
    if len(metrics["folds"]) < 2:  # nobody else to calibrate on: both go by their own validation speakers
        kept = {name: metrics[name] for name in ("folds", "fold_mean", "fold_spread", "calibration", "abstention")}
        return {"test": metrics["network"], "tested": {**kept, "command": command}}
    temperatures = predictions["fold"].map(dict(enumerate(metrics["calibration"]["temperatures"], start=1))).to_numpy(dtype=float)
    p = predictions[[f"p_{name}" for name in model.classes]].to_numpy()
    before = evaluation.at_temperature(p, 1 / temperatures[:, None])
    targets = predictions["true"].map(list(model.classes).index).to_numpy(dtype=int)
    crossed = evaluation.cross_calibrate(predictions, before, model.classes, max_error=max_error)
    scores = {**evaluation.all_scores(crossed, before, model.classes), "command": command}
    if open_run(tested).split == "corpora":
        scores |= evaluation.all_corpora(crossed, model.classes)
    speakers, groups = predictions["speaker"].to_numpy(), predictions["fold"].to_numpy(dtype=int)
    if open_run(tested).split == "corpora":
        groups = np.unique(evaluation.corpora_of(predictions), return_inverse=True)[1]
    facts = evaluation.calibrate(before, targets, speakers, model.classes, max_error=max_error, groups=groups)
    return {**facts, "test": scores.pop("network"), "tested": scores}


def _check_same_kind(model: Model, tested: Path) -> None:
    """Raise ModelError where the tested run's networks are made otherwise than `model`: then its scores say nothing of it."""
    other, training = load_model(fold_places(tested)[0]), open_run(tested).training
    ours, theirs = (asdict(TrainConfig(**one.meta["training"])) for one in (model, other))  # older ones lack newer settings
    for name, mine, its in (
        ("architecture", model.arch, other.arch),
        ("classes", model.classes, other.classes),
        ("settings from sound to picture", model.config, other.config),
        ("training", {**ours, "seed": training.seed}, theirs),
    ):
        if mine != its:
            raise ModelError(f"{tested}: another {name} than that of the network to ship; test with the same options")

"""A run: one folder in results/, filled step by step: train, evaluate, explain. Each step appears whole and is done once.

run.json holds the settings and is written first; manifest.json is written last, by pages.py, and marks the run as complete.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from voicecam import evaluation
from voicecam.classifier import Classifier
from voicecam.corpora.table import keep_ages, keep_labelled
from voicecam.dataset import Dataset, read_dataset
from voicecam.errors import DatasetError, ExplainError, ModelError
from voicecam.explanation.bands import band_shares, bands_by_class
from voicecam.explanation.gradcam import grad_cam
from voicecam.files import read_json, write_bytes, write_json, write_text
from voicecam.learner import Training, train
from voicecam.network import Model, build, load_model, save_model
from voicecam.renderings import Progress, render
from voicecam.splits import Split, make_splits

Say = Callable[[str], None]
PARTS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides a run's numbers."""

    map: str  # the map of the images, see dataset.make_images
    label: str = "gender"
    split: str = "speakers"  # see splits.make_splits
    folds: int = 5  # where split is "folds"
    split_seed: int = 0
    min_age: float = 0.0  # years; 0 keeps clips of unknown age too
    max_age: float | None = None  # years
    max_error: float = 0.02  # share of wrong answers allowed where the network answers; what is less sure is "uncertain"
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not 0 <= self.max_error < 1:
            raise ModelError(f"max_error={self.max_error!r}: must be 0 or more and below 1")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """The settings that dataclasses.asdict gave; those that an older program did not know take their defaults."""
        return cls(**{**values, "training": Training(**values["training"])})


def start_run(folder: Path, settings: Settings, *, command: str) -> None:
    """Make the run's folder with run.json; one that is there is gone on with when its settings are the same.

    Raises ModelError when the folder holds a run with other settings: a result is never overwritten.
    """
    path = folder / "run.json"
    if path.exists():
        differing = _differences(asdict(open_run(folder)), asdict(settings))
        if differing:
            raise ModelError(f"{folder}: holds a run with other settings ({differing}); choose another --run name")
        return
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder}: is there and is no run of voicecam; choose another --run name")
    write_json(path, {"settings": asdict(settings), "command": command})


def open_run(folder: Path) -> Settings:
    """The settings of a run. Raises ModelError when there is none."""
    if not (folder / "run.json").exists():
        raise ModelError(f"{folder}: no such run; train one first, or check the name")
    return Settings.from_dict(read_json(folder / "run.json", error=ModelError)["settings"])


def run_dataset(settings: Settings, *, progress: Progress = lambda items, total: items) -> Dataset:
    """The images of a run: those of the right age that have the label; with renderings where the recipe takes all windows."""
    dataset = read_dataset(Path(settings.map))
    corpus = keep_labelled(dataset.corpus, settings.label)
    if settings.min_age > 0 or settings.max_age is not None:
        corpus = keep_ages(corpus, minimum=settings.min_age, maximum=settings.max_age or float("inf"))
    dataset = dataset.keep(keep_labelled(corpus, settings.label))
    if dataset.config.windows == "loudest":
        return dataset
    copies = settings.training.copies if settings.training.augment else 0
    return replace(dataset, renderings=render(dataset.corpus, dataset.config, copies=copies, progress=progress))


def run_splits(settings: Settings, dataset: Dataset) -> list[Split]:
    """The splits of a run. Raises DatasetError where they cannot be made, or where a class has a name that is taken."""
    evaluation.check_classes(list(dataset.clips[settings.label].unique()))
    return make_splits(dataset.corpus, settings.label, kind=settings.split, folds=settings.folds, seed=settings.split_seed)


def predict(model: Model, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Probabilities, float (len(rows), class), of clips as a Classifier gives them: of all windows where the recipe takes all."""
    if dataset.renderings is None:
        return model.probabilities(dataset.matrices[rows])
    return Classifier(model).probabilities_of([dataset.renderings.windows(row) for row in rows])


def train_run(folder: Path, dataset: Dataset, *, say: Say = print) -> None:
    """Train one network per fold into folder/fold1, fold2, ...; folds that are there are kept, so a stopped run goes on."""
    settings = open_run(folder)
    splits = run_splits(settings, dataset)
    for number, split in enumerate(splits, start=1):
        place = folder / f"fold{number}"
        if (place / "meta.json").exists():
            continue
        sizes = f"{len(split.train)} clips train, {len(split.valid)} validate, {len(split.test)} wait for the test"
        say(f"fold {number} of {len(splits)}: {sizes}")
        trained = train(dataset, split, settings.label, settings.training, say=say)
        write_text(place / "history.csv", trained.history.to_csv(index=False))
        write_json(place / "lr_find.json", trained.lr_curve)
        paths = dataset.clips["path"].to_numpy()
        write_json(place / "split.json", {part: list(paths[getattr(split, part)]) for part in PARTS} | {"warning": split.warning})
        trained.model.meta.update(split=settings.split, **_trust(trained.model, dataset, split, max_error=settings.max_error))
        save_model(place, trained.model)


def _trust(model: Model, dataset: Dataset, split: Split, *, max_error: float) -> dict[str, float]:
    """Temperature and threshold of a network that was just trained, from its validation clips; see evaluation.calibrate."""
    number = {name: i for i, name in enumerate(model.classes)}
    targets = dataset.clips[model.label].iloc[split.valid].map(number).to_numpy(dtype=int)
    return evaluation.calibrate(predict(model, dataset, split.valid), targets, max_error=max_error)


def fold_places(folder: Path) -> list[Path]:
    """Folders of the trained folds, in order. Raises ModelError when there are none."""
    places = sorted(folder.glob("fold*/meta.json"), key=lambda path: int(path.parent.name.removeprefix("fold")))
    if not places:
        raise ModelError(f"{folder}: no trained model; run scripts/train.py --run {folder.name} first")
    return [path.parent for path in places]


def read_split(place: Path, dataset: Dataset) -> Split:
    """The split that a fold was trained on, as rows of `dataset`."""
    values = read_json(place / "split.json", error=ModelError)
    index = pd.Index(dataset.clips["path"])
    rows = {part: index.get_indexer(pd.Index(values[part], dtype="string")) for part in PARTS}
    if any((found < 0).any() for found in rows.values()):
        raise DatasetError(f"{place}: clips it was trained on are no longer in the map; make the images again, or train again")
    return Split(**rows, warning=values["warning"])


def evaluate_run(folder: Path, dataset: Dataset) -> dict[str, Any]:
    """Predict each fold's test part; write predictions.csv, per_speaker.csv, per_group.csv, risk_coverage.csv and, last,
    metrics.json; returns the metrics."""
    path = folder / "metrics.json"
    if path.exists():
        return read_json(path, error=ModelError)
    settings = open_run(folder)
    predictions, before, baselines, metas = _predict(folder, dataset, settings)
    classes = [name.removeprefix("p_") for name in predictions if name.startswith("p_")]
    metrics = evaluation.evaluate(predictions, classes)
    metrics["baselines"] = {name: evaluation.evaluate(table, classes)["network"] for name, table in baselines.items()}
    temperatures, thresholds = [meta.get("temperature", 1.0) for meta in metas], [meta.get("threshold") for meta in metas]
    metrics["calibration"] = {"temperatures": temperatures, **evaluation.calibration(predictions, before)}
    chosen = {"max_error": settings.max_error, "thresholds": thresholds}
    metrics["abstention"] = {**chosen, **evaluation.abstention(predictions)}
    tables = {
        "predictions": predictions,
        "per_speaker": evaluation.per_speaker(predictions),
        "per_group": evaluation.per_group(predictions, dataset.clips),
        "risk_coverage": evaluation.risk_coverage(*evaluation.confidence_and_right(predictions)),
    }
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    write_json(path, metrics)
    return metrics


def _predict(
    folder: Path, dataset: Dataset, settings: Settings
) -> tuple[pd.DataFrame, np.ndarray, dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """Over all folds: predictions of the test parts, their probabilities at temperature 1, those of the baselines; each meta."""
    tables, before, metas = [], [], []
    baselines: dict[str, list[pd.DataFrame]] = {name: [] for name in evaluation.BASELINES}
    for number, place in enumerate(fold_places(folder), start=1):
        model, split = load_model(place), read_split(place, dataset)
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


def explain_run(
    folder: Path, dataset: Dataset, *, layer: str = "layer3", target: str = "true", bar: bool = False
) -> dict[str, Any]:
    """Grad-CAM of every tested clip: cams.npz (raw maps with their index), bands_by_class.csv and, last, explanation.json.

    layer : stage of the ResNet, "layer1" to "layer4"
    target : the class each map is for: "true", "predicted" or a class name
    Beside each map stands its null: the map of the same network with random weights.
    Raises ExplainError when the run was explained with another layer or target.
    """
    path, wanted = folder / "explanation.json", {"method": "Grad-CAM", "layer": layer, "target": target}
    if path.exists():
        facts = read_json(path, error=ExplainError)
        if differing := _differences({key: facts[key] for key in wanted}, wanted):
            raise ExplainError(
                f"{folder}: was explained with another setting ({differing}); use a new run, or delete {path} first"
            )
        return facts
    predictions = read_predictions(folder)
    maps, nulls = _all_maps(folder, dataset, predictions, layer, target, bar=bar)
    shares, null_shares = band_shares(maps), band_shares(nulls)
    bands = bands_by_class(shares, null_shares, predictions["true"], predictions["speaker"], dataset.config)
    arrays = {name: predictions[name].to_numpy(dtype=str) for name in ("path", "speaker", "true", "predicted")}
    buffer = BytesIO()
    np.savez_compressed(buffer, maps=maps, random_weights_maps=nulls, fold=predictions["fold"].to_numpy(), **arrays)
    write_bytes(folder / "cams.npz", buffer.getvalue())
    write_text(folder / "bands_by_class.csv", bands.to_csv(index=False, float_format="%.6g"))
    blank = np.isnan(shares[:, 0])
    facts = {
        **wanted,
        "grid": list(maps.shape[1:]),
        "clips": len(maps),
        "blank": {name: int(blank[predictions["true"] == name].sum()) for name in sorted(predictions["true"].unique())},
        "random_weights_blank": int(np.isnan(null_shares[:, 0]).sum()),
    }
    write_json(path, facts)
    return facts


def read_predictions(folder: Path) -> pd.DataFrame:
    """The run's predictions.csv. Raises ModelError when it was not evaluated."""
    if not (folder / "metrics.json").exists():
        raise ModelError(f"{folder}: not evaluated yet; run scripts/evaluate.py --run {folder.name} first")
    text = {"path": str, "speaker": str, "true": str, "predicted": str, "decision": str}
    return pd.read_csv(folder / "predictions.csv", dtype=text, keep_default_na=False)


def _all_maps(
    folder: Path, dataset: Dataset, predictions: pd.DataFrame, layer: str, target: str, *, bar: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of every predicted clip, and of the same network with random weights; in the order of `predictions`."""
    maps, nulls = [], []
    for number, place in enumerate(fold_places(folder), start=1):
        model, rows = load_model(place), read_split(place, dataset).test
        targets = _targets(predictions[predictions["fold"] == number], target, model)
        inputs = model.input(dataset.matrices[rows])
        maps.append(grad_cam(model.network, model.stage(layer), inputs, targets, bar=bar))
        null = random_twin(model, seed=number)
        nulls.append(grad_cam(null.network, null.stage(layer), inputs, targets, bar=bar))
    return np.concatenate(maps), np.concatenate(nulls)


def _targets(predictions: pd.DataFrame, target: str, model: Model) -> np.ndarray:
    """Class number that each clip's map is for."""
    if target in ("true", "predicted"):
        return predictions[target].map({name: i for i, name in enumerate(model.classes)}).to_numpy(dtype=int)
    if target not in model.classes:
        raise ExplainError(f"target {target!r}: not known; use true, predicted or one of {', '.join(model.classes)}")
    return np.full(len(predictions), model.classes.index(target))


def random_twin(model: Model, *, seed: int) -> Model:
    """The same network with random weights: what a map shows that learned nothing."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = build(model.arch, len(model.classes)).eval()
    torch.set_rng_state(state)
    return replace(model, network=network)


def _differences(there: dict[str, Any], asked: dict[str, Any]) -> str:
    """ "epochs 8, now 10" for each setting that differs."""
    found = []
    for key, value in asked.items():
        if isinstance(value, dict):
            found.append(_differences(there.get(key, {}), value))
        elif there.get(key) != value:
            found.append(f"{key} {there.get(key)}, now {value}")
    return ", ".join(text for text in found if text)


def ship(folder: Path, out: Path) -> Path:
    """Write the network of an evaluated run with one split to `out`, as float16, with its metrics; returns the weights' path."""
    places = fold_places(folder)
    if len(places) > 1:
        raise ModelError(f"{folder}: has {len(places)} networks, one per fold; ship a run with --split speakers")
    read_predictions(folder)
    model = load_model(places[0])
    metrics = read_json(folder / "metrics.json", error=ModelError)["network"]
    shipped = replace(model, meta={**model.meta, "command": read_json(folder / "run.json")["command"], "test": metrics})
    save_model(out, shipped, half=True)
    return out / "model.safetensors"

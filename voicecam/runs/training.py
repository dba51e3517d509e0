"""A run's clips -> one trained network per fold, with its temperature and threshold."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from voicecam import evaluation
from voicecam.classifier import Classifier
from voicecam.corpora.table import keep_ages, keep_labelled
from voicecam.dataset import Dataset, read_dataset
from voicecam.files import write_json, write_text
from voicecam.learner import train
from voicecam.network import Model, save_model
from voicecam.renderings import Progress, render
from voicecam.runs.folder import PARTS, Say, Settings, open_run
from voicecam.splits import Split, make_splits


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


def train_run(folder: Path, dataset: Dataset, *, splits: Sequence[Split] | None = None, say: Say = print) -> None:
    """Train one network per fold into folder/fold1, fold2, ...; folds that are there are kept, so a stopped run goes on.

    splits : None for those of the run's settings, see `run_splits`
    """
    settings = open_run(folder)
    splits = run_splits(settings, dataset) if splits is None else splits
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

"""A run's clips -> one trained network per fold, with its temperature and threshold."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastai.learner import Learner

from voicecam import evaluation
from voicecam.audio.degrade import DEGRADATIONS
from voicecam.config import HEADS, PICTURE_NETWORKS, TRANSFORMERS, Config
from voicecam.corpora.labels import age_years
from voicecam.corpora.table import Corpus, keep_ages, keep_labelled
from voicecam.data.augmented import render
from voicecam.data.dataset import Dataset, read_dataset
from voicecam.data.encodings import NOBODY_SPEAKS
from voicecam.data.map_file import home_of, old_map
from voicecam.data.splits import Split, make_splits
from voicecam.errors import ModelError
from voicecam.files import digest, read_json, write_json, write_text
from voicecam.network import Model, load_model, save_model
from voicecam.network.classifier import Classifier
from voicecam.network.learner import TrainResult, train, trained_learner
from voicecam.network.torchrun import SPEECH, check_alone, rank
from voicecam.progress import Log, Progress
from voicecam.runs.folder import PARTS, Settings, fold_places, open_run, read_split, write_split


def run_dataset(settings: Settings, *, progress: Progress = lambda items, total: items) -> Dataset:
    """The images of a run: those of the right age that have the label; with augmented copies where the recipe takes all windows.

    Images and augmented copies lie in the folder that holds the map's, in mfc_dataset/ and cache/.
    """
    dataset, home = read_dataset(Path(settings.map)), home_of(Path(settings.map).parent)
    dataset = dataset.keep(_wanted(dataset.corpus, settings))
    if dataset.config.windows == "loudest" or dataset.config.of_sound:
        return dataset
    n_augmented = settings.training.n_augmented if settings.training.augment else 0
    how: dict[str, Any] = {
        "n_augmented": n_augmented,
        "how": DEGRADATIONS[settings.training.degradation],
        "cache": home / "cache" / "augmented",
    }
    return replace(dataset, augmented_clips=render(dataset.corpus, dataset.config, **how, progress=progress))


def run_splits(settings: Settings, dataset: Dataset) -> list[Split]:
    """The splits of a run. Raises DatasetError where they cannot be made, or where a class has a name that is taken.

    A speech model leaves out clips without speech after the division, so that its speakers stand where those of a network on
    pictures of the same corpus stand; before it, where a part would be left without a class.
    """
    classes = set(dataset.clips[settings.label])
    evaluation.check_classes(sorted(classes))
    how: dict[str, Any] = {
        "kind": settings.split,
        "folds": settings.folds,
        "leave_out": settings.leave_out,
        "seed": settings.split_seed,
    }
    whole = _with_silent(settings, dataset) if dataset.config.of_sound else dataset.corpus
    found = make_splits(whole, settings.label, **how)
    if len(whole.clips) == len(dataset.clips):
        return [_young_apart(dataset.clips, settings.young, split) for split in found]
    index = pd.Index(dataset.clips["path"])
    for number, split in enumerate(found):
        rows = {part: index.get_indexer(pd.Index(whole.clips["path"].iloc[getattr(split, part)])) for part in PARTS}
        kept = {part: np.sort(places[places >= 0]) for part, places in rows.items()}
        if any(len(rows[part]) and set(dataset.clips[settings.label].iloc[kept[part]]) != classes for part in PARTS):
            return make_splits(dataset.corpus, settings.label, **how)
        found[number] = Split(**kept, warning=split.warning)
    return found


def _young_apart(clips: pd.DataFrame, young: float, split: Split) -> Split:
    """The split without clips of speakers below `young` years but in its training part, where every other one of them stays:
    the rest are held back from all parts, so that the network can be asked about children that it never met."""
    small = is_young(clips, young)
    if not small.any():
        return split
    held = sorted(clips["speaker"][small].unique(), key=digest)[::2]
    left_out = small & clips["speaker"].isin(held).to_numpy()
    valid, test = (rows[~small[rows]] for rows in (split.valid, split.test))
    return Split(split.train[~left_out[split.train]], valid, test, split.warning)


def is_young(clips: pd.DataFrame, young: float) -> np.ndarray:
    """Whether each clip's speaker is below `young` years for certain, bool (clip,); not where the age is unknown."""
    if "age" not in clips or young <= 0:
        return np.zeros(len(clips), dtype=bool)
    oldest = [(age_years(None if pd.isna(age) else str(age)) or (np.inf, np.inf))[1] for age in clips["age"]]
    return np.array(oldest) < young


def _wanted(corpus: Corpus, settings: Settings) -> Corpus:
    """The clips of the right age that have the label."""
    kept = keep_labelled(corpus, settings.label)
    if settings.min_age > 0 or settings.max_age is not None:
        kept = keep_ages(kept, minimum=settings.min_age, maximum=settings.max_age or float("inf"))
    return keep_labelled(kept, settings.label)


def _with_silent(settings: Settings, dataset: Dataset) -> Corpus:
    """The corpus of a run with its clips in which nobody speaks, in the order of the map."""
    entries = old_map(Path(settings.map))["entries"]
    there = {name: entry for name, entry in entries.items() if entry.get("error", NOBODY_SPEAKS).endswith(NOBODY_SPEAKS)}
    rows = [{"path": name, "speaker": entry["speaker"], **entry["labels"]} for name, entry in there.items()]
    return _wanted(replace(dataset.corpus, clips=pd.DataFrame(rows).astype("string")), settings)


def predict(model: Model, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Probabilities, float (len(rows), class), of clips as a Classifier gives them: of all windows where the recipe takes all."""
    if dataset.augmented_clips is None:
        return model.probabilities(dataset.matrices[rows])
    return Classifier(model).probabilities_of([dataset.augmented_clips.windows(row) for row in rows])


def train_run(folder: Path, dataset: Dataset, *, splits: Sequence[Split] | None = None, log: Log = print) -> None:
    """Train one network per fold into folder/fold1, fold2, ...; folds that are there are kept, so a stopped run goes on.
    Of several processes the first one writes; see network.torchrun.

    splits : None for those of the run's settings, see `run_splits`
    """
    settings = open_run(folder)
    splits = run_splits(settings, dataset) if splits is None else splits
    for number, split in enumerate(splits, start=1):
        place = folder / f"fold{number}"
        if (place / "meta.json").exists():
            continue  # all processes of a training see the same: it is written after they trained
        sizes = f"{len(split.train)} clips train, {len(split.valid)} validate, {len(split.test)} wait for the test"
        log(f"fold {number} of {len(splits)}: {sizes}")
        trained = _train(dataset, split, settings, place=place, log=log)
        if rank():
            continue
        write_text(place / "history.csv", trained.history.to_csv(index=False))
        write_json(place / "lr_find.json", trained.lr_curve)
        write_split(place, dataset, split)
        trust = _trust(trained.model, dataset, split, max_error=settings.max_error)
        model = trained.model if not settings.training.refit else _refit(trained.model, dataset, split)
        save_model(place, replace(model, meta={**model.meta, "split": settings.split, **trust}))


def _train(dataset: Dataset, split: Split, settings: Settings, *, place: Path, log: Log) -> TrainResult:
    """Train what the run's features are for: a network on pictures, a head on an encoder, or a whole speech model."""
    features = dataset.config.features
    check_arch(dataset.config, settings.training.arch)
    if settings.young > 0 and dataset.config.of_sound:
        raise ModelError("young: speech models have no clips of no class; leave out --young, or the young by --min-age")
    if features == "encoder":
        from voicecam.network.head_training import train_head

        return train_head(dataset, split, settings.label, settings.training, place=place, log=log)
    if features == "waveform":
        from voicecam.network.speech_training import train_speech_model

        return train_speech_model(dataset, split, settings.label, settings.training, place=place, log=log)
    young = is_young(dataset.clips, settings.young)
    return train(dataset, split, settings.label, settings.training, no_class=young, log=log)


def check_arch(config: Config, arch: str) -> None:
    """Raise ModelError for an architecture that does not take the features of a run, and for several processes at speech."""
    known = {"encoder": HEADS, "waveform": TRANSFORMERS}.get(config.features, PICTURE_NETWORKS)
    if arch not in known:
        raise ModelError(f"arch {arch}: not for features '{config.features}'; use one of {', '.join(known)}")
    if config.of_sound:
        check_alone(SPEECH)


def run_learner(folder: Path, *, fold: int = 1) -> Learner:
    """fastai's Learner of a trained fold, with its loaders, see learner.trained_learner. Raises ModelError for a speech model."""
    settings, place = open_run(folder), folder / f"fold{fold}"
    dataset = run_dataset(settings)
    if dataset.config.of_sound:
        raise ModelError(f"{folder}: holds a speech model, and a Learner here is of a network on pictures; take its network")
    return trained_learner(load_model(place), dataset, read_split(place, dataset), settings.training)


def recalibrate(folder: Path, dataset: Dataset) -> None:
    """Choose temperature and threshold of each fold's network again from its validation clips, by this program's rule.

    Only meta.json of the folds changes, never the weights. What was made with the old ones is no longer true: metrics.json,
    mistakes.csv and manifest.json are deleted, so that the run counts as not evaluated, and not complete.
    """
    settings = open_run(folder)
    for name in ("manifest.json", "metrics.json", "mistakes/mistakes.csv"):
        (folder / name).unlink(missing_ok=True)
    for place in fold_places(folder):
        saved = read_json(place / "meta.json", error=ModelError)
        model, split = load_model(place), read_split(place, dataset)
        if saved["meta"].get("refitted"):  # it has learned from these clips since: ask the network that had not
            model = _train(dataset, split, settings, place=place, log=lambda line: None).model
        facts = _trust(model, dataset, split, max_error=settings.max_error)
        write_json(place / "meta.json", {**saved, "meta": {**saved["meta"], **facts}})


def _refit(model: Model, dataset: Dataset, split: Split) -> Model:
    from voicecam.network.head_training import refit

    return refit(model, dataset, split)


def _trust(model: Model, dataset: Dataset, split: Split, *, max_error: float) -> dict[str, Any]:
    """Temperature and threshold of a trained network, from its validation clips; see evaluation.calibrate."""
    clips, number = dataset.clips.iloc[split.valid], {name: i for i, name in enumerate(model.classes)}
    targets = clips[model.label].map(number).to_numpy(dtype=int)
    p = evaluation.at_temperature(predict(model, dataset, split.valid), 1 / model.temperature)
    return evaluation.calibrate(p, targets, clips["speaker"].to_numpy(), model.classes, max_error=max_error)

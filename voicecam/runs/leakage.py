"""What a random split by clip adds to a score: the same clips, network and settings, split by clip and split by speaker.

Beside the network stands 1-nearest-neighbour on the pictures: it learns nothing but the clips themselves, so what it gains from
the split by clip is known voices and rooms. Draws nothing; see figures/leakage.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import evaluation, runs
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split, make_splits, shared_speakers
from voicecam.errors import ModelError
from voicecam.features.image import fit_scale
from voicecam.files import write_json
from voicecam.network import load_model

METHODS = ("network", "1-nearest-neighbour")
SIDES = ("by_clip", "by_speaker")


def measure_leak(
    folder: Path, dataset: Dataset, settings: runs.Settings, *, command: str, log: Callable[[str], None] = print
) -> dict[str, Any]:
    """Train and test under both splits, in folder/by_clip and folder/by_speaker; write leak.json, last, and return its content.

    settings : of the split by speaker; the split by clip has the same but for `split`
    command : as it was typed, for the record
    Where the split by speaker leaves clips out, the split by clip goes without them too. Every network of both sides trains on
    equally many clips of each class, see `same_sizes`, so that the gap is not that of a larger training set; how many speakers
    they come from differs, which is the point. A stopped measurement goes on.
    Returns chance, clips, speakers, and per side of SIDES: split, folds, train_clips (mean over folds), test_clips,
    test_speakers, how many of them are `shared` with training or validation, and per method of METHODS balanced_accuracy (mean
    over folds) and accuracy (all clips together), each {"value", "low", "high"} with intervals over speakers. Raises ModelError
    for split "clips", or where `folder` is a run of another kind.
    """
    if settings.split == "clips":
        raise ModelError("split 'clips': is one side of the comparison already; use speakers, folds or published for the other")
    if (folder / "run.json").exists():
        raise ModelError(f"{folder}: holds a run; choose another --run name")
    dataset = _used_clips(dataset, settings)
    facts: dict[str, Any] = {
        "corpus": dataset.corpus.name,
        "label": settings.label,
        "chance": 1 / dataset.clips[settings.label].nunique(),
        "clips": len(dataset.clips),
        "speakers": int(dataset.clips["speaker"].nunique()),
        "command": command,
    }
    both = [replace(settings, split="clips"), settings]
    sides = same_sizes(
        [runs.run_splits(asked, dataset) for asked in both], dataset.clips[settings.label], seed=settings.split_seed
    )
    for name, asked, splits in zip(SIDES, both, sides):
        log(f"split {name.replace('_', ' ')}")
        runs.start_run(folder / name, asked, command=command)
        runs.train_run(folder / name, dataset, splits=splits, log=log)
        facts[name] = {"split": asked.split, **_side(folder / name, dataset, asked.label)}
    write_json(folder / "leak.json", facts)
    return facts


def same_sizes(sides: Sequence[Sequence[Split]], labels: pd.Series, *, seed: int = 0) -> list[list[Split]]:
    """The splits of all sides, each with the same number of training clips of each class: as many as the split that has fewest.

    labels : each clip's class. Which clips go is drawn at random, whoever speaks; validation and test stay as they are.
    """
    rng, classes = np.random.default_rng(seed), labels.to_numpy(dtype=str)
    fewest = {name: min(int((classes[split.train] == name).sum()) for side in sides for split in side) for name in set(classes)}

    def cut(split: Split) -> Split:
        drawn = rng.permutation(split.train)
        kept = [drawn[classes[drawn] == name][:n] for name, n in sorted(fewest.items())]
        return replace(split, train=np.sort(np.concatenate(kept)))

    return [[cut(split) for split in side] for side in sides]


def nearest_neighbour(dataset: Dataset, label: str, split: Split, classes: Sequence[str], *, fold: int) -> pd.DataFrame:
    """Predictions for the test part: each clip gets the class of the training picture least far from its own (Euclid, pixels)."""
    from sklearn.neighbors import KNeighborsClassifier  # here, because importing scikit-learn takes seconds

    pictures = fit_scale(dataset.matrices, dataset.config, rows=split.train).to_gray(dataset.matrices)
    pixels = pictures.reshape(len(pictures), -1).astype(np.float32)  # (clip, row, frame) -> (clip, pixel)
    nearest = KNeighborsClassifier(1, algorithm="brute").fit(pixels[split.train], dataset.clips[label].iloc[split.train])
    answers = nearest.predict(pixels[split.test])
    p = (answers[:, None] == np.asarray(classes)).astype(float)  # (clip,) -> (clip, class)
    return evaluation.prediction_table(dataset.clips, label, split.test, p, classes, fold=fold)


def rows(facts: dict[str, Any]) -> pd.DataFrame:
    """A table for figures.plot_leak: side, method, value, low, high."""
    table = []
    for name in SIDES:
        side = facts[name]
        who = f"{side['shared']} of {side['test_speakers']} test speakers among them"
        head = f"split {name.replace('_', ' ')}: trained on {side['train_clips']} clips, {who}"
        table += [{"side": head, "method": method, **side[method]["balanced_accuracy"]} for method in METHODS]
    return pd.DataFrame(table)


def gaps(facts: dict[str, Any]) -> pd.DataFrame:
    """What a method's balanced accuracy loses on new voices: columns method, gap (-1 to 1), low, high (NaN without an interval).

    The interval is made of those of both scores, as if they were independent (Newcombe 1998, method 10).
    """
    table = []
    for method in METHODS:
        known, new = (pd.Series(facts[side][method]["balanced_accuracy"], dtype=float) for side in SIDES)
        gap = known["value"] - new["value"]
        low = gap - np.hypot(known["value"] - known["low"], new["high"] - new["value"])
        high = gap + np.hypot(known["high"] - known["value"], new["value"] - new["low"])
        table.append({"method": method, "gap": gap, "low": low, "high": high})
    return pd.DataFrame(table)


def summary(facts: dict[str, Any]) -> str:
    """The gap in plain words, one line."""
    sides = [facts[name] for name in SIDES]
    (network, after), (nearest, then) = ([side[m]["balanced_accuracy"]["value"] for side in sides] for m in METHODS)
    known, new = (
        f"{side['train_clips']} training clips, {side['shared']} of {side['test_speakers']} test speakers among them"
        for side in sides
    )
    return (
        f"{facts['label']}, balanced accuracy of the network: {network:.1%} split by clip ({known}), "
        f"{after:.1%} split by speaker ({new}): a gap of {100 * (network - after):.1f} points; "
        f"{METHODS[1]}: {nearest:.1%} and {then:.1%}, a gap of {100 * (nearest - then):.1f}; chance: {facts['chance']:.1%}"
    )


def _used_clips(dataset: Dataset, settings: runs.Settings) -> Dataset:
    """Only the clips that the split by speaker uses: published folds may name a part of the speakers."""
    splits = make_splits(dataset.corpus, settings.label, kind=settings.split, folds=settings.folds, seed=settings.split_seed)
    rows = np.unique(np.concatenate([part for split in splits for part in (split.train, split.valid, split.test)]))
    return dataset.keep(replace(dataset.corpus, clips=dataset.clips.iloc[rows].reset_index(drop=True)))


def _side(place: Path, dataset: Dataset, label: str) -> dict[str, Any]:
    """What one split gave."""
    folds = runs.fold_places(place)
    splits, classes = [runs.read_split(fold, dataset) for fold in folds], load_model(folds[0]).classes
    tables = [nearest_neighbour(dataset, label, split, classes, fold=i) for i, split in enumerate(splits, start=1)]
    tested = {who for split in splits for who in dataset.clips["speaker"].iloc[split.test]}
    shared = {who for split in splits for who in shared_speakers(dataset.clips, split)}
    measured = (runs.evaluate_run(place, dataset), evaluation.evaluate(pd.concat(tables, ignore_index=True), classes))
    return {
        "folds": len(splits),
        "train_clips": round(float(np.mean([len(split.train) for split in splits]))),
        "test_clips": sum(len(split.test) for split in splits),
        "test_speakers": len(tested),
        "shared": len(shared),
        **{method: _scores(metrics) for method, metrics in zip(METHODS, measured)},
    }


def _scores(metrics: dict[str, Any]) -> dict[str, Any]:
    return {"balanced_accuracy": metrics["fold_mean"], "accuracy": metrics["network"]["accuracy"]}

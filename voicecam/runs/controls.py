"""What a map must be held against: the same network with random weights, and one that was trained on shuffled labels."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam.data.dataset import Dataset
from voicecam.explanation.randomise import randomised_model
from voicecam.network import Model, load_model, save_model
from voicecam.network.learner import TrainConfig, train
from voicecam.progress import Log
from voicecam.runs.folder import read_split

__all__ = ["LEAST", "SHARE", "SHUFFLED", "label_shuffled_model", "randomised_model"]

SHUFFLED = "shuffled"  # folder inside a fold's
SHARE = 0.25  # of the clips: there is no rule to be learned, and each clip costs as much time as in the real training
LEAST = 200  # training clips that the null is given where there are so many


def label_shuffled_model(place: Path, dataset: Dataset, label: str, training: TrainConfig, *, log: Log) -> Model:
    """The same network trained in the same way on labels dealt out anew (data randomisation, Adebayo et al. 2018), on a quarter
    of the clips: what a map shows that learned clips by heart and no rule. Kept in the fold's folder, read from there next time.

    The labels of the chosen training clips change places among themselves, and so do those of the validation clips.
    """
    folder = place / SHUFFLED
    if not (folder / "meta.json").exists():
        split = read_split(place, dataset)
        rng, clips = np.random.default_rng(training.seed), dataset.clips.copy()
        column = clips.columns.get_loc(label)
        parts = {"train": (split.train, LEAST), "valid": (split.valid, LEAST // 4)}
        chosen = {name: _some(rows, clips[label].iloc[rows], rng, least=least) for name, (rows, least) in parts.items()}
        few = replace(split, train=chosen["train"], valid=chosen["valid"])
        for rows in (few.train, few.valid):
            clips.iloc[rows, column] = clips[label].iloc[rng.permutation(rows)].to_numpy()
        shuffled = replace(dataset, corpus=replace(dataset.corpus, clips=clips))
        save_model(folder, train(shuffled, few, label, training, log=log).model)
    return load_model(folder)


def _some(rows: np.ndarray, labels: pd.Series, rng: np.random.Generator, *, least: int) -> np.ndarray:
    """A quarter of the clips of a split, and `least` where there are so many, drawn by chance, of each class its share."""
    share = min(1.0, max(SHARE, least / max(1, len(rows))))
    each = [
        rng.permutation(rows[here])[: math.ceil(share * len(here))] for here in labels.groupby(labels.to_numpy()).indices.values()
    ]
    return np.sort(np.concatenate(each))

"""What a map must be held against: the same network with random weights, and one that was trained on shuffled labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from voicecam.dataset import Dataset
from voicecam.learner import Training, train
from voicecam.network import Model, build, load_model, save_model
from voicecam.runs.folder import Say, read_split

SHUFFLED = "shuffled"  # folder inside a fold's
SHARE = 0.5  # of the epochs: there is no rule to be refined, and each epoch costs as much as one of the real training


def random_twin(model: Model, *, seed: int) -> Model:
    """The same network with random weights: what a map shows that learned nothing."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = build(model.arch, len(model.classes)).eval()
    torch.set_rng_state(state)
    return replace(model, network=network)


def shuffled_twin(place: Path, dataset: Dataset, label: str, training: Training, *, say: Say) -> Model:
    """The same network trained in the same way, half as long, on labels dealt out anew (data randomisation, Adebayo et al.
    2018): what a map shows that learned clips by heart and no rule. Kept in the fold's folder, and read from there next time.

    The labels of the training clips change places among themselves, and so do those of the validation clips; the numbers of
    each class stay.
    """
    folder = place / SHUFFLED
    if not (folder / "meta.json").exists():
        split = read_split(place, dataset)
        rng, clips = np.random.default_rng(training.seed), dataset.clips.copy()
        column = clips.columns.get_loc(label)
        for rows in (split.train, split.valid):
            clips.iloc[rows, column] = clips[label].iloc[rng.permutation(rows)].to_numpy()
        shuffled = replace(dataset, corpus=replace(dataset.corpus, clips=clips))
        half = replace(training, epochs=max(1, round(SHARE * training.epochs)))
        save_model(folder, train(shuffled, split, label, half, say=say).model)
    return load_model(folder)

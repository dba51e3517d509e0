"""A program that torchrun starts, or that runs alone: trains a small network on made pictures and writes what came of it.

usage: shared_training.py FILE.npz BATCH      of each training: history, and the weights; the first process alone writes
Its network has no batch norm, whose means are those of one process's batch, and no dropout, which is by chance.
"""

import sys

import numpy as np
from torch import nn

from voicecam.config import recipe
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.network import learner, torchrun
from voicecam.network.learner import TrainConfig, train

CONFIG = recipe("mfcc", seconds=0.3, image_rows=16, image_columns=16)
PLAIN = {"arch": "small", "init": "none", "augment": False, "lr": 0.03}
TRAININGS = (
    {"epochs": 3},
    {"epochs": 3, "schedule": "2020", "label_smoothing": 0.1, "ema_decay": 0.5},  # frozen first; a mean of the weights is kept
)


def build(arch: str, n_classes: int) -> nn.Sequential:
    """Convolution, group norm, ReLU; a mean and a linear layer."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU())
    return nn.Sequential(body, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, n_classes)))


def made() -> tuple[Dataset, Split]:
    """61 training clips, which no batch divides, of classes 1 to 3; 15 that validate."""
    rng, n = np.random.default_rng(7), 76
    voice = (np.arange(n) % 4 == 0).astype(int)
    rows = [{"path": f"{i}.wav", "speaker": str(i), "pitch": "low" if voice[i] else "high"} for i in range(n)]
    matrices = rng.standard_normal((n, CONFIG.n_rows, CONFIG.n_frames))
    matrices[:, ::2] += 1.5 * voice[:, None, None]
    places = np.arange(n)
    dataset = Dataset(make_corpus("made", ".", rows), matrices.astype(np.float32), CONFIG)
    return dataset, Split(places[:61], places[61:], places[:0])


def main(path: str, batch: int) -> None:
    learner.build = build
    dataset, split = made()
    found = {}
    with torchrun.group():
        for number, more in enumerate(TRAININGS):
            trained = train(dataset, split, "pitch", TrainConfig(**PLAIN, batch=batch, **more), log=lambda line: None)
            found[f"history{number}"] = trained.history.drop(columns="seconds").to_numpy()
            weights = trained.model.network.state_dict()
            found |= {f"{number}.{name}": value.numpy() for name, value in weights.items()}
    if not torchrun.rank():
        np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

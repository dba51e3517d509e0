"""Which waveforms an epoch of fine-tuning meets, in which order, how often, degraded how, and what they weigh. Trains nothing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from voicecam.audio import degrade
from voicecam.audio.degrade import Degradation
from voicecam.network.transformer import RATE


@dataclass(frozen=True, kw_only=True)
class Clips:
    """What is trained on: sounds, float32 (clip, n), an array or a memory map; targets, int64 (clip,); domains, str (clip,)."""

    sounds: np.ndarray
    targets: np.ndarray
    domains: np.ndarray

    def of(self, rows: np.ndarray, domains: Sequence[str]) -> np.ndarray:
        """Those of `rows` that are of `domains`; all where none are named."""
        return rows[np.isin(self.domains[rows], domains)] if domains else rows


class Draws(Sampler):
    """Which clips an epoch trains on, in which order: keys (epoch, place in the epoch, row), the same for the same epoch.

    balanced : as many draws as there are clips, each class as often, within a class each of its domains as often, within these
        each clip as often, but for remainders; else every clip once
    """

    def __init__(self, clips: Clips, rows: np.ndarray, *, balanced: bool, seed: tuple[int, ...]):
        self.rows, self.seed, self.epoch = rows, seed, 0
        targets, domains = clips.targets[rows], clips.domains[rows]
        self.groups: list[tuple[np.ndarray, float]] = []  # rows, and how many draws they get
        for target in np.unique(targets) if balanced else ():
            there = np.unique(domains[targets == target])
            share = len(rows) / len(np.unique(targets)) / len(there)
            self.groups += [(rows[(targets == target) & (domains == domain)], share) for domain in there]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        rng = np.random.default_rng((*self.seed, self.epoch))
        order = rng.permutation(self._balanced(rng) if self.groups else self.rows)
        return iter([(self.epoch, place, int(row)) for place, row in enumerate(order)])

    def _balanced(self, rng: np.random.Generator) -> np.ndarray:
        """Rows, as many as there are, by shares; ends of shares are rounded, so that the number holds."""
        ends = np.rint(np.cumsum([share for _, share in self.groups])).astype(int)
        counts = np.diff(ends, prepend=0)
        drawn = []
        for (rows, _), count in zip(self.groups, counts):
            rounds = math.ceil(count / len(rows))
            drawn.append(np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count])
        return np.concatenate(drawn)


class Sounds(Dataset):
    """Clips as the Trainer reads them: by keys of Draws, degraded where asked; or, given `rows`, by their place, as they are."""

    def __init__(
        self, clips: Clips, rows: np.ndarray | None = None, *, augment: Degradation | None = None, seed: tuple[int, ...] = ()
    ):
        self.clips, self.rows, self.augment, self.seed = clips, rows, augment, seed

    def __len__(self) -> int:
        return len(self.clips.targets if self.rows is None else self.rows)

    def __getitem__(self, key: Any) -> tuple[np.ndarray, int]:
        row = int(key[-1] if self.rows is None else self.rows[key])
        sound = np.array(self.clips.sounds[row], dtype=np.float32)
        if self.augment is not None and self.rows is None:
            sound = degraded(sound, self.augment, np.random.default_rng((*self.seed, *key)))
        return sound, int(self.clips.targets[row])


def degraded(sound: np.ndarray, how: Degradation, rng: np.random.Generator) -> np.ndarray:
    """A clip through degrade.augment, float32 (n,): its padding of zeros stays out of it; cut or padded to its length again."""
    heard = np.flatnonzero(sound)
    if not len(heard):
        return sound
    other = degrade.augment(sound[: heard[-1] + 1], RATE, (), rng, how=how)[: len(sound)]
    return np.pad(other, (0, len(sound) - len(other))).astype(np.float32)


def class_weights(targets: np.ndarray) -> torch.Tensor:
    """What a clip of each class weighs, float32 (class,): the inverse of their number; 1 on average over the clips."""
    counts = np.bincount(targets)
    return torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)

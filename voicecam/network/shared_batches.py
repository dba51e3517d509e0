"""Batches and loss of a training that several processes share: together they are those of one process with a larger batch.

fastai's own DistributedDL cuts the clips in as many runs as there are processes, fills up the last one with clips said twice, and
sends their order by CUDA alone; its mean of losses takes no account of class weights. Starts no processes (torchrun.py).
"""

from typing import Any

import torch
from fastai.data.core import DataLoaders
from fastai.distributed import DistributedDL
from fastai.losses import CrossEntropyLossFlat

from voicecam.network.torchrun import processes


def share(loaders: DataLoaders) -> DataLoaders:
    """The loaders with each training batch divided among the processes. Validation is whole in each: all have the same scores, of
    all clips, and so choose the same epoch."""
    loaders.loaders = [_Part(loaders.train), _Whole(loaders.valid)]
    return loaders


class _Part(DistributedDL):
    """Every n-th clip of the order that all processes shuffle alike: n parts make one batch, as one process would draw it. What
    is left over for a last, smaller batch waits for another epoch, as in one process."""

    def __len__(self) -> int:
        return self.dl.n // (self.world_size * self.dl.bs)

    def get_idxs(self) -> list[int]:
        return list(self.dl.get_idxs())[self.rank : len(self) * self.world_size * self.dl.bs : self.world_size]


class _Whole(DistributedDL):
    """All clips in each process."""

    def __len__(self) -> int:
        return len(self.dl)

    def get_idxs(self) -> list[int]:
        return list(self.dl.get_idxs())


class SharedLoss(CrossEntropyLossFlat):
    """Cross entropy of a part of a batch such that its mean over processes is that of the whole batch: a mean weighted by class,
    and so each part counts by its share of the weights."""

    def __call__(self, logits: Any, targets: Any, **how: Any) -> torch.Tensor:
        loss = super().__call__(logits, targets, **how)
        if self.func.reduction != "mean":  # MixUp's, which takes a mean of its own
            return loss
        own = self.func.weight[targets.as_subclass(torch.Tensor).flatten()].sum()
        whole = own.clone()
        torch.distributed.all_reduce(whole)
        return loss * (own * processes() / whole)

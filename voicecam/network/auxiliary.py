"""A second label learned beside the first, in training only (Caruana 1997): what was said, say, beside who said it.

A network that must also tell the words apart has less room to learn the few training speakers by heart. The second output is
dropped after training, and what it was for never reaches validation, test or a saved model.
"""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from fastai.learner import Learner
from torch import nn

from voicecam.corpora.table import Corpus
from voicecam.errors import DatasetError


def joint_numbers(corpus: Corpus, label: str, train: np.ndarray, numbers: np.ndarray, n_classes: int) -> tuple[np.ndarray, int]:
    """Numbers that hold both classes of the training clips, and the number of classes of `label`, the second label.

    train : rows of the training clips; numbers : first class of every clip, int64 (clip,), 0 to n_classes - 1
    Returns second class x n_classes + first class for training clips, the first class for all others.
    Raises DatasetError when the corpus lacks the label or a training clip has none.
    """
    if label not in corpus.labels:
        raise DatasetError(f"{corpus.name}: no label '{label}' to learn beside; it has: {', '.join(corpus.labels) or 'none'}")
    named = corpus.clips[label].iloc[train]
    if named.isna().any():
        raise DatasetError(f"{corpus.name}: {int(named.isna().sum())} training clips have no '{label}'; learn another beside")
    names, second = np.unique(named.to_numpy(dtype=str), return_inverse=True)
    joint = numbers.copy()
    joint[train] += second * n_classes
    return joint, len(names)


def add_second(learner: Learner, n_classes: int, n_second: int) -> None:
    """Give the learner's network a second output, and its loss the second label; `drop_second` takes the output off again."""
    head = learner.model[-1]
    head[-1] = _TwoOutputs(head[-1], n_second).to(learner.dls.device)
    learner.loss_func = _BothLosses(learner.loss_func, n_classes)


def drop_second(network: nn.Sequential) -> None:
    """Leave the network with the first output alone."""
    head = cast(nn.Sequential, network[-1])
    head[-1] = cast(_TwoOutputs, head[-1]).first


class _TwoOutputs(nn.Module):
    """Both outputs side by side in training; the first alone otherwise."""

    def __init__(self, first: nn.Linear, n_second: int):
        super().__init__()
        self.first, self.second = first, nn.Linear(first.in_features, n_second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.first(x), self.second(x)], dim=1) if self.training else self.first(x)


class _BothLosses(nn.Module):
    """The first label's own loss, and the second's cross entropy where the network gives its output."""

    def __init__(self, first: nn.Module, n_classes: int):
        super().__init__()
        self.first, self.n_classes = first, n_classes

    def forward(self, logits: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        logits, numbers = logits.as_subclass(torch.Tensor), numbers.as_subclass(torch.Tensor)
        loss = self.first(logits[:, : self.n_classes], numbers % self.n_classes)
        if logits.shape[1] == self.n_classes:
            return loss
        return loss + F.cross_entropy(logits[:, self.n_classes :], numbers // self.n_classes)

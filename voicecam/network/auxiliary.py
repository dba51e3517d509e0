"""What a network learns beside its label, in training only: a second label, or a teacher's vectors. Trains nothing itself.

A second label (Caruana 1997), what was said, say: a network that must also tell the words apart has less room to learn the few
training speakers by heart. A teacher's vectors (hints, Romero et al. 2015): a speech encoder that has heard thousands of speakers
shows the network what in a voice is worth hearing. The second output is dropped after training, and what it was for never reaches
validation, test or a saved model.
"""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from fastai.learner import Learner
from torch import nn

from voicecam.corpora.table import Corpus
from voicecam.errors import DatasetError

TEACHER_WEIGHT = 2.0  # of the distance to a teacher's vectors in the loss; 10 did as well, see voicecam/models/EXPERIMENTS.md


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


def numbers_with_clip(numbers: np.ndarray, train: np.ndarray, n_classes: int) -> np.ndarray:
    """Numbers that hold a training clip's row beside its class: row x n_classes + class; of all others the class.

    numbers : class of every clip, int64 (clip,), 0 to n_classes - 1; train : rows of the training clips
    """
    joint = numbers.copy()
    joint[train] += train * n_classes
    return joint


def add_teacher(learner: Learner, vectors: np.ndarray, train: np.ndarray, n_classes: int) -> None:
    """Give the learner's network a second output, which learns to point where the teacher's vectors point, seen from their mean
    over the training clips; its loss adds TEACHER_WEIGHT times 1 - the cosine between both. `drop_second` takes it off again.

    vectors : float32 (clip, d), NaN for a clip without one; train : rows of the training clips
    The loss takes numbers of `numbers_with_clip`.
    """
    device = learner.dls.device
    head = learner.model[-1]
    head[-1] = _TwoOutputs(head[-1], vectors.shape[1]).to(device)
    centred = torch.from_numpy(vectors - np.nanmean(vectors[train], axis=0)).to(device)
    learner.loss_func = _TeacherLoss(learner.loss_func, n_classes, centred)


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


class _TeacherLoss(nn.Module):
    """The label's own loss, and the distance to the teacher's vectors where the network gives its second output."""

    def __init__(self, first: nn.Module, n_classes: int, vectors: torch.Tensor):
        super().__init__()
        self.first, self.n_classes = first, n_classes
        self.known = ~vectors.isnan().any(dim=1)  # (clip,)
        self.vectors = vectors.nan_to_num()

    def forward(self, logits: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        logits, numbers = logits.as_subclass(torch.Tensor), numbers.as_subclass(torch.Tensor)
        loss = self.first(logits[:, : self.n_classes], numbers % self.n_classes)
        if logits.shape[1] == self.n_classes:
            return loss
        clips = numbers // self.n_classes
        known = self.known[clips]
        far = 1 - F.cosine_similarity(logits[:, self.n_classes :].float(), self.vectors[clips], dim=1)
        return loss + TEACHER_WEIGHT * (far * known).sum() / known.sum().clamp(min=1)


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

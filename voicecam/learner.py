"""fastai: pictures -> dataloaders -> a fine-tuned ResNet with its training curves. Does not evaluate on test speakers."""

import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.mixup import MixUp
from fastai.callback.schedule import lr_find  # noqa: F401  its import gives Learner lr_find and fit_one_cycle
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import BalancedAccuracy
from fastai.torch_core import set_seed
from fastai.vision.learner import default_split

from voicecam.batches import Windows, make_loaders
from voicecam.beside import add_second, drop_second, joint_numbers
from voicecam.callbacks import AveragedWeights, Bfloat16, EpochLog
from voicecam.dataset import Dataset
from voicecam.errors import ModelError
from voicecam.image import Scale, fit_scale
from voicecam.network import ARCHITECTURES, Model, build, versions
from voicecam.splits import Split
from voicecam.start_weights import corpora_of, load_start, met_before, met_in_training

SCHEDULES = ("default", "seed")
RANGES = {  # of settings: the least, and what is too much
    **dict.fromkeys(("epochs", "batch", "patience"), (1, 1e6)),
    **dict.fromkeys(("average", "smoothing"), (0, 1)),
    **dict.fromkeys(("copies", "mixup"), (0, 1e3)),
    **{"lr": (1e-12, 1e3), "seed": (0, 2**32)},
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """How to train. The defaults fit two CPU cores."""

    arch: str = "resnet18"
    start: str = "auto"  # weights to start from, see network.load_start
    schedule: str = "default"  # "seed" is the one of 2020: head 2 epochs at 2e-3, then all layers 1 epoch
    epochs: int = 6  # over all layers; the one-cycle schedule needs to know it in advance
    lr: float = 2e-3  # highest learning rate of the cycle; a tenth of it for the body where it starts from trained weights
    batch: int = 32  # clips
    patience: int = 5  # epochs without a better one, by balanced accuracy on validation speakers, before training stops
    augment: bool = True  # tempo, time shift, filter, time and row masks, on training clips only
    copies: int = 8  # degraded renderings of each training clip, where the recipe takes all windows of a clip
    average: float = 0.0  # decay per step of a running mean of the weights, which is then what is kept; 0 is none
    smoothing: float = 0.0  # share of each label that is spread over all classes (Szegedy et al. 2016)
    mixup: float = 0.0  # Beta parameter of blending two clips and their labels (Zhang et al. 2018); 0 is none
    beside: str = ""  # label learned at the same time on the training clips and then dropped, see beside.py; "" is none
    bfloat16: bool = False  # multiply in bfloat16: near twice as fast on processors that know it, slower on others
    find_lr: bool = False  # run fastai's lr_find first and take its suggestion instead of `lr`
    seed: int = 0  # of weights, order and augmentation

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise ModelError(f"architecture {self.arch!r}: not known; use one of {', '.join(ARCHITECTURES)}")
        if self.schedule not in SCHEDULES:
            raise ModelError(f"schedule {self.schedule!r}: not known; use one of {', '.join(SCHEDULES)}")
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) < high:
                raise ModelError(f"{name}={getattr(self, name)!r}: must be {low:g} or more and below {high:g}")
        if self.beside and self.mixup:
            raise ModelError(f"beside={self.beside!r}: blended clips have no one second label; leave out mixup or beside")


@dataclass(frozen=True)
class Trained:
    """model : the weights of the epoch with the best balanced accuracy on validation speakers; of several, the lowest loss; or
        those of the last epoch, where it is a running mean that is kept
    history : one row per epoch: epoch, train_loss, valid_loss, valid_balanced_accuracy, seconds
    lr_curve : learning rates and smoothed losses of lr_find, and the one it suggests; None where it did not run
    """

    model: Model
    history: pd.DataFrame
    lr_curve: dict[str, Any] | None


def train(dataset: Dataset, split: Split, label: str, training: Training, *, say: Callable[[str], None] = print) -> Trained:
    """Fine-tune on split.train, choose the epoch on split.valid; split.test is not looked at.

    say : called with one line at the start and one per epoch
    Classes weigh in the loss by the inverse of their number of training clips.
    """
    classes = tuple(sorted(dataset.clips[label].unique()))
    targets = dataset.clips[label].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=np.int64)
    counts = np.bincount(targets[split.train], minlength=len(classes))
    if training.beside:
        targets, n_second = joint_numbers(dataset.corpus, training.beside, split.train, targets, len(classes))
    scale = fit_scale(dataset.matrices[split.train], dataset.config)
    set_seed(training.seed, reproducible=True)
    loaders = _loaders(dataset, split, targets, training, scale, vocab=None if training.beside else classes)
    met = counts if dataset.renderings is None else np.ones(len(classes))
    learner, started = make_learner(loaders, met, training, dataset)
    if training.beside:
        add_second(learner, len(classes), n_second)
    say(started)
    lr, curve = _choose_lr(learner, training, say)
    learner.add_cb(log := EpochLog(say, training.patience, last=training.average > 0))
    if training.average > 0:
        learner.add_cb(AveragedWeights(training.average))
    if training.mixup > 0:
        learner.add_cb(MixUp(training.mixup))
    if training.bfloat16:
        learner.add_cbs([ChannelsLast(), Bfloat16()])
    _fit(learner, training, lr, random=started.startswith("start: random"))
    learner.model.load_state_dict(log.best_weights)
    if training.beside:
        drop_second(learner.model)
    meta = {
        **met_in_training(dataset, split, met_before(training.start, started)),
        "start": started.removeprefix("start: "),
        "training": asdict(training),
        "lr": lr,
        "n_clips": {part: len(getattr(split, part)) for part in ("train", "valid", "test")},
        "best_epoch": log.best_epoch,
        "valid_balanced_accuracy": log.rows[log.best_epoch - 1]["valid_balanced_accuracy"],
        "versions": versions(),
    }
    network = learner.model.cpu().eval()
    return Trained(Model(network, training.arch, label, classes, dataset.config, scale, meta), pd.DataFrame(log.rows), curve)


def trained_learner(model: Model, dataset: Dataset, split: Split, training: Training) -> Learner:
    """fastai's Learner around a trained network, with the loaders that it was trained on: for show_batch, get_preds,
    show_results, ClassificationInterpretation, fine_tune, export and what else a Learner does. Item i is row i of `dataset`.

    model : as `train` gave it for these clips
    """
    number = {name: i for i, name in enumerate(model.classes)}
    targets = dataset.clips[model.label].map(number).to_numpy(dtype=np.int64)
    loaders = _loaders(dataset, split, targets, training, model.scale, vocab=model.classes)
    loaders.train_ds.n_inp = loaders.valid_ds.n_inp = 1  # what make_loaders takes away
    network = copy.deepcopy(model.network).to(loaders.device)
    loss = CrossEntropyLossFlat(label_smoothing=training.smoothing)
    return Learner(loaders, network, loss_func=loss, splitter=default_split, metrics=BalancedAccuracy())


def _loaders(
    dataset: Dataset, split: Split, targets: np.ndarray, training: Training, scale: Scale, *, vocab: Sequence[str] | None
) -> DataLoaders:
    """The loaders of a training: of the clips' pictures, or of windows drawn from their renderings."""
    windows = None
    if dataset.renderings is not None:
        speakers = dataset.clips["speaker"].to_numpy()
        windows = Windows(dataset.renderings, targets, speakers, split.train, scale, seed=training.seed)
    return make_loaders(
        scale.picture(dataset.matrices),
        targets,
        split,
        dataset.config,
        batch=training.batch,
        augmented=training.augment,
        seed=training.seed,
        windows=windows,
        vocab=vocab,
    )


def make_learner(loaders: DataLoaders, counts: np.ndarray, training: Training, dataset: Dataset) -> tuple[Learner, str]:
    """fastai Learner with start weights and class weights; returns it and the line that says what it starts from.

    counts : how many clips of each class training meets; each class weighs by the inverse in the loss
    dataset : all clips of the run, tested ones too: weights that have met any of them are not used
    """
    weights = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32, device=loaders.device)
    learner = Learner(
        loaders,
        build(training.arch, len(counts)).to(loaders.device),
        loss_func=CrossEntropyLossFlat(weight=weights, label_smoothing=training.smoothing),
        splitter=default_split,
        metrics=BalancedAccuracy(),
    )
    started = load_start(learner.model, training.arch, training.start, corpora=corpora_of(dataset), clips=dataset.fingerprints)
    learner.remove_cbs([one for one in learner.cbs if one.name == "progress"])  # it floods logs; EpochLog speaks
    learner.logger = lambda row: None
    return learner, started


def _choose_lr(learner: Learner, training: Training, say: Callable[[str], None]) -> tuple[float, dict[str, Any] | None]:
    """The learning rate to use, and the curve of fastai's lr_find (Smith 2017) where it was asked for."""
    if not training.find_lr:
        return training.lr, None
    with tempfile.TemporaryDirectory() as folder:  # lr_find parks the weights on disk while it tries rates
        learner.path = Path(folder)
        # without stop_div: an early stop on noisy batches leaves too few losses to suggest from
        valley = float(learner.lr_find(num_it=60, show_plot=False, stop_div=False).valley)
    say(f"lr_find suggests {valley:.1e}")
    recorder = learner.recorder
    return valley, {"lrs": [float(x) for x in recorder.lrs], "losses": [float(x) for x in recorder.losses], "valley": valley}


def _fit(learner: Learner, training: Training, lr: float, *, random: bool) -> None:
    """Run the schedule. Random weights train in full from the first step: a frozen random body has nothing to give."""
    if training.schedule == "seed":
        learner.freeze()
        learner.fit_one_cycle(2, 2e-3)
        learner.unfreeze()
        learner.fit_one_cycle(1, slice(3e-3))  # fastai v1's default: 3e-3 for the head, a tenth of it for the body
    elif random:
        learner.fit_one_cycle(training.epochs, lr)
    else:
        learner.freeze()
        learner.fit_one_cycle(1, lr)
        learner.unfreeze()
        learner.fit_one_cycle(training.epochs - 1, slice(lr / 10, lr))

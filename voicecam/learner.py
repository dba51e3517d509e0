"""fastai: pictures -> dataloaders -> a fine-tuned ResNet with its training curves. Does not evaluate on test speakers."""

import copy
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.mixup import MixUp
from fastai.callback.schedule import lr_find  # noqa: F401  its import gives Learner lr_find and fit_one_cycle
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import BalancedAccuracy
from fastai.torch_core import set_seed
from fastai.vision.learner import default_split
from tqdm import tqdm

from voicecam.batches import Windows, make_loaders
from voicecam.beside import add_second, drop_second, joint_numbers
from voicecam.dataset import Dataset
from voicecam.errors import ModelError
from voicecam.image import fit_scale
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
    windows = None
    if dataset.renderings is not None:
        speakers = dataset.clips["speaker"].to_numpy()
        windows = Windows(dataset.renderings, targets, speakers, split.train, scale, seed=training.seed)
    loaders = make_loaders(
        scale.picture(dataset.matrices),
        targets,
        split,
        dataset.config,
        batch=training.batch,
        augmented=training.augment,
        seed=training.seed,
        windows=windows,
    )
    met = counts if windows is None else np.ones(len(classes))
    learner, started = make_learner(loaders, met, training, dataset)
    if training.beside:
        add_second(learner, len(classes), n_second)
    say(started)
    lr, curve = _choose_lr(learner, training, say)
    learner.add_cb(log := _Log(say, training.patience, last=training.average > 0))
    if training.average > 0:
        learner.add_cb(_Average(training.average))
    if training.mixup > 0:
        learner.add_cb(MixUp(training.mixup))
    if training.bfloat16:
        learner.add_cbs([ChannelsLast(), _Bfloat16()])
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
    learner.remove_cbs([one for one in learner.cbs if one.name == "progress"])  # it floods logs; _Log speaks
    learner.logger = lambda row: None
    return learner, started


class _Average(Callback):
    """Keeps a running mean of the weights (Polyak and Juditsky 1992); validation and what is kept are by the mean.

    Batch norm's statistics are averaged with the weights they belong to.
    """

    order = 61  # after _Log, which must still see the mean at the end of an epoch

    def __init__(self, decay: float):
        self.decay, self.steps = decay, 0

    def before_fit(self):
        self.mean = copy.deepcopy(self.model.state_dict())

    def after_step(self):
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))  # else the first weights, at random, would count for long
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.mean[name].lerp_(value, 1 - decay)
                else:
                    self.mean[name].copy_(value)

    def before_validate(self):
        self.now = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.mean)

    def after_epoch(self):
        self.model.load_state_dict(self.now)


class _Bfloat16(Callback):
    """Forward passes in bfloat16, on any device (fastai's own callback knows CUDA only); losses and weights stay float32."""

    def before_batch(self):
        self.casting = torch.autocast(self.dls.device.type, torch.bfloat16)
        self.casting.__enter__()

    def after_pred(self):
        self.learn.pred = self.pred.float()

    def after_loss(self):
        self.leave()

    def after_cancel_batch(self):
        self.leave()

    def leave(self):
        """Leave the cast once; a stopped batch may come here before its loss."""
        if self.casting is not None:
            self.casting.__exit__(None, None, None)
            self.casting = None


class _Log(Callback):
    """Says one line per epoch, keeps the history and the weights of the best epoch, stops when patience ends.

    last : keep those of the last epoch instead: a running mean needs no choice, which a few validation speakers make at random
    """

    order = 60  # after fastai's Recorder, whose values it reads

    def __init__(self, say: Callable[[str], None], patience: int, *, last: bool):
        self.say, self.patience, self.last = say, patience, last
        self.rows: list[dict[str, float]] = []
        self.best_epoch, self.best = 0, (-1.0, 0.0)  # balanced accuracy, then minus the loss: what a better epoch has more of
        self.best_weights: dict[str, torch.Tensor] = {}

    def before_epoch(self):
        self.began = time.monotonic()
        self.bar = tqdm(total=len(self.dls.train), unit="batch", leave=False, disable=not sys.stderr.isatty())

    def after_batch(self):
        if self.training:
            self.bar.update()

    def after_epoch(self):
        self.bar.close()
        train_loss, valid_loss, balanced = map(float, self.recorder.values[-1])
        if not np.isfinite(train_loss + valid_loss):
            raise ModelError(f"the loss is {train_loss + valid_loss}: training fell apart; take a lower --lr")
        epoch = len(self.rows) + 1
        scores = {"train_loss": train_loss, "valid_loss": valid_loss, "valid_balanced_accuracy": balanced}
        self.rows.append({"epoch": epoch, **scores, "seconds": time.monotonic() - self.began})
        self.say(
            f"epoch {epoch:2d}: loss {train_loss:.3f} (training) {valid_loss:.3f} (validation), "
            f"balanced accuracy {balanced:.3f} (validation), {self.rows[-1]['seconds']:.0f} s"
        )
        if self.last or (balanced, -valid_loss) > self.best:
            self.best_epoch, self.best = epoch, (balanced, -valid_loss)
            self.best_weights = copy.deepcopy(self.learn.model.state_dict())
        elif epoch - self.best_epoch >= self.patience:
            self.say(f"stopped: no better balanced accuracy on validation speakers for {self.patience} epochs")
            raise CancelFitException

    def after_cancel_fit(self):
        self.bar.close()


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

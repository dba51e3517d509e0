"""fastai: pictures -> dataloaders -> a fine-tuned ResNet with its training curves. Does not evaluate on test speakers."""

import copy
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import lr_find  # noqa: F401  its import gives Learner lr_find and fit_one_cycle
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import BalancedAccuracy
from fastai.torch_core import TensorCategory, TensorImage, default_device, set_seed
from fastai.vision.learner import vision_learner
from fasttransform import Transform
from torch.utils.data import Dataset as TorchDataset
from tqdm import tqdm

from voicecam.config import Config
from voicecam.dataset import Dataset
from voicecam.errors import ModelError
from voicecam.image import fit_scale
from voicecam.network import ARCHITECTURES, Model, load_start, to_input, versions
from voicecam.splits import Split

SCHEDULES = ("default", "seed")
TEMPO = 0.15  # largest change of speed; people vary more, but vowels then change too
FILTER = 8.0  # grey levels, spread of a row's constant; a quarter of the spread over training clips
MIDDLE_GREY = 127.5  # each row's mean over the training clips: what a mask puts in place of what it hides


@dataclass(frozen=True, kw_only=True)
class Training:
    """How to train. The defaults fit two CPU cores."""

    arch: str = "resnet18"
    start: str = "auto"  # weights to start from, see network.load_start
    schedule: str = "default"  # "seed" is the one of 2020: head 2 epochs at 2e-3, then all layers 1 epoch
    epochs: int = 8  # over all layers; the one-cycle schedule needs to know it in advance
    lr: float = 2e-3  # highest learning rate of the cycle; a tenth of it for the body where it starts from trained weights
    batch: int = 32  # clips
    patience: int = 5  # epochs without a better one, by balanced accuracy on validation speakers, before training stops
    augment: bool = True  # time shift, time and row masks, on training clips only
    find_lr: bool = False  # run fastai's lr_find first and take its suggestion instead of `lr`
    seed: int = 0  # of weights, order and augmentation

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise ModelError(f"architecture {self.arch!r}: not known; use one of {', '.join(ARCHITECTURES)}")
        if self.schedule not in SCHEDULES:
            raise ModelError(f"schedule {self.schedule!r}: not known; use one of {', '.join(SCHEDULES)}")
        for name in ("epochs", "lr", "batch", "patience"):
            if not getattr(self, name) > 0:
                raise ModelError(f"{name}={getattr(self, name)!r}: must be above 0")


@dataclass(frozen=True)
class Trained:
    """model : the weights of the epoch with the best balanced accuracy on validation speakers; of several, the lowest loss
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
    scale = fit_scale(dataset.matrices[split.train], dataset.config)
    corpora = dataset.corpus.name.split(" + ")  # as corpora.table.merge joins them
    set_seed(training.seed, reproducible=True)
    loaders = make_loaders(scale.picture(dataset.matrices), targets, split, dataset.config, training)
    learner, started = make_learner(loaders, targets[split.train], len(classes), training, corpora=corpora)
    say(started)
    lr, curve = _choose_lr(learner, training, say)
    log = _Log(say, training.patience)
    learner.add_cb(log)
    _fit(learner, training, lr, random=started.startswith("start: random"))
    learner.model.load_state_dict(log.best_weights)
    meta = {
        "corpora": corpora,
        "start": started.removeprefix("start: "),
        "training": asdict(training),
        "lr": lr,
        "n_clips": {part: len(getattr(split, part)) for part in ("train", "valid", "test")},
        "best_epoch": log.best_epoch,
        "valid_balanced_accuracy": log.rows[log.best_epoch - 1]["valid_balanced_accuracy"],
        "versions": versions(),
    }
    model = Model(learner.model.cpu().eval(), training.arch, label, classes, dataset.config, scale, meta)
    return Trained(model, pd.DataFrame(log.rows), curve)


def make_loaders(pictures: np.ndarray, targets: np.ndarray, split: Split, config: Config, training: Training) -> DataLoaders:
    """fastai DataLoaders over pictures, uint8 (clip, row, frame), and class numbers, int64 (clip,)."""
    parts = [_Pictures(pictures[rows], targets[rows]) for rows in (split.train, split.valid)]
    batch_transforms = [_SpeechAugment(training.seed)] * training.augment + [_ToInput(config)]
    return DataLoaders.from_dsets(
        *parts, bs=min(training.batch, len(split.train)), after_batch=batch_transforms, num_workers=0, device=default_device()
    )


def make_learner(
    loaders: DataLoaders, train_targets: np.ndarray, n_classes: int, training: Training, *, corpora: Sequence[str]
) -> tuple[Learner, str]:
    """fastai vision_learner with start weights and class weights; returns it and the line that says what it starts from."""
    counts = np.bincount(train_targets, minlength=n_classes)
    weights = torch.tensor(len(train_targets) / (n_classes * counts), dtype=torch.float32, device=loaders.device)
    learner = vision_learner(
        loaders,
        ARCHITECTURES[training.arch][0],
        normalize=False,  # to_input does it, for training and for new recordings alike
        pretrained=False,
        n_out=n_classes,
        loss_func=CrossEntropyLossFlat(weight=weights),
        metrics=BalancedAccuracy(),
    )
    started = load_start(learner.model, training.arch, training.start, corpora=corpora)
    learner.remove_cbs([callback for callback in learner.cbs if callback.name == "progress"])  # it floods logs; _Log speaks
    learner.logger = lambda row: None
    return learner, started


def augment(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Pictures as other takes through other microphones might look.

    pictures : float, shape (clip, row, frame), grey levels
    Each clip is spoken up to 15 % faster or slower and moved in time by up to an eighth of its width (edges repeat); each of its
    rows becomes lighter or darker as a whole, as another microphone or room would make it (a filter adds a constant to each
    cepstral coefficient and to each log-mel band); and one stretch of time (up to an eighth) and one of rows (up to a sixth)
    are hidden behind middle grey (SpecAugment, Park et al. 2019). No flips, crops or warps: they would reverse time or move
    frequencies.
    """
    n, rows, frames = pictures.shape
    middle = (frames - 1) / 2
    shift = (torch.rand((n, 1), generator=generator) * 2 - 1) * (frames // 8)
    tempo = 1 + (torch.rand((n, 1), generator=generator) * 2 - 1) * TEMPO
    index = ((torch.arange(frames) - middle) * tempo + middle + shift).round().long().clamp(0, frames - 1)  # (clip, frame)
    moved = pictures.gather(2, index.to(pictures.device)[:, None].expand(n, rows, frames))
    filtered = moved + torch.randn((n, rows, 1), generator=generator).to(pictures.device) * FILTER
    hidden = _stripes(n, frames, frames // 8, generator)[:, None] | _stripes(n, rows, rows // 6, generator)[:, :, None]
    return filtered.masked_fill(hidden.to(pictures.device), MIDDLE_GREY)  # (clip, 1, frame) | (clip, row, 1)


def _stripes(n: int, length: int, widest: int, generator: torch.Generator) -> torch.Tensor:
    """One random stretch of 0 to `widest` True in each of `n` rows of `length`."""
    width = torch.randint(0, widest + 1, (n, 1), generator=generator)
    start = (torch.rand((n, 1), generator=generator) * (length - width + 1)).long()
    place = torch.arange(length)
    return (place >= start) & (place < start + width)


class _Pictures(TorchDataset):
    """(picture, class) pairs as fastai types."""

    def __init__(self, pictures: np.ndarray, targets: np.ndarray):
        self.pictures, self.targets = torch.from_numpy(pictures), torch.from_numpy(targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int):
        return TensorImage(self.pictures[i]), TensorCategory(self.targets[i])


class _SpeechAugment(Transform):
    """`augment` as a fastai transform of training batches."""

    split_idx, order = 0, 10  # training part only; before _ToInput

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def encodes(self, x: TensorImage):
        return TensorImage(augment(x.as_subclass(torch.Tensor).float(), self.generator))


class _ToInput(Transform):
    """`to_input` as a fastai transform of all batches."""

    order = 20

    def __init__(self, config: Config):
        self.config = config

    def encodes(self, x: TensorImage):
        return TensorImage(to_input(x.as_subclass(torch.Tensor), self.config))


class _Log(Callback):
    """Says one line per epoch, keeps the history and the weights of the best epoch, stops when patience ends."""

    order = 60  # after fastai's Recorder, whose values it reads

    def __init__(self, say: Callable[[str], None], patience: int):
        self.say, self.patience = say, patience
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
        epoch = len(self.rows) + 1
        self.rows.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "valid_loss": valid_loss,
                "valid_balanced_accuracy": balanced,
                "seconds": time.monotonic() - self.began,
            }
        )
        self.say(
            f"epoch {epoch:2d}: loss {train_loss:.3f} (training) {valid_loss:.3f} (validation), "
            f"balanced accuracy {balanced:.3f} (validation), {self.rows[-1]['seconds']:.0f} s"
        )
        if (balanced, -valid_loss) > self.best:
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
        valley = float(learner.lr_find(num_it=60, show_plot=False).valley)
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

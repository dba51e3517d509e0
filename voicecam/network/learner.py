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
from fastai.metrics import AccumMetric, skm_to_fastai
from fastai.torch_core import default_device, set_seed
from torch import nn

from voicecam.config import TrainConfig
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import DatasetError
from voicecam.features.image import Scale, fit_scale
from voicecam.network import Model, build, versions
from voicecam.network.auxiliary import add_second, drop_second, joint_numbers
from voicecam.network.callbacks import AveragedWeights, Bfloat16, EpochLog
from voicecam.network.loaders import make_loaders
from voicecam.network.start_weights import corpora_of, load_initial, met_before, met_in_training
from voicecam.network.torchrun import processes, rank
from voicecam.network.windows import SHORT, Windows, clip_shares, even_shares


@dataclass(frozen=True)
class TrainResult:
    """model : the weights of the epoch with the best balanced accuracy on validation speakers; of several, the lowest loss; or
        those of the last epoch, where it is a running mean that is kept
    history : one row per epoch: epoch, train_loss, valid_loss, valid_balanced_accuracy, seconds
    lr_curve : learning rates and smoothed losses of lr_find, and the one it suggests; None where it did not run
    """

    model: Model
    history: pd.DataFrame
    lr_curve: dict[str, Any] | None


def balanced_accuracy_score(true: np.ndarray, said: np.ndarray) -> float:
    """Mean recall of the classes in `true`; as scikit-learn's of that name, which takes 12 ms in each epoch."""
    classes, numbers = np.unique(true, return_inverse=True)
    clips = np.bincount(numbers)
    right = np.bincount(numbers, weights=np.asarray(true) == np.asarray(said), minlength=len(classes))
    return float(np.mean(right / clips))


def balanced_accuracy() -> AccumMetric:
    """fastai's metric of the same."""
    return skm_to_fastai(balanced_accuracy_score)


def train(
    dataset: Dataset,
    split: Split,
    label: str,
    training: TrainConfig,
    *,
    no_class: np.ndarray | None = None,
    log: Callable[[str], None] = print,
) -> TrainResult:
    """Fine-tune on split.train, choose the epoch on split.valid; split.test is not looked at.

    no_class : bool (clip,), clips that train towards no class, see windows.Windows; recipe voice only
    log : called with one line at the start and one per epoch
    Classes weigh in the loss by the inverse of their number of training clips.
    """
    classes = tuple(sorted(dataset.clips[label].unique()))
    targets = dataset.clips[label].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=np.int64)
    counts = np.bincount(targets[split.train], minlength=len(classes))
    if training.auxiliary_label:
        targets, n_second = joint_numbers(dataset.corpus, training.auxiliary_label, split.train, targets, len(classes))
    scale = fit_scale(dataset.matrices, dataset.config, rows=split.train)
    set_seed(training.seed, reproducible=True)
    vocab = None if training.auxiliary_label else classes
    loaders = _loaders(dataset, split, targets, training, scale, vocab=vocab, no_class=no_class)
    met = counts if dataset.augmented_clips is None else np.ones(len(classes))
    learner, started = make_learner(loaders, met, training, dataset)
    if training.auxiliary_label:
        add_second(learner, len(classes), n_second)
    log(started)
    lr, curve = _choose_lr(learner, training, log)
    learner.add_cb(epochs := EpochLog(log, training.patience, last=training.ema_decay > 0))
    if training.ema_decay > 0:
        learner.add_cb(AveragedWeights(training.ema_decay))
    if training.mixup > 0:
        learner.add_cb(MixUp(training.mixup))
    if training.bfloat16:
        learner.add_cbs([ChannelsLast(), Bfloat16()])
    _fit(learner, training, lr, random=started.startswith("start: random"))
    learner.model.load_state_dict({name.removeprefix("module."): value for name, value in epochs.best_weights.items()})
    if training.auxiliary_label:
        drop_second(learner.model)
    meta = {
        **met_in_training(dataset, split, met_before(training.init, started)),
        "init": started.removeprefix("start: "),
        "training": asdict(training),
        "lr": lr,
        "n_clips": {part: len(getattr(split, part)) for part in ("train", "valid", "test")},
        "best_epoch": epochs.best_epoch,
        "valid_balanced_accuracy": epochs.rows[epochs.best_epoch - 1]["valid_balanced_accuracy"],
        "versions": versions(),
    }
    network = learner.model.cpu().eval()
    if processes() > 1:
        meta["processes"] = processes()
        network = _built_anew(network, training.arch, len(classes))
    return TrainResult(
        Model(network, training.arch, label, classes, dataset.config, scale, meta), pd.DataFrame(epochs.rows), curve
    )


def _built_anew(network: nn.Module, arch: str, n_classes: int) -> nn.Module:
    """The network with the batch norms of one process, which those of a GPU's group do not become again."""
    plain = build(arch, n_classes)
    plain.load_state_dict(network.state_dict())
    return plain.eval()


def trained_learner(model: Model, dataset: Dataset, split: Split, training: TrainConfig) -> Learner:
    """fastai's Learner around a trained network, with the loaders that it was trained on: for show_batch, get_preds,
    show_results, ClassificationInterpretation, fine_tune, export and what else a Learner does. Item i is row i of `dataset`.

    model : as `train` gave it for these clips
    """
    from fastai.vision.learner import default_split  # here: what only looks at a run needs no torchvision, which takes seconds

    number = {name: i for i, name in enumerate(model.classes)}
    targets = dataset.clips[model.label].map(number).to_numpy(dtype=np.int64)
    loaders = _loaders(dataset, split, targets, training, model.scale, vocab=model.classes)
    loaders.train_ds.n_inp = loaders.valid_ds.n_inp = 1  # what make_loaders takes away
    network = copy.deepcopy(model.network).to(loaders.device)
    loss = CrossEntropyLossFlat(label_smoothing=training.label_smoothing)
    return Learner(loaders, network, loss_func=loss, splitter=default_split, metrics=balanced_accuracy())


def _loaders(
    dataset: Dataset,
    split: Split,
    targets: np.ndarray,
    training: TrainConfig,
    scale: Scale,
    *,
    vocab: Sequence[str] | None,
    no_class: np.ndarray | None = None,
) -> DataLoaders:
    """The loaders of a training: of the clips' pictures, or of windows drawn from their augmented copies."""
    windows = None
    if dataset.augmented_clips is not None:
        undecided = np.zeros(len(targets), dtype=bool) if no_class is None else no_class
        shares = _shares(dataset.clips.iloc[split.train], targets[split.train], undecided[split.train], training.balance)
        how: dict[str, Any] = {
            "seed": training.seed + rank(),
            "short": SHORT[training.degradation],
            "no_class": undecided,
            "device": default_device(),
        }
        windows = Windows(dataset.augmented_clips, targets, split.train, shares, scale, **how)
    elif no_class is not None and no_class[split.train].any():
        raise DatasetError("clips of no class: recipe voice alone draws their targets; leave out --young")
    return make_loaders(
        scale.to_gray(dataset.matrices),
        targets,
        split,
        dataset.config,
        batch=training.batch,
        augmented=training.augment,
        seed=training.seed + rank(),  # of the augmentation: another in each process
        windows=windows,
        vocab=vocab,
    )


def _shares(clips: pd.DataFrame, targets: np.ndarray, no_class: np.ndarray, balance: str) -> np.ndarray:
    if balance == "styles" or no_class.any():
        return even_shares(clips.reset_index(drop=True), targets, no_class)
    return clip_shares(targets, clips["speaker"].to_numpy())


def make_learner(loaders: DataLoaders, counts: np.ndarray, training: TrainConfig, dataset: Dataset) -> tuple[Learner, str]:
    """fastai Learner with start weights and class weights; returns it and the line that says what it starts from.

    counts : how many clips of each class training meets; each class weighs by the inverse in the loss
    dataset : all clips of the run, tested ones too: weights that have met any of them are not used
    """
    from fastai.vision.learner import default_split  # here, as above

    weights = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32, device=loaders.device)
    learner = Learner(
        loaders,
        build(training.arch, len(counts)).to(loaders.device),
        loss_func=_loss_kind()(weight=weights, label_smoothing=training.label_smoothing),
        splitter=default_split,
        metrics=balanced_accuracy(),
    )
    started = load_initial(learner.model, training.arch, training.init, corpora=corpora_of(dataset), clips=dataset.fingerprints)
    learner.remove_cbs([one for one in learner.cbs if one.name == "progress"])  # it floods logs; EpochLog speaks
    learner.logger = lambda row: None
    return learner, started


def _loss_kind() -> type[CrossEntropyLossFlat]:
    if processes() == 1:
        return CrossEntropyLossFlat
    from voicecam.network.shared_batches import SharedLoss

    return SharedLoss


def _choose_lr(learner: Learner, training: TrainConfig, log: Callable[[str], None]) -> tuple[float, dict[str, Any] | None]:
    """The learning rate to use, and the curve of fastai's lr_find (Smith 2017) where it was asked for."""
    if not training.find_lr:
        return training.lr, None
    with tempfile.TemporaryDirectory() as folder:  # lr_find parks the weights on disk while it tries rates
        learner.path = Path(folder)
        # without stop_div: an early stop on noisy batches leaves too few losses to suggest from
        valley = float(learner.lr_find(num_it=60, show_plot=False, stop_div=False).valley)
    log(f"lr_find suggests {valley:.1e}")
    recorder = learner.recorder
    return valley, {"lrs": [float(x) for x in recorder.lrs], "losses": [float(x) for x in recorder.losses], "valley": valley}


def _fit(learner: Learner, training: TrainConfig, lr: float, *, random: bool) -> None:
    """Run the schedule, in each of the processes that torchrun started."""
    if processes() == 1:
        _run_schedule(learner, training, lr, random=random)
        return
    import fastai.distributed  # noqa: F401  its import gives Learner distrib_ctx

    torch.manual_seed(training.seed + rank())  # dropout: other cells in each process
    gpu = torch.cuda.is_available()
    with learner.distrib_ctx(sync_bn=gpu, cpu=not gpu):  # torch has no batch norm over processes but on GPUs
        _run_schedule(learner, training, lr, random=random)


def _run_schedule(learner: Learner, training: TrainConfig, lr: float, *, random: bool) -> None:
    """Random weights train in full from the first step: a frozen random body has nothing to give."""
    if training.schedule == "2020":
        learner.freeze()
        learner.fit_one_cycle(2, 2e-3)
        learner.unfreeze()
        learner.fit_one_cycle(1, slice(3e-3))  # fastai v1's default: 3e-3 for the head, a tenth of it for the body
    elif training.schedule == "head":
        learner.freeze()  # but for the batch norms, as fastai does
        learner.fit_one_cycle(training.epochs, lr)
    elif random:
        learner.fit_one_cycle(training.epochs, lr)
    else:
        learner.freeze()
        learner.fit_one_cycle(1, lr)
        learner.unfreeze()
        learner.fit_one_cycle(training.epochs - 1, slice(lr / 10, lr))

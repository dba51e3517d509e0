"""Encodings -> a trained head: logistic regression, or a small network with Adam, early stopping and its best weights kept.

Does not evaluate on test speakers. Pictures are trained on in learner.py, whole speech models in finetune.py.
"""

import contextlib
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback
from fastai.callback.tracker import ReduceLROnPlateau
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam
from fastai.torch_core import default_device, set_seed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch.utils.data import TensorDataset

from voicecam.config import TrainConfig
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.encoders import ENCODERS, load_encoder
from voicecam.features.image import Scale
from voicecam.network import Model, versions
from voicecam.network.callbacks import EpochLog
from voicecam.network.epoch_scores import EpochConfusions, confusion, write_epoch_scores
from voicecam.network.heads import build_head
from voicecam.network.learner import TrainResult, balanced_accuracy, balanced_accuracy_score
from voicecam.network.start_weights import met_in_training

Fitted = tuple[list[dict[str, float]], int, list[np.ndarray]]  # history, best epoch, confusions
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # scikit-learn's C, tried on validation speakers
WAIT = 5  # epochs without a better validation loss before the learning rate is divided by ten


def train_head(
    dataset: Dataset,
    split: Split,
    label: str,
    training: TrainConfig,
    *,
    place: Path | None = None,
    log: Callable[[str], None] = print,
) -> TrainResult:
    """Train a head on the encodings of split.train, choose the epoch, or logistic regression's C, on split.valid.

    place : folder of the fold, for epochs.csv and confusion.json of validation clips, see epoch_scores, and for TensorBoard's log
        where tensorboard is installed; a row of logistic regression is a C that was tried
    Classes weigh in the loss by the inverse of their number of training clips. Adam; the learning rate falls to a tenth after
    WAIT epochs without a lower validation loss; see TrainConfig.patience for the end.
    """
    classes = tuple(sorted(dataset.clips[label].unique()))
    targets = dataset.clips[label].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=np.int64)
    config = dataset.config
    encoder = load_encoder(config.encoder, config.encoder_weights, config.encoder_output)
    info = ENCODERS[config.encoder]
    log(f"encoder: {info.title} ({info.licence}; learned {info.learned})")
    set_seed(training.seed, reproducible=True)
    head = build_head(training.arch, dataset.matrices[split.train], len(classes), layers=encoder.layers)
    fit = _fit_logistic if training.arch == "logistic" else partial(_fit_network, place=place)
    rows, best, confusions = fit(head, dataset.matrices, targets, split, training, log=log)
    if place is not None:
        write_epoch_scores(place, confusions, classes)
    meta = {
        **met_in_training(dataset, split, None),
        "init": f"encoder {info.title}, which learned {info.learned}; the head from random weights",
        "encoder_weights": encoder.weights,
        "training": asdict(training),
        "lr": training.lr,
        **({"strength": rows[best - 1]["C"]} if training.arch == "logistic" else {}),
        "n_clips": {part: len(getattr(split, part)) for part in ("train", "valid", "test")},
        "best_epoch": best,
        "valid_balanced_accuracy": rows[best - 1]["valid_balanced_accuracy"],
        "versions": versions(),
    }
    return TrainResult(
        Model(head.cpu().eval(), training.arch, label, classes, config, Scale((), ()), meta), pd.DataFrame(rows), None
    )


def refit(model: Model, dataset: Dataset, split: Split) -> Model:
    """Logistic regression learned again from training and validation clips together, by the strength and the standardisation that
    it has; what validation clips are asked must have been asked before.

    model : as `train_head` gave it for this split
    """
    head = copy.deepcopy(model.network)
    rows = np.concatenate([split.train, split.valid])
    targets = dataset.clips[model.label].map({name: i for i, name in enumerate(model.classes)}).to_numpy(dtype=np.int64)
    with torch.inference_mode():
        X = head[:-1](torch.from_numpy(dataset.matrices[rows])).numpy().astype(np.float64)
    fitted = _regression(model.meta["strength"], model.meta["training"]["seed"]).fit(X, targets[rows])
    _put(head, fitted)
    return replace(model, network=head, meta={**model.meta, "refitted": True})


def _regression(strength: float, seed: int) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=2000, random_state=seed)


def _put(head: torch.nn.Sequential, fitted: LogisticRegression) -> None:
    """scikit-learn's weights in the head's linear layer."""
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:  # two classes: scikit-learn has the second's score alone
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    head[-1].load_state_dict({"weight": torch.from_numpy(weight).float(), "bias": torch.from_numpy(bias).float()})


def _fit_network(
    head: torch.nn.Sequential,
    encodings: np.ndarray,
    targets: np.ndarray,
    split: Split,
    training: TrainConfig,
    *,
    place: Path | None,
    log: Callable[[str], None],
) -> Fitted:
    """History, best epoch, and each epoch's confusion matrix of validation clips; the head has that epoch's weights."""
    device = default_device()
    parts = [
        TensorDataset(torch.from_numpy(encodings[rows]), torch.from_numpy(targets[rows])) for rows in (split.train, split.valid)
    ]
    loaders = DataLoaders.from_dsets(*parts, bs=min(training.batch, len(split.train)), num_workers=0, device=device)
    counts = np.bincount(targets[split.train])
    weights = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32, device=device)
    loss = CrossEntropyLossFlat(weight=weights, label_smoothing=training.label_smoothing)
    learner = Learner(loaders, head.to(device), loss_func=loss, opt_func=partial(Adam, wd=0.01), metrics=balanced_accuracy())
    learner.remove_cbs([one for one in learner.cbs if one.name == "progress"])
    learner.logger = lambda row: None
    epochs, seen = EpochLog(log, training.patience, last=False), EpochConfusions(len(counts))
    with _tensorboard(place) as board, learner.no_bar():
        learner.fit(training.epochs, training.lr, cbs=[ReduceLROnPlateau(patience=WAIT, factor=10.0), seen, epochs, *board])
    head.load_state_dict(epochs.best_weights)
    return epochs.rows, epochs.best_epoch, seen.confusions


@contextlib.contextmanager
def _tensorboard(place: Path | None) -> Iterator[list[Callback]]:
    """The callback that writes each epoch to place/tensorboard; none where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        place = None
    if place is None:
        yield []
        return
    with SummaryWriter(str(place / "tensorboard")) as writer:
        yield [_Board(writer)]


class _Board(Callback):
    """Losses, balanced accuracy and learning rate of each epoch for TensorBoard."""

    order = 59  # after the Recorder, before EpochLog may end the training

    def __init__(self, writer: Any):
        self.writer = writer

    def after_epoch(self) -> None:
        names = ("loss/train", "loss/valid", "balanced_accuracy/valid")
        for name, value in zip(names, self.recorder.values[-1]):
            self.writer.add_scalar(name, float(value), self.epoch + 1)
        self.writer.add_scalar("learning_rate", self.opt.hypers[-1]["lr"], self.epoch + 1)


def _fit_logistic(
    head: torch.nn.Sequential,
    encodings: np.ndarray,
    targets: np.ndarray,
    split: Split,
    training: TrainConfig,
    *,
    log: Callable[[str], None],
) -> Fitted:
    """scikit-learn's logistic regression in the head's linear layer; one line of history for each C that was tried."""
    with torch.inference_mode():
        X = head[:-1](torch.from_numpy(encodings)).numpy().astype(np.float64)  # (clip, number)
    rows: list[dict[str, float]] = []
    fitted, confusions = [], []
    classes = np.arange(targets.max() + 1)
    for strength in STRENGTHS:
        began = time.monotonic()
        model = _regression(strength, training.seed)
        model.fit(X[split.train], targets[split.train])
        losses = [log_loss(targets[part], model.predict_proba(X[part]), labels=classes) for part in (split.train, split.valid)]
        said = model.predict(X[split.valid])
        confusions.append(confusion(targets[split.valid], said, len(classes)))
        balanced = balanced_accuracy_score(targets[split.valid], said)
        scores = {"train_loss": losses[0], "valid_loss": losses[1], "valid_balanced_accuracy": balanced}
        rows.append({"epoch": len(rows) + 1, **scores, "seconds": time.monotonic() - began, "C": strength})
        fitted.append(model)
        log(f"C {strength:g}: loss {losses[0]:.3f} (training) {losses[1]:.3f} (validation), balanced accuracy {balanced:.3f}")
    best = max(range(len(rows)), key=lambda i: (rows[i]["valid_balanced_accuracy"], -rows[i]["valid_loss"]))
    _put(head, fitted[best])
    return rows, best + 1, confusions

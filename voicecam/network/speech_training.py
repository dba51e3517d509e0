"""Samples of speech -> a speech model fine-tuned whole (systems C and D), as the rest of the program takes a trained network.

The fine-tuning itself is in finetune.py, the network in transformer.py. Does not evaluate on test speakers.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from voicecam.audio.degrade import STANDARD
from voicecam.config import TRANSFORMERS, TrainConfig
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.encoders import ENCODERS
from voicecam.errors import ModelError
from voicecam.features.image import Scale
from voicecam.files import write_text
from voicecam.network import Model, versions
from voicecam.network.finetune import PHASES, Phase, finetune
from voicecam.network.hub import CONFIG, fetch_weights, need_transformers
from voicecam.network.learner import TrainResult
from voicecam.network.start_weights import met_in_training
from voicecam.network.transformer import OnSamples, build_transformer


def train_speech_model(
    dataset: Dataset, split: Split, label: str, training: TrainConfig, *, place: Path, log: Callable[[str], None] = print
) -> TrainResult:
    """Fine-tune on split.train in phases, choose each phase's epoch on split.valid by macro F1; writes by_domain.csv into
    `place`, which also holds the checkpoints: a stopped training goes on.

    training : arch is the model's name, init its weights ("hub", "tiny" or a folder); see `phases_of`
    """
    classes = tuple(sorted(dataset.clips[label].unique()))
    targets = dataset.clips[label].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=np.int64)
    domains = dataset.clips["corpus"] if "corpus" in dataset.clips else np.full(len(targets), dataset.corpus.name)
    found = finetune(
        build_transformer(training.arch, classes, weights=training.init, seed=training.seed),
        dataset.matrices[:, 0],
        targets,
        np.asarray(domains, dtype=str),
        train=split.train,
        valid=split.valid,
        classes=classes,
        phases=phases_of(training),
        batch=training.batch,
        accumulate=training.accumulate,
        augment=STANDARD if training.augment else None,
        seed=training.seed,
        place=place / "phases",
        log=log,
        tensorboard=_has_tensorboard(),
    )
    write_text(place / "by_domain.csv", found.by_domain.to_csv(index=False, float_format="%.6g"))
    history = found.history.rename(columns={"epoch": "epoch_of_phase"})
    history.insert(0, "epoch", range(1, len(history) + 1))
    last = history[history["phase"] == history["phase"].iloc[-1]]
    best = int(last.sort_values(["macro_f1", "valid_loss"], ascending=[False, True])["epoch"].iloc[0])
    meta = {
        **met_in_training(dataset, split, None),
        "init": _start(training),
        "training": asdict(training),
        "lr": training.lr,
        "n_clips": {part: len(getattr(split, part)) for part in ("train", "valid", "test")},
        "best_epoch": best,
        "valid_balanced_accuracy": float(history["valid_balanced_accuracy"][best - 1]),
        "versions": versions(),
    }
    network = OnSamples(found.network)
    return TrainResult(Model(network, training.arch, label, classes, dataset.config, Scale((), ()), meta), history, None)


def check_start(arch: str, weights: str) -> None:
    """Make sure that a model can be had, before anything is made for it: fetches the hub's weights where they are not there.

    Raises ModelError, one line, for a package or weights that are missing.
    """
    if arch not in TRANSFORMERS:
        return  # said by runs.check_arch
    need_transformers()
    if weights == "hub":
        fetch_weights(arch)
    elif weights != "tiny" and not (Path(weights) / CONFIG).is_file():
        raise ModelError(f"{weights}: no {CONFIG} in it; give a folder as save_pretrained writes it, or --weights hub")


def phases_of(training: TrainConfig) -> tuple[Phase, ...]:
    """The phases that the options ask for: those of finetune.PHASES, with epochs, learning rate and patience of the phase "full"
    from `training`. The other phases' rates stay in proportion, and none has more epochs."""
    phases = PHASES[training.phases]
    full = next(phase for phase in phases if phase.name == "full")
    return tuple(
        replace(
            phase,
            lr=phase.lr * training.lr / full.lr,
            epochs=min(training.epochs, max(1, round(phase.epochs * training.epochs / full.epochs))),
            patience=min(phase.patience, training.patience),
        )
        for phase in phases
    )


def _start(training: TrainConfig) -> str:
    if training.init == "hub":
        info = ENCODERS[training.arch]
        return f"{info.repository}, revision {info.revision[:12]}; the head from random weights"
    return "random weights, small" if training.init == "tiny" else f"weights from {training.init}; the head from random weights"


def _has_tensorboard() -> bool:
    from importlib.util import find_spec

    return find_spec("tensorboard") is not None

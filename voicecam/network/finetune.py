"""Fine-tuning of a waveform classifier in phases, each from the last one's best weights, by transformers' Trainer.

Kept on disk as it goes: a killed process that is started again goes on where it was. Builds no network and reads no sound file;
what the Trainer is given is in trainer.py.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, recall_score

from voicecam.audio.degrade import Degradation
from voicecam.errors import DatasetError, ModelError
from voicecam.files import digest, read_json, write_json
from voicecam.network.drawing import Clips
from voicecam.network.transformer import SHORTEST, WaveformNetwork, load_transformer, need_transformers, save_transformer

FROZEN = ("encoder", "features", "none")
BEST = ("macro_f1", "balanced_accuracy")
DONE, PLAN = "done.json", "plan.json"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stage of a fine-tuning.

    frozen : "encoder" trains the head alone (a probe), "features" all but the convolutions on the waveform, "none" all
    epochs : at most; patience : epochs without a better score on validation clips after which it stops
    lr : highest learning rate; it rises over the first tenth of the steps and falls to 0
    balanced : draw classes equally, and within a class its domains; else every clip once, and classes weigh in the loss by the
        inverse of their number of clips
    domains : whose clips are trained and chosen on; () is all
    """

    name: str
    frozen: str
    epochs: int
    lr: float
    balanced: bool = False
    patience: int = 3
    domains: tuple[str, ...] = ()


PHASES = {  # of systems C and D; D with accumulate=4 or so
    "C": (
        Phase(name="probe", frozen="encoder", epochs=5, lr=1e-3),
        Phase(name="full", frozen="features", epochs=10, lr=3e-5),
        Phase(name="adaptation", frozen="features", epochs=5, lr=1e-5, balanced=True, patience=2),
    ),
    "D": (Phase(name="full", frozen="features", epochs=20, lr=5e-5, patience=4),),
}


@dataclass(frozen=True)
class FineTuned:
    """network : the last phase's best weights, in eval mode on the CPU
    history : one row per epoch: phase, epoch, train_loss, valid_loss, valid_balanced_accuracy, macro_f1, seconds
    by_domain : one row per phase and domain, of validation clips: phase, domain, clips, balanced_accuracy, macro_f1
    """

    network: WaveformNetwork
    history: pd.DataFrame
    by_domain: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all phases share; see `finetune`."""

    batch: int
    accumulate: int
    augment: Degradation | None
    seed: int
    best: str
    every: int
    tensorboard: bool


def finetune(
    network: WaveformNetwork,
    sounds: np.ndarray,
    targets: np.ndarray,
    domains: np.ndarray,
    *,
    train: np.ndarray,
    valid: np.ndarray,
    classes: Sequence[str],
    phases: Sequence[Phase],
    batch: int = 8,
    accumulate: int = 1,
    augment: Degradation | None = None,
    seed: int = 0,
    place: str | Path,
    log: Callable[[str], None] = print,
    best: str = "macro_f1",
    every: int = 0,
    tensorboard: bool = False,
) -> FineTuned:
    """Fine-tune on rows `train`, choose each phase's epoch on rows `valid`; no other row is looked at.

    sounds : float32 (clip, n) at 16 kHz, an array or a memory map; targets : int (clip,), places in `classes`, which are the
        network's; domains : corpus of each clip (clip,)
    batch : clips in a step of the optimiser times 1 / accumulate; accumulate : batches whose gradients make one step
    augment : how training clips are degraded, anew in each epoch; None leaves them. Without babble: whose voice a clip has is
        not known here.
    place : folder of the run's checkpoints. Started again with the same place and settings, finished phases are read and a half
        one goes on from its last whole checkpoint. A finished phase keeps PHASE/best and PHASE/done.json.
    log : called with one line per epoch and phase
    best : "macro_f1" or "balanced_accuracy", of validation clips; of several such epochs, the one with the lowest loss
    every : steps between checkpoints within an epoch; 0 keeps one per epoch
    Changes `network`. fp16 on a GPU. Raises ModelError or DatasetError, one line, for what cannot be trained.
    """
    need_transformers()
    clips = Clips(sounds=sounds, targets=np.asarray(targets, np.int64), domains=np.asarray(domains, dtype=str))
    train, valid = np.asarray(train, np.int64), np.asarray(valid, np.int64)
    _check(network, clips, train, valid, classes, phases, best)
    settings = Settings(
        batch=batch, accumulate=accumulate, augment=augment, seed=seed, best=best, every=every, tensorboard=tensorboard
    )
    place = Path(place)
    _hold_plan(place, {"settings": asdict(settings), "phases": [asdict(phase) for phase in phases], **_seen(clips, train, valid)})
    results = []
    for number, phase in enumerate(phases):
        folder = place / f"{number + 1}-{phase.name}"
        if (folder / DONE).is_file():
            results.append(read_json(folder / DONE, error=ModelError))
            if number + 1 == len(phases) or not (place / f"{number + 2}-{phases[number + 1].name}" / DONE).is_file():
                network.model.load_state_dict(load_transformer(folder / "best").model.state_dict())
            log(f"phase {phase.name}: finished before")
        else:
            results.append(_phase(network, clips, train, valid, phase, number, settings, folder, log))
    rows = {key: [row for result in results for row in result[key]] for key in ("history", "by_domain")}
    return FineTuned(network.cpu().eval(), pd.DataFrame(rows["history"]), pd.DataFrame(rows["by_domain"]))


def _phase(
    network: WaveformNetwork,
    clips: Clips,
    train: np.ndarray,
    valid: np.ndarray,
    phase: Phase,
    number: int,
    settings: Settings,
    folder: Path,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Train one phase to its end and keep its best weights; done.json, written last, says that they are whole."""
    from voicecam.network.trainer import train_phase

    own = clips.of(train, phase.domains), clips.of(valid, phase.domains)
    log(f"phase {phase.name}: {len(own[0])} clips, {phase.frozen} frozen, learning rate {phase.lr:g}")
    history, checkpoint = train_phase(network, clips, *own, phase, number, settings, folder / "checkpoints", log)
    network.model.load_state_dict(load_transformer(checkpoint).model.state_dict())
    network.eval()
    result = {"history": history, "by_domain": domain_scores(network, clips, valid, phase.name, batch=settings.batch)}
    for row in result["by_domain"]:
        log(f"phase {phase.name}, {row['domain']}: balanced accuracy {row['balanced_accuracy']:.3f} of {row['clips']} clips")
    save_transformer(folder / "best", network)
    write_json(folder / DONE, result)
    shutil.rmtree(folder / "checkpoints")
    return result


def domain_scores(network: WaveformNetwork, clips: Clips, rows: np.ndarray, phase: str, *, batch: int) -> list[dict[str, Any]]:
    """What the network is worth on each domain's rows: phase, domain, clips, balanced_accuracy, macro_f1."""
    said = network.logits(clips.sounds, rows, batch=batch).argmax(axis=1)
    scored = []
    for domain in np.unique(clips.domains[rows]):
        here = clips.domains[rows] == domain
        scores = clip_scores(clips.targets[rows][here], said[here])
        scored.append({"phase": phase, "domain": str(domain), "clips": int(here.sum()), **scores})
    return scored


def clip_scores(true: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """balanced_accuracy and macro_f1 over the classes in `true`."""
    there = np.unique(true)
    return {
        "balanced_accuracy": float(recall_score(true, said, labels=there, average="macro", zero_division=0)),
        "macro_f1": float(f1_score(true, said, labels=there, average="macro", zero_division=0)),
    }


def _check(
    network: WaveformNetwork,
    clips: Clips,
    train: np.ndarray,
    valid: np.ndarray,
    classes: Sequence[str],
    phases: Sequence[Phase],
    best: str,
) -> None:
    """Raises for what cannot be trained."""
    if tuple(classes) != network.classes:
        raise ModelError(f"classes {', '.join(classes)}: the network has {', '.join(network.classes)}; build it for these")
    if best not in BEST:
        raise ModelError(f"best {best!r}: not known; use one of {', '.join(BEST)}")
    if clips.sounds.ndim != 2 or clips.sounds.shape[1] < SHORTEST:
        raise DatasetError(f"sounds of shape {clips.sounds.shape}: must be (clip, n) with {SHORTEST} samples or more")
    if np.intersect1d(train, valid).size or not len(valid):
        raise DatasetError("validation clips: none, or some that are trained on; split by speaker")
    for phase in phases:
        if phase.frozen not in FROZEN:
            raise ModelError(f"phase {phase.name}: frozen {phase.frozen!r} is not known; use one of {', '.join(FROZEN)}")
        here = clips.of(train, phase.domains)
        absent = set(range(len(classes))) - set(clips.targets[here].tolist())
        if absent or not len(clips.of(valid, phase.domains)):
            named = ", ".join(classes[i] for i in sorted(absent)) or "any class in validation"
            raise DatasetError(f"phase {phase.name}: no clips of {named}; name other domains or classes")


def _seen(clips: Clips, train: np.ndarray, valid: np.ndarray) -> dict[str, str]:
    """A digest of which clips are trained and chosen on, as what."""
    rows = {name: [rows.tolist(), clips.targets[rows].tolist()] for name, rows in (("train", train), ("valid", valid))}
    return {"clips": digest([rows, list(map(int, clips.sounds.shape)), clips.domains.tolist()])}


def _hold_plan(place: Path, plan: dict[str, Any]) -> None:
    """Note what is trained in `place`, or make sure that it is the same as before."""
    mark = digest(plan)
    if (place / PLAN).is_file():
        if read_json(place / PLAN, error=ModelError, needs={"digest": str})["digest"] != mark:
            raise ModelError(f"{place}: holds a fine-tuning with other settings or clips; delete it, or take another folder")
    else:
        write_json(place / PLAN, {"digest": mark, **plan})

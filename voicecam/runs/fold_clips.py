"""What explanations and their checks work on: tested clips of each fold, with the network that never met their speakers.

Loads, chooses, and asks for their maps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from voicecam import audio
from voicecam.audio import Signal
from voicecam.data.dataset import Dataset
from voicecam.engine import HERE, spread
from voicecam.errors import ExplainError
from voicecam.explanation.mel_gradients import STEPS, log_mel_attribution, log_mel_of
from voicecam.explanation.methods import attribute_all, other_of_two
from voicecam.features import log_mel_energies
from voicecam.network import Model, load_model
from voicecam.runs.folder import fold_places, read_predictions
from voicecam.runs.sample import sample_clips

MAPPED = 256  # clips whose maps are asked for together: a network's inputs of all clips would not fit into memory


@dataclass(frozen=True)
class FoldClips:
    """Tested clips of one fold.

    place, number, model : the fold's folder, its number from 1 on, and its network
    table : their rows of predictions.csv; matrices : float32 (clip, n_rows, n_frames), what the network looks at
    target, contrast : int (clip,): the score explained is the logit of `target`, minus that of `contrast` where there is one
    paths : their sound files, or None where the corpus has no sound
    steps : points on the way of the integrated gradients in `mel_weight`
    """

    place: Path
    number: int
    model: Model
    table: pd.DataFrame
    matrices: np.ndarray
    target: np.ndarray
    contrast: np.ndarray | None
    paths: tuple[Path, ...] | None
    steps: int = STEPS

    @property
    def speakers(self) -> list[str]:
        """Speaker of each clip."""
        return list(self.table["speaker"])

    @property
    def classes_of(self) -> list[str]:
        """True class of each clip."""
        return list(self.table["true"])

    @property
    def inputs(self) -> torch.Tensor:
        """What the network gets, float (clip, 3, rows, columns)."""
        return self.model.input(self.matrices)

    @cached_property
    def signals(self) -> list[Signal]:
        """The prepared windows that the matrices were made of. Raises ExplainError where there is no sound."""
        if self.paths is None:
            raise ExplainError("the corpus has pictures and no sound; this needs sound")
        return [audio.load(path, self.model.config) for path in self.paths]

    @cached_property
    def log_mel(self) -> np.ndarray:
        """Mel energies in dB, float (clip, n_mels, n_frames): from the sound, or from the matrices where there is none."""
        if self.paths is None:
            return log_mel_of(self.matrices, self.model.config)
        return np.stack([log_mel_energies(signal.samples, self.model.config).T for signal in self.signals])

    @cached_property
    def mel_weight(self) -> np.ndarray:
        """How much of the score each band at each time carries, float32 (clip, n_mels, n_frames), see `log_mel_attribution`."""
        return log_mel_attribution(self.model, self.log_mel, self.target, contrast=self.contrast, steps=self.steps)

    def maps(self, method: str, layer: str, *, model: Model | None = None, bar: bool = False) -> np.ndarray:
        """Raw maps, float32 (clip, h, w), by one of explanation.METHODS: of the fold's network, or of a `model` beside it."""
        parts = [slice(start, start + MAPPED) for start in range(0, len(self.matrices), MAPPED)]
        others = [None if self.contrast is None else self.contrast[part] for part in parts]
        jobs = [(self.matrices[part], self.target[part], other, bar) for part, other in zip(parts, others)]
        return np.concatenate(list(spread(_maps, jobs, shared=(model or self.model, method, layer), by=HERE)))

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """The score of each clip, float (clip,), of its logits (clip, class)."""
        at = np.arange(len(logits))
        return logits[at, self.target] - (0 if self.contrast is None else logits[at, self.contrast])


def _maps(
    model: Model, method: str, layer: str, matrices: np.ndarray, target: np.ndarray, contrast: np.ndarray | None, bar: bool
) -> np.ndarray:
    inputs, stage = model.input(matrices), model.stage(layer)
    return attribute_all(model.network, inputs, target, methods=[method], layer=stage, contrast=contrast, bar=bar)[method]


def fold_clips(folder: Path, dataset: Dataset, predictions: pd.DataFrame, choice: str) -> list[FoldClips]:
    """The clips of `predictions`, some rows of a run's, fold by fold; folds without any are left out.

    choice : see `targets`
    """
    index, found = pd.Index(dataset.clips["path"]), []
    for number, place in enumerate(fold_places(folder), start=1):
        table = predictions[predictions["fold"] == number]
        if len(table):
            model, rows = load_model(place), index.get_indexer(pd.Index(table["path"], dtype="string"))
            paths = None if dataset.corpus.matrices else tuple(dataset.corpus.root / name for name in table["path"])
            target, contrast = targets(table, choice, model.classes)
            found.append(FoldClips(place, number, model, table, dataset.matrices[rows], target, contrast, paths))
    return found


def clips_of_run(folder: Path, dataset: Dataset, n: int, choice: str, *, first: bool = False) -> list[FoldClips]:
    """About n tested clips of a run, fold by fold, or of the first fold alone; see sample.sample_clips and `targets`."""
    predictions = read_predictions(folder)
    if first:
        predictions = predictions[predictions["fold"] == 1]
    return fold_clips(folder, dataset, predictions.iloc[sample_clips(predictions, n)], choice)


def targets(table: pd.DataFrame, choice: str, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    """Class numbers (clip,) whose logit is explained, and those whose logit is taken off it.

    choice : "true", "predicted", a class, or two classes with a minus between: the contrast of the first and the second. With two
        classes it is always the contrast with the other one: softmax looks at nothing else.
    Raises ExplainError for anything else.
    """
    number = {name: i for i, name in enumerate(classes)}
    pairs = {f"{a}-{b}": (number[a], number[b]) for a in classes for b in classes if a != b}
    if choice in ("true", "predicted"):
        target = table[choice].map(number).to_numpy(dtype=int)
    elif choice in number or choice in pairs:
        target = np.full(len(table), number[choice] if choice in number else pairs[choice][0])
    else:
        known = ", ".join(classes)
        raise ExplainError(
            f"target {choice!r}: not known; use true, predicted, one of {known}, or two of them with a minus between"
        )
    if choice in pairs and choice not in number:
        return target, np.full(len(table), pairs[choice][1])
    return target, other_of_two(target, len(classes))


def joined(folds: Sequence[FoldClips], name: str) -> list[str]:
    """The lists of this name of all folds, one after another."""
    return [value for clips in folds for value in getattr(clips, name)]

"""The planted cues of a run's report: which recordings carry them, into which network. Measures nothing; see planted.py."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.dataset import Dataset
from voicecam.explanation.planted import (
    NETWORKS,
    SMALL_TRAINING,
    TESTED,
    VALIDATING,
    VOICES,
    WORDS,
    planted_training,
    run_planted,
)
from voicecam.explanation.planted_sounds import QUICK
from voicecam.learner import Training
from voicecam.network import SMALL
from voicecam.runs.folder import Say

LEAST = TESTED + VALIDATING + 4  # voices, of which some are left to train on
FEW_WORDS = 4  # of a voice, where a training costs minutes
SEEDS = 5  # networks of a full report


def planted_table(
    dataset: Dataset,
    training: Training,
    *,
    methods: Sequence[str],
    layer: str,
    cues: Sequence[str],
    few: int,
    full: bool,
    say: Say,
) -> pd.DataFrame:
    """The `pointing_table` of a run's report: its recordings, features and architecture where `carriers` gives any, else
    synthetic voices and a small network. Not full: one seed, and for a ResNet the QUICK cues of `cues` alone."""
    dear = training.arch != SMALL
    heard = carriers(dataset, words=FEW_WORDS if dear and not full else WORDS)
    chosen = [name for name in cues if name in QUICK] if dear and heard and not full else list(cues)
    own: dict[str, Any] = {} if heard is None else {"speech": heard, "config": dataset.config}
    how = planted_training(training if heard else SMALL_TRAINING, full=full)
    asked: dict[str, Any] = {
        "layers": (layer,),
        "seeds": range(SEEDS if full else 1),
        "few": None if full else few,
        "networks": NETWORKS,
    }
    table = run_planted(chosen or cues, methods, **own, training=how, **asked, progress=say)
    return table.assign(own=heard is not None)


def carriers(dataset: Dataset, *, words: int = WORDS) -> tuple[list[audio.Signal], np.ndarray] | None:
    """Up to VOICES speakers of a run's corpus with up to `words` recordings each, drawn by chance: prepared signals, and the
    speaker of each. None where there is no sound, too few speakers, or pictures that are not those of the features alone."""
    speakers = dataset.clips["speaker"].to_numpy(dtype=str)
    names = np.unique(speakers)
    if dataset.corpus.matrices or dataset.matrices.shape[1] != dataset.config.n_rows or len(names) < LEAST:
        return None
    rng = np.random.default_rng(0)
    chosen = rng.permutation(names)[:VOICES]
    rows = np.concatenate([rng.permutation(np.flatnonzero(speakers == name))[:words] for name in chosen])
    paths = dataset.clips["path"].iloc[rows]
    return [audio.load(dataset.corpus.root / name, dataset.config) for name in paths], speakers[rows]

"""Do the methods find what is known to be there? Cues planted into the run's recordings, or synthetic voices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio, figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.data.dataset import Dataset
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
from voicecam.explanation.pointing import MEL, PICTURE, planted_words
from voicecam.figures.canvas import percent
from voicecam.network import SMALL
from voicecam.network.learner import TrainConfig
from voicecam.progress import Log
from voicecam.report import Answer, Drawing, Section
from voicecam.report.format import capital, format_fraction, format_interval, method_titles
from voicecam.runs.folder import open_run

QUESTION = "Do the maps find cues that were planted?"
LEAST = TESTED + VALIDATING + 4  # voices, of which some are left to train on


FEW_WORDS = 4  # of a voice, where a training costs minutes


SEEDS = 5  # networks of a full report


def planted_table(
    dataset: Dataset,
    training: TrainConfig,
    *,
    methods: Sequence[str],
    layer: str,
    cues: Sequence[str],
    few: int,
    full: bool,
    log: Log,
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
    table = run_planted(chosen or cues, methods, **own, training=how, **asked, progress=log)
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


def measure(context: CheckContext) -> CheckResult:
    """The planted-cue benchmark, on networks of its own, of the run's architecture and features where it has sound."""
    how: dict[str, Any] = {
        "methods": context.sizes.methods,
        "layer": context.layer,
        "cues": context.sizes.cues,
        "few": context.sizes.dear,
    }
    training = open_run(context.folder).training
    table = planted_table(context.dataset, training, **how, full=context.sizes.full, log=context.log)
    return CheckResult(tables={"planted": table}, summary={"own": bool(table["own"].all())})


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    table = runs.read_table(folder, "planted")
    said, named = planted_words(table), method_titles(table)
    what = "this run's recordings, features and architecture" if table["own"].all() else "synthetic voices"
    coarse = named[~named["layer"].isin([PICTURE, MEL])]
    return Section(
        name="planted",
        title="Planted cues: do the methods find what is known to be there?",
        sentences=(
            f"A network was trained ({what}) to name cues that were planted at random times and frequencies into clips that are "
            "otherwise the same, so the right answer is known. Judged are the clips of held-back voices whose answer turns with "
            "the cue. Beside the methods stand maps that know no network: random, the loudest cell, the best map that is the "
            "same for all clips, the difference of the classes' mean pictures, and what lies above the mean picture. Found is "
            "what points at the cue in 95 % of the clips and clearly more often than the best of these on the same cells."
            + (" Rows of this picture are coefficients: only the time counts." if _timed(table) else ""),
            *map(capital, planted_words(table[~table["learned"].astype(bool)])),
        ),
        drawings=(
            Drawing(
                plot=figures.plot_planted,
                data=(coarse,),
                caption=f"Pointing game on the layer's cells ({', '.join(coarse['grid'].dropna().unique())}): share of clips "
                "whose highest cell lies on the cue.",
                alt=" ".join(said),
                height=1.6 + 0.36 * coarse["method"].nunique(),
            ),
        ),
        table=_planted_table(named.dropna(subset="pointing")),
        table_note="Answer turns: share of held-back pairs whose answer turns with the cue. Other clips: "
        "pointing of other voices' maps. Mass inside: share of the map's positive part on the cue, "
        "beside the cue's share of the picture. Rows of one grid are to be compared with each other alone.",
    )


def answer(folder: Path, method: str, score: Mapping[str, float]) -> Answer:
    """How many of the cues that were learned the method's maps find on the layer's cells."""
    table = runs.read_table(folder, "planted")
    rows = table[(table["method"] == method) & ~table["layer"].isin([PICTURE, MEL]) & table["learned"].astype(bool)]
    if rows.empty:
        return Answer(question=QUESTION, answer="not shown", numbers="no planted cue was learned", section="planted")
    n, of = int(rows["found"].sum()), len(rows)
    numbers = "highest cell on the cue: " + "; ".join(
        f"{row['cue']} {format_fraction(row, 'pointing')}" for _, row in rows.iterrows()
    )
    found = {0: "no", of: "yes"}.get(n, f"in {n} of {of}")
    return Answer(question=QUESTION, answer=found, numbers=numbers, section="planted")


def _timed(table: pd.DataFrame) -> bool:
    """Whether the picture has no place for a frequency: a cue then fills all its rows."""
    return bool(table["timed"].any())


def _planted_table(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Cue": table["cue"],
            "Answer turns": [f"{percent(value)} %" for value in table["turned"]],
            "Cells": [f"{row['layer']}, {row['grid']}" for _, row in table.iterrows()],
            "Method": table["method"],
            "Clips": [f"{row['clips']:.0f} of {row['speakers']:.0f} voices" for _, row in table.iterrows()],
            "Pointing": [format_fraction(row, "pointing") for _, row in table.iterrows()],
            "Chance": [f"{percent(value)} %" for value in table["chance"]],
            "Other clips": [f"{percent(value)} %" for value in table["other"]],
            "Over the best baseline": [f"{format_interval(row, 'over')} ({row['best']})" for _, row in table.iterrows()],
            "Found": ["yes" if found else "" for found in table["found"]],
            "Mass inside": [f"{percent(row['mass'])} % of {percent(row['area'])} %" for _, row in table.iterrows()],
        }
    )


CHECK = Check("planted", "planted cues, a network each", measure, section, QUESTION, answer)

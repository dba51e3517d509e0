"""Could anything but the voice tell the label? And are recordings there twice?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.data.duplicates import Duplicates, duplicates_sentences, find_duplicates
from voicecam.explanation import confounds
from voicecam.files import read_table
from voicecam.report import Answer, Drawing, Section
from voicecam.report.format import format_fraction
from voicecam.runs.check_files import CHECKS_FOLDER
from voicecam.runs.folder import fold_places, open_run, read_split

QUESTION = "Is it more than the recordings' level, noise or room?"
MOST_COPIES = 20  # pairs of copies that are listed


def measure(context: CheckContext) -> CheckResult:
    """Does anything but the voice tell the label? And do recordings stand there twice?"""
    label = open_run(context.folder).label
    features = confounds.corpus_features(context.dataset.corpus, context.dataset.config, progress=context.progress)
    table = confounds.audit(features, list(context.dataset.clips[label]), list(context.dataset.clips["speaker"]))
    splits = [read_split(place, context.dataset) for place in fold_places(context.folder)]
    copies = find_duplicates(context.dataset.clips, context.dataset.fingerprints, splits)
    return CheckResult(tables={"confounds": table, "duplicates": copies.across}, summary={"copies_within": copies.within})


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    """Whether features of the recordings alone tell the label."""
    table, summary = runs.read_table(folder, "confounds"), runs.read_summary(folder, "confounds") or {}
    copies = read_table(folder / CHECKS_FOLDER / "duplicates.csv", text=("other_path", "other_speaker"))
    tells = confounds.audit_sentences(table)
    said = [*tells, *duplicates_sentences(Duplicates(copies, summary["copies_within"]))]
    return Section(
        name="confounds",
        title="Could anything but the voice tell the label?",
        sentences=tuple(line for line in said if not line.startswith("Warning")),
        warnings=tuple(line for line in said if line.startswith("Warning")),
        drawings=(
            Drawing(
                plot=figures.plot_confounds,
                data=(table,),
                options={"limit": 1 / len(classes) + confounds.MARGIN},
                caption="Balanced accuracy of the label from each feature of the recordings alone, in speakers not fitted on, "
                "with 95 % intervals.",
                alt=" ".join(tells),
                height=1.2 + 0.34 * len(table),
            ),
        ),
        table=_copies(copies) if len(copies) else None,
        table_note=f"Recordings under two speakers; {min(MOST_COPIES, len(copies))} of {len(copies)} pairs are shown.",
    )


def answer(folder: Path, method: str, score: Mapping[str, float]) -> Answer:
    """The network's balanced accuracy against the best of what is measured of the recordings; and what pitch alone explains."""
    table = runs.read_table(folder, "confounds")
    best = table.loc[table["balanced_accuracy"].idxmax()]
    numbers = f"{_spelled(score)}; the best of them, {best['name']}, {format_fraction(best, 'balanced_accuracy')}"
    if runs.read_summary(folder, "acoustics") is not None:
        rows = runs.read_table(folder, "acoustic_regression").set_index(["facts", "kind"])
        numbers += f"; pitch alone explains {format_fraction(rows.loc[('F0', 'alone')], 'r2')} of the score"
    apart = score["low"] is not None and pd.notna(best["high"]) and score["low"] > best["high"]
    found = "no" if score["value"] <= best["balanced_accuracy"] else "yes" if apart else "not shown"
    return Answer(question=QUESTION, answer=found, numbers=numbers, section="confounds")


def _spelled(score: Mapping[str, float]) -> str:
    return format_fraction(pd.Series({name: np.nan if value is None else value for name, value in score.items()}), "value")


def _copies(copies: pd.DataFrame) -> pd.DataFrame:
    names = {"path": "Recording", "speaker": "Speaker", "other_path": "Copy", "other_speaker": "Its speaker"}
    apart = copies["apart"].map({True: "yes", False: "no"})
    return copies[list(names)].rename(columns=names).assign(**{"Tested and met": apart}).head(MOST_COPIES)


CHECK = Check("confounds", "what else tells the label", measure, section, QUESTION, answer, needs_sound=True)

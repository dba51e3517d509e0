"""Sections of a speech model's report that need no map: how sure it is, which way it errs, and what each phase did."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from voicecam.evaluation import sureness
from voicecam.figures.canvas import percent
from voicecam.files import read_table
from voicecam.report import Section
from voicecam.report.format import format_fraction

ERRORS = 10  # surest wrong answers that are listed
BY_DOMAIN = "by_domain.csv"  # in a fold's folder, see speech_training
FALL = 0.05  # of balanced accuracy, from one phase to the next, that is said


def sureness_sections(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[Section, ...]:
    """How sure the answers are, class by class, and which way it errs; then the surest wrong ones, where there are any."""
    found = sureness.mean_confidence(predictions, classes)
    table = pd.DataFrame(
        {
            "Class": found["class"],
            "Clips": found["clips"].astype(str),
            "Mean probability of the answer": [format_fraction(row, "confidence") for _, row in found.iterrows()],
            "of right answers": [_share(value) for value in found["right"]],
            "of wrong answers": [_share(value) for value in found["wrong"]],
        }
    )
    bias = sureness.bias_sentences(sureness.class_bias(predictions, classes))
    sure = Section(
        name="sure",
        title="How sure it is, and which way it errs",
        sentences=(_sure_sentence(found), *bias),
        table=table,
        table_note="In brackets: 95 % intervals over speakers.",
    )
    errors = sureness.surest_errors(predictions, ERRORS)
    if errors.empty:
        return (sure,)
    listed = pd.DataFrame(
        {
            "Clip": errors["path"],
            "Speaker": errors["speaker"],
            "Is": errors["true"],
            "Named": errors["predicted"],
            "Probability": [_share(value) for value in errors["probability"]],
        }
    )
    many = f"The {len(errors)} wrong answers with the highest probability, surest first."
    line = many if len(errors) > 1 else "The one wrong answer."
    return sure, Section(name="surest-errors", title="The surest wrong answers", sentences=(line,), table=listed)


def phase_sections(places: Sequence[Path]) -> tuple[Section, ...]:
    """What each phase of a fine-tuning was worth on every corpus, on validation speakers; nothing where none was made.

    places : folders of the folds; of several the mean
    """
    tables = [read_table(place / BY_DOMAIN) for place in places if (place / BY_DOMAIN).exists()]
    if not tables:
        return ()
    scores = pd.concat(tables).groupby(["phase", "domain"], sort=False)[["balanced_accuracy", "macro_f1"]].mean().reset_index()
    table = pd.DataFrame(
        {
            "Phase": scores["phase"],
            "Corpus": scores["domain"],
            "Balanced accuracy": [_share(value) for value in scores["balanced_accuracy"]],
            "Macro F1": [f"{value:.2f}" for value in scores["macro_f1"]],
        }
    )
    many = f" Means over {len(tables)} folds." if len(tables) > 1 else ""
    first = f"After each phase, its best epoch was asked about the validation clips of every corpus.{many}"
    return (Section(name="phases", title="What each phase did", sentences=(first, *phase_sentences(scores)), table=table),)


def phase_sentences(scores: pd.DataFrame) -> list[str]:
    """What was forgotten from one phase to the next, and whether the last phase brought it back.

    scores : columns phase, domain, balanced_accuracy, in the order of the phases
    """
    said = []
    for domain, rows in scores.groupby("domain", sort=False):
        values, phases = rows["balanced_accuracy"].to_numpy(), rows["phase"].to_list()
        for before, (phase, value) in zip(values, list(zip(phases, values))[1:]):
            if before - value >= FALL:
                end = "" if phase == phases[-1] else f"; after {phases[-1]}, the last phase, it is {_share(values[-1])}"
                said.append(f"{domain}: phase {phase} took balanced accuracy from {_share(before)} to {_share(value)}{end}.")
    return said or [f"No phase took {100 * FALL:.0f} points or more of balanced accuracy from any corpus."]


def _sure_sentence(found: pd.DataFrame) -> str:
    together = found[found["class"] == sureness.ALL].iloc[0]
    text = f"Its answers have a probability of {_share(together['confidence'])} in the mean"
    if pd.isna(together["wrong"]):
        return f"{text}; none was wrong."
    if pd.isna(together["right"]):
        return f"{text}; none was right."
    return f"{text}: {_share(together['right'])} where they are right, {_share(together['wrong'])} where they are wrong."


def _share(value: float) -> str:
    return f"{percent(value)} %" if value == value else "\N{EN DASH}"

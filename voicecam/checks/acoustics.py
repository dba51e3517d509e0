"""How much of the score do acoustic features explain? A ridge regression, over all clips and within the classes."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation import acoustics
from voicecam.figures.canvas import NOTHING
from voicecam.report import Drawing, Section
from voicecam.report.format import format_fraction
from voicecam.runs.fold_clips import joined

IN_TABLE = ("The groups alone", "All others without")  # how sentences begin whose numbers stand in the table


def measure(context: CheckContext) -> CheckResult:
    """How much of the score acoustic features explain: of all clips together, and of what varies within the classes."""
    folds = context.clips(context.sizes.voices, "-".join(context.classes))
    signals = [signal for clips in folds for signal in clips.signals]
    features = pd.DataFrame([asdict(acoustics.acoustic_features(signal)) for signal in context.progress(signals, len(signals))])
    scores = np.concatenate([clips.scores(clips.model.logits(clips.matrices)) for clips in folds])
    speakers, classes_of = joined(folds, "speakers"), joined(folds, "classes_of")
    whole = acoustics.acoustic_regression(scores, features, speakers)
    scores_within, features_within = (
        acoustics.center_within_class(np.asarray(values), classes_of) for values in (scores, features)
    )
    within = acoustics.acoustic_regression(scores_within, pd.DataFrame(features_within, columns=features.columns), speakers)
    about = {"speaker": speakers, "true": classes_of, "score": scores}
    tables = {"acoustic_regression": whole, "acoustic_regression_within": within, "acoustic_features": features.assign(**about)}
    return CheckResult(tables=tables, summary={"clips": len(scores)})


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    """How much of the score acoustic features explain."""
    table, within = (runs.read_table(folder, f"acoustic_regression{part}") for part in ("", "_within"))
    said = " ".join(acoustics.regression_sentences(table))
    short, short_within = (
        " ".join(line for line in acoustics.regression_sentences(rows) if not line.startswith(IN_TABLE))
        for rows in (table, within)
    )
    first, second = classes
    return Section(
        name="acoustics",
        title="How much of the score do acoustic features explain?",
        sentences=(
            f"The score is the logit of {first} minus that of {second}. " + short,
            f"Within the classes, where it does not help that {first} and {second} voices differ anyway: " + short_within,
        ),
        drawings=(
            Drawing(
                plot=figures.plot_acoustic_regression,
                data=(table,),
                caption="Share of the score's variance over all clips that is explained, by all features, by groups and by each "
                "alone; hollow: by all others without it.",
                alt=said,
                height=4.6,
            ),
        ),
        table=_explained(table, within),
        table_note="Share of the score's variance that is explained in speakers not fitted on, with 95 % intervals; 0 and less: "
        "no better than the mean.",
    )


def _explained(table: pd.DataFrame, within: pd.DataFrame) -> pd.DataFrame:
    """A row for all features together, each group and each feature: alone, and all others without it; also within the classes."""
    rows = {title: part.set_index(["facts", "kind"]) for title, part in (("", table), (" (within classes)", within))}
    shown = table[table["kind"] != "without"]
    found = {"Features": shown["title"]}
    for title, part in rows.items():
        for kind, words in (("alone", "Alone"), ("without", "All others")):
            keys = [(row["facts"], "all" if (kind, row["kind"]) == ("alone", "all") else kind) for _, row in shown.iterrows()]
            found[words + title] = [format_fraction(part.loc[key], "r2") if key in part.index else NOTHING for key in keys]
    return pd.DataFrame(found)


CHECK = Check("acoustics", "acoustic features", measure, section, needs_sound=True, needs_two=True)

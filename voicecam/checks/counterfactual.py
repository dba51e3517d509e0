"""What if the voice were higher, or the mouth smaller? Pitch and formants shifted, and where the label flips."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.audio import Signal
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation import bandstop, counterfactual
from voicecam.report import Drawing, Section
from voicecam.runs.fold_clips import joined


def measure(context: CheckContext) -> CheckResult:
    """Voices moved in pitch and formants: the score of the first class against the second, and where the label flips."""
    tables, first = [], 0
    folds = context.clips(context.sizes.morphs, "-".join(context.classes))
    for clips in folds:
        ask = bandstop.window_logits(clips.model)

        def score(signals: Sequence[Signal], ask: bandstop.Logits = ask) -> np.ndarray:
            logits = ask(list(signals))
            return logits[:, 0] - logits[:, 1]

        table = counterfactual.counterfactuals(score, clips.signals, clips.speakers, progress=context.progress)
        tables.append(table.assign(clip=table["clip"] + first))
        first += len(clips.table)
    table, classes_of = pd.concat(tables, ignore_index=True), joined(folds, "classes_of")
    flips = counterfactual.flips_by_class(counterfactual.flip_points(table), classes_of, positive=context.classes[0])
    curves = counterfactual.score_curves(table, classes_of)
    control = pd.DataFrame([counterfactual.resynthesis(table)])
    return CheckResult(tables={"curves": curves, "flips": flips, "resynthesis": control}, summary={"clips": first})


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    """What the score does when pitch and formants are moved."""
    summary = runs.read_summary(folder, "counterfactual") or {}
    curves, flips, control = (runs.read_table(folder, name) for name in ("curves", "flips", "resynthesis"))
    said = counterfactual.flip_sentences(flips, control.to_dict("records")[0])
    drawings = [
        Drawing(
            plot=figures.plot_counterfactual,
            data=(curves, flips, classes),
            options={"kind": kind},
            caption=f"Score of {classes[0]} against {classes[1]} as {what} moved; diamonds: where the label flips, up and "
            "down apart, the larger, the more speakers flip there.",
            alt=" ".join(said),
            height=3.2,
        )
        for kind, what in (("pitch", "the pitch is"), ("formants", "the formants are"))
    ]
    return Section(
        name="counterfactual",
        title="What if the voice were higher, or the mouth smaller?",
        sentences=(
            f"Praat moved pitch and formants of {summary['clips']} clips.",
            *said,
        ),
        drawings=tuple(drawings),
        table=pd.DataFrame([_flip_cells(row) for row in flips.to_dict("records")]),
        table_note="Median over speakers of the nearest flip in each direction, in semitones or as a ratio, of clips classified "
        "correctly at first; in brackets its 95 % interval, or the range over speakers where fewer than 6 flip.",
    )


def _flip_cells(row: dict[str, Any]) -> dict[str, str]:
    what, way = "pitch" if row["kind"] == "pitch" else "formants", {"up": "raised", "down": "lowered"}[row["direction"]]
    return {
        "Class": row["class"],
        "Moved": f"{what} {way}",
        "Clips that flip": f"{row['flipping_clips']} of {row['clips']}",
        "Speakers": f"{row['flipping']} of {row['speakers']}",
        "Where": counterfactual.flip_text(row).replace(" semitones", "").removeprefix("ratio "),
    }


CHECK = Check("counterfactual", "voices moved in pitch and formants", measure, section, needs_sound=True, needs_two=True)

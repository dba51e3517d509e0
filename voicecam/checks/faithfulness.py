"""Do the cells matter that a map ranks high? Deletion, insertion, ROAD."""

from pathlib import Path

import pandas as pd

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation import faithful, randomise
from voicecam.explanation.methods import STEPS
from voicecam.report import Drawing, Section
from voicecam.report.format import capital, format_table, method_titles


def measure(context: CheckContext) -> CheckResult:
    """Deletion, insertion and ROAD of every method."""
    parts, first, folds = [], 0, context.clips(context.sizes.fewer)
    for clips in folds:
        part = faithful.faithfulness(
            clips.model.network,
            clips.inputs,
            clips.target,
            clips.speakers,
            methods=context.sizes.methods,
            layer=clips.model.stage(context.layer),
            contrast=clips.contrast,
            road_clips=-(-context.sizes.road // len(folds)),
            steps=STEPS if context.sizes.full else randomise.STEPS,
        )
        parts.append(part.assign(clip=part["clip"] + first))
        first += len(clips.table)
    table = faithful.faithfulness_table(pd.concat(parts, ignore_index=True))
    return CheckResult(tables={"faithfulness": table}, summary={"clips": first})


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    table = runs.read_table(folder, "faithfulness")
    said, table = faithful.faithfulness_words(table), method_titles(table)
    first = table.iloc[0]
    return Section(
        name="faithfulness",
        title="Do the cells matter that a map ranks high?",
        sentences=(
            f"Deletion paints cells grey, the highest first; insertion puts them back; ROAD fills them from their neighbours "
            f"({first['clips']} clips of {first['speakers']} speakers, cells on a grid of {first['grid']}). Low deletion, high "
            "insertion and high ROAD are good. ROAD is slow and measured on a part of the clips. Seconds are those of one map.",
            *map(capital, said),
        ),
        drawings=(
            Drawing(
                plot=figures.plot_faithfulness,
                data=(table,),
                caption="Areas under the curves of the class's probability, with 95 % intervals; the lines are random cells.",
                alt=" ".join(said),
                height=1.4 + 0.45 * len(table),
            ),
        ),
        table=format_table(table, ("method",), ("deletion", "insertion", "road")).assign(
            **{"Seconds": [f"{value:.3f}" for value in table["seconds"]]}
        ),
    )


CHECK = Check("faithfulness", "deletion, insertion, ROAD", measure, section)

"""Do the cells matter that a map ranks high? Deletion, insertion, ROAD."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation import faithful, randomise
from voicecam.explanation.methods import STEPS
from voicecam.report import Answer, Drawing, Section
from voicecam.report.format import format_interval, format_table, method_titles

QUESTION = "Does occlusion agree: do the cells matter that a map ranks high?"


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
            "insertion and high ROAD are good. ROAD is slow and measured on a part of the clips.",
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
        table=_measures_table(table),
        table_note="Over random: how much better than random cells on the same clips; over louder: than the picture itself, the "
        "louder cells first; above 0 is better, whichever way the measure runs. Seconds: of one map.",
    )


def _measures_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row per method: each measure, and how much better it is than what knows no network."""
    found = format_table(table, ("method",), ())
    for measure, title in {"deletion": "Deletion", "insertion": "Insertion", "road": "ROAD"}.items():
        for end, of in {"": "", "_over_random": " over random", "_over_energy": " over louder"}.items():
            found[title + of] = [format_interval(row, measure + end) for _, row in table.iterrows()]
    return found.assign(Seconds=[f"{value:.3f}" for value in table["seconds"]])


def answer(folder: Path, method: str, score: Mapping[str, float]) -> Answer:
    """Whether the probability falls faster when the method's highest cells are covered first than with random cells first."""
    table = runs.read_table(folder, "faithfulness").set_index("method")
    if method not in table.index:
        return Answer(question=QUESTION, answer="not tested", numbers="not among the methods tested", section="faithfulness")
    row = table.loc[method]
    low, high = (row[f"deletion_over_random_{end}"] for end in ("low", "high"))
    found = "yes" if low > 0 else "no" if high < 0 else "not shown"
    numbers = (
        f"with the highest cells covered first the probability lies {format_interval(row, 'deletion_over_random')} lower than "
        "with random cells"
    )
    return Answer(question=QUESTION, answer=found, numbers=numbers, section="faithfulness")


CHECK = Check("faithfulness", "deletion, insertion, ROAD", measure, section, QUESTION, answer)

"""Chapters on the methods: faithfulness, randomised networks, planted cues. Computes nothing new."""

from pathlib import Path

import pandas as pd

from voicecam import figures, runs
from voicecam.chapters.words import capital, share, spelled, spread, titled
from voicecam.explanation.methods import METHODS
from voicecam.explanation.planted import planted_doubt
from voicecam.explanation.randomise import randomisation_doubt
from voicecam.figures.canvas import percent
from voicecam.report import Drawing, Section


def faithfulness_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    table, facts = runs.read_table(folder, "faithfulness"), runs.read_facts(folder, "faithfulness") or {}
    table = titled(table)
    first = table.iloc[0]
    return Section(
        name="faithfulness",
        title="Do the cells matter that a map ranks high?",
        sentences=(
            f"Deletion paints cells grey, the highest first; insertion puts them back; ROAD fills them from their neighbours "
            f"({first['clips']} clips of {first['speakers']} speakers, cells on a grid of {first['grid']}). Low deletion, high "
            "insertion and high ROAD are good. ROAD is slow and measured on a part of the clips. Seconds are those of one map.",
            *map(capital, facts["sentences"]),
        ),
        drawings=(
            Drawing(
                plot=figures.plot_faithfulness,
                data=(table,),
                caption="Areas under the curves of the class's probability, with 95 % intervals; the lines are random cells.",
                alt=" ".join(facts["sentences"]),
                height=1.4 + 0.45 * len(table),
            ),
        ),
        table=spelled(table, ("method",), ("deletion", "insertion", "road")).assign(
            **{"Seconds": [f"{value:.3f}" for value in table["seconds"]]}
        ),
    )


def randomisation_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    table, shuffled = runs.read_table(folder, "randomisation"), runs.read_table(folder, "shuffled")
    facts = runs.read_facts(folder, "randomisation") or {}
    beside = "; ".join(
        f"{METHODS[row['method']].title} signed {spread(row, 'correlation')}, sizes {spread(row, 'absolute')}"
        for _, row in shuffled.iterrows()
    )
    return Section(
        name="randomised",
        title="Do the maps change when the weights are randomised?",
        sentences=(
            "The network of the first fold was made random from its last layer downwards; a map that shows what was learned must "
            "change. " + " ".join(facts["sentences"]),
            f"Beside a network that was trained on shuffled labels, rank correlation of the maps: {beside}.",
        ),
        drawings=(
            Drawing(
                plot=figures.plot_randomisation,
                data=(titled(table),),
                caption="Rank correlation with the trained network's maps, layer by layer, signed or in size, whichever is "
                "further from 0; below the dashed line is changed.",
                alt=" ".join(facts["sentences"]),
                height=3.6,
            ),
        ),
    )


def map_doubts(folder: Path, title: str) -> tuple[str, ...]:
    """Why the maps of a run are to be doubted, by its own tests on random weights and planted cues; title : the method's.

    Nothing where the tests were not made, or passed.
    """
    method = next((key for key, known in METHODS.items() if known.title == title), title)
    tests = {"randomisation": randomisation_doubt, "planted": planted_doubt}
    made = {name: doubt for name, doubt in tests.items() if runs.read_facts(folder, name) is not None}
    return tuple(filter(None, (doubt(runs.read_table(folder, name), method) for name, doubt in made.items())))


def planted_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    table, facts = runs.read_table(folder, "planted"), runs.read_facts(folder, "planted") or {}
    named = titled(table)
    return Section(
        name="planted",
        title="Planted cues: do the methods find what is known to be there?",
        sentences=(
            "Small networks were trained on synthetic voices whose two classes differ by one cue that was planted, so the right "
            "answer is known. This tells of the methods, not of this run, and is the reason to believe or doubt the rest.",
            *map(capital, facts["sentences"]),
        ),
        drawings=(
            Drawing(
                plot=figures.plot_planted,
                data=(named,),
                caption="Pointing game: share of clips whose highest cell lies on the cue.",
                alt=" ".join(facts["sentences"]),
                height=1.6 + 0.36 * named["method"].nunique(),
            ),
        ),
        table=_planted_table(named),
        table_note="Mass inside: share of the map's positive part on the cue, beside the cue's share of the picture.",
    )


def _planted_table(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Cue": table["cue"],
            "Method": table["method"],
            "Layer": table["layer"],
            "Pointing": [share(row, "pointing") for _, row in table.iterrows()],
            "Mass inside": [share(row, "mass") for _, row in table.iterrows()],
            "Cue's area": [f"{percent(value)} %" for value in table["area"]],
            "Blank": [str(value) for value in table["blank"]],
        }
    )

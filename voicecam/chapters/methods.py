"""Chapters on the methods: faithfulness, randomised networks, planted cues. Computes nothing new."""

from pathlib import Path

import pandas as pd

from voicecam import figures, runs
from voicecam.chapters.words import capital, share, spelled, spread, titled
from voicecam.explanation.draws import SURE, UNRELATED, draws_doubt
from voicecam.explanation.methods import METHODS
from voicecam.explanation.pointing import MEL, PICTURE, planted_doubt
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
    draws, each, cascade, shuffled = (
        runs.read_table(folder, name) for name in ("random_weights", "random_draws", "randomisation", "shuffled")
    )
    facts = runs.read_facts(folder, "randomisation") or {}
    beside = "; ".join(f"{METHODS[row['method']].title} {spread(row, 'absolute')}" for _, row in shuffled.iterrows())
    first = draws.iloc[0]
    return Section(
        name="randomised",
        title="Do the maps change when the weights are randomised?",
        sentences=(
            f"A map that shows what was learned must change with the weights. Maps are compared in size with those of "
            f"{first['draws']} networks with random weights ({first['folds']} folds), for with two classes the sign of a random "
            f"network is a coin. A draw passes when its maps are less alike than {100 * UNRELATED:g} % of unrelated maps as "
            f"smooth as these (one of a pair moved round in time and frequency); a method passes with {100 * SURE:g} % of draws.",
            *facts["sentences"],
            f"Beside a network that was trained on shuffled labels, rank correlation of sizes: {beside}.",
        ),
        drawings=(
            Drawing(
                plot=figures.plot_likeness,
                data=(titled(each), titled(draws)),
                caption="Likeness of the trained network's maps to those of each random network; the bar is what unrelated maps "
                "reach, the cross how alike random networks' maps are to each other.",
                alt=" ".join(facts["sentences"]),
                height=1.4 + 0.4 * len(draws),
            ),
            Drawing(
                plot=figures.plot_randomisation,
                data=(titled(cascade),),
                caption="One draw, made random from the last layer downwards (Adebayo et al. 2018): rank correlation of sizes.",
                alt="Where each method lets go of what was learned.",
                height=3.4,
            ),
        ),
        table=_draws_table(titled(draws)),
        table_note="Random: likeness of random networks' maps to each other. Entropy's rise: efficient MPRT, the rise of the "
        "maps' entropy in random networks as a share of the trained one's, above 0 where random maps are less orderly. Smooth "
        "MPRT: likeness of maps that are means over noisy inputs (explain.py --full).",
    )


def _draws_table(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Method": table["method"],
            "Likeness": [spread(row, "likeness") for _, row in table.iterrows()],
            "Unrelated maps": [f"{value:.2f}" for value in table["bar"]],
            "Random": [f"{value:.2f}" for value in table["random"]],
            "Draws that pass": [share(row, "passes") for _, row in table.iterrows()],
            "Worst fold": [f"{percent(value)} %" for value in table["least"]],
            "Smooth MPRT": ["\N{EN DASH}" if pd.isna(value) else f"{value:.2f}" for value in table["smooth"]],
            "Entropy's rise": [spread(row, "rise") for _, row in table.iterrows()],
        }
    )


def map_doubts(folder: Path, title: str) -> tuple[str, ...]:
    """Why the maps of a run are to be doubted, by its own tests on random weights and planted cues; title : the method's.

    Nothing where the tests were not made, or passed.
    """
    method = next((key for key, known in METHODS.items() if known.title == title), title)
    tests = {"randomisation": ("random_weights", draws_doubt), "planted": ("planted", planted_doubt)}
    made = {name: test for name, test in tests.items() if runs.read_facts(folder, name) is not None}
    return tuple(filter(None, (doubt(runs.read_table(folder, table), method) for table, doubt in made.values())))


def planted_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    table, facts = runs.read_table(folder, "planted"), runs.read_facts(folder, "planted") or {}
    named, what = titled(table), "this run's recordings, features and architecture" if table["own"].all() else "synthetic voices"
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
            *map(capital, facts["sentences"]),
        ),
        drawings=(
            Drawing(
                plot=figures.plot_planted,
                data=(coarse,),
                caption=f"Pointing game on the layer's cells ({', '.join(coarse['grid'].dropna().unique())}): share of clips "
                "whose highest cell lies on the cue.",
                alt=" ".join(facts["sentences"]),
                height=1.6 + 0.36 * coarse["method"].nunique(),
            ),
        ),
        table=_planted_table(named.dropna(subset="pointing")),
        table_note="Other clips: pointing of other voices' maps. Mass inside: share of the map's positive part on the cue, "
        "beside the cue's share of the picture. Rows of one grid are to be compared with each other alone.",
    )


def _timed(table: pd.DataFrame) -> bool:
    """Whether the picture has no place for a frequency: a cue then fills all its rows."""
    return bool(table["timed"].any())


def _planted_table(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Cue": table["cue"],
            "Cells": [f"{row['layer']}, {row['grid']}" for _, row in table.iterrows()],
            "Method": table["method"],
            "Clips": [f"{row['clips']:.0f} of {row['speakers']:.0f} voices" for _, row in table.iterrows()],
            "Pointing": [share(row, "pointing") for _, row in table.iterrows()],
            "Chance": [f"{percent(value)} %" for value in table["chance"]],
            "Other clips": [f"{percent(value)} %" for value in table["other"]],
            "Over the best baseline": [f"{spread(row, 'over')} ({row['best']})" for _, row in table.iterrows()],
            "Found": ["yes" if found else "" for found in table["found"]],
            "Mass inside": [f"{percent(row['mass'])} % of {percent(row['area'])} %" for _, row in table.iterrows()],
        }
    )

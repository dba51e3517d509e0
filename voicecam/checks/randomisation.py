"""Do the maps change when the weights are randomised? Many random networks, a cascade, and shuffled labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation import draws, randomise
from voicecam.explanation.draws import SURE, UNRELATED
from voicecam.explanation.methods import attribute_all
from voicecam.figures.canvas import percent
from voicecam.network import load_model
from voicecam.report import Answer, Drawing, Section
from voicecam.report.format import format_fraction, format_interval, method_titles
from voicecam.runs.controls import SHUFFLED
from voicecam.runs.folder import fold_places

QUESTION = "Do the maps change when the weights are randomised?"


def measure(context: CheckContext) -> CheckResult:
    """Every fold's maps beside those of many networks with random weights; the first fold's while its network is made random from
    the top down, by one draw, and beside the network on shuffled labels."""
    sizes, found = context.sizes, []
    folds = context.clips(sizes.fewer * len(fold_places(context.folder)))
    asked: dict[str, Any] = {"methods": sizes.methods, "layer": context.layer}
    for clips in folds:
        part = draws.draw_likeness(
            clips.model,
            clips.inputs,
            clips.target,
            clips.speakers,
            methods=sizes.methods,
            layer=context.layer,
            contrast=clips.contrast,
            draws=sizes.draws,
            few=-(-sizes.dear // 2),
            noisy=sizes.noisy,
            seed=clips.number,
        )
        found.append(part.assign(fold=clips.number))
    table = draws.draws_table(pd.concat(found, ignore_index=True))
    [clips] = context.clips(sizes.dear, first=True)
    cascade = randomise.randomisation_table(
        clips.model, clips.inputs, clips.target, clips.speakers, **asked, contrast=clips.contrast
    )
    maps, beside = (
        attribute_all(
            model.network,
            clips.inputs,
            clips.target,
            methods=sizes.methods,
            layer=model.stage(context.layer),
            contrast=clips.contrast,
            steps=randomise.STEPS,
        )
        for model in (clips.model, load_model(clips.place / SHUFFLED))
    )
    rows = [{"method": name, **randomise.map_correlation(maps[name], beside[name], clips.speakers)} for name in sizes.methods]
    tables = {"random_draws": pd.concat(found), "random_weights": table, "randomisation": cascade, "shuffled": pd.DataFrame(rows)}
    return CheckResult(tables=tables, summary={"draws": sizes.draws, "folds": len(folds)})


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    table, each, cascade, shuffled = (
        runs.read_table(folder, name) for name in ("random_weights", "random_draws", "randomisation", "shuffled")
    )
    said, first = draws.draws_words(table), table.iloc[0]
    return Section(
        name="randomised",
        title=QUESTION,
        sentences=(
            f"A map that shows what was learned must change with the weights. Maps are compared in size with those of "
            f"{first['draws']} networks with random weights ({first['folds']} folds), for with two classes the sign of a random "
            f"network is a coin. A draw passes when its maps are less alike than {100 * UNRELATED:g} % of unrelated maps as "
            f"smooth as these (one of a pair moved round in time and frequency); a method passes with {100 * SURE:g} % of draws.",
        ),
        drawings=(
            Drawing(
                plot=figures.plot_likeness,
                data=(method_titles(each), method_titles(table)),
                caption="Likeness of the trained network's maps to those of each random network; the bar is what unrelated maps "
                "reach, the cross how alike random networks' maps are to each other.",
                alt=" ".join(said),
                height=1.4 + 0.4 * len(table),
            ),
            Drawing(
                plot=figures.plot_randomisation,
                data=(method_titles(cascade),),
                caption="One draw, made random from the last layer downwards (Adebayo et al. 2018): rank correlation of sizes.",
                alt="Where each method lets go of what was learned.",
                height=3.4,
            ),
        ),
        table=_draws_table(method_titles(table), method_titles(shuffled)),
        table_note="Shuffled labels: rank correlation of sizes with the maps of a network that was trained on shuffled labels. "
        "Random: likeness of random networks' maps to each other. Entropy's rise: efficient MPRT, the rise of the "
        "maps' entropy in random networks as a share of the trained one's, above 0 where random maps are less orderly. Smooth "
        "MPRT: likeness of maps that are means over noisy inputs (explain.py --full).",
    )


def answer(folder: Path, method: str, score: Mapping[str, float]) -> Answer:
    """Whether the method's maps are less like those of random networks than unrelated maps are."""
    table = runs.read_table(folder, "random_weights").set_index("method")
    if method not in table.index:
        return Answer(question=QUESTION, answer="not tested", numbers="not among the methods tested", section="randomised")
    row = table.loc[method]
    found = "not shown" if pd.isna(row["faithful"]) else "yes" if row["faithful"] else "no"
    numbers = (
        f"likeness to maps of random networks {format_interval(row, 'likeness')}, unrelated maps up to {row['bar']:.2f}; "
        f"{format_fraction(row, 'passes')} of {row['draws']} pass, {percent(SURE)} % are needed"
    )
    return Answer(question=QUESTION, answer=found, numbers=numbers, section="randomised")


def _draws_table(table: pd.DataFrame, shuffled: pd.DataFrame) -> pd.DataFrame:
    beside = {row["method"]: format_interval(row, "absolute") for _, row in shuffled.iterrows()}
    passed = {True: "yes", False: "no"}
    return pd.DataFrame(
        {
            "Method": table["method"],
            "Passes": [passed.get(value, "every random map is flat") for value in table["faithful"]],
            "Likeness": [format_interval(row, "likeness") for _, row in table.iterrows()],
            "Unrelated maps": [f"{value:.2f}" for value in table["bar"]],
            "Shuffled labels": [beside.get(name, "\N{EN DASH}") for name in table["method"]],
            "Random": [f"{value:.2f}" for value in table["random"]],
            "Draws that pass": [format_fraction(row, "passes") for _, row in table.iterrows()],
            "Worst fold": [f"{percent(value)} %" for value in table["least"]],
            "Smooth MPRT": ["\N{EN DASH}" if pd.isna(value) else f"{value:.2f}" for value in table["smooth"]],
            "Entropy's rise": [format_interval(row, "rise") for _, row in table.iterrows()],
        }
    )


CHECK = Check("randomisation", "networks made random layer by layer", measure, section, QUESTION, answer)

"""Chapters on frequency: does one class lie higher, and what do bands of the sound cost. Computes nothing new."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from voicecam import figures, runs
from voicecam.chapters.words import capital, spelled, spread, titled
from voicecam.explanation import bandstop
from voicecam.explanation.centroids import OWN, PAIRED, agreement
from voicecam.report import Drawing, Section
from voicecam.runs.checks import CHECKS
from voicecam.runs.profiles import FILTERED, OCCLUDED

SURE = 0.05  # p below which a difference counts as shown


def height_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    first, second = classes
    table, facts = runs.read_table(folder, "height").set_index("what"), runs.read_facts(folder, "height") or {}
    centroids = runs.read_table(folder, "centroids")
    sentences = [
        f"The question that such pictures are asked first: does the network look higher for {first} than for {second} voices? "
        "It is two questions. The spectral centroid of the evidence is the centre of gravity, on the mel scale and back in Hz, "
        "of what speaks for a class; a band's weight is what the score loses without it. The table has every answer; a yes or no "
        "is given only where all methods agree and no network with random weights differs as much.",
        *centroid_answers(centroids, facts["random_targets"], first, second),
        "Each clip for its own class, as older projects asked, mixes the two questions and answers neither: "
        f"{height_answer(table, facts['random_draws'], first, second)}"
        f"{shuffled_caution(table)}",
        draw_sentence(facts["random_draws"], facts["folds"], first),
        *[f"{capital(what)}: {_height_numbers(row, first, second)}" for what, row in table.iterrows()],
        _bands_that_differ(folder, first, second),
    ]
    shown = table.assign(value=table["difference"]).reset_index().rename(columns={"what": "name"})
    drawing = Drawing(
        plot=figures.plot_differences,
        data=(shown,),
        options={"unit": "Hz"},
        caption=f"How much higher the evidence lies for {first} than for {second}, in Hz, with 95 % intervals over speakers. "
        "Right of the line: higher.",
        alt="; ".join(f"{row['name']}: {row['value']:.0f} Hz" for _, row in shown.iterrows()),
        height=1.2 + 0.4 * len(shown),
    )
    return Section(
        name="height",
        title=f"Does the network look higher for {first}?",
        sentences=tuple(sentences),
        drawings=(drawing,),
        table=_centroid_cells(centroids),
        table_note="Difference of centroids in Hz with 95 % intervals over speakers. Same clips: what speaks for "
        f"{first} minus what speaks for {second}. The others: {first} minus {second} speakers, every clip explained for one "
        "class. Each clip for its own class: checks/centroids.csv.",
    )


def centroid_answers(table: pd.DataFrame, drawn: Mapping[str, Sequence[float]], first: str, second: str) -> list[str]:
    """One sentence for each of the two questions, from the table "centroids"; drawn : see `centroids.agreement`."""
    n = table["method"].nunique()
    words = {
        "higher": f"yes, by all {n} methods.",
        "lower": f"no, they lie lower, by all {n} methods.",
        "depends": "it depends on the method, see the table: this was not shown.",
    }
    bands = words[agreement(table, [PAIRED], drawn, OCCLUDED)]
    targets = [f"every clip for {name}" for name in (first, second)]
    voices = words[agreement(table, targets, drawn, OCCLUDED)].replace("no, they lie", "no, they are heard")
    return [
        f"Do bands that speak for {first} lie higher than bands that speak for {second}, in the same clips? {capital(bands)}",
        f"Are {first} voices heard higher than {second} voices, whichever class is asked for? "
        + capital(voices.replace("on the method", "on the method and the class that is asked for")),
    ]


def _centroid_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A row per method, a column per target but OWN, each cell a difference in Hz with its interval."""
    rows = []
    for method, part in table.groupby("method", sort=False):
        cells = {row["target"].replace("every clip for", "All for"): _hertz(row) for _, row in part.iterrows()}
        del cells[OWN]  # the sentences have it, and the table must fit into the page
        rows.append({"Method": capital(str(method)), "Same clips": cells.pop(PAIRED), **cells})
    return pd.DataFrame(rows)


def _hertz(row: pd.Series) -> str:
    if pd.isna(row["difference"]):
        return "no evidence"
    ends = "" if pd.isna(row["low"]) else f" [{row['low']:.0f}, {row['high']:.0f}]"
    return f"{row['difference']:+.0f}{ends}"


def height_answer(table: pd.DataFrame, draws: Sequence[float], first: str, second: str) -> str:
    """Yes, no or not shown, from the rows "network" and, where there is sound, FILTERED, and the differences `draws` of networks
    with random weights.

    With two classes what speaks for one speaks against the other, so positive parts differ between clips of the two even where a
    network has learned nothing, up or down as its weights were drawn: a difference counts only where none of these, with
    either sign, is as large as the end of its interval that is nearer to 0.
    """
    network = table.loc["network"]
    if not network["p"] < SURE:
        few = f" (so few speakers cannot show it: p is at least {2 / network['ways']:.2g})" if few_ways(network) else ""
        return f"it was not shown that evidence for {first} and for {second} lies at different heights{few}."
    way = "higher" if network["difference"] > 0 else "lower"
    nearest = min(abs(network["low"]), abs(network["high"])) if network["low"] * network["high"] > 0 else 0.0
    if as_large := sum(abs(draw) >= nearest for draw in draws):
        return (
            f"not shown: it lies {way} for {first}, but as large a difference, one way or the other, is found with "
            f"{as_large} of {len(draws)} draws of random weights, which have learned nothing."
        )
    if FILTERED not in table.index:
        return f"evidence for {first} lies {way}; there is no sound to filter, so this rests on the pictures alone."
    sound = table.loc[FILTERED]
    if sound["p"] < SURE and sound["difference"] * network["difference"] > 0:
        answer = "yes" if way == "higher" else "no, lower"
        return f"{answer}: evidence for {first} lies {way}, and filtering the sound says the same."
    return f"evidence for {first} lies {way} in the pictures, but filtering the sound did not show the same."


def few_ways(row: pd.Series) -> bool:
    """Whether there are so few ways to permute the speakers that no difference could be shown."""
    return 0 < row["ways"] <= 2 / SURE


def draw_sentence(draws: Sequence[float], folds: Sequence[float], first: str) -> str:
    """How random networks scatter, and whether the networks of several folds agree."""
    drawn = f"{len(draws)} draws of random weights give {min(draws):.0f} to {max(draws):.0f} Hz: their sign is chance."
    if len(folds) < 2:
        return drawn
    higher = sum(fold > 0 for fold in folds)
    return f"{drawn} Of the {len(folds)} trained networks, each alone on its own test speakers, {higher} look higher for {first}."


def shuffled_caution(table: pd.DataFrame) -> str:
    """A warning where the network on shuffled labels shows the same difference, or nothing; few folds and speakers have one."""
    if "shuffled labels" not in table.index:
        return ""
    network, null = table.loc["network"], table.loc["shuffled labels"]
    nearest = min(abs(network["low"]), abs(network["high"]))  # of the interval, to no difference
    if not (null["difference"] * network["difference"] > 0 and abs(null["difference"]) >= nearest):
        return ""
    who = f"{null['first_speakers']:.0f} and {null['second_speakers']:.0f} speakers"
    return f" Caution: a network trained on shuffled labels shows as much ({null['difference']:.0f} Hz, on {who})."


def _bands_that_differ(folder: Path, first: str, second: str) -> str:
    """Bands whose share differs by a permutation test adjusted for all bands, and does not so with random weights."""
    table = runs.read_table(folder, "band_differences")
    rows = {name: part.set_index("name") for name, part in table.groupby("what")}
    network, null = rows["network"], rows["random weights"]
    shown = network[(network["p_adjusted"] < SURE) & ~(null["p_adjusted"].reindex(network.index) < SURE)]
    tested = f"of {len(network)} bands, permutation over speakers, adjusted for all of them"
    if shown.empty:
        return f"No band's share was shown to differ between the classes ({tested})."
    said = [f"{name} {100 * row['difference']:+.1f} points (p = {row['p_adjusted']:.2g})" for name, row in shown.iterrows()]
    return f"Shares that differ, {first} minus {second}, and do not with random weights: {', '.join(said)} ({tested})."


def _height_numbers(row: pd.Series, first: str, second: str) -> str:
    if pd.isna(row["difference"]):
        return "no number, as one of the classes has no clip with evidence."
    ends = "" if pd.isna(row["low"]) else f" [{row['low']:.0f}, {row['high']:.0f}]"
    who = f"{row['first_speakers']:.0f} and {row['second_speakers']:.0f} speakers"
    return (
        f"{first} {row['first']:.0f} Hz, {second} {row['second']:.0f} Hz, difference {row['difference']:.0f} Hz{ends}, "
        f"permutation over speakers p = {row['p']:.2g} ({who}, {row['ways']:,.0f} permutations)."
    )


def bands_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    facts, drops = runs.read_facts(folder, "bands") or {}, runs.read_table(folder, "band_drops")
    place = folder / CHECKS / "agreement.csv"
    sound, who = place.exists(), f"{facts['clips']} tested clips of {facts['speakers']} speakers"
    took = "A filter took one band after the other out of the sound" if sound else "One band after the other was set to its floor"
    sentences = [
        f"{took}, a third of an octave each, and the network was asked again ({who}). The drop is the logit of the clip's own "
        "class, minus that of the other where there are two, with the band minus without it.",
        *bandstop.drop_sentences(drops),
    ]
    drawings = [
        Drawing(
            plot=figures.plot_drops,
            data=(drops, classes),
            caption="What each band is worth to the score of the clip's own class, with 95 % intervals; above 0: for the class.",
            alt=" ".join(bandstop.drop_sentences(drops)),
            height=3.8,
        )
    ]
    if sound:
        agreement = titled(runs.read_table(folder, "agreement"))
        sentences.append(
            "Do the maps point at the bands that cost the most? Rank correlation (Spearman) of each method's weight per band "
            "with the drops: " + _agreement_words(agreement)
        )
        drawings.append(
            Drawing(
                plot=figures.plot_agreement,
                data=(agreement,),
                caption="Agreement of each method's bands with what filtering them out costs; the dashed line is 0.7.",
                alt=" ".join(bandstop.agreement_sentences(agreement)),
                height=1.2 + 0.3 * len(agreement),
            )
        )
        alone = runs.read_table(folder, "band_alone")
        best = [part.loc[part["drop"].idxmax()] for _, part in alone.groupby("class")]
        sentences.append(
            "With one band alone kept, the score survives best with "
            + "; ".join(f"{row['name']} for {row['class']} ({row['drop']:+.2f} against the whole clip)" for row in best)
            + ". A single band is far from natural speech: read this with care."
        )
    table = spelled(drops, ("class", "name"), ("drop",))
    return Section(
        name="bands-out",
        title="Bands taken out of the sound" if sound else "Bands taken out of the picture",
        sentences=tuple(sentences),
        drawings=tuple(drawings),
        table=table,
    )


def _agreement_words(table: pd.DataFrame) -> str:
    """Best and worst, with what random weights reach."""
    best, worst = table.loc[table["spearman"].idxmax()], table.loc[table["spearman"].idxmin()]
    return f"best {best['method']}, {spread(best, 'spearman')}; least {worst['method']}, {spread(worst, 'spearman')}."

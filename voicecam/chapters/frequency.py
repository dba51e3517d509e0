"""Chapters on frequency: is a known one found, does one class lie higher, what do bands cost. Computes nothing new."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.chapters.words import capital, spelled, spread, titled
from voicecam.explanation import bandstop
from voicecam.explanation.centroids import OWN, PAIRED, agreement, rank, targets_of
from voicecam.explanation.occluded import FLOORED, OCCLUDED
from voicecam.explanation.planted_tones import FOUND, LEARNED, LEVEL, TONE_S, found_by
from voicecam.figures.canvas import percent
from voicecam.report import Drawing, Section
from voicecam.runs.checks import CHECKS
from voicecam.runs.profiles import CARRIED, FILTERED

SHORT = {OCCLUDED: "training mean", FLOORED: "floor", CARRIED: "mel gradients", FILTERED: "filter"}
NOBODY = "claims in Hz about this run are not to be believed"


def tones_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    table = runs.read_table(folder, "tones")
    facts, shown = runs.read_facts(folder, "tones") or {}, table.copy()
    tones = ", ".join(f"{hz:g}" for hz in sorted(table["hz"].unique()))
    doubt = believed(table) == ()
    columns = {
        "Instrument": [capital(name) for name in shown["instrument"]],
        "Tone": [f"{hz:g} Hz" for hz in shown["hz"]],
        "Right": [f"{percent(share)} %" for share in shown["right"]],
        "Within one band": [f"{percent(share)} %" for share in shown["near"]],
        "Top band": [f"{hz:.0f} Hz" for hz in shown["top"]],
        "Centroid": ["\N{EN DASH}" if np.isnan(hz) else f"{hz:.0f} Hz" for hz in shown["centroid"]],
    }
    return Section(
        name="tones",
        title="Can a known frequency be found in a network like this one?",
        sentences=(
            f"A network of this run's recipe, architecture and picture learned which soft tone ({tones} Hz, {TONE_S:g} s at a "
            f"random time, amplitude {LEVEL:g}), if any, lies under a synthetic voice. Then each instrument was asked which of "
            f"{facts['bands']} bands tells it. {tone_sentence(table)}",
            "A centroid is the centre of gravity of all that speaks for a class, so it is pulled to the middle by what lies "
            "elsewhere: read it beside the top band.",
        ),
        warnings=(capital(f"{NOBODY}: see below."),) if doubt else (),
        table=pd.DataFrame(columns),
        table_note="Right: the top band is the tone's. Top band and centroid: medians over the clips.",
    )


def believed(table: pd.DataFrame) -> tuple[str, ...]:
    """Instruments of a table "tones" that found the tone in FOUND of the clips, the best first; none where it was not learned."""
    shares = found_by(table)
    return tuple(map(str, shares.index[shares >= FOUND])) if table["learned"].all() else ()


def tone_sentence(table: pd.DataFrame) -> str:
    """What was found of planted tones, and which instrument is believed, from the table "tones"."""
    first = table.iloc[0]
    about = f"accuracy {first['accuracy']:.2f} on voices held back"
    if not first["learned"]:
        return (
            f"The tones were not learned in the time given ({about}; {LEARNED:g} is needed), so no instrument could "
            f"show what it finds: {NOBODY} yet (explain.py --full trains on twice as many clips)."
        )
    shares, n = found_by(table), int(table.groupby("instrument")["clips"].sum().iloc[0])
    said = "; ".join(f"{name} in {percent(share)} %" for name, share in shares.items())
    head = (
        f"In networks like this one ({about}) the top band is the tone's, of {n} clips, by {said}; by chance in "
        f"{percent(first['chance'])} %."
    )
    if not (names := believed(table)):
        return f"{head} No instrument finds {percent(FOUND)} %: {NOBODY}."
    return f"{head} Believed here: {'; '.join(names)}."


def height_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    first, second = classes
    facts, centroids = runs.read_facts(folder, "height") or {}, runs.read_table(folder, "centroids")
    drawn, tones = runs.read_table(folder, "random_centroids"), _tones(folder)
    sentences = [
        tone_sentence(tones) if tones is not None else "",
        f"The question that such pictures are asked first: does the network look higher for {first} than for {second} voices? "
        "It is two questions. The spectral centroid of the evidence is the centre of gravity, on the mel scale and back in Hz, "
        "of what speaks for a class; a band's weight is what the score loses without it. The table has every answer; a yes or no "
        "is given only where all methods agree and at most 1 of 40 single networks with random weights differs as much.",
        *centroid_answers(centroids, drawn, first, second, doubt=tones is not None and not believed(tones)),
        "Each clip for its own class, as older projects asked, mixes the two questions and answers neither: "
        f"{_own_words(centroids)}.",
        rank_sentence(drawn, facts),
        _fold_sentence(facts["folds"], first),
        _top_sentence(centroids, first, second),
    ]
    shown = centroids.assign(name=[f"{SHORT[row['method']]}: {_short(row['target'])}" for _, row in centroids.iterrows()])
    shown = shown.rename(columns={"difference": "value"})[["name", "value", "low", "high"]]
    drawing = Drawing(
        plot=figures.plot_differences,
        data=(shown,),
        options={"unit": "Hz"},
        caption=f"How much higher the evidence lies for {first} than for {second}, in Hz, with 95 % intervals over speakers. "
        "Right of the line: higher.",
        alt="; ".join(f"{row['name']}: {row['value']:.0f} Hz" for _, row in shown.iterrows()),
        height=1.2 + 0.28 * len(shown),
    )
    return Section(
        name="height",
        title=f"Does the network look higher for {first}?",
        sentences=tuple(filter(None, sentences)),
        drawings=(drawing,),
        table=_centroid_cells(centroids),
        table_note="Difference of centroids in Hz with 95 % intervals (speakers resampled), and the bands with the largest "
        f"weight. Same clips: what speaks for {first} minus what for {second}. The others: {first} minus {second} speakers.",
    )


def centroid_answers(table: pd.DataFrame, drawn: pd.DataFrame, first: str, second: str, *, doubt: bool = False) -> list[str]:
    """One sentence for each of the two questions, from the tables "centroids" and "random_centroids"; doubt : no instrument was
    shown to find planted tones."""
    n = table["method"].nunique()
    words = {
        "higher": f"yes, by all {n} methods.",
        "lower": f"no, they {{}} lower, by all {n} methods.",
        "depends": "it depends on {}, see the table: this was not shown.",
    }
    asked = {
        f"Do bands that speak for {first} lie higher than bands that speak for {second}, in the same clips?": (
            [PAIRED],
            {"lower": "lie", "depends": "the method"},
        ),
        f"Are {first} voices heard higher than {second} voices, whichever class is asked for?": (
            targets_of(first, second),
            {"lower": "are heard", "depends": "the method and the class that is asked for"},
        ),
    }
    if doubt:
        return [f"{question} No answer: no instrument was shown to find tones in a network like this one." for question in asked]
    found = {question: (agreement(table, targets, drawn), more) for question, (targets, more) in asked.items()}
    return [f"{question} {capital(words[answer].format(more.get(answer, '')))}" for question, (answer, more) in found.items()]


def rank_sentence(drawn: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """How many random networks differ as much as the trained one, target by target."""
    ranks = {target: rank(drawn, target) for target in drawn["target"].unique()}
    n = max(of for _, of in ranks.values())
    said = "; ".join(f"{_short(target)} {above}" for target, (above, _) in ranks.items())
    return (
        f"How many of {n} single networks with random weights differ at least as much, one way or the other, by band occlusion "
        f"with the training mean on the same {facts['random_clips']} clips and {facts['random_bands']}: {said}. What learned "
        "nothing has a difference too, as its weights were drawn."
    )


def _fold_sentence(folds: dict[str, list[float]], first: str) -> str:
    """Whether the networks of several folds agree."""
    n = max(map(len, folds.values()), default=0)
    if n < 2:
        return "One training says little of the next: scripts/centroids.py sets several side by side."
    said = "; ".join(
        f"{_short(target)} {sum(value > 0 for value in values)} of {len(values)}" for target, values in folds.items()
    )
    return (
        f"Of the {n} trained networks, each alone on its own test speakers, so many lie higher for {first}: {said}. How far it "
        "hangs on the training: scripts/centroids.py sets several side by side."
    )


def _own_words(table: pd.DataFrame) -> str:
    rows = table[table["target"] == OWN]
    return "; ".join(f"{SHORT[row['method']]} {_hertz(row)} Hz" for _, row in rows.iterrows())


def _top_sentence(table: pd.DataFrame, first: str, second: str) -> str:
    """Top bands beside the centroids, in the same clips."""
    said = [
        f"{SHORT[row['method']]} {_top(row['first_top'])} for {first} and {_top(row['second_top'])} for {second} (centroids "
        f"{row['first']:.0f} and {row['second']:.0f} Hz)"
        for _, row in table[table["target"] == PAIRED].dropna(subset="difference").iterrows()
    ]
    return f"The bands with the largest weight, in the same clips: {'; '.join(said)}." if said else ""


def _centroid_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A row per method and target: what is compared, the difference in Hz with its interval, the top bands."""
    return pd.DataFrame(
        {
            "Method": [capital(SHORT[name]) for name in table["method"]],
            "Clips": [capital(_short(target)) for target in table["target"]],
            "Difference": [_hertz(row) for _, row in table.iterrows()],
            "Top bands": [f"{_top(a)} / {_top(b)}" for a, b in zip(table["first_top"], table["second_top"])],
        }
    )


def _short(target: str) -> str:
    return {OWN: "own class", PAIRED: "same clips"}.get(target, target.replace("every clip for", "all for"))


def _top(name: str | float) -> str:
    return name if isinstance(name, str) and name else "none"


def _hertz(row: pd.Series) -> str:
    if pd.isna(row["difference"]):
        return "no evidence"
    ends = "" if pd.isna(row["low"]) else f" [{row['low']:.0f}, {row['high']:.0f}]"
    return f"{row['difference']:+.0f}{ends}"


def _tones(folder: Path) -> pd.DataFrame | None:
    return runs.read_table(folder, "tones") if (folder / CHECKS / "tones.csv").exists() else None


def bands_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    facts, drops = runs.read_facts(folder, "bands") or {}, runs.read_table(folder, "band_drops")
    place, tones = folder / CHECKS / "agreement.csv", _tones(folder)
    sound, who = place.exists(), f"{facts['clips']} tested clips of {facts['speakers']} speakers"
    took = (
        "A filter took one band after the other out of the sound"
        if sound
        else "One band after the other was made as in the average training clip"
    )
    sentences = [
        f"{took}, a third of an octave each, and the network was asked again ({who}). The drop is the logit of the clip's own "
        "class, minus that of the other where there are two, with the band minus without it.",
        *bandstop.drop_sentences(drops),
        "Mel gradients of a clip add up to its score less that of the average clip, but for a gap of "
        f"{percent(facts['gap'])} % in the median and {percent(facts['gap_most'])} % at most of this difference's mean size.",
    ]
    if tones is not None and not believed(tones):
        sentences.insert(0, tone_sentence(tones))
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
        bands = drops["band"].nunique()
        sentences.append(
            "How the maps' weight per band goes with these drops, in rank correlation (Spearman): "
            + "; ".join(f"{row['method']} {spread(row, 'spearman')}" for _, row in agreement.iterrows())
            + f". Of {bands} bands without any relation {1.96 / np.sqrt(bands - 1):.2f} comes up in 1 of 20 cases. This is a "
            "description and no ranking of methods: a filter is an intervention of its own, on sound that nobody speaks. Band "
            "occlusion is left out, as it is nearly the same intervention: that the two agree says nothing of either."
        )
        drawings.append(
            Drawing(
                plot=figures.plot_agreement,
                data=(agreement,),
                caption="How each method's bands go with what filtering them out costs.",
                alt=" ".join(bandstop.agreement_sentences(agreement)),
                height=1.2 + 0.3 * len(agreement),
            )
        )
    table = spelled(drops, ("class", "name"), ("drop",))
    return Section(
        name="bands-out",
        title="Bands taken out of the sound" if sound else "Bands taken out of the picture",
        sentences=tuple(sentences),
        drawings=tuple(drawings),
        table=table,
    )

"""Does the evidence of one class lie higher than that of the other? Two questions, several methods and targets."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from voicecam import figures, runs
from voicecam.checks.band_profiles import FILTERED, MEL_GRADIENTS, mel_gradient_profile, occluded_profile
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.checks.tones import believed, read_tones, tone_sentence
from voicecam.explanation.band_occlusion import FLOORED, OCCLUDED, occluded_by_many
from voicecam.explanation.bands import band_set
from voicecam.explanation.centroids import OWN, PAIRED, agreement, centroid_table, differences_of_many, rank, targets_of
from voicecam.report import Drawing, Section
from voicecam.report.format import capital
from voicecam.runs.controls import randomised_model
from voicecam.runs.fold_clips import FoldClips, joined

SHORT = {OCCLUDED: "training mean", FLOORED: "floor", MEL_GRADIENTS: "mel gradients", FILTERED: "filter"}


FEWER_BANDS = "octaves"  # that are taken away where many ResNets are asked


SEED = 1000  # of the first random network; those of the maps have the folds' numbers


def measure(context: CheckContext) -> CheckResult:
    """Does the evidence of the first class lie higher than that of the second?

    Table centroids: each method under own-class and fixed targets, see explanation.centroids. Table random_centroids: the same
    differences by single networks with random weights (from 1 on) beside the trained one (0), on the same clips and bands; these
    are octaves where the network is a ResNet. With several folds the trained number is that of each clip's own network, so it
    rests on several networks, which scatter less than single ones: it reaches these by chance less often, never more.
    Facts: classes; folds, target -> the difference by each fold's network alone, by OCCLUDED; clips, random_clips, random_bands.
    """
    folds, bands = context.band_clips, context.hz_bands
    profiles = {
        OCCLUDED: context.occluded,
        FLOORED: np.concatenate([occluded_profile(clips, clips.model, bands, reference="floor") for clips in folds]),
        MEL_GRADIENTS: np.concatenate([mel_gradient_profile(clips, clips.model, bands) for clips in folds]),
    }
    if folds[0].paths:
        profiles[FILTERED] = context.measured
    signed = {name: _signs(folds, context.classes) * profile for name, profile in profiles.items()}
    who = joined(folds, "classes_of"), joined(folds, "speakers")
    some = context.clips(context.affordable(context.sizes.clips // 3))
    tables = {"centroids": centroid_table(signed, bands, *who, *_pair(context)), "random_centroids": _random(some, context)}
    summary = {"classes": list(context.classes), "clips": len(who[0]), "random_clips": len(joined(some, "speakers"))}
    summary["random_bands"] = context.bands if context.light else FEWER_BANDS
    return CheckResult(tables=tables, summary={**summary, "folds": _per_fold(context, signed[OCCLUDED])})


def _pair(context: CheckContext) -> tuple[str, str]:
    """The two classes of a run that has two."""
    first, second = context.classes
    return first, second


def _signs(folds: Sequence[FoldClips], classes: tuple[str, ...]) -> np.ndarray:
    """1 for clips of the first class and -1 for the others, (clip, 1): a profile for each clip's own class times this is one for
    the first class against the second."""
    return np.where(np.array(joined(folds, "classes_of")) == classes[0], 1, -1)[:, None]


def _random(folds: Sequence[FoldClips], context: CheckContext) -> pd.DataFrame:
    """Differences by the trained network and by the effort's random ones, see `measure`."""
    bands = context.hz_bands if context.light else band_set(FEWER_BANDS, context.dataset.config)
    found = np.concatenate(
        [
            occluded_by_many(
                clips.model, _networks(clips, context.sizes.twins), clips.log_mel, bands, clips.target, contrast=clips.contrast
            )
            for clips in context.progress(folds, len(folds))
        ],
        axis=1,
    )  # (network, clip, band)
    who = joined(folds, "classes_of"), joined(folds, "speakers")
    return differences_of_many(list(_signs(folds, context.classes) * found), bands, *who, *_pair(context))


def _networks(clips: FoldClips, n: int) -> Iterator[nn.Module]:
    """The fold's network, then n random ones, which are the same in each fold."""
    yield clips.model.network
    for draw in range(n):
        yield randomised_model(clips.model, seed=SEED + draw).network


def _per_fold(context: CheckContext, signed: np.ndarray) -> dict[str, list[float]]:
    """Target -> differences by each fold's network alone, of folds with clips of both classes."""
    found: dict[str, list[float]] = {}
    first = 0
    for clips in context.band_clips:
        part, first = signed[first : first + len(clips.table)], first + len(clips.table)
        table = differences_of_many([part], context.hz_bands, clips.classes_of, clips.speakers, *_pair(context))
        for _, row in table.dropna().iterrows():
            found.setdefault(row["target"], []).append(float(row["difference"]))
    return found


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    first, second = classes
    summary, centroids = runs.read_summary(folder, "centroid") or {}, runs.read_table(folder, "centroids")
    drawn, tones = runs.read_table(folder, "random_centroids"), read_tones(folder)
    sentences = [
        tone_sentence(tones) if tones is not None else "",
        f"The question that such pictures are asked first: does the network look higher for {first} than for {second} voices? "
        "It is two questions. The spectral centroid of the evidence is the centre of gravity, on the mel scale and back in Hz, "
        "of what speaks for a class; a band's weight is what the score loses without it. The table has every answer; a yes or no "
        "is given only where all methods agree and at most 1 of 40 single networks with random weights differs as much.",
        *centroid_answers(centroids, drawn, first, second, doubt=tones is not None and not believed(tones)),
        'Each clip for its own class, as older projects asked (rows "own class"), mixes the two questions and answers neither.',
        rank_sentence(drawn, summary),
        _fold_sentence(summary["folds"], first),
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
        name="centroid",
        title=f"Does the network look higher for {first}?",
        sentences=tuple(filter(None, sentences)),
        drawings=(drawing,),
        table=_centroid_cells(centroids),
        table_note="Difference of centroids in Hz with 95 % intervals over speakers, and the bands with the largest "
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


def rank_sentence(drawn: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    """How many random networks differ as much as the trained one, target by target."""
    ranks = {target: rank(drawn, target) for target in drawn["target"].unique()}
    n = max(of for _, of in ranks.values())
    said = "; ".join(f"{_short(target)} {above}" for target, (above, _) in ranks.items())
    return (
        f"How many of {n} single networks with random weights differ at least as much, one way or the other, by band occlusion "
        f"with the training mean on the same {summary['random_clips']} clips and {summary['random_bands']}: {said}. What learned "
        "nothing has a difference too, as its weights were drawn."
    )


def _fold_sentence(folds: dict[str, list[float]], first: str) -> str:
    """Whether the networks of several folds agree."""
    n = max(map(len, folds.values()), default=0)
    if n < 2:
        return "One training says little of the next: voicecam centroids sets several side by side."
    said = "; ".join(
        f"{_short(target)} {sum(value > 0 for value in values)} of {len(values)}" for target, values in folds.items()
    )
    return (
        f"Of the {n} trained networks, each alone on its own test speakers, so many lie higher for {first}: {said}. How far it "
        "hangs on the training: voicecam centroids sets several side by side."
    )


def _centroid_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A row per method and target: what is compared, the difference in Hz with its interval, the top bands."""
    return pd.DataFrame(
        {
            "Method": [capital(SHORT[name]) for name in table["method"]],
            "Clips": [capital(_short(target)) for target in table["target"]],
            "Difference": [_hertz(row) for _, row in table.iterrows()],
            "Centroids": [f"{row['first']:.0f} / {row['second']:.0f} Hz" for _, row in table.iterrows()],
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


CHECK = Check("centroid", "does one class's evidence lie higher", measure, section, needs_two=True, needs_mel=True)

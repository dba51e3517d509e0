"""What does each band cost? Bands taken out of the sound, and every map's weight per band beside it."""

from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.checks.band_profiles import map_profiles
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.checks.tones import believed, read_tones, tone_sentence
from voicecam.explanation import bandstop
from voicecam.explanation.mel_gradients import gap
from voicecam.explanation.methods import METHODS
from voicecam.figures.canvas import percent
from voicecam.report import Drawing, Section
from voicecam.report.format import format_interval, format_table, method_titles
from voicecam.runs.check_files import CHECKS_FOLDER
from voicecam.runs.fold_clips import FoldClips, joined


def measure(context: CheckContext) -> CheckResult:
    """Take bands out of the sound, ask again, and hold every map's profile against what that cost.

    Where there is no sound nothing can be held against it: the drops are then those of band occlusion, which is in no agreement:
    it is nearly the same intervention, done on the mel energies.
    """
    folds, bands = context.band_clips, context.hz_bands
    speakers, classes_of = joined(folds, "speakers"), joined(folds, "classes_of")
    drops = context.measured if folds[0].paths else context.occluded
    tables = {"band_drops": bandstop.drop_table(drops, classes_of, speakers, bands.names, bands.limits)}
    if folds[0].paths:
        methods = [
            name for name in context.sizes.methods if METHODS[name].grid == "layer" or context.sizes.full
        ]  # the others are slow
        parts = [map_profiles(clips, bands, methods=methods, layer=context.layer) for clips in folds]
        profiles = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        tables["agreement"] = bandstop.agreement(profiles, drops, classes_of, speakers)
    gaps = np.concatenate([_gap(clips) for clips in folds])
    summary = {
        "clips": len(speakers),
        "speakers": len(set(speakers)),
        "gap": float(np.median(gaps)),
        "gap_most": float(gaps.max()),
    }
    return CheckResult(tables=tables, summary=summary)


def _gap(clips: FoldClips) -> np.ndarray:
    return gap(clips.model, clips.log_mel, clips.mel_weight, clips.target, contrast=clips.contrast)


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    summary, drops = runs.read_summary(folder, "bands") or {}, runs.read_table(folder, "band_drops")
    place, tones = folder / CHECKS_FOLDER / "agreement.csv", read_tones(folder)
    sound, who = place.exists(), f"{summary['clips']} tested clips of {summary['speakers']} speakers"
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
        f"{percent(summary['gap'])} % in the median and {percent(summary['gap_most'])} % at most of this difference's mean size.",
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
        agreement = method_titles(runs.read_table(folder, "agreement"))
        bands = drops["band"].nunique()
        sentences.append(
            "The second figure has how each method's weight per band goes with these drops, in rank correlation (Spearman). Of "
            f"{bands} bands without any relation {1.96 / np.sqrt(bands - 1):.2f} comes up in 1 of 20 cases. This is a "
            "description and no ranking of methods: a filter is an intervention of its own, on sound that nobody speaks. Band "
            "occlusion is left out, as it is nearly the same intervention: that the two agree says nothing of either."
        )
        drawings.append(
            Drawing(
                plot=figures.plot_agreement,
                data=(_with_numbers(agreement),),
                caption="How each method's bands go with what filtering them out costs.",
                alt=" ".join(bandstop.agreement_sentences(agreement)),
                height=1.2 + 0.4 * len(agreement),
            )
        )
    table = format_table(drops, ("class", "name"), ("drop",))
    return Section(
        name="bands-out",
        title="Bands taken out of the sound" if sound else "Bands taken out of the picture",
        sentences=tuple(sentences),
        drawings=tuple(drawings),
        table=table,
    )


def _with_numbers(agreement: pd.DataFrame) -> pd.DataFrame:
    """The table with each method's number beside its name."""
    return agreement.assign(method=[f"{row['method']}\n{format_interval(row, 'spearman')}" for _, row in agreement.iterrows()])


CHECK = Check("bands", "bands taken out of the sound", measure, section, needs_mel=True)

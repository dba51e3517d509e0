"""Do a speech model's maps point at the bands that it cannot do without? Bands are taken out of the sound."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from voicecam import figures, runs
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.errors import AudioError
from voicecam.explanation import bandstop
from voicecam.explanation.bands import row_profile
from voicecam.explanation.listening import (
    GRADIENTS,
    N_STEPS,
    OCCLUSION,
    asked_logits,
    heard_window,
    occlusion_beside_random,
    on_samples,
    random_head,
    sound_bands,
)
from voicecam.explanation.methods import METHODS
from voicecam.explanation.waveform import band_drops
from voicecam.explanation.waveform_gradients import integrated_gradients_map
from voicecam.report import Answer, Drawing, Section
from voicecam.report.format import format_interval, format_table
from voicecam.runs.fold_clips import FoldClips

RANDOM = "occlusion, random head"  # the null


def measure(context: CheckContext) -> CheckResult:
    """Take each band out of the whole sound, ask again, and hold each method's weight per band against what that cost.

    Integrated gradients are there where the encoder runs in torch. The null is the occlusion map of a head with random weights.
    """
    profiles: dict[str, list[np.ndarray]] = {}
    drops, speakers, classes_of, gaps = [], [], [], []
    folds = context.clips(context.affordable(context.sizes.clips))
    jobs = [(clips, i) for clips in folds for i in range(len(clips.table))]
    for clips, i in context.progress(jobs, len(jobs)):
        found = _clip(clips, i)
        if found is None:
            continue
        for name, profile in found["profiles"].items():
            profiles.setdefault(name, []).append(profile)
        drops.append(found["drops"])
        gaps.append(found["gap"])
        speakers.append(clips.speakers[i])
        classes_of.append(clips.classes_of[i])
    bands = sound_bands(context.dataset.config)
    lost = np.array(drops)
    tables = {
        "band_drops": bandstop.drop_table(lost, classes_of, speakers, bands.names, bands.limits),
        "agreement": bandstop.agreement({name: np.array(p) for name, p in profiles.items()}, lost, classes_of, speakers),
    }
    summary: dict[str, float | None] = {"clips": len(speakers), "speakers": len(set(speakers)), "gap": None}
    if np.isfinite(gaps).any():
        summary["gap"] = float(np.nanmedian(gaps))
    return CheckResult(tables=tables, summary=summary)


def _clip(clips: FoldClips, i: int) -> dict | None:
    """What one clip has: drops and profiles of each method, (band,) each, and the gap of integrated gradients over the rise."""
    model = clips.model
    target, contrast = int(clips.target[i]), None if clips.contrast is None else int(clips.contrast[i])
    try:
        samples = heard_window((clips.paths or ())[i], model.config)
    except (AudioError, OSError):
        return None
    rate, limits = model.config.sample_rate, sound_bands(model.config).limits
    random = random_head(model, seed=clips.number)
    both = occlusion_beside_random(model, random, samples, target=target, contrast=contrast)
    maps = dict(zip((OCCLUSION, RANDOM), both))
    gap, network = np.nan, on_samples(model)
    if network is not None:
        asked: dict[str, Any] = {"steps": N_STEPS, "target": target, "contrast": contrast}
        maps[GRADIENTS], left = integrated_gradients_map(network, samples, rate, limits, **asked)
        gap = abs(left) / max(abs(left + maps[GRADIENTS].sum()), 1e-9)
    found = {name: row_profile(one[None])[0] for name, one in maps.items()}
    drops = band_drops(asked_logits(model), samples, rate, limits, target=target, contrast=contrast)
    return {"drops": drops, "profiles": found, "gap": gap}


def _title(name: str) -> str:
    return METHODS[name].title if name in METHODS else "Occlusion, head with random weights"


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    """The section of the report."""
    summary, drops = runs.read_summary(folder, "sound_bands") or {}, runs.read_table(folder, "band_drops")
    agreement = runs.read_table(folder, "agreement")
    agreement = agreement.assign(method=[_title(name) for name in agreement["method"]])
    numbered = [f"{row['method']}\n{format_interval(row, 'spearman')}" for _, row in agreement.iterrows()]
    n = drops["band"].nunique()
    gap = summary["gap"]
    sentences = [
        f"A filter took one of {n} bands after the other out of the speech, and the model was asked again, on "
        f"{summary['clips']} tested clips of {summary['speakers']} speakers. The drop is the logit of the clip's own class, less "
        "that of the other where there are two, with the band minus without it.",
        *bandstop.drop_sentences(drops),
        "The second figure has how each method's weight per band goes with these drops, in rank correlation (Spearman). Of "
        f"{n} bands without any relation {1.96 / np.sqrt(n - 1):.2f} comes up in 1 of 20 cases. Occlusion takes out one band in "
        "one stretch of time: nearly the same intervention, so its agreement is expected.",
    ]
    if gap is not None:
        sentences.append(
            f"Integrated gradients of a clip add up to its score less that of soft noise but for a gap of {100 * gap:.0f} % in "
            "the median (32 points)."
        )
    drawings = (
        Drawing(
            plot=figures.plot_drops,
            data=(drops, classes),
            caption="What each band is worth to the score of the clip's own class, with 95 % intervals; above 0: for the class.",
            alt=" ".join(bandstop.drop_sentences(drops)),
            height=3.8,
        ),
        Drawing(
            plot=figures.plot_agreement,
            data=(agreement.assign(method=numbered),),
            caption="How each method's bands go with what filtering them out costs.",
            alt=" ".join(bandstop.agreement_sentences(agreement)),
            height=1.2 + 0.4 * len(agreement),
        ),
    )
    table = format_table(drops, ("class", "name"), ("drop",))
    return Section(
        name="bands-out", title="Bands taken out of the sound", sentences=tuple(sentences), drawings=drawings, table=table
    )


def answer(folder: Path, method: str, score: Mapping[str, float]) -> Answer:
    """Do the maps go with what the model cannot do without? Yes where the interval of the rank correlation is above the null."""
    table = runs.read_table(folder, "agreement").set_index("method")
    found, null = table.loc[method], table.loc[RANDOM]
    shown = "not shown" if np.isnan(found["low"]) else "yes" if found["low"] > max(0.0, null["spearman"]) else "not shown"
    numbers = f"rank correlation {format_interval(found, 'spearman')}; a head of random weights {null['spearman']:.2f}"
    return Answer(question=QUESTION, answer=shown, numbers=numbers, section="bands-out")


QUESTION = "Do the maps point at bands that the model needs?"
CHECK = Check("sound_bands", "bands taken out of the sound", measure, section, question=QUESTION, answer=answer, of_sound=True)

"""The parts of checks.py: each takes a Job and gives tables, facts and sounds. Writes nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.explanation import acoustics, audible, bandstop, confounds, counterfactual, draws, faithful, randomise
from voicecam.explanation.centroids import OWN, centroid_table
from voicecam.explanation.differences import class_difference, height, height_difference
from voicecam.explanation.methods import METHODS, STEPS, attribute_all
from voicecam.explanation.pointing import planted_words
from voicecam.network import load_model
from voicecam.runs.check_job import RANDOM_WEIGHTS, SHUFFLED_LABELS, Job
from voicecam.runs.folder import fold_places, open_run, read_predictions
from voicecam.runs.material import Clips, fold_clips
from voicecam.runs.nulls import SHUFFLED, random_twin
from voicecam.runs.planting import planted_table
from voicecam.runs.profiles import AVERAGED, CARRIED, FILTERED, OCCLUDED, carried_profile, map_profiles, occluded_profile

DRAWS = 5  # networks with random weights that heights are held against


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a check found: tables and sounds by file name, and facts (JSON)."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    sounds: dict[str, Signal] = field(default_factory=dict)


def confound_part(job: Job) -> Part:
    """Does anything but the voice tell the label?"""
    label = open_run(job.folder).label
    facts = confounds.confound_facts(job.dataset.corpus, job.dataset.config, progress=job.progress)
    table = confounds.audit(facts, list(job.dataset.clips[label]), list(job.dataset.clips["speaker"]))
    return Part(tables={"confounds": table}, facts={"sentences": confounds.audit_sentences(table)})


def band_part(job: Job) -> Part:
    """Take bands out of the sound, ask again, and hold every method's profile against what that cost.

    Where there is no sound nothing can be held against it: the drops are then those of band occlusion.
    """
    folds, bands = job.band_clips, job.hz_bands
    speakers, classes_of = _joined(folds, "speakers"), _joined(folds, "classes_of")
    methods = [name for name in job.effort.methods if METHODS[name].grid == "layer" or job.effort.full]  # the others are slow
    parts = [map_profiles(clips, bands, methods=methods, layer=job.layer) for clips in folds]
    profiles = {OCCLUDED: job.occluded("network")} | {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    drops = job.measured if folds[0].paths else profiles[OCCLUDED]
    tables = {"band_drops": bandstop.drop_table(drops, classes_of, speakers, bands.names, bands.limits)}
    if folds[0].paths:
        profiles[f"{OCCLUDED}, random weights"] = job.occluded(RANDOM_WEIGHTS)
        tables["agreement"] = bandstop.agreement(profiles, drops, classes_of, speakers)
        tables["band_alone"] = bandstop.drop_table(job.changed(keep=True), classes_of, speakers, bands.names, bands.limits)
    return Part(tables=tables, facts={"clips": len(speakers), "speakers": len(set(speakers))})


def height_part(job: Job) -> Part:
    """Does the evidence of the first class lie higher than that of the second? By band occlusion, its nulls, and the sound.

    Table centroids: each method under own-class and fixed targets, see explanation.centroids. In the other tables every clip is
    explained for its own class. Rows: the network, the same with random weights, one trained on shuffled labels
    (of folds that have one), and what taking bands out of the sound costs. Facts: the differences of more networks with random
    weights, and of each fold's network alone: what speaks for one of two classes speaks against the other, so the sign of a
    random network's difference is settled when its weights are drawn, and a single draw says little.
    """
    limits, heights, differences = job.hz_bands.limits, [], []
    rows: list[dict[str, Any]] = []
    for name in ("network", RANDOM_WEIGHTS, SHUFFLED_LABELS):
        profile, some = job.occluded(name), job.asked(name)
        rows.append({"what": name, **_height(profile, some, limits, job.classes)})
        differences.append(_band_differences(profile, some, job.hz_bands.names, job.classes).assign(what=name))
        if name == "network":
            about = {"speaker": _joined(some, "speakers"), "true": _joined(some, "classes_of")}
            paths = [path for clips in some for path in clips.table["path"]]
            heights.append(pd.DataFrame({"path": paths, **about, "hz": height(profile, limits)}))
    if job.band_clips[0].paths:
        found = _height(job.measured, job.band_clips, limits, job.classes)
        rows.append({"what": FILTERED, **found})
    tables = {"height": pd.DataFrame(rows), "height_clips": pd.concat(heights), "band_differences": pd.concat(differences)}
    tables["centroids"] = _centroids(_profiles(job), job.band_clips, limits, job.classes)
    draws = _random_centroids(job)
    known = {"random_draws": draws[OWN], "folds": _fold_heights(job)}
    finite = {name: [x for x in values if np.isfinite(x)] for name, values in known.items()}
    return Part(tables=tables, facts={"classes": list(job.classes), **finite, "random_targets": draws})


def faithfulness_part(job: Job) -> Part:
    """Deletion, insertion and ROAD of every method."""
    parts, first, folds = [], 0, job.clips(job.effort.fewer)
    for clips in folds:
        part = faithful.faithfulness(
            clips.model.network,
            clips.inputs,
            clips.wanted,
            clips.speakers,
            methods=job.effort.methods,
            layer=clips.model.stage(job.layer),
            against=clips.against,
            road_clips=-(-job.effort.road // len(folds)),
            steps=STEPS if job.effort.full else randomise.STEPS,
        )
        parts.append(part.assign(clip=part["clip"] + first))
        first += len(clips.table)
    table = faithful.faithfulness_table(pd.concat(parts, ignore_index=True))
    return Part(tables={"faithfulness": table}, facts={"sentences": faithful.faithfulness_words(table)})


def randomisation_part(job: Job) -> Part:
    """Every fold's maps beside those of many networks with random weights; the first fold's while its network is made random from
    the top down, by one draw, and beside the network on shuffled labels."""
    effort, found = job.effort, []
    folds = job.clips(effort.fewer * len(fold_places(job.folder)))
    asked: dict[str, Any] = {"methods": effort.methods, "layer": job.layer}
    for clips in folds:
        part = draws.draw_likeness(
            clips.model,
            clips.inputs,
            clips.wanted,
            clips.speakers,
            methods=effort.methods,
            layer=job.layer,
            against=clips.against,
            draws=effort.draws,
            few=-(-effort.dear // 2),
            noisy=effort.noisy,
            seed=clips.number,
        )
        found.append(part.assign(fold=clips.number))
    table = draws.draws_table(pd.concat(found, ignore_index=True))
    [clips] = job.clips(effort.dear, first=True)
    cascade = randomise.randomisation_table(
        clips.model, clips.inputs, clips.wanted, clips.speakers, **asked, against=clips.against
    )
    maps, beside = (
        attribute_all(
            model.network,
            clips.inputs,
            clips.wanted,
            methods=effort.methods,
            layer=model.stage(job.layer),
            against=clips.against,
            steps=randomise.STEPS,
        )
        for model in (clips.model, load_model(clips.place / SHUFFLED))
    )
    rows = [{"method": name, **randomise.map_correlation(maps[name], beside[name], clips.speakers)} for name in effort.methods]
    tables = {"random_draws": pd.concat(found), "random_weights": table, "randomisation": cascade, "shuffled": pd.DataFrame(rows)}
    return Part(tables=tables, facts={"sentences": draws.draws_words(table)})


def planted_part(job: Job) -> Part:
    """The planted-cue benchmark, on networks of its own, of the run's architecture and features where it has sound."""
    how: dict[str, Any] = {"methods": job.effort.methods, "layer": job.layer, "cues": job.effort.cues, "few": job.effort.dear}
    training = open_run(job.folder).training
    table = planted_table(job.dataset, training, **how, full=job.effort.full, say=job.say)
    return Part(tables={"planted": table}, facts={"sentences": planted_words(table)})


def account_part(job: Job) -> Part:
    """How much of the score acoustic features explain: of all clips together, and of what varies within the classes."""
    folds = job.clips(job.effort.voices, "-".join(job.classes))
    signals = [signal for clips in folds for signal in clips.signals]
    facts = pd.DataFrame([asdict(acoustics.voice_facts(signal)) for signal in job.progress(signals, len(signals))])
    scores = np.concatenate([clips.scores(clips.model.logits(clips.matrices)) for clips in folds])
    speakers, classes_of = _joined(folds, "speakers"), _joined(folds, "classes_of")
    whole = acoustics.account(scores, facts, speakers)
    scores_within, facts_within = (acoustics.less_class_mean(np.asarray(values), classes_of) for values in (scores, facts))
    within = acoustics.account(scores_within, pd.DataFrame(facts_within, columns=facts.columns), speakers)
    about = {"speaker": speakers, "true": classes_of, "score": scores}
    tables = {"account": whole, "account_within": within, "voice_facts": facts.assign(**about)}
    said = {"sentences": acoustics.account_sentences(whole), "within": acoustics.account_sentences(within)}
    return Part(tables=tables, facts=said)


def counterfactual_part(job: Job) -> Part:
    """Voices moved in pitch and formants: the score of the first class against the second, and where the label flips."""
    tables, first = [], 0
    folds = job.clips(job.effort.morphs, "-".join(job.classes))
    for clips in folds:
        ask = bandstop.window_logits(clips.model)

        def score(signals: Sequence[Signal], ask=ask) -> np.ndarray:
            logits = ask(list(signals))
            return logits[:, 0] - logits[:, 1]

        table = counterfactual.counterfactuals(score, clips.signals, clips.speakers, progress=job.progress)
        tables.append(table.assign(clip=table["clip"] + first))
        first += len(clips.table)
    table, classes_of = pd.concat(tables, ignore_index=True), _joined(folds, "classes_of")
    flips = counterfactual.flips_by_class(counterfactual.flip_points(table), classes_of, positive=job.classes[0])
    curves = counterfactual.score_curves(table, classes_of)
    sentences = counterfactual.flip_sentences(flips, counterfactual.resynthesis(table))
    return Part(tables={"curves": curves, "flips": flips}, facts={"sentences": sentences, "clips": first})


def audible_part(job: Job) -> Part:
    """A clip of each class that was named right, parted by its map: what the class's median clip sounds like."""
    predictions = read_predictions(job.folder)
    sounds: dict[str, Signal] = {}
    said: list[dict[str, str]] = []
    for name, rows in predictions[predictions["true"] == predictions["predicted"]].groupby("true"):
        row = rows.sort_values(f"p_{name}").iloc[[len(rows) // 2]]
        clips = fold_clips(job.folder, job.dataset, row, "true")[0]
        signal, found = clips.signals[0], _sound_map(clips, job)
        if not (found > 0).any():  # a blank map has no evidence to hear
            continue
        parts = audible.split_sound(signal, found, clips.model.config)
        number = len(said)
        sounds |= {f"sound{number}_clip": signal, f"sound{number}_evidence": parts.evidence, f"sound{number}_rest": parts.rest}
        said.append({"class": str(name), "path": row["path"].iloc[0], "speaker": row["speaker"].iloc[0]})
    return Part(facts={"clips": said}, sounds=sounds)


def _sound_map(clips: Clips, job: Job) -> np.ndarray:
    """The clip's map over time and frequency: that of the run where rows are frequencies, else carried back to mel energies."""
    if clips.model.config.recipe == "logmel":
        return clips.maps(job.method, job.layer)[0]
    return clips.mel_weight[0]


def _height(
    profile: np.ndarray, folds: Sequence[Clips], limits: Sequence[tuple[float, float]], classes: tuple[str, ...]
) -> dict[str, float]:
    """How much higher the first class's evidence lies than the second's."""
    return height_difference(height(profile, limits), _joined(folds, "classes_of"), _joined(folds, "speakers"), *classes)


def _profiles(job: Job) -> dict[str, np.ndarray]:
    """What each band is worth for each clip's own class, float (clip, band), by methods that ask in different ways."""
    folds, bands = job.band_clips, job.hz_bands
    found = {
        OCCLUDED: job.occluded("network"),
        AVERAGED: np.concatenate([occluded_profile(clips, clips.model, bands, reference="training mean") for clips in folds]),
        CARRIED: np.concatenate([carried_profile(clips, clips.model, bands) for clips in folds]),
    }
    return found | ({FILTERED: job.measured} if folds[0].paths else {})


def _centroids(
    profiles: dict[str, np.ndarray], folds: Sequence[Clips], limits: Sequence[tuple[float, float]], classes: tuple[str, ...]
) -> pd.DataFrame:
    """The centroid_table of profiles for each clip's own class: with two classes, turned round they are those for the other."""
    classes_of = _joined(folds, "classes_of")
    sign = np.where(np.array(classes_of) == classes[0], 1, -1)[:, None]
    signed = {name: sign * profile for name, profile in profiles.items()}
    return centroid_table(signed, limits, classes_of, _joined(folds, "speakers"), *classes)


def _random_centroids(job: Job) -> dict[str, list[float]]:
    """Differences of centroids by DRAWS networks with random weights, over all folds, for each target; by OCCLUDED."""
    some, found = job.clips(job.effort.fewer), {}
    first = _centroids({OCCLUDED: job.occluded(RANDOM_WEIGHTS)}, job.asked(RANDOM_WEIGHTS), job.hz_bands.limits, job.classes)
    tables = [first]
    for draw in range(1, DRAWS):
        twins = [random_twin(clips.model, seed=clips.number + 1000 * draw) for clips in some]
        profile = np.concatenate([occluded_profile(clips, twin, job.hz_bands) for clips, twin in zip(some, twins)])
        tables.append(_centroids({OCCLUDED: profile}, some, job.hz_bands.limits, job.classes))
    for target in first["target"]:
        values = [float(table.set_index("target").loc[target, "difference"]) for table in tables]
        found[target] = [value for value in values if np.isfinite(value)]
    return found


def _fold_heights(job: Job) -> list[float]:
    """Differences of heights by each fold's network alone."""
    found, first = [], 0
    for clips in job.band_clips:
        profile = job.occluded("network")[first : first + len(clips.table)]
        first += len(clips.table)
        if len(set(clips.classes_of)) == 2:
            found.append(_height(profile, [clips], job.hz_bands.limits, job.classes)["difference"])
    return found


def _band_differences(
    profile: np.ndarray, folds: Sequence[Clips], names: Sequence[str], classes: tuple[str, ...]
) -> pd.DataFrame:
    """Difference of the classes' shares of what speaks for a clip, band by band."""
    positive = np.maximum(profile, 0)
    total = positive.sum(axis=1, keepdims=True)
    shares = np.divide(positive, total, out=np.full(positive.shape, np.nan), where=total > 0)  # (clip, band)
    return class_difference(shares, _joined(folds, "classes_of"), _joined(folds, "speakers"), *classes).assign(name=list(names))


def _joined(folds: Sequence[Clips], name: str) -> list[str]:
    return [value for clips in folds for value in getattr(clips, name)]

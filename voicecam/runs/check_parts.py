"""Parts of checks.py, all but those on bands in Hz: each takes a Job, gives tables, facts and sounds. Writes nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.duplicates import duplicates_sentences, find_duplicates
from voicecam.explanation import acoustics, bandstop, confounds, counterfactual, draws, faithful, randomise
from voicecam.explanation.methods import STEPS, attribute_all
from voicecam.explanation.pointing import planted_words
from voicecam.explanation.sound_scores import score_sentences, score_table
from voicecam.network import load_model
from voicecam.runs.check_job import Job
from voicecam.runs.folder import fold_places, open_run, read_split
from voicecam.runs.material import joined
from voicecam.runs.nulls import SHUFFLED
from voicecam.runs.planting import planted_table
from voicecam.runs.sounds import median_clips, sound_scores

DRAWS = 5  # networks with random weights that heights are held against


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a check found: tables and sounds by file name, and facts (JSON)."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    sounds: dict[str, Signal] = field(default_factory=dict)


def confound_part(job: Job) -> Part:
    """Does anything but the voice tell the label? And do recordings stand there twice?"""
    label = open_run(job.folder).label
    facts = confounds.confound_facts(job.dataset.corpus, job.dataset.config, progress=job.progress)
    table = confounds.audit(facts, list(job.dataset.clips[label]), list(job.dataset.clips["speaker"]))
    splits = [read_split(place, job.dataset) for place in fold_places(job.folder)]
    copies = find_duplicates(job.dataset.clips, job.dataset.fingerprints, splits)
    said = {"sentences": confounds.audit_sentences(table), "duplicates": duplicates_sentences(copies)}
    return Part(tables={"confounds": table, "duplicates": copies.across}, facts=said)


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
    speakers, classes_of = joined(folds, "speakers"), joined(folds, "classes_of")
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
    table, classes_of = pd.concat(tables, ignore_index=True), joined(folds, "classes_of")
    flips = counterfactual.flips_by_class(counterfactual.flip_points(table), classes_of, positive=job.classes[0])
    curves = counterfactual.score_curves(table, classes_of)
    sentences = counterfactual.flip_sentences(flips, counterfactual.resynthesis(table))
    return Part(tables={"curves": curves, "flips": flips}, facts={"sentences": sentences, "clips": first})


def audible_part(job: Job) -> Part:
    """Clips parted by their mel gradients: what the network says of both parts, and each class's median clip to hear."""
    scores = sound_scores(job.band_clips, job.effort.fewer)
    table, (said, sounds) = score_table(scores), median_clips(job.band_clips, scores)
    return Part(tables={"sounds": table}, facts={"clips": said, "sentences": score_sentences(table)}, sounds=sounds)

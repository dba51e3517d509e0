"""Parts of checks.py, all but those on bands in Hz: each takes a Job, gives tables, facts and sounds. Writes nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.explanation import acoustics, audible, bandstop, confounds, counterfactual, faithful, planted, randomise
from voicecam.network import load_model
from voicecam.runs.check_job import Job
from voicecam.runs.folder import open_run, read_predictions
from voicecam.runs.material import Clips, fold_clips, joined
from voicecam.runs.nulls import SHUFFLED


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
        )
        parts.append(part.assign(clip=part["clip"] + first))
        first += len(clips.table)
    table = faithful.faithfulness_table(pd.concat(parts, ignore_index=True))
    return Part(tables={"faithfulness": table}, facts={"sentences": faithful.faithfulness_words(table)})


def randomisation_part(job: Job) -> Part:
    """The first fold's maps while its network is made random from the top down; and beside the network on shuffled labels."""
    [clips] = job.clips(job.effort.fewer, first=True)
    table = randomise.randomisation_table(
        clips.model,
        clips.inputs,
        clips.wanted,
        clips.speakers,
        methods=job.effort.methods,
        layer=job.layer,
        against=clips.against,
    )
    shuffled, rows = load_model(clips.place / SHUFFLED), []
    for method in job.effort.methods:
        maps, beside = clips.maps(method, job.layer), clips.maps(method, job.layer, model=shuffled)
        rows.append({"method": method, **randomise.map_correlation(maps, beside, clips.speakers)})
    sentences = randomise.randomisation_words(table)
    return Part(tables={"randomisation": table, "shuffled": pd.DataFrame(rows)}, facts={"sentences": sentences})


def planted_part(job: Job) -> Part:
    """The planted-cue benchmark, on networks of its own: it tells of the methods, not of this run."""
    table = planted.run_planted(job.effort.cues, job.effort.methods, progress=job.say)
    return Part(tables={"planted": table}, facts={"sentences": planted.planted_words(table)})


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

"""The parts of checks.py that speak of Hz: planted tones, bands taken out, where classes' evidence lies. Writes nothing."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from torch import nn

from voicecam.explanation import bandstop
from voicecam.explanation.bands import band_set
from voicecam.explanation.carry import gap
from voicecam.explanation.centroids import centroid_table, differences_of_many
from voicecam.explanation.occluded import FLOORED, OCCLUDED, occluded_by_many
from voicecam.explanation.planted_tones import Heard, hear_tones, tone_table, tone_training
from voicecam.network import load_model
from voicecam.runs.check_job import Job
from voicecam.runs.check_parts import Part
from voicecam.runs.folder import fold_places, open_run
from voicecam.runs.material import Clips, joined
from voicecam.runs.nulls import random_twin
from voicecam.runs.profiles import CARRIED, FILTERED, carried_profile, map_profiles, occluded_profile, tone_profiles

FEWER_BANDS = "octaves"  # that are taken away where many ResNets are asked
SEED = 1000  # of the first random network; those of the maps have the folds' numbers


def tone_part(job: Job) -> Part:
    """Does each instrument find a tone of known frequency, in a network of this run's recipe and architecture?"""
    heard = _heard(job)
    sound = not job.dataset.corpus.matrices
    profiles = tone_profiles(heard, job.hz_bands, method=job.method, layer=job.layer, sound=sound)
    facts = {"accuracy": heard.accuracy, "bands": len(job.hz_bands.names), "start": heard.model.meta["start"]}
    return Part(tables={"tones": tone_table(heard, profiles, job.hz_bands)}, facts=facts)


def band_part(job: Job) -> Part:
    """Take bands out of the sound, ask again, and hold every map's profile against what that cost.

    Where there is no sound nothing can be held against it: the drops are then those of band occlusion, which is in no agreement:
    it is nearly the same intervention, done on the mel energies.
    """
    folds, bands = job.band_clips, job.hz_bands
    speakers, classes_of = joined(folds, "speakers"), joined(folds, "classes_of")
    drops = job.measured if folds[0].paths else job.occluded
    tables = {"band_drops": bandstop.drop_table(drops, classes_of, speakers, bands.names, bands.limits)}
    if folds[0].paths:
        parts = [map_profiles(clips, bands, methods=job.effort.methods, layer=job.layer) for clips in folds]
        profiles = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        tables["agreement"] = bandstop.agreement(profiles, drops, classes_of, speakers)
    gaps = np.concatenate([_gap(clips) for clips in folds])
    facts = {"clips": len(speakers), "speakers": len(set(speakers)), "gap": float(np.median(gaps)), "gap_most": float(gaps.max())}
    return Part(tables=tables, facts=facts)


def height_part(job: Job) -> Part:
    """Does the evidence of the first class lie higher than that of the second?

    Table centroids: each method under own-class and fixed targets, see explanation.centroids. Table random_centroids: the same
    differences by single networks with random weights (from 1 on) beside the trained one (0), on the same clips and bands; these
    are octaves where the network is a ResNet. With several folds the trained number is that of each clip's own network, so it
    rests on several networks, which scatter less than single ones: it reaches these by chance less often, never more.
    Facts: classes; folds, target -> the difference by each fold's network alone, by OCCLUDED; clips, random_clips, random_bands.
    """
    folds, bands = job.band_clips, job.hz_bands
    profiles = {
        OCCLUDED: job.occluded,
        FLOORED: np.concatenate([occluded_profile(clips, clips.model, bands, reference="floor") for clips in folds]),
        CARRIED: np.concatenate([carried_profile(clips, clips.model, bands) for clips in folds]),
    }
    if folds[0].paths:
        profiles[FILTERED] = job.measured
    signed = {name: _signs(folds, job.classes) * profile for name, profile in profiles.items()}
    who = joined(folds, "classes_of"), joined(folds, "speakers")
    some = job.clips(job.affordable(job.effort.fewer))
    tables = {"centroids": centroid_table(signed, bands, *who, *_pair(job)), "random_centroids": _random(some, job)}
    facts = {"classes": list(job.classes), "clips": len(who[0]), "random_clips": len(joined(some, "speakers"))}
    facts["random_bands"] = job.bands if job.light else FEWER_BANDS
    return Part(tables=tables, facts={**facts, "folds": _per_fold(job, signed[OCCLUDED])})


def _heard(job: Job) -> Heard:
    """A network that learned tones, of the run's recipe and architecture, from weights of the same origin."""
    training = open_run(job.folder).training
    made = load_model(fold_places(job.folder)[0]).meta["start"]
    kinds = {"random weights": "none", "the shipped backbone": "shipped", "ImageNet": "imagenet"}
    start = next((kind for words, kind in kinds.items() if made.startswith(words)), training.start)
    return hear_tones(
        job.dataset.config, tone_training(training.arch, start), words=job.effort.words, clips=job.affordable(job.effort.tones)
    )


def _pair(job: Job) -> tuple[str, str]:
    """The two classes of a run that has two."""
    first, second = job.classes
    return first, second


def _gap(clips: Clips) -> np.ndarray:
    return gap(clips.model, clips.log_mel, clips.mel_weight, clips.wanted, against=clips.against)


def _signs(folds: Sequence[Clips], classes: tuple[str, ...]) -> np.ndarray:
    """1 for clips of the first class and -1 for the others, (clip, 1): a profile for each clip's own class times this is one for
    the first class against the second."""
    return np.where(np.array(joined(folds, "classes_of")) == classes[0], 1, -1)[:, None]


def _random(folds: Sequence[Clips], job: Job) -> pd.DataFrame:
    """Differences by the trained network and by the effort's random ones, see `height_part`."""
    bands = job.hz_bands if job.light else band_set(FEWER_BANDS, job.dataset.config)
    found = np.concatenate(
        [
            occluded_by_many(
                clips.model, _networks(clips, job.effort.twins), clips.log_mel, bands, clips.wanted, against=clips.against
            )
            for clips in job.progress(folds, len(folds))
        ],
        axis=1,
    )  # (network, clip, band)
    who = joined(folds, "classes_of"), joined(folds, "speakers")
    return differences_of_many(list(_signs(folds, job.classes) * found), bands, *who, *_pair(job))


def _networks(clips: Clips, n: int) -> Iterator[nn.Module]:
    """The fold's network, then n random ones, which are the same in each fold."""
    yield clips.model.network
    for draw in range(n):
        yield random_twin(clips.model, seed=SEED + draw).network


def _per_fold(job: Job, signed: np.ndarray) -> dict[str, list[float]]:
    """Target -> differences by each fold's network alone, of folds with clips of both classes."""
    found: dict[str, list[float]] = {}
    first = 0
    for clips in job.band_clips:
        part, first = signed[first : first + len(clips.table)], first + len(clips.table)
        table = differences_of_many([part], job.hz_bands, clips.classes_of, clips.speakers, *_pair(job))
        for _, row in table.dropna().iterrows():
            found.setdefault(row["target"], []).append(float(row["difference"]))
    return found

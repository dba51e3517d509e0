"""Clips of a run -> what its networks say of their evidence and rest as sounds, by mel gradients. Chooses and gathers; see
explanation.sound_scores for what is asked."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.explanation.audible import split_sound
from voicecam.explanation.sound_scores import OWN, clip_note, clip_scores
from voicecam.runs.material import Clips
from voicecam.runs.sample import sample_clips


def sound_scores(folds: Sequence[Clips], n: int) -> pd.DataFrame:
    """What `clip_scores` gives of about `n` of the folds' clips, with columns path, fold (its place in `folds`) and place (in
    that fold's clips); clip is its number over all folds."""
    fold = np.repeat(np.arange(len(folds)), [len(clips.table) for clips in folds])
    place = np.concatenate([np.arange(len(clips.table)) for clips in folds])
    chosen = sample_clips(pd.concat([clips.table for clips in folds], ignore_index=True), n)
    parts = []
    for number in np.unique(fold[chosen]):
        clips, rows = folds[number], place[chosen[fold[chosen] == number]]
        some = [clips.signals[i] for i in rows], clips.mel_weight[rows], clips.log_mel[rows], clips.wanted[rows]
        found = clip_scores(clips.model, *some, list(clips.table["speaker"].iloc[rows]))
        where = rows[found["clip"].to_numpy(dtype=int)]
        about = {"path": clips.table["path"].to_numpy()[where], "fold": number, "place": where}
        parts.append(found.assign(clip=np.flatnonzero(fold == number)[where], **about))
    return pd.concat(parts, ignore_index=True)


def median_clips(folds: Sequence[Clips], scores: pd.DataFrame) -> tuple[list[dict[str, str]], dict[str, Signal]]:
    """Of each class the clip of median probability, of those that `scores` has: what is said of it (class, path, speaker, note),
    and the sounds sound0_clip, sound0_evidence, sound0_rest, sound1_clip and so on."""
    said: list[dict[str, str]] = []
    sounds: dict[str, Signal] = {}
    for name, rows in scores[scores["map"] == OWN].groupby("class"):
        row = rows.sort_values(["probability", "path"]).iloc[len(rows) // 2]
        clips, i = folds[row["fold"]], row["place"]
        parts = split_sound(clips.signals[i], clips.mel_weight[i], clips.model.config)
        heard = {"clip": clips.signals[i], "evidence": parts.evidence, "rest": parts.rest}
        sounds |= {f"sound{len(said)}_{part}": sound for part, sound in heard.items()}
        note = clip_note(scores[scores["clip"] == row["clip"]])
        said.append({"class": str(name), "path": row["path"], "speaker": row["speaker"], "note": note})
    return said, sounds

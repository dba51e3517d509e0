"""What does the evidence sound like, and what does the network say of it? Clips parted by their mel gradients."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import runs
from voicecam.audio import Signal
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation.audible import split_sound
from voicecam.explanation.sound_scores import OWN, clip_note, clip_scores, score_sentences, score_table
from voicecam.report import Section, Sounds
from voicecam.report.format import format_interval
from voicecam.runs.check_files import CHECKS_FOLDER
from voicecam.runs.fold_clips import FoldClips
from voicecam.runs.sample import sample_clips

SOUND_MEASURES = {  # measure of explanation.sound_scores -> column
    "average_increase": "AI",
    "average_drop": "AD",
    "average_gain": "AG",
    "fidelity_in": "Fid-In",
    "rest_kept": "Rest kept",
    "faithfulness": "FF",
}


def sound_scores(folds: Sequence[FoldClips], n: int) -> pd.DataFrame:
    """What `clip_scores` gives of about `n` of the folds' clips, with columns path, fold (its place in `folds`) and place (in
    that fold's clips); clip is its number over all folds."""
    fold = np.repeat(np.arange(len(folds)), [len(clips.table) for clips in folds])
    place = np.concatenate([np.arange(len(clips.table)) for clips in folds])
    chosen = sample_clips(pd.concat([clips.table for clips in folds], ignore_index=True), n)
    parts = []
    for number in np.unique(fold[chosen]):
        clips, rows = folds[number], place[chosen[fold[chosen] == number]]
        some = [clips.signals[i] for i in rows], clips.mel_weight[rows], clips.log_mel[rows], clips.target[rows]
        found = clip_scores(clips.model, *some, list(clips.table["speaker"].iloc[rows]))
        where = rows[found["clip"].to_numpy(dtype=int)]
        about = {"path": clips.table["path"].to_numpy()[where], "fold": number, "place": where}
        parts.append(found.assign(clip=np.flatnonzero(fold == number)[where], **about))
    return pd.concat(parts, ignore_index=True)


def median_clips(folds: Sequence[FoldClips], scores: pd.DataFrame) -> tuple[list[dict[str, str]], dict[str, Signal]]:
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


def measure(context: CheckContext) -> CheckResult:
    """Clips parted by their mel gradients: what the network says of both parts, and each class's median clip to hear."""
    scores = sound_scores(context.band_clips, context.sizes.fewer)
    table, (said, sounds) = score_table(scores), median_clips(context.band_clips, scores)
    return CheckResult(tables={"sounds": table}, summary={"clips": said}, sounds=sounds)


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    """A clip of each class in two parts to hear, and what the network says of such parts."""
    place, summary, table = folder / CHECKS_FOLDER, runs.read_summary(folder, "audible") or {}, runs.read_table(folder, "sounds")
    said = (
        "The clip's spectrogram was multiplied by its mel gradients (integrated gradients over the mel energies), and by what "
        "they leave, and turned back into sound with its own phases; both are brought to the clip's loudness."
    )
    values = {title: [format_interval(row, name) for _, row in table.iterrows()] for name, title in SOUND_MEASURES.items()}
    return Section(
        name="audible",
        title="Hear the evidence",
        sentences=(said, *score_sentences(table)),
        table=pd.DataFrame({"Map": table["map"], **values}) if len(table) else None,
        table_note="Means over speakers with 95 % intervals, for the class of the clip. AI, average increase: share of clips "
        "whose evidence alone gets a higher probability than the clip; AD, average drop, and AG, average gain: how far it falls "
        "or rises, as a part of what it could; Fid-In: share whose evidence alone is classified as the clip; rest kept: share "
        "whose rest alone is; FF, faithfulness: fall of the probability without the evidence. High is good, but for AD and rest "
        "kept. The loudest cells get the map's values in the order of their loudness.",
        sounds=tuple(
            Sounds(
                title=f"{clip['class']}, speaker {clip['speaker']}",
                note=clip["note"],
                **{part: (place / f"sound{i}_{part}.wav").read_bytes() for part in ("clip", "evidence", "rest")},
            )
            for i, clip in enumerate(summary["clips"])
        ),
    )


CHECK = Check("audible", "evidence as sound", measure, section, needs_sound=True, needs_mel=True)

"""Chapters on the voice: facts that explain the score, voices moved, confounds, the evidence as sound. Computes nothing new."""

from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import figures, runs
from voicecam.chapters.words import spread
from voicecam.explanation import confounds, counterfactual
from voicecam.files import read_table
from voicecam.report import Drawing, Section, Sounds
from voicecam.runs.checks import CHECKS

MOST_COPIES = 20  # pairs of copies that are listed
SOUND_MEASURES = {  # measure of explanation.sound_scores -> column
    "average_increase": "AI",
    "average_drop": "AD",
    "average_gain": "AG",
    "fidelity_in": "Fid-In",
    "rest_kept": "Rest kept",
    "faithfulness": "FF",
}


def account_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    """How much of the score acoustic features explain."""
    facts = runs.read_facts(folder, "account") or {}
    first, second = classes
    return Section(
        name="account",
        title="How much of the score do acoustic features explain?",
        sentences=(
            f"The score is the logit of {first} minus that of {second}. " + " ".join(facts["sentences"]),
            f"Within the classes, where it does not help that {first} and {second} voices differ anyway: "
            + " ".join(facts["within"]),
        ),
        drawings=(
            Drawing(
                plot=figures.plot_account,
                data=(runs.read_table(folder, "account"),),
                caption="Share of the score's variance over all clips that is explained, by all features, by groups and by each "
                "alone; hollow: by all others without it.",
                alt=" ".join(facts["sentences"]),
                height=4.6,
            ),
        ),
    )


def counterfactual_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    """What the score does when pitch and formants are moved."""
    facts = runs.read_facts(folder, "counterfactual") or {}
    curves, flips = runs.read_table(folder, "curves"), runs.read_table(folder, "flips")
    drawings = [
        Drawing(
            plot=figures.plot_counterfactual,
            data=(curves, flips, classes),
            options={"kind": kind},
            caption=f"Score of {classes[0]} against {classes[1]} as {what} moved; diamonds: where the label flips, up and "
            "down apart, the larger, the more speakers flip there.",
            alt=" ".join(facts["sentences"]),
            height=3.2,
        )
        for kind, what in (("pitch", "the pitch is"), ("formants", "the formants are"))
    ]
    return Section(
        name="counterfactual",
        title="What if the voice were higher, or the mouth smaller?",
        sentences=(
            f"Praat moved pitch and formants of {facts['clips']} clips.",
            *facts["sentences"],
        ),
        drawings=tuple(drawings),
        table=pd.DataFrame([_flip_cells(row) for row in flips.to_dict("records")]),
        table_note="Median over speakers of the nearest flip in each direction, in semitones or as a ratio, of clips classified "
        "correctly at first; in brackets its 95 % interval, or the range over speakers where fewer than 6 flip.",
    )


def _flip_cells(row: dict[str, Any]) -> dict[str, str]:
    what, way = "pitch" if row["kind"] == "pitch" else "formants", {"up": "raised", "down": "lowered"}[row["direction"]]
    return {
        "Class": row["class"],
        "Moved": f"{what} {way}",
        "Clips that flip": f"{row['flipping_clips']} of {row['clips']}",
        "Speakers": f"{row['flipping']} of {row['speakers']}",
        "Where": counterfactual.flip_text(row).replace(" semitones", "").removeprefix("ratio "),
    }


def confounds_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    """Whether facts of the recordings alone tell the label."""
    table, facts = runs.read_table(folder, "confounds"), runs.read_facts(folder, "confounds") or {}
    copies = read_table(folder / CHECKS / "duplicates.csv", text=("other_path", "other_speaker"))
    said = [*facts["sentences"], *facts["duplicates"]]
    return Section(
        name="confounds",
        title="Could anything but the voice tell the label?",
        sentences=tuple(line for line in said if not line.startswith("Warning")),
        warnings=tuple(line for line in said if line.startswith("Warning")),
        drawings=(
            Drawing(
                plot=figures.plot_confounds,
                data=(table,),
                options={"limit": 1 / len(classes) + confounds.MARGIN},
                caption="Balanced accuracy of the label from each fact of the recordings alone, in speakers not fitted on, with "
                "95 % intervals.",
                alt=" ".join(facts["sentences"]),
                height=1.2 + 0.34 * len(table),
            ),
        ),
        table=_copies(copies) if len(copies) else None,
        table_note=f"Recordings under two speakers; {min(MOST_COPIES, len(copies))} of {len(copies)} pairs are shown.",
    )


def _copies(copies: pd.DataFrame) -> pd.DataFrame:
    names = {"path": "Recording", "speaker": "Speaker", "other_path": "Copy", "other_speaker": "Its speaker"}
    apart = copies["apart"].map({True: "yes", False: "no"})
    return copies[list(names)].rename(columns=names).assign(**{"Tested and met": apart}).head(MOST_COPIES)


def audible_chapter(folder: Path, classes: tuple[str, ...]) -> Section:
    """A clip of each class in two parts to hear, and what the network says of such parts."""
    place, facts, table = folder / CHECKS, runs.read_facts(folder, "audible") or {}, runs.read_table(folder, "sounds")
    said = (
        "The clip's spectrogram was multiplied by its mel gradients (integrated gradients over the mel energies), and by what "
        "they leave, and turned back into sound with its own phases; both are brought to the clip's loudness."
    )
    values = {title: [spread(row, name) for _, row in table.iterrows()] for name, title in SOUND_MEASURES.items()}
    return Section(
        name="audible",
        title="Hear the evidence",
        sentences=(said, *facts["sentences"]),
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
            for i, clip in enumerate(facts["clips"])
        ),
    )

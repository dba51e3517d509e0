"""An explained run -> tests of its maps: against the sound, against other networks, against acoustic features. See PARTS.

Each part leaves its tables in results/RUN/checks/ whole or not at all; a part that is there is not made again.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import files
from voicecam.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation.audible import wav_bytes
from voicecam.explanation.methods import METHODS
from voicecam.files import read_json, write_bytes, write_json, write_text
from voicecam.renderings import Progress
from voicecam.runs import band_parts
from voicecam.runs import check_parts as parts
from voicecam.runs.check_job import Effort, Job
from voicecam.runs.check_parts import Part
from voicecam.runs.folder import Say

CHECKS, BANDS = "checks", "third-octaves"  # folder of an explanation, and what is taken out of the sound unless asked otherwise
VERSION = 2  # of the tables in it; 2: flips up and down apart, titles, ways, alike, centroids
FULL = Effort(clips=720, fewer=240, words=8, tones=192, road=240, voices=2000, morphs=100, methods=tuple(METHODS))


@dataclass(frozen=True)
class _Check:
    """title : said while it is made; make : makes it

    needs_sound : recordings, not ready-made matrices; needs_two : two classes; needs_mel : pictures with a way back to mel
        energies, which those of mfcc-2020 lost when they were stretched before they were cut off
    """

    title: str
    make: Callable[[Job], Part]
    needs_sound: bool = False
    needs_two: bool = False
    needs_mel: bool = False


PARTS = {
    "confounds": _Check("what else tells the label", parts.confound_part, needs_sound=True),
    "tones": _Check("planted tones: is a known frequency found", band_parts.tone_part, needs_mel=True),
    "bands": _Check("bands taken out of the sound", band_parts.band_part, needs_mel=True),
    "height": _Check("does one class's evidence lie higher", band_parts.height_part, needs_two=True, needs_mel=True),
    "faithfulness": _Check("deletion, insertion, ROAD", parts.faithfulness_part),
    "randomisation": _Check("networks made random layer by layer", parts.randomisation_part),
    "planted": _Check("planted cues, a network each", parts.planted_part),
    "account": _Check("acoustic features", parts.account_part, needs_sound=True, needs_two=True),
    "counterfactual": _Check("voices moved in pitch and formants", parts.counterfactual_part, needs_sound=True, needs_two=True),
    "audible": _Check("evidence as sound", parts.audible_part, needs_sound=True, needs_mel=True),
}


def check_run(
    folder: Path,
    dataset: Dataset,
    *,
    place: Path | None = None,
    method: str,
    layer: str,
    bands: str = BANDS,
    effort: Effort,
    say: Say = print,
    progress: Progress = lambda items, total: items,
) -> list[str]:
    """Make every part of PARTS that the run allows and that is not there yet; returns the names of those that are there.

    place : folder of the explanation, the run's own by default
    method : the one of its maps; layer : stage that methods on the grid "layer" look at;
    bands : see explanation.bands.band_set; effort : how much work
    Raises ExplainError when the checks were made with other settings, or by another version of the program.
    """
    place, wanted = (place or folder) / CHECKS, check_settings(method=method, layer=layer, bands=bands, effort=effort)
    path = place / "settings.json"
    check_version(place.parent)
    if path.exists() and read_json(path, error=ExplainError) != wanted:
        raise ExplainError(f"{place}: holds checks made with other settings; delete that folder to make them again")
    write_json(path, wanted)
    job = Job(folder=folder, dataset=dataset, method=method, layer=layer, bands=bands, effort=effort, say=say, progress=progress)
    made = []
    for name, check in PARTS.items():
        if not possible(check, job):
            continue
        if not (place / f"{name}.json").exists():
            say(f"check: {check.title}")
            _write(place, name, check.make(job))
        made.append(name)
    return made


def check_settings(*, method: str, layer: str, bands: str, effort: Effort) -> dict[str, Any]:
    """What checks are made with, as their settings.json holds it."""
    how_much = {**asdict(effort), "methods": list(effort.methods), "cues": list(effort.cues)}
    return {"version": VERSION, "method": method, "layer": layer, "bands": bands, **how_much}


def possible(check: _Check, job: Job) -> bool:
    """Whether the run has what a check needs."""
    stretched = job.dataset.matrices.shape[1] != job.dataset.config.n_rows
    return not (
        (check.needs_sound and job.dataset.corpus.matrices)
        or (check.needs_two and len(job.classes) != 2)
        or (check.needs_mel and stretched)
    )


def check_version(folder: Path) -> None:
    """Raise ExplainError where the tables of a run's checks are those of another version of the program."""
    path = folder / CHECKS / "settings.json"
    if path.exists() and read_json(path, error=ExplainError).get("version") != VERSION:
        raise ExplainError(f"{path.parent}: checks made by another version of voicecam; delete that folder to make them again")


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """A table of a run's checks."""
    return files.read_table(folder / CHECKS / f"{name}.csv")


def read_facts(folder: Path, name: str) -> dict[str, Any] | None:
    """What a part of a run's checks said beside its tables, or None where it was not made."""
    path = folder / CHECKS / f"{name}.json"
    return read_json(path, error=ExplainError) if path.exists() else None


def _write(place: Path, name: str, part: Part) -> None:
    """A part's tables and sounds; its facts last, which mark it as complete."""
    for table_name, table in part.tables.items():
        write_text(place / f"{table_name}.csv", table.to_csv(index=False, float_format="%.6g"))
    for sound_name, sound in part.sounds.items():
        write_bytes(place / f"{sound_name}.wav", wav_bytes(sound))
    write_json(place / f"{name}.json", part.facts)

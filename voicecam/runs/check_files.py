"""The checks of an explained run as they lie in its folder: how much is asked for, with what settings, and their tables.

Makes none; see voicecam/checks.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import files
from voicecam.errors import ExplainError
from voicecam.explanation.draws import DRAWS
from voicecam.explanation.methods import LIGHT, METHODS
from voicecam.explanation.planted_sounds import CUES, USUAL
from voicecam.files import read_json


@dataclass(frozen=True, kw_only=True)
class CheckSizes:
    """How many tested clips the checks look at, and by which methods the maps are made.

    clips : for bands, in the sound and out of it; fewer : for what asks for every method's maps or of many networks (deletion,
        insertion, randomised networks); road : of these, for ROAD, which is slowest
    twins : networks with random weights, for where the evidence lies; words : of each synthetic voice, for planted tones;
        tones : clips with a tone that are asked about. A ResNet is asked less of all but voices: `CheckContext.affordable`
    voices : for what needs many speakers; morphs : for shifted voices
    draws : networks with random weights a fold, on `fewer` clips each; dear : of these, for methods that cost several passes a
        clip; noisy : inputs that a map of smooth MPRT is a mean of, 0 for none
    cues : that are planted, see explanation.planted_sounds; full : several seeds of them, and nothing left out
    """

    clips: int = 60
    fewer: int = 16
    twins: int = 40
    words: int = 4
    tones: int = 36
    road: int = 6
    voices: int = 240
    morphs: int = 20
    draws: int = DRAWS
    dear: int = 4
    noisy: int = 0
    cues: tuple[str, ...] = USUAL
    methods: tuple[str, ...] = LIGHT
    full: bool = False


CHECKS_FOLDER, BANDS = (
    "checks",
    "third-octaves",
)  # folder of an explanation, and what is taken out of the sound unless asked otherwise


VERSION = 4  # of the tables in it; 4: numbers only, no sentences


FULL = CheckSizes(
    clips=720,
    fewer=240,
    words=8,
    tones=192,
    road=240,
    voices=2000,
    morphs=100,
    dear=24,
    noisy=10,
    cues=tuple(CUES),
    methods=tuple(METHODS),
    full=True,
)


def check_settings(*, method: str, layer: str, bands: str, sizes: CheckSizes) -> dict[str, Any]:
    """What checks are made with, as their settings.json holds it."""
    how_much = {**asdict(sizes), "methods": list(sizes.methods), "cues": list(sizes.cues)}
    return {"version": VERSION, "method": method, "layer": layer, "bands": bands, **how_much}


def other_version(folder: Path) -> str:
    """The version that made the checks of an explanation, "" where it is this one or there are none."""
    path = folder / CHECKS_FOLDER / "settings.json"
    version = read_json(path, error=ExplainError, needs={}).get("version", "unknown") if path.exists() else VERSION
    return "" if version == VERSION else str(version)


def check_version(folder: Path) -> None:
    """Raise ExplainError where the tables of a run's checks are those of another version of the program."""
    if other_version(folder):
        raise ExplainError(f"{folder / CHECKS_FOLDER}: checks by another version of voicecam; run scripts/explain.py again")


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """A table of a run's checks."""
    return files.read_table(folder / CHECKS_FOLDER / f"{name}.csv")


def read_summary(folder: Path, name: str) -> dict[str, Any] | None:
    """What a part of a run's checks said beside its tables, or None where it was not made."""
    path = folder / CHECKS_FOLDER / f"{name}.json"
    return read_json(path, error=ExplainError) if path.exists() else None

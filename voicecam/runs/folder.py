"""The folder of a run in results/: its settings, folds and predictions, as they lie on disk. Trains and evaluates nothing.

run.json holds the settings and is written first; manifest.json is written last, by pages.py, and marks the run as complete.
"""

import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import DatasetError, ModelError, VoicecamError
from voicecam.files import portable, read_json, read_table, write_json
from voicecam.network.learner import TrainConfig
from voicecam.setting_checks import check_kinds

PARTS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides a run's numbers."""

    map: str  # the map of the images, see map_file.py; run.json has its path from the project's folder on
    label: str = "gender"
    split: str = "speakers"  # see splits.make_splits
    folds: int = 5  # where split is "folds"
    split_seed: int = 0
    min_age: float = 0.0  # years; 0 keeps clips of unknown age too
    max_age: float | None = None  # years
    young: float = 0.0  # years; who is younger trains towards no class, see runs.training.run_splits
    leave_out: int = 1  # corpora held back at a time, where split is "corpora"
    max_error: float = 0.02  # share of each class's clips that may be answered wrongly; what is less sure is "uncertain"
    training: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        check_kinds(self, error=ModelError)
        if not 0 <= self.max_error < 1:
            raise ModelError(f"max_error={self.max_error!r}: must be 0 or more and below 1")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """The settings that dataclasses.asdict gave; those that an older program did not know take their defaults. Raises
        ModelError for others than these."""
        training = values.get("training")
        known = ({one.name for one in fields(cls)}, {one.name for one in fields(TrainConfig)})
        if not isinstance(training, dict) or "map" not in values:
            raise ModelError("settings of no run: no map or no training in them; train again")
        if newer := sorted((set(values) - known[0]) | (set(training) - known[1])):
            raise ModelError(f"settings that are not known: {', '.join(map(str, newer))}; made by a newer voicecam, or by hand")
        return cls(**{**values, "training": TrainConfig(**training)})


def project_of(folder: Path) -> Path:
    """The project's folder of a run, as an absolute path: the one that holds results/, in which the run lies, and maps/."""
    whole = Path(os.path.abspath(folder))
    return next((place.parent for place in whole.parents if place.name == "results"), whole.parent.parent)


def start_run(folder: Path, settings: Settings, *, command: str) -> None:
    """Make the run's folder with run.json; one that is there is gone on with when its settings are the same.

    Raises ModelError when the folder holds a run with other settings: a result is never overwritten.
    """
    path, asked = folder / "run.json", replace(settings, map=portable(project_of(folder) / settings.map, project_of(folder)))
    if path.exists():
        differing = differences(asdict(_stored(folder)), asdict(asked))
        if differing:
            raise ModelError(f"{folder}: holds a run with other settings ({differing}); choose another --run name")
        return
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder}: is there and is no run of voicecam; choose another --run name")
    write_json(path, {"settings": asdict(asked), "command": command})


def open_run(folder: Path) -> Settings:
    """The settings of a run, with an absolute path of its map: that of the project it lies in now. Raises ModelError when there
    is none."""
    stored = _stored(folder)
    return replace(stored, map=str(project_of(folder) / stored.map))


def _stored(folder: Path) -> Settings:
    """The settings as run.json has them."""
    if not (folder / "run.json").exists():
        raise ModelError(f"{folder}: no such run; train one first, or check the name")
    found = read_json(folder / "run.json", error=ModelError)
    if not isinstance(found, dict) or not isinstance(found.get("settings"), dict):
        raise ModelError(f"{folder / 'run.json'}: says no settings of a run; train again under another name")
    try:
        return Settings.from_dict(found["settings"])
    except VoicecamError as reason:
        raise ModelError(f"{folder / 'run.json'}: {reason}") from None


def fold_places(folder: Path) -> list[Path]:
    """Folders of the trained folds, in order. Raises ModelError when there are none."""
    places = sorted(folder.glob("fold*/meta.json"), key=lambda path: int(path.parent.name.removeprefix("fold")))
    if not places:
        raise ModelError(f"{folder}: no trained model; run voicecam train --run {folder.name} first")
    return [path.parent for path in places]


def read_split(place: Path, dataset: Dataset) -> Split:
    """The split that a fold was trained on, as rows of `dataset`."""
    values = read_json(place / "split.json", error=ModelError)
    if not isinstance(values, dict) or not all(isinstance(values.get(part), list) for part in PARTS):
        raise ModelError(f"{place / 'split.json'}: says no split; train again")
    index = pd.Index(dataset.clips["path"])
    rows = {part: index.get_indexer(pd.Index(values[part], dtype="string")) for part in PARTS}
    if any((found < 0).any() for found in rows.values()):
        raise DatasetError(f"{place}: clips it was trained on are no longer in the map; make the images again, or train again")
    return Split(**rows, warning=values.get("warning", ""))


def write_split(place: Path, dataset: Dataset, split: Split) -> None:
    """Write a fold's split by the paths of its clips, as `read_split` reads it."""
    paths = dataset.clips["path"].to_numpy()
    write_json(place / "split.json", {part: list(paths[getattr(split, part)]) for part in PARTS} | {"warning": split.warning})


def read_predictions(folder: Path) -> pd.DataFrame:
    """The run's predictions.csv. Raises ModelError when it was not evaluated."""
    if not (folder / "metrics.json").exists():
        raise ModelError(f"{folder}: not evaluated yet; run voicecam evaluate --run {folder.name} first")
    return read_table(folder / "predictions.csv")


def differences(there: dict[str, Any], asked: dict[str, Any]) -> str:
    """ "epochs 8, now 10" for each setting that differs."""
    found = []
    for key, value in asked.items():
        if isinstance(value, dict):
            found.append(differences(there.get(key, {}), value))
        elif there.get(key) != value:
            found.append(f"{key} {there.get(key)}, now {value}")
    return ", ".join(text for text in found if text)

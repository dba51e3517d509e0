"""Training speakers' bands: what each band is worth to the score of voices that the model learned from, class by class. A clip's
own bands are laid beside them. Measured once for a model and kept in its folder as bands.json; another model's are not used."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam.errors import ModelError
from voicecam.files import file_sha256, read_json, write_json

BANDS = "third-octaves"
FILE = "bands.json"
CLIPS = 12  # of one speaker at most; speakers weigh equally, and more clips of one change its mean little
LOW, HIGH = 10, 90  # per cent of speakers between which the range lies
Progress = Callable[[Iterable, int], Iterable]


@dataclass(frozen=True)
class Ranges:
    """names : of the bands; classes : of each class, mean, low and high of its speakers, per band; speakers, clips."""

    names: tuple[str, ...]
    classes: dict[str, dict[str, Any]]

    def of(self, label: str) -> dict[str, Any] | None:
        """The facts of one class, None where it has none."""
        return self.classes.get(label)


def load_ranges(folder: Path) -> Ranges | None:
    """The ranges in a model's folder; None where there are none, or where they are another model's. Raises ModelError for a
    broken file."""
    path = folder / FILE
    if not path.exists():
        return None
    facts = read_json(path, error=ModelError)
    if facts.get("weights_sha256") != file_sha256(folder / "model.safetensors"):
        return None
    return Ranges(tuple(facts["names"]), facts["classes"])


def summarise(drops: np.ndarray, classes_of: list[str], speakers: list[str]) -> dict[str, dict[str, Any]]:
    """Mean, and 10 % and 90 % of speakers, per class and band; a speaker counts by the mean of its clips.

    drops : float (clip, band), each for the clip's own class
    """
    found = {}
    for name in sorted(set(classes_of)):
        here = np.array([one == name for one in classes_of])
        voices = pd.Series(speakers)[here].to_numpy()
        each = pd.DataFrame(drops[here]).groupby(voices).mean().to_numpy()  # (speaker, band)
        low, high = np.percentile(each, [LOW, HIGH], axis=0)
        numbers = {"mean": each.mean(axis=0), "low": low, "high": high}
        facts = {key: [round(float(x), 4) for x in values] for key, values in numbers.items()}
        found[name] = {**facts, "speakers": len(each), "clips": int(here.sum())}
    return found


def write_ranges(folder: Path, names: tuple[str, ...], classes: dict[str, dict[str, Any]], corpora: list[str]) -> Path:
    """Write bands.json beside the model that it belongs to; returns its path."""
    facts = {"weights_sha256": file_sha256(folder / "model.safetensors"), "bands": BANDS, "corpora": corpora}
    write_json(folder / FILE, {**facts, "names": list(names), "classes": classes})
    return folder / FILE


def choose(clips: pd.DataFrame, label: str, *, seed: int = 0) -> pd.DataFrame:
    """At most CLIPS clips of each speaker, drawn at random."""
    shuffled = clips[clips[label].notna()].sample(frac=1, random_state=seed)
    return shuffled.groupby("speaker").head(CLIPS)


def outside(drops: np.ndarray, names: tuple[str, ...], label: str, ranges: Ranges | None) -> str:
    """One sentence: in which bands a clip lies outside the range of the training speakers of its class."""
    facts = None if ranges is None else ranges.of(label)
    if facts is None:
        top = int(np.argmax(drops))
        return f"Most for {label} speaks the band {names[top]}: without it the score falls by {drops[top]:.2f}."
    off = [name for name, x, low, high in zip(names, drops, facts["low"], facts["high"]) if not low <= x <= high]
    who = f"what 8 of 10 of {facts['speakers']} training speakers named {label} have"
    if not off:
        return f"All {len(names)} bands lie inside {who}."
    return f"{len(off)} of {len(names)} bands lie outside {who}: {', '.join(off)}."

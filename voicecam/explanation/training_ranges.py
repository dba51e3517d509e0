"""Training clips' bands: what each band is worth to the score of clips that the model learned from, class by class. A clip's own
bands are laid beside them. Measured once for a model and kept in its folder as bands.json; another model's are not used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam.errors import ModelError
from voicecam.explanation.band_occlusion import REFERENCES
from voicecam.files import file_sha256, read_json, write_json

BANDS = "third-octaves"
DIGITS = 4  # of logits, in files and answers
FILE = "bands.json"
FORMAT = 3  # of bands.json; 2 was measured with each band at the clip's floor, not as in the average training clip
CLIPS = 12  # of one speaker at most; speakers weigh the same, however many of theirs are measured
LOW, HIGH = 10, 90  # per cent of clips between which the range lies


@dataclass(frozen=True)
class TrainingRanges:
    """names : of the bands; classes : of each class what `summarise` gives."""

    names: tuple[str, ...]
    classes: dict[str, dict[str, Any]]

    def of(self, label: str) -> dict[str, Any] | None:
        """The facts of one class, None where it has none."""
        return self.classes.get(label)


def load_ranges(folder: Path) -> TrainingRanges | None:
    """The ranges in a model's folder; None where there are none, or where they are another model's or of another format. Raises
    ModelError for a broken file."""
    path = folder / FILE
    if not path.exists():
        return None
    facts = read_json(path, error=ModelError, needs={})
    if facts.get("format") != FORMAT or facts.get("weights_sha256") != file_sha256(folder / "model.safetensors"):
        return None
    facts = read_json(path, error=ModelError, needs={"names": list, "classes": dict})
    return TrainingRanges(tuple(facts["names"]), facts["classes"])


def summarise(drops: np.ndarray, classes_of: list[str], speakers: list[str]) -> dict[str, dict[str, Any]]:
    """The range of single clips, class by class; each speaker weighs the same, so a clip weighs 1 / clips of its speaker.

    drops : float (clip, band), each for the clip's own class
    Returns of each class: mean, low (10 % of clips) and high (90 %) per band; outside, in how many bands a clip of these lies
    outside the range itself: median, and most, which 9 of 10 clips do not pass; speakers, clips.
    """
    found = {}
    drops = _rounded(drops)
    for name in sorted(set(classes_of)):
        here = np.array([one == name for one in classes_of])
        voices = pd.Series(speakers)[here]
        weights = (1 / voices.groupby(voices).transform("size")).to_numpy()
        low, high = _percentiles(drops[here], weights, [LOW, HIGH])
        numbers = {"mean": np.average(drops[here], axis=0, weights=weights), "low": low, "high": high}
        facts = {key: _rounded(values).tolist() for key, values in numbers.items()}
        off = ((drops[here] < low) | (drops[here] > high)).sum(axis=1)
        median, most = (int(x) for x in _percentiles(off, weights, [50, HIGH]))
        outside = {"median": median, "most": most}
        found[name] = {**facts, "outside": outside, "speakers": voices.nunique(), "clips": int(here.sum())}
    return found


def _rounded(logits: np.ndarray) -> np.ndarray:
    """As they are stored: a clip at the very edge of the range is compared as it was measured."""
    return np.asarray(logits, dtype=float).round(DIGITS)


def _percentiles(values: np.ndarray, weights: np.ndarray, per_cent: list[int]) -> np.ndarray:
    """Weighted percentiles over the first axis: the smallest value at or below which that share of the weight lies."""
    return np.percentile(values, per_cent, axis=0, weights=weights, method="inverted_cdf")


def write_ranges(folder: Path, names: tuple[str, ...], classes: dict[str, dict[str, Any]], corpora: list[str]) -> Path:
    """Write bands.json beside the model that it belongs to; returns its path."""
    weights = file_sha256(folder / "model.safetensors")
    facts = {"format": FORMAT, "weights_sha256": weights, "bands": BANDS, "reference": REFERENCES[0], "corpora": corpora}
    write_json(folder / FILE, {**facts, "names": list(names), "classes": classes})
    return folder / FILE


def choose(clips: pd.DataFrame, label: str, *, seed: int = 0) -> pd.DataFrame:
    """At most CLIPS clips of each speaker, drawn at random."""
    shuffled = clips[clips[label].notna()].sample(frac=1, random_state=seed)
    return shuffled.groupby("speaker").head(CLIPS)


def strongest(drops: np.ndarray, names: tuple[str, ...], label: str) -> str:
    """One sentence: the band without whose own content the label's score falls furthest.

    drops : float (band,), fall of the score when each band is as in the average training clip, in logits
    """
    top = int(np.argmax(drops))
    if not drops[top] > 0:
        return f"No band speaks for {label}: the score never falls when one is made average."
    return f"Most for {label} speaks the band {names[top]}: when it is made average, the score falls by {drops[top]:.2f}."


def describe_outliers(drops: np.ndarray, names: tuple[str, ...], label: str, ranges: TrainingRanges | None) -> str:
    """In words: in which bands a clip lies outside the range of training clips of its class, and in how many a training clip
    does. Where there is no such range, `strongest`."""
    facts = None if ranges is None else ranges.of(label)
    if facts is None:
        return strongest(drops, names, label)
    off = [name for name, x, low, high in zip(names, _rounded(drops), facts["low"], facts["high"]) if not low <= x <= high]
    where = f": {', '.join(off)}" if off else ""
    usual = facts["outside"]
    return (
        f"{len(off)} of {len(names)} bands lie outside what 8 of 10 training clips named {label} have in each "
        f"({facts['speakers']} speakers, each weighing the same){where}. A training clip itself has {usual['median']} outside "
        f"(median), and 9 of 10 have at most {usual['most']}."
    )

"""One recording under two names: copies within a corpus, by their fingerprints, whatever their file name, format, rate or level.

Under two speakers a copy puts one voice on both sides of a split, or gives somebody a wrong label. Removes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voicecam.audio.fingerprints import pairs
from voicecam.corpora.labels import listing
from voicecam.data.splits import Split


@dataclass(frozen=True)
class Duplicates:
    """Copies within a corpus.

    across : one row per pair of recordings under two speakers: path, speaker, other_path, other_speaker, and apart: True where
        one of the two was tested by a network that had met the other in training or validation (False where no splits are given)
    within : pairs of recordings under one speaker
    """

    across: pd.DataFrame
    within: int


def find_duplicates(clips: pd.DataFrame, prints: np.ndarray | None, splits: Sequence[Split] = ()) -> Duplicates:
    """Copies among clips with columns path and speaker and the fingerprints uint8 (clip, BYTES); none where these are None.

    Clips in which nothing sounds are no copies of each other. splits : of a run, whose rows are those of `clips`
    """
    heard = np.flatnonzero(prints.any(axis=1)) if prints is not None else np.zeros(0, int)
    found = np.array(pairs(prints[heard]) if prints is not None and len(heard) else [], dtype=int).reshape(-1, 2)
    these, those = heard[found].T
    who = clips["speaker"].to_numpy(dtype=str)
    two = who[these] != who[those]
    these, those = these[two], those[two]
    path = clips["path"].to_numpy(dtype=str)
    names = {"path": path[these], "speaker": who[these], "other_path": path[those], "other_speaker": who[those]}
    return Duplicates(pd.DataFrame({**names, "apart": _apart(these, those, len(clips), splits)}), int((~two).sum()))


def duplicates_warning(found: Duplicates) -> str:
    """Which speakers share recordings, one line; "" where none do."""
    if found.across.empty:
        return ""
    shared = found.across.groupby(["speaker", "other_speaker"]).size().sort_values(ascending=False)
    who = listing([f"{first} and {second} ({n})" for (first, second), n in shared.items()])
    apart = int(found.across["apart"].sum())
    tested = f"; {apart} of them stood on both sides of a split, so their scores are not those of new voices" if apart else ""
    return f"{_pairs(len(found.across))} under the names of two speakers: {who}{tested}."


def duplicates_sentences(found: Duplicates) -> list[str]:
    """What was found, for a report: the warning, or that there is none, and how many recordings stand twice under one speaker."""
    warning = duplicates_warning(found)
    across = f"Warning: {warning}" if warning else "No recording stands under the names of two speakers."
    within = (
        f"{_pairs(found.within)} under one speaker's name." if found.within else "None stands twice under one speaker's name."
    )
    return [across, within]


def _pairs(n: int) -> str:
    return f"{n} pair{'s' * (n != 1)} of copies of one recording stand{'s' * (n == 1)}"


def _apart(these: np.ndarray, those: np.ndarray, n: int, splits: Sequence[Split]) -> np.ndarray:
    """Whether the two of a pair stand on two sides of a test in any split, bool (pair,)."""
    found = np.zeros(len(these), dtype=bool)
    for split in splits:
        met, tested = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        met[split.train], met[split.valid], tested[split.test] = True, True, True
        found |= (met[these] & tested[those]) | (tested[these] & met[those])
    return found

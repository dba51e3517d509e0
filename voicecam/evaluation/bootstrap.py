"""Intervals that know who spoke: whole speakers are drawn with replacement, because clips of one speaker are not independent.

Knows no metric: it gives the draws, and the sums of any values over them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

DRAWS = 2000  # bootstrap draws; their 2.5 % and 97.5 % points then move by about 0.001 between seeds
Interval = dict[str, float | None]


@dataclass(frozen=True)
class SpeakerDraws:
    """The speakers of a table, drawn again and again within each fold and class.

    number : int (clip,), each clip's speaker; a speaker tested in two folds counts as two
    folds : (speaker,), each speaker's fold
    times : float (DRAWS, speaker), how much each speaker counts in each draw
    """

    number: np.ndarray
    folds: np.ndarray
    times: np.ndarray

    def per_speaker(self, values: np.ndarray) -> np.ndarray:
        """Sums over each speaker's clips, float (speaker, ...), of values per clip (clip, ...)."""
        sums = np.zeros((len(self.folds), *np.shape(values)[1:]))
        np.add.at(sums, self.number, values)
        return sums

    def drawn(self, sums: np.ndarray) -> np.ndarray:
        """Sums over the drawn speakers, float (DRAWS, ...), of sums per speaker (speaker, ...)."""
        return np.tensordot(self.times, sums, axes=1)

    def ratio(self, over: np.ndarray, under: np.ndarray) -> Interval:
        """sum(over) / sum(under) of values per clip, with its interval; a share where `over` is part of `under`."""
        sums = self.per_speaker(np.stack([over, under], axis=1).astype(float))
        whole, drawn = sums.sum(axis=0), self.drawn(sums)
        shares = np.divide(drawn[:, 0], drawn[:, 1], out=np.full(len(drawn), np.nan), where=drawn[:, 1] > 0)
        return interval(whole[0] / whole[1] if whole[1] > 0 else np.nan, shares)


def draw_speakers(predictions: pd.DataFrame, *, seed: int) -> SpeakerDraws:
    """Draw the speakers of a table with columns speaker, fold and true; those with clips of several classes form one stratum."""
    groups = predictions.groupby(["fold", "speaker"], sort=True)
    names = np.unique(predictions["true"].to_numpy(dtype=str), return_inverse=True)[1]
    table = pd.DataFrame({"speaker": groups.ngroup().to_numpy(), "fold": predictions["fold"].to_numpy(), "class": names})
    each = table.groupby("speaker").agg(fold=("fold", "first"), low=("class", "min"), high=("class", "max"))
    home = np.where(each["low"] == each["high"], each["low"], -1)
    strata = np.unique(np.stack([each["fold"], home], axis=1), axis=0, return_inverse=True)[1].ravel()
    return SpeakerDraws(table["speaker"].to_numpy(), each["fold"].to_numpy(), _times(strata, np.random.default_rng(seed)))


def interval(value: Any, drawn: np.ndarray) -> Interval:
    """The value with the 2.5 % and 97.5 % points of its bootstrap draws; all None for a value that is not there (NaN)."""
    if not np.isfinite(value):
        return dict.fromkeys(("value", "low", "high"))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


def _times(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much each speaker counts in each draw, float (DRAWS, n_speakers): with replacement, within the strata.

    Of n speakers n - 1 are drawn, and each counts n / (n - 1): drawing n would make intervals of few speakers too narrow, by
    sqrt((n - 1) / n) (Rao and Wu 1988). A stratum of one speaker cannot vary, and its share of the interval is missing.
    """
    times = np.ones((DRAWS, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        if n > 1:
            times[:, members] = rng.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS) * (n / (n - 1))
    return times

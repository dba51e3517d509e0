"""Intervals that know who spoke: whole speakers are drawn with replacement, because clips of one speaker are not independent.

Knows no metric: it gives the draws, and the sums of any values over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

DRAWS = 2000  # bootstrap draws; their 2.5 % and 97.5 % points then move by about 0.001 between seeds
TAIL = 0.025  # of either end of an interval
ALIKE = 1e-12  # draws nearer than this differ by rounding
Interval = dict[str, float | None]


@dataclass(frozen=True)
class SpeakerDraws:
    """The speakers of a table, drawn again and again within each fold and class.

    number : int (clip,), each clip's speaker; a speaker tested in two folds counts as two
    folds : (speaker,), each speaker's fold
    times : float (DRAWS, speaker), how much each speaker counts in each draw
    speakers : tested speakers of each class
    """

    number: np.ndarray
    folds: np.ndarray
    times: np.ndarray
    speakers: dict[str, int]

    @property
    def alone(self) -> list[str]:
        """Classes that have one tested speaker: how speakers of such a class differ cannot be seen."""
        return [name for name, n in self.speakers.items() if n == 1]

    def per_speaker(self, values: np.ndarray) -> np.ndarray:
        """Sums over each speaker's clips, float (speaker, ...), of values per clip (clip, ...)."""
        sums = np.zeros((len(self.folds), *np.shape(values)[1:]))
        np.add.at(sums, self.number, values)
        return sums

    def drawn(self, sums: np.ndarray) -> np.ndarray:
        """Sums over the drawn speakers, float (DRAWS, ...), of sums per speaker (speaker, ...)."""
        return np.tensordot(self.times, sums, axes=1)

    def ratio(self, over: np.ndarray, under: np.ndarray, *, share: bool = False) -> Interval:
        """sum(over) / sum(under) of values per clip, with its interval; share : `over` is part of `under`, see `interval`."""
        sums = self.per_speaker(np.stack([over, under], axis=1).astype(float))
        whole, drawn = sums.sum(axis=0), self.drawn(sums)
        shares = np.divide(drawn[:, 0], drawn[:, 1], out=np.full(len(drawn), np.nan), where=drawn[:, 1] > 0)
        return self.interval(whole[0] / whole[1] if whole[1] > 0 else np.nan, shares, share=share)

    def interval(self, value: Any, drawn: np.ndarray, *, of: str | None = None, share: bool = False) -> Interval:
        """The value with the 2.5 % and 97.5 % points of its draws (DRAWS,), as {"value", "low", "high"}.

        of : the class whose speakers alone the value depends on; None: all classes
        share : the value is a share, 0 to 1. Where no draw differs from it and it is 0 or 1, all speakers being alike, the other
            end is the share at which so many speakers alike still come up in 2.5 % of samples (Clopper and Pearson 1934, each
            speaker counting once): 0.025 ** (1 / n) for 1, with n as in `_fewest`.
        low and high are None where there is no interval: a class has one tested speaker, or no draw differs from any other. All
        are None for a value that is not there (NaN).
        """
        if not np.isfinite(value):
            return dict.fromkeys(("value", "low", "high"))
        low, high = map(float, ends(drawn))
        if self.alone and of in (None, *self.alone):
            return {"value": float(value), "low": None, "high": None}
        if np.isnan(low) and share and min(value, 1 - value) < ALIKE:
            far = TAIL ** (1 / self._fewest(of))
            low, high = (far, 1.0) if value > 0.5 else (0.0, 1 - far)
        if np.isnan(low):
            return {"value": float(value), "low": None, "high": None}
        return {"value": float(value), "low": low, "high": high}

    def _fewest(self, of: str | None) -> int:
        """Speakers that a value rests on: of a class; of all, as many as if each class had those of the smallest."""
        if of is not None:
            return self.speakers[of]
        return min(len(self.folds), len(self.speakers) * min(self.speakers.values()))


def ends(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 2.5 % and 97.5 % points of draws (draw, ...), NaN left out; NaN where no draw differs from any other."""
    varies = np.isfinite(drawn).any(axis=0)
    filled = np.where(varies, drawn, 0.0)
    varies &= np.nanmax(filled, axis=0) - np.nanmin(filled, axis=0) > ALIKE
    low, high = np.where(varies, np.nanpercentile(filled, [2.5, 97.5], axis=0), np.nan)
    return low, high


def draw_speakers(predictions: pd.DataFrame, *, seed: int) -> SpeakerDraws:
    """Draw the speakers of a table with columns speaker, fold and true, within each fold and class.

    Those with clips of several classes form a stratum of their own. A stratum of one speaker would never vary and its share of
    the spread would be missing, so strata are put together where there is one: first a class's over all folds, then with those
    of several classes. A class with one tested speaker in all folds stays as it is: see SpeakerDraws.alone.
    """
    groups = predictions.groupby(["fold", "speaker"], sort=True)
    names, true = np.unique(predictions["true"].to_numpy(dtype=str), return_inverse=True)
    table = pd.DataFrame({"speaker": groups.ngroup().to_numpy(), "fold": predictions["fold"].to_numpy(), "class": true})
    each = table.groupby("speaker").agg(fold=("fold", "first"), low=("class", "min"), high=("class", "max"))
    home = np.where(each["low"] == each["high"], each["low"], -1)
    strata = _strata(each["fold"].to_numpy(), home)
    who = {str(names[i]): int(n) for i, n in predictions["speaker"].groupby(true).nunique().items()}
    return SpeakerDraws(table["speaker"].to_numpy(), each["fold"].to_numpy(), _times(strata, np.random.default_rng(seed)), who)


def no_interval_reason(alone: Sequence[str]) -> str:
    """Why scores have no interval, for people: "no interval: class b has one tested speaker"; "" without such classes."""
    if not alone:
        return ""
    have = "class {} has" if len(alone) == 1 else "classes {} have"
    return f"no interval: {have.format(', '.join(alone))} one tested speaker{'' if len(alone) == 1 else ' each'}"


def _strata(folds: np.ndarray, home: np.ndarray) -> np.ndarray:
    """Number of each speaker's stratum, int (speaker,). home : each one's class, -1 for several. See `draw_speakers`."""
    strata = np.stack([folds, home], axis=1)
    for name in np.unique(home):
        here = home == name
        if np.unique(folds[here], return_counts=True)[1].min() == 1:
            strata[here, 0] = -1  # over all folds
    lone = [name for name in np.unique(home) if (home == name).sum() == 1]
    if (home == -1).any() and lone:
        strata[np.isin(home, [-1, *lone])] = -1
    if (home == -1).sum() == 1 and lone == [-1]:
        strata[:] = -1  # a single speaker of several classes among speakers of one
    return np.unique(strata, axis=0, return_inverse=True)[1].ravel()


def _times(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much each speaker counts in each draw, float (DRAWS, n_speakers): with replacement, within the strata.

    Of n speakers n - 1 are drawn, and each counts n / (n - 1): drawing n would make intervals of few speakers too narrow, by
    sqrt((n - 1) / n) (Rao and Wu 1988).
    """
    times = np.ones((DRAWS, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        if n > 1:
            times[:, members] = rng.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS) * (n / (n - 1))
    return times

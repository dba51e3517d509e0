"""Intervals that know who spoke: clips of one speaker are not independent, so whole speakers are left out, one after another.

Knows no metric: it gives the sums of any values without each speaker, and the interval of a score from the score without each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import t as student

from voicecam.corpora.labels import listing

DRAWS = 500  # of speakers, for scores that are not smooth; the width of an interval then moves by some 3 % between seeds
TAIL = 0.025  # of either end of an interval
ALIKE = 1e-12  # replicates nearer than this differ by rounding
FEWEST = 5.0  # effective speakers of a class below which its intervals are not to be trusted
NAMED = 3  # classes in a sentence
Interval = dict[str, float | None]


@dataclass(frozen=True)
class Jackknife:
    """The tested speakers of a table, for the delete-one-speaker jackknife: every score is computed again without each of them.

    number : int (clip,), each clip's speaker
    strata : int (speaker,), each speaker's stratum: a class, or all who have clips of several
    shares : float (speaker, class), how much of each class is this speaker's; each class sums to 1
    classes : of the table, in the order of `shares`
    """

    number: np.ndarray
    strata: np.ndarray
    shares: np.ndarray
    classes: tuple[str, ...]

    @property
    def alone(self) -> list[str]:
        """Classes that have one tested speaker: how speakers of such a class differ cannot be seen."""
        return [name for name, n in zip(self.classes, (self.shares > 0).sum(axis=0)) if n == 1]

    @property
    def effective(self) -> dict[str, float]:
        """Effective speakers of each class (Kish 1965): (sum n)^2 / sum n^2 of its speakers' numbers of clips n.

        As many speakers with equally many clips each would tell as much. 10 and 1 clips of 2 speakers make 1.2.
        """
        return dict(zip(self.classes, map(float, 1 / (self.shares**2).sum(axis=0))))

    @property
    def effective_together(self) -> float:
        """Effective speakers of a mean over the classes: as above, each clip weighing one over its class's clips."""
        return float(len(self.classes) ** 2 / (self.shares.sum(axis=1) ** 2).sum())

    def per_speaker(self, values: np.ndarray) -> np.ndarray:
        """Sums over each speaker's clips, float (speaker, ...), of values per clip (clip, ...)."""
        sums = np.zeros((len(self.strata), *np.shape(values)[1:]))
        np.add.at(sums, self.number, values)
        return sums

    def without(self, sums: np.ndarray) -> np.ndarray:
        """Sums without each speaker, float (speaker, ...), of sums per speaker (speaker, ...).

        The n - 1 others of the speaker's stratum count n / (n - 1) each, so that the stratum keeps its weight among the others. A
        stratum of one speaker stays whole: see `alone`.
        """
        sums = np.asarray(sums, dtype=float)
        replicates = np.repeat(sums.sum(axis=0)[None], len(sums), axis=0)
        for members in self._strata():  # what is left is a difference: exactly 0 where nobody else has any
            left, others = sums[members].sum(axis=0) - sums[members], np.delete(sums, members, axis=0).sum(axis=0)
            replicates[members] = left * (len(members) / (len(members) - 1)) + others
        return replicates

    def ratio(
        self, over: np.ndarray, under: np.ndarray, *, share: bool = False, within: tuple[float, float] | None = None
    ) -> Interval:
        """sum(over) / sum(under) of values per clip, with its interval; share : `over` is part of `under`, see `interval`."""
        sums = self.per_speaker(np.stack([over, under], axis=1).astype(float))
        whole, without = sums.sum(axis=0), self.without(sums)
        ratios = np.divide(without[:, 0], without[:, 1], out=np.full(len(without), np.nan), where=without[:, 1] > ALIKE)
        return self.interval(whole[0] / whole[1] if whole[1] > 0 else np.nan, ratios, share=share, within=within)

    def interval(
        self,
        value: Any,
        replicates: np.ndarray,
        *,
        of: str | None = None,
        share: bool = False,
        within: tuple[float, float] | None = None,
    ) -> Interval:
        """The value with its 95 % interval from its replicates (speaker,), as {"value", "low", "high"}; see `ends`.

        of : the class whose speakers alone the value depends on; None: all classes
        share : the value is a share, 0 to 1, and its interval is made on the logit. Where it is 0 or 1, all speakers being
            alike, the other end is the share at which so many speakers alike still come up in 2.5 % of samples (Clopper and
            Pearson 1934): 0.025 ** (1 / n) for 1, with n effective speakers (Korn and Graubard 1998), see `_fewest`.
        within : what another value cannot leave, see `ends`
        low and high are None where there is no interval: a class has one tested speaker, the value rests on one, or no replicate
        differs from any other. All are None for a value that is not there (NaN).
        """
        if not np.isfinite(value):
            return dict.fromkeys(("value", "low", "high"))
        low, high = map(float, self.ends(value, replicates, within=(0, 1) if share else within))
        if self.alone and of in (None, *self.alone):
            return {"value": float(value), "low": None, "high": None}
        if share and min(value, 1 - value) < ALIKE:
            far = TAIL ** (1 / self._fewest(of))
            low, high = (far, 1.0) if value > 0.5 else (0.0, 1 - far)
        if np.isnan(low):
            return {"value": float(value), "low": None, "high": None}
        return {"value": float(value), "low": low, "high": high}

    def ends(
        self, value: Any, replicates: np.ndarray, *, within: tuple[float, float] | None = None, tail: float = TAIL
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end, float (...) each, of values (...) with replicates (speaker, ...): 95 %, or what `tail` leaves out.

        The variance is that of the jackknife about the value, summed over the strata (Wolter 2007); the ends are Student's, with
        Satterthwaite's degrees of freedom (1946), a stratum of n effective speakers having n - 1, see `_freedom`.
        within : what the value cannot leave, such as (0, 1) of a share or (-1, 1) of a correlation; the ends are then made on the
            logit of the place between them (of a correlation this is Fisher's z); a value that is one of them is its own end
        NaN where no replicate differs from the value, or where one is missing.
        """
        value, half = np.asarray(value, dtype=float), self._half(value, np.asarray(replicates, dtype=float), tail)
        if within is None:
            return value - half, value + half
        start, width = within[0], within[1] - within[0]
        place, half = (value - start) / width, half / width
        inside = (place > ALIKE) & (place < 1 - ALIKE)
        middle = np.where(inside, place, 0.5)
        steps = half / (middle * (1 - middle))
        low, high = (
            np.where(inside, expit(logit(middle) + sign * steps), np.clip(place + sign * half, 0, 1)) for sign in (-1, 1)
        )
        return start + width * low, start + width * high

    def bias(self, value: float, replicates: np.ndarray) -> float:
        """How much too large a value with replicates (speaker,) is on average, by the jackknife; 0 for a mean."""
        return float(sum((len(members) - 1) * (replicates[members].mean() - value) for members in self._strata()))

    def resampled(self, sums: np.ndarray, *, seed: int) -> np.ndarray:
        """Sums over speakers drawn with replacement within their strata, float (DRAWS, ...), of sums per speaker (speaker, ...).

        For scores that are not smooth, such as ranks: leaving out one speaker too often changes nothing (Efron 1982). Of n
        speakers n - 1 are drawn, and each counts n / (n - 1): drawing n would make the spread too narrow (Rao and Wu 1988).
        """
        rng, times = np.random.default_rng(seed), np.ones((DRAWS, len(self.strata)))
        for members in self._strata():
            n = len(members)
            times[:, members] = rng.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS) * (n / (n - 1))
        return np.tensordot(times, sums, axes=1)

    def ends_of_draws(self, value: Any, drawn: np.ndarray, *, within: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """95 % ends, float (...) each, of values (...) from `resampled` ones (DRAWS, ...): Student's, about the value, with the
        root mean square distance of the draws from it, which holds their bias too; cut at the ends of `within`."""
        spread = np.sqrt(np.nanmean((drawn - value) ** 2, axis=0))
        variances = np.array([1 / self._effective(members) for members in self._strata()])
        freedoms = np.array([self._freedom(members) for members in self._strata()])
        half = student.ppf(1 - TAIL, variances.sum() ** 2 / (variances**2 / freedoms).sum()) * spread
        return np.clip(value - half, *within), np.clip(value + half, *within)

    def _half(self, value: Any, replicates: np.ndarray, tail: float) -> np.ndarray:
        """Half the width of an interval, float (...), of values (...) with replicates (speaker, ...); NaN where there is none."""
        total, squares = np.zeros(replicates.shape[1:]), np.zeros(replicates.shape[1:])
        for members in self._strata():
            n = len(members)
            variance = (n - 1) / n * ((replicates[members] - value) ** 2).sum(axis=0)
            total += variance
            squares += variance**2 / self._freedom(members)
        varies = total > ALIKE**2
        freedom = np.divide(total**2, squares, out=np.ones(total.shape), where=squares > 0)
        return np.where(varies, student.ppf(1 - tail, freedom) * np.sqrt(total), np.nan)

    def _effective(self, members: np.ndarray) -> float:
        """Effective speakers of a stratum."""
        weights = self.shares[members].sum(axis=1)
        return float(weights.sum() ** 2 / (weights**2).sum())

    def _freedom(self, members: np.ndarray) -> float:
        """Degrees of freedom of a stratum's variance: effective speakers less one, at least 2 of 3 speakers or more. With 1 the
        ends would say nothing, and audit/intervals.py finds that those of 2 hold the truth often enough."""
        return max(self._effective(members) - 1, min(2, len(members) - 1))

    def _strata(self) -> list[np.ndarray]:
        """The speakers of each stratum of two or more, int (n,) each."""
        return [np.flatnonzero(self.strata == stratum) for stratum in np.flatnonzero(np.bincount(self.strata) > 1)]

    def _fewest(self, of: str | None) -> float:
        """Effective speakers that a value rests on: of a class; of all, as many as if each class had those of the smallest."""
        each = self.effective
        return each[of] if of is not None else min(self.effective_together, len(each) * min(each.values()))


def jackknife(predictions: pd.DataFrame, *, equal: bool = False) -> Jackknife:
    """The speakers of a table with columns speaker and true, a stratum for each class, over all folds.

    equal : in the scores every speaker of a class counts the same, whatever the number of clips
    Speakers with clips of several classes form a stratum of their own. A stratum of one speaker would never vary and its share
    of the spread would be missing, so it is put together with them. A class with one tested speaker stays as it is otherwise: see
    Jackknife.alone.
    Folds are no strata: speakers of different folds were judged by different networks, and that spread belongs to the score.
    """
    number, speakers = pd.factorize(predictions["speaker"].to_numpy(), sort=True)
    names, true = np.unique(predictions["true"].to_numpy(dtype=str), return_inverse=True)
    clips = np.zeros((len(speakers), len(names)))
    np.add.at(clips, (number, true), 1.0)
    counted = (clips > 0).astype(float) if equal else clips
    return Jackknife(number, _strata(clips > 0), counted / counted.sum(axis=0), tuple(map(str, names)))


def over_speakers(
    values: ArrayLike, speakers: ArrayLike, *, share: bool = False, within: tuple[float, float] | None = None
) -> dict[str, float]:
    """Mean of values (clip,) per speaker, then over speakers: value, low, high (95 % over speakers).

    Clips whose value is NaN are left out; without any other all three are NaN. One speaker, and speakers who are all alike, have
    no interval: low and high are NaN; but see Jackknife.interval on a share (0 to 1).
    within : what the mean cannot leave, such as (-1, 1) of a correlation
    """
    means = pd.Series(np.asarray(values, dtype=float)).groupby(np.asarray(speakers)).mean().dropna()
    if means.empty:
        return dict.fromkeys(("value", "low", "high"), float("nan"))
    tested = jackknife(pd.DataFrame({"speaker": means.index, "true": ""}))
    found = tested.ratio(means.to_numpy(), np.ones(len(means)), share=share, within=within)
    return {name: float("nan") if value is None else value for name, value in found.items()}


def no_interval_reason(alone: Sequence[str]) -> str:
    """Why scores have no interval, for people: "no interval: class b has one tested speaker"; "" without such classes."""
    if not alone:
        return ""
    have = "class {} has" if len(alone) == 1 else "classes {} have"
    return f"no interval: {have.format(listing(list(alone)))} one tested speaker{'' if len(alone) == 1 else ' each'}"


def few_speakers(effective: Mapping[str, float]) -> str:
    """Why intervals are not to be trusted, for people: "fewer than 5 effective speakers: b 1.9"; "" where every class has 5.

    effective : effective speakers of each class, see Jackknife; a class of one speaker has no interval to doubt
    """
    few = sorted((n, name) for name, n in effective.items() if n > 1 + ALIKE and round(n, 1) < FEWEST)
    if not few:
        return ""
    more = f" and {len(few) - NAMED} more classes" if len(few) > NAMED else ""
    named = ", ".join(f"{name} {n:.1f}" for n, name in few[:NAMED])
    return f"fewer than {FEWEST:.0f} effective speakers: {named}{more}; intervals that rest on so few are not to be trusted"


def _strata(has: np.ndarray) -> np.ndarray:
    """Number of each speaker's stratum, int (speaker,). has : bool (speaker, class). See `jackknife`."""
    home = np.where(has.sum(axis=1) == 1, has.argmax(axis=1), -1)
    lone = [name for name in np.unique(home) if (home == name).sum() == 1]
    if (home == -1).any() and lone:
        home = np.where(np.isin(home, [-1, *lone]), -1, home)
    return np.zeros_like(home) if lone == [-1] else home + 1  # a single speaker of several classes among speakers of one

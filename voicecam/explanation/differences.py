"""Shares of evidence per band -> how two classes differ, with intervals and permutation tests over speakers.

A difference says that the maps of two classes lie in other bands, not that the network would fail without them.
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from voicecam.errors import ExplainError
from voicecam.evaluation.bootstrap import draw_speakers, ends

PERMUTATIONS = 2000  # that are drawn where there are many; p is then right to about 0.005 near 0.05
FEW_WAYS = 20_000  # up to which every way of permuting is taken; 8 and 8 speakers have 12,870


def class_difference(
    shares: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    first: str,
    second: str,
    *,
    permuted: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Difference of the mean shares of two classes, band by band: clips are averaged per speaker and class, then over speakers.

    shares : float (clip, band), shares or signed weights, NaN for a blank map; classes_of, speakers : of each clip
    Returns one row per band: band, first, second (the means), difference (first minus second), low, high (95 % bootstrap over
    speakers), p (two-sided), p_adjusted (for all bands together), first_speakers, second_speakers, ways (permutations that p
    rests on), blank (clips of either class that have no map and are in no mean).
    permuted : whether p is wanted; without, it is NaN and ways is 0
    p : share of the permutations with a difference at least as large; a speaker with one class keeps the clips together and
        changes the class with others, one with both classes swaps the two. All ways are taken where they are FEW_WAYS or fewer,
        the observed one among them, so that of 4 and 4 speakers p is never below 2 of 70; else 2000 are drawn, and the observed
        one is added (Phipson and Smyth 2010). p_adjusted : the same for the largest of all bands' differences, each over its own
        spread under permutation (Westfall and Young 1993).
    With two classes and a contrast, the map for the one class is the map for the other with its sign turned (Grad-CAM, HiRes-CAM,
    Ablation-CAM, the methods on the picture): shares of positive parts then differ between clips explained each for its own
    class, even where the sound does not. Beside them belongs the same difference with random weights, or with every clip
    explained for one and the same class.
    Few speakers cannot give a small p: of 3 and 3, it is at least 0.1. A class of one speaker has no interval (NaN); of none but
    blank maps, no number at all. Raises ExplainError for a class that no clip has.
    """
    table = pd.DataFrame({"true": np.asarray(classes_of, dtype=str), "speaker": np.asarray(speakers, dtype=str), "fold": 1})
    for name in (first, second):
        if not (table["true"] == name).any():
            raise ExplainError(f"class {name!r}: no clip has it; use one of {', '.join(sorted(set(table['true'])))}")
    asked, seen = table["true"].isin([first, second]).to_numpy(), np.isfinite(shares).all(axis=1)
    table, values = table[asked & seen], shares[asked & seen]
    units = pd.DataFrame(values).groupby([table["speaker"].to_numpy(), table["true"].to_numpy()]).mean()  # (unit, band)
    voices, names = (units.index.get_level_values(level).to_numpy() for level in (0, 1))
    is_first = names == first
    found = {"band": np.arange(shares.shape[1]), "first_speakers": is_first.sum(), "second_speakers": (~is_first).sum()}
    numbers: dict[str, Any] = {"ways": 0}
    numbers |= dict.fromkeys(("first", "second", "difference", "low", "high", "p", "p_adjusted"), np.nan)
    if is_first.any() and not is_first.all():
        means = units.to_numpy()
        numbers["first"], numbers["second"] = means[is_first].mean(axis=0), means[~is_first].mean(axis=0)
        numbers["difference"] = numbers["first"] - numbers["second"]
        if 1 < is_first.sum() < len(means) - 1:
            times = draw_speakers(table, seed=seed).times[
                :, pd.factorize(voices, sort=True)[0]
            ]  # (draw, speaker) -> (draw, unit)
            drawn = _difference(times * is_first, times * ~is_first, means)
            numbers["low"], numbers["high"] = ends(drawn)
        if permuted:
            turned = _permuted(voices, is_first, np.random.default_rng(seed))
            numbers["p"], numbers["p_adjusted"] = _p(numbers["difference"], _difference(turned, ~turned, means))
            numbers["ways"] = len(turned)
    order = [
        "band",
        "first",
        "second",
        "difference",
        "low",
        "high",
        "p",
        "p_adjusted",
        "first_speakers",
        "second_speakers",
        "ways",
    ]
    return pd.DataFrame({**found, **numbers})[order].assign(blank=int((asked & ~seen).sum()))


def height(shares: np.ndarray, limits: Sequence[tuple[float, float]]) -> np.ndarray:
    """Height of each clip's evidence in Hz, float (clip,): the centre of gravity of its shares on the mel scale.

    shares : float (clip, h); what is below 0 counts as 0; limits : (low, high) of each row in Hz, see `bands.band_limits`
    On the mel scale (Slaney's, that of the features), because bands of a map are even there: in Hz one far band would decide.
    NaN for a clip with nothing above 0.
    """
    from librosa import hz_to_mel, mel_to_hz  # here, because importing librosa takes a second

    middles = hz_to_mel(np.asarray(limits, dtype=float)).mean(axis=1)  # (h, 2) -> (h,)
    weights = np.maximum(shares, 0)
    total = weights.sum(axis=1)
    return mel_to_hz(np.divide(weights @ middles, total, out=np.full(len(shares), np.nan), where=total > 0))


def height_difference(
    heights: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    first: str,
    second: str,
    *,
    permuted: bool = True,
    seed: int = 0,
) -> dict[str, float]:
    """Difference of two classes' heights in Hz, of `height`'s numbers (clip,): first, second, difference, low, high, p,
    first_speakers, second_speakers, ways, blank; made, and failing, as in `class_difference`."""
    table = class_difference(heights[:, None], classes_of, speakers, first, second, permuted=permuted, seed=seed)
    row = table.iloc[0]
    return {str(key): float(value) for key, value in row.drop(["band", "p_adjusted"]).items()}


def _difference(first: np.ndarray, second: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Weighted mean of the one minus that of the other, (draw, band); weights (draw, unit) each, of means (unit, band)."""
    return first @ means / first.sum(axis=1, keepdims=True) - second @ means / second.sum(axis=1, keepdims=True)


def _permuted(voices: np.ndarray, is_first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which units count to the first class, bool (permutation, unit), the observed way among them. Units of one speaker stand
    side by side. All ways where they are few, see FEW_WAYS; else the observed one and PERMUTATIONS drawn ones."""
    second_unit = np.flatnonzero(voices[1:] == voices[:-1]) + 1  # of speakers with both classes
    alone = np.setdiff1d(np.arange(len(voices)), np.concatenate([second_unit, second_unit - 1]))
    ways = comb(len(alone), int(is_first[alone].sum())) * 2 ** len(second_unit)
    if ways <= FEW_WAYS:
        chosen, swapped = _all_ways(is_first[alone], len(second_unit))
    else:
        swapped = rng.random((PERMUTATIONS, len(second_unit))) < 0.5
        chosen = rng.permuted(np.repeat(is_first[None, alone], PERMUTATIONS, axis=0), axis=1)
        swapped, chosen = np.vstack([np.zeros_like(swapped[:1]), swapped]), np.vstack([is_first[alone], chosen])
    turned = np.repeat(is_first[None], len(chosen), axis=0)
    turned[:, alone] = chosen
    for unit in (second_unit, second_unit - 1):
        turned[:, unit] ^= swapped
    return turned


def _all_ways(is_first: np.ndarray, both: int) -> tuple[np.ndarray, np.ndarray]:
    """Every way to choose the first class among units of speakers with one class, bool (way, unit), with every way to swap
    those of `both` speakers with two, bool (way, both)."""
    places = np.array(list(combinations(range(len(is_first)), int(is_first.sum()))), dtype=int)  # (way, first)
    chosen = np.zeros((len(places), len(is_first)), dtype=bool)
    np.put_along_axis(chosen, places, True, axis=1)
    swapped = (np.arange(2**both)[:, None] >> np.arange(both)) % 2 == 1  # (2 ** both, both)
    return np.repeat(chosen, len(swapped), axis=0), np.tile(swapped, (len(chosen), 1))


def _p(observed: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided p per band, and adjusted for the largest of all bands; (band,) each, of differences (permutation, band), the
    observed ones among them."""
    spread = np.maximum(drawn.std(axis=0), 1e-12)  # a band that never changes has no difference either
    here, there = np.abs(observed) / spread, np.abs(drawn) / spread
    reached = here - 1e-9  # a permutation that is the observed one counts, whatever the rounding
    return (there >= reached).mean(axis=0), (there.max(axis=1, keepdims=True) >= reached).mean(axis=0)

"""Many draws of random weights: are a method's maps of the trained network more alike to theirs than unrelated maps are?

Goes by sizes (absolute values) alone: with two classes the sign of a random network's map is a coin. Beside the plain test
(Adebayo et al. 2018) stand its two repaired forms of Hedström et al. (2023, "Sanity Checks Revisited"): smooth MPRT, whose maps
are means over noisy inputs, and efficient MPRT, the rise of the maps' entropy.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import entropy

from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.faithful import ENERGY, picture_itself
from voicecam.explanation.methods import METHODS, attribute_all
from voicecam.explanation.randomise import STEPS, randomised_model, rank_correlation, unit_ranks
from voicecam.network import Model

DRAWS = 20
UNRELATED = 0.95  # share of pairs of unrelated maps that are less alike than the bar of `chance_likeness`
SURE = 0.95  # share of draws that a method must pass
HEAVY_CLIPS = 2
NOISE = 0.1  # of each input's range, spread of what smooth MPRT adds (Quantus' default)
BINS = (10, 200)  # fewest and most of a histogram, see `map_entropy`


def chance_likeness(sizes_a: np.ndarray, sizes_b: np.ndarray) -> np.ndarray:
    """Rank correlations of maps that have nothing in common but how smooth they are: one of each pair is moved round and round
    (a torus) in time and frequency by every step but none; float (clip, h w - 1), NaN where a map is flat.

    sizes_a, sizes_b : float (clip, h, w). The torus shift is the usual null of maps with neighbours alike (Lotwick and Silverman
    1982; Fortin and Jacquez 2000): shuffling single cells would call any two smooth maps related.
    """
    moved = np.fft.ifft2(np.fft.fft2(unit_ranks(sizes_a)) * np.conj(np.fft.fft2(unit_ranks(sizes_b)))).real
    return moved.reshape(len(moved), -1)[:, 1:]


def map_entropy(maps: np.ndarray) -> np.ndarray:
    """Entropy in nat of the histogram of each map's values between its least and its largest, float (clip,).

    maps : float (clip, h, w), signed. Quantus' `discrete_entropy`, with as many bins as the root of the cells (within BINS) where
    it takes 100: an 8 x 8 map has 64 values.
    """
    bins = int(np.clip(round(np.sqrt(maps[0].size)), *BINS))
    return np.array([entropy(np.histogram(one, bins=bins)[0]) for one in maps])


def smooth_maps(
    model: Model,
    inputs: torch.Tensor,
    target: np.ndarray,
    *,
    methods: Sequence[str],
    layer: str,
    contrast: np.ndarray | None,
    n: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Means of signed maps over n inputs, n - 1 with noise of NOISE of the input's range and one without; as smooth MPRT has it.
    Other arguments as for `attribute_all`."""
    asked: dict[str, Any] = {"methods": methods, "contrast": contrast, "layer": model.stage(layer), "steps": STEPS}
    spread = NOISE * (inputs.amax(dim=(1, 2, 3), keepdim=True) - inputs.amin(dim=(1, 2, 3), keepdim=True))
    rng = torch.Generator().manual_seed(seed)
    total: dict[str, Any] = dict.fromkeys(methods, 0.0)
    for i in range(n):
        noise = 0.0 if i == n - 1 else spread * torch.randn(inputs.shape, generator=rng)
        maps = attribute_all(model.network, inputs + noise, target, **asked)
        total = {name: total[name] + maps[name] / n for name in methods}
    return total


def draw_likeness(
    model: Model,
    inputs: torch.Tensor,
    target: np.ndarray,
    speakers: Sequence[str],
    *,
    methods: Sequence[str],
    layer: str,
    contrast: np.ndarray | None = None,
    draws: int = DRAWS,
    few: int | None = None,
    noisy: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """How alike the maps of a trained network and of `draws` networks with random weights are; one row per method and draw.

    methods, layer, target, contrast : as for `attribute_all`; a row "loudest cell (no network)" is added
    few : clips, spread over all, for methods on the picture's grid, which cost several passes each; heavy ones get HEAVY_CLIPS
        (None: all get all)
    noisy : inputs a map is a mean of in the smooth form, on `few` clips and for methods on a layer; 0 leaves it out
    Returns columns method, draw, clips, cells (of a map), likeness (mean over clips, per speaker first, of the rank correlation
    of sizes), random (the same between this and the other random networks), bar (the UNRELATED quantile of `chance_likeness` over
    all clips and draws), smooth (likeness of noise-averaged maps), rise (mean over clips of the entropy's rise over that of the
    trained network's map, as a share of it; see `map_entropy`) and blank (clips whose map is flat for either network).
    """
    chosen = {name: _some(len(inputs), _allowed(name, few)) for name in methods} | {ENERGY: _some(len(inputs), few)}
    trained = _maps(model, inputs, target, contrast, chosen, layer)
    twins = [randomised_model(model, seed=seed + 1000 * draw) for draw in range(draws)]
    drawn = [_maps(twin, inputs, target, contrast, chosen, layer) for twin in twins]
    smooth = _smooth_likeness(model, twins, inputs, target, contrast, methods, layer, few, noisy, seed)
    rows = []
    for name, clips in chosen.items():
        mine, theirs = trained[name], np.stack([maps[name] for maps in drawn])  # (clip, h, w), (draw, clip, h, w)
        who, chance = np.asarray(speakers)[clips], [chance_likeness(np.abs(mine), np.abs(maps)) for maps in theirs]
        bar, between, before = _quantile(np.stack(chance)), _between(np.abs(theirs)), map_entropy(mine)
        for draw, maps in enumerate(theirs):
            alike = rank_correlation(np.abs(mine), np.abs(maps))
            rise = np.divide(map_entropy(maps) - before, before, out=np.full(len(before), np.nan), where=before > 0)
            row = {"method": name, "draw": draw, "clips": len(clips), "cells": mine[0].size, "bar": bar}
            row |= {"likeness": _mean(alike, who), "random": _mean(between[draw], who), "rise": _mean(rise, who)}
            rows.append({**row, "smooth": smooth.get((name, draw), np.nan), "blank": int(np.isnan(alike).sum())})
    return pd.DataFrame(rows)


def draws_table(found: pd.DataFrame) -> pd.DataFrame:
    """One row per method of `draw_likeness`, over the draws of all folds.

    found : its rows, with a column fold
    Returns columns method, folds, draws (of all folds), clips, cells, bar, blank (means over them), likeness, random, smooth and
    rise (means over draws; likeness and rise with _low and _high, 95 % over draws), fold_low and fold_high (95 % over the folds'
    means; NaN of one fold), passes (share of draws whose likeness lies below the bar, with _low and _high), least (the smallest
    such share of a fold) and faithful: whether passes is SURE or more, None where every map is flat.
    """
    rows = []
    for name, table in found.groupby("method", sort=False):
        known = table.dropna(subset="likeness")
        row = {"method": name, "folds": table["fold"].nunique(), "draws": len(table)}
        row["clips"] = table.groupby("fold")["clips"].first().sum()
        row |= {column: table[column].mean() for column in ("cells", "bar", "blank", "random", "smooth")}
        for column, within in (("likeness", (-1, 1)), ("rise", None)):
            row |= _named(column, over_speakers(table[column], range(len(table)), within=within))
        passed, folds = known["likeness"] < known["bar"], known.groupby("fold")["likeness"].mean()
        over_folds = over_speakers(folds, folds.index, within=(-1, 1))
        row |= {"fold_low": over_folds["low"], "fold_high": over_folds["high"]}
        row |= _named("passes", over_speakers(passed, range(len(known)), share=True))
        row["least"] = passed.groupby(known["fold"]).mean().min()
        rows.append({**row, "faithful": bool(passed.mean() >= SURE) if len(known) else None})
    return pd.DataFrame(rows)


def draws_words(table: pd.DataFrame) -> list[str]:
    """Sentences on which methods' maps change with the weights, and which stay as they were."""
    said = []
    for verdict, what in (
        (True, f"pass, less alike than {100 * UNRELATED:g} % of unrelated maps in {100 * SURE:g} % of draws or more"),
        (False, "do not pass, so they show the picture or the architecture as well"),
    ):
        names = [f"{_title(row['method'])} {_spelled(row)}" for _, row in table[table["faithful"] == verdict].iterrows()]
        if names:
            said.append(f"Likeness in size to the maps of random networks: {'; '.join(names)}: {what}.")
    flat = [_title(name) for name in table.loc[table["faithful"].isna(), "method"]]
    if flat:
        said.append(f"{', '.join(flat)}: every map of the random networks is flat, so nothing is shown.")
    return said


def draws_doubt(table: pd.DataFrame, method: str) -> str:
    """Why a method's maps are to be doubted by a `draws_table`: a sentence; "" where it passes, or is not in the table."""
    for _, row in table[table["method"] == method].iterrows():
        if pd.isna(row["faithful"]):
            return f"Every {_title(method)} map of a random network is flat: it was not shown that its maps need the weights."
        if not row["faithful"]:
            return (
                f"{_title(method)} maps of this run do not pass the test of random weights: those of {row['draws']} random "
                f"networks are too much like them in size ({_spelled(row)}), so they show the picture or the architecture as "
                "well as what was learned."
            )
    return ""


def _spelled(row: pd.Series) -> str:
    """ "0.05 [0.02, 0.08], unrelated maps up to 0.38, 97 % of draws pass"."""
    ends = [row[f"likeness_{end}"] for end in ("low", "high")]
    spread = "" if np.isnan(ends).any() else " [{:.2f}, {:.2f}]".format(*ends)
    return f"{row['likeness']:.2f}{spread}, unrelated maps up to {row['bar']:.2f}, {100 * row['passes']:.0f} % of draws pass"


def _allowed(name: str, few: int | None) -> int | None:
    """Clips that a method may cost; None: all."""
    if few is None:
        return None
    return HEAVY_CLIPS if METHODS[name].heavy else few if METHODS[name].grid == "input" else None


def _some(n: int, few: int | None) -> np.ndarray:
    """Numbers of a few of n clips, spread evenly over them, int."""
    return np.unique(np.linspace(0, n - 1, min(few or n, n)).round().astype(int))


def _maps(
    model: Model,
    inputs: torch.Tensor,
    target: np.ndarray,
    contrast: np.ndarray | None,
    chosen: dict[str, np.ndarray],
    layer: str,
) -> dict[str, np.ndarray]:
    """Maps of each method on its own clips, by name."""
    found = {ENERGY: picture_itself(inputs[chosen[ENERGY]])}
    names = sorted((name for name in chosen if name != ENERGY), key=lambda name: tuple(chosen[name]))
    for _, group in groupby(names, key=lambda name: tuple(chosen[name])):
        some = list(group)
        clips = chosen[some[0]]
        asked: dict[str, Any] = {
            "methods": some,
            "layer": model.stage(layer),
            "contrast": None if contrast is None else contrast[clips],
        }
        found |= attribute_all(model.network, inputs[clips], target[clips], **asked, steps=STEPS)
    return found


def _smooth_likeness(
    model: Model,
    twins: Sequence[Model],
    inputs: torch.Tensor,
    target: np.ndarray,
    contrast: np.ndarray | None,
    methods: Sequence[str],
    layer: str,
    few: int | None,
    noisy: int,
    seed: int,
) -> dict[tuple[str, int], float]:
    """Likeness of noise-averaged sizes by method and draw."""
    names, clips = (
        [name for name in methods if METHODS[name].grid == "layer" and not METHODS[name].heavy],
        _some(len(inputs), few),
    )
    if not noisy or not names:
        return {}
    but = None if contrast is None else contrast[clips]
    asked: dict[str, Any] = {"methods": names, "layer": layer, "contrast": but, "n": noisy, "seed": seed}
    mine, *theirs = [smooth_maps(one, inputs[clips], target[clips], **asked) for one in (model, *twins)]
    return {
        (name, draw): float(np.nanmean(rank_correlation(np.abs(mine[name]), np.abs(maps[name]))))
        for draw, maps in enumerate(theirs)
        for name in names
    }


def _between(sizes: np.ndarray) -> np.ndarray:
    """Mean rank correlation of each draw's sizes (draw, clip, h, w) with those of the other draws, float (draw, clip)."""
    ranks = np.stack([unit_ranks(maps) for maps in sizes])
    if len(ranks) == 1:
        return np.full(ranks.shape[:2], np.nan)
    others = (np.nansum(ranks, axis=0) - np.nan_to_num(ranks)) / (len(ranks) - 1)
    return (ranks * others).sum(axis=(2, 3))


def _quantile(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, UNRELATED)) if len(known) else np.nan


def _mean(values: np.ndarray, speakers: np.ndarray) -> float:
    """Mean per speaker, then over speakers, without what is missing."""
    means = pd.Series(values).groupby(speakers).mean().dropna()
    return float(means.mean()) if len(means) else np.nan


def _named(name: str, found: dict[str, float]) -> dict[str, float]:
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def _title(name: str) -> str:
    return METHODS[name].title if name in METHODS else name

"""Do the cells that a map ranks high carry the class? Deletion, insertion and ROAD, beside random cells and the picture itself.

Says whether a map's order agrees with what the network needs of a picture; not whether that has anything to do with speech.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.cells import cell_of_pixel, overlap
from voicecam.explanation.filling import fill
from voicecam.explanation.methods import METHODS, attribute_all, middle_grey
from voicecam.explanation.methods import STEPS as IG_STEPS
from voicecam.network import IMAGENET_MEAN, IMAGENET_STD

STEPS = 8  # equal portions of cells, from none to all
ROAD_SHARES = (1 / 3, 2 / 3)  # of the cells taken away
RANDOM, ENERGY = "random", "loudest cell (no network)"  # the two rows that no network made
MEASURES = {  # name -> +1 where high is good, -1 where low is
    "deletion": -1,
    "insertion": 1,
    "road": 1,
    "deletion_logit": -1,
    "insertion_logit": 1,
}
Scores = Callable[[torch.Tensor], np.ndarray]


def class_scores(network: nn.Module, target: np.ndarray, *, batch: int = 32) -> Scores:
    """Function of inputs (clip, 3, rows, columns), all clips in their order, that gives float (clip, 2): the probability
    (softmax) and the logit of each clip's wanted class, by the network in evaluation mode."""

    def scores(inputs: torch.Tensor) -> np.ndarray:
        training = network.training
        network.eval()
        try:
            with torch.no_grad():
                logits = torch.cat([network(inputs[start : start + batch]) for start in range(0, len(inputs), batch)])
        finally:
            network.train(training)
        both = torch.stack([logits.softmax(dim=1), logits], dim=2)  # (clip, class, 2)
        return both[torch.arange(len(logits)), torch.tensor(target)].cpu().numpy()

    return scores


def curves(
    scores: Scores,
    inputs: torch.Tensor,
    maps: np.ndarray,
    *,
    steps: int = STEPS,
    mode: str = "deletion",
    seed: int = 0,
    ends: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Scores while cells go or come in the order of the maps, the highest first (Petsiuk et al. 2018).

    scores : inputs (clip, 3, rows, columns) -> float (clip, ...)
    maps : float (clip, h, w). The cells are the map's own: each is the block of pixels nearest to its centre (see `cells`), one
        pixel for a map on the picture's grid. Ties are broken at random.
    mode : "deletion" starts from the picture and paints cells middle grey, each row's mean over the training clips; "insertion"
        starts from an all-grey picture and puts cells in. The paper inserts into a blurred picture; a blurred spectrogram would
        still show formants.
    seed : of the ties; ends : the scores of the picture and of the all-grey picture (see `end_scores`), which all maps share
    Returns float (clip, steps + 1, ...), the scores with 0, 1/steps, ..., all cells gone or in.
    Raises ExplainError for an unknown mode, maps of another number of clips, or maps finer than the picture.
    """
    if mode not in ("deletion", "insertion"):
        raise ExplainError(f"mode {mode!r}: not known; use deletion or insertion")
    ranks = torch.from_numpy(_pixel_ranks(maps, inputs.shape, seed))[:, None]  # (clip, 1, rows, columns)
    grey, (first, last) = middle_grey(inputs), ends or end_scores(scores, inputs)
    found = []
    for share in np.linspace(0, 1, steps + 1)[1:-1]:
        taken = ranks < share
        kept = taken if mode == "insertion" else ~taken
        found.append(scores(torch.where(kept, inputs, grey)))
    return np.stack([first, *found, last] if mode == "deletion" else [last, *found, first], axis=1)


def end_scores(scores: Scores, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scores (clip, ...) of the pictures, and of as many all-grey ones: where every deletion starts and ends."""
    return scores(inputs), scores(middle_grey(inputs).expand_as(inputs))


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves (clip, steps + 1, ...) by the trapezoid rule, their width being 1; float (clip, ...)."""
    return np.trapezoid(curve, dx=1 / (curve.shape[1] - 1), axis=1)


def road(scores: Scores, inputs: torch.Tensor, maps: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """ROAD (Rong et al. 2022): the score with the least relevant cells taken away less that with the most relevant, halved.

    Cells are replaced by a noisy mean of their neighbours (see `filling`), which gives away less of the mask's shape than grey
    does. scores, maps, seed : as for `curves`
    Returns float (clip, ...), the mean over ROAD_SHARES of the cells; above 0 where the map's order is right. Differs from the
    library's ROADCombined: ties are broken at random, so that a map with many zeros loses no more cells than any other; and 2
    shares, not 9.
    """
    ranks, gaps = _pixel_ranks(maps, inputs.shape, seed), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the imputer's noise
        for share in ROAD_SHARES:
            least, most = (
                torch.stack([fill(one, keep) for one, keep in zip(inputs, kept)]) for kept in (ranks < 1 - share, ranks >= share)
            )
            gaps.append(scores(least) - scores(most))
    return np.mean(gaps, axis=0) / 2


def picture_itself(inputs: torch.Tensor) -> np.ndarray:
    """The picture as a map, float32 (clip, rows, columns): 0 is black (soft), 1 white (loud). Knows no network and no class."""
    return (inputs[:, 0] * IMAGENET_STD[0] + IMAGENET_MEAN[0]).cpu().numpy()


def random_maps(shape: tuple[int, ...], *, seed: int = 0) -> np.ndarray:
    """Maps of independent even random numbers in 0..1, float32 of this shape."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def on_grid(maps: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Maps of the picture's pixels on a layer's grid (h, w), float32 (clip, h, w): the mean of what lies in each cell, a pixel on
    an edge counting by halves."""
    down, across = (overlap(cells, size) for cells, size in zip(grid, maps.shape[1:]))
    area = down.sum(axis=1)[:, None] * across.sum(axis=1)  # (h, w)
    return (down @ maps @ across.T / area).astype(np.float32)


def faithfulness(
    network: nn.Module,
    inputs: torch.Tensor,
    target: np.ndarray,
    speakers: Sequence[str],
    *,
    methods: Sequence[str],
    layer: nn.Module,
    contrast: np.ndarray | None = None,
    road_clips: int | None = None,
    steps: int = IG_STEPS,
    seed: int = 0,
    bar: bool = False,
) -> pd.DataFrame:
    """Every measure for every clip and method: one row each, with columns method, speaker, the MEASURES, seconds (per clip, for
    making the map) and grid (of the cells, the same for all).

    methods : keys of METHODS; "random" and "loudest cell (no network)" are added. layer, contrast : as for `attribute`
    road_clips : how many clips ROAD is measured on, spread evenly over them (NaN for the others): its linear systems have one
        unknown a pixel, and take much of the time; None is all
    steps : points on the way of integrated gradients
    All methods take away the same cells, those of the layer's grid: maps on the picture's grid are averaged into them. Deleting
    single pixels would be another question, for which a network has seen no example.
    """
    made = {name: _timed(network, inputs, target, name, layer, contrast, steps) for name in methods}
    coarse = [maps.shape[1:] for name, (maps, _) in made.items() if METHODS[name].grid == "layer"]
    grid = coarse[0] if coarse else tuple(inputs.shape[2:])
    made[RANDOM] = random_maps((len(inputs), *grid), seed=seed), 0.0
    made[ENERGY] = picture_itself(inputs), 0.0
    scores, tables = class_scores(network, target), []
    ends = end_scores(scores, inputs)
    some = np.unique(np.linspace(0, len(inputs) - 1, min(road_clips or len(inputs), len(inputs))).round().astype(int))
    for name, (maps, seconds) in tqdm(made.items(), desc="deletion", unit="method", leave=False, disable=not bar):
        cells = on_grid(maps, grid)
        gone, come = (area(curves(scores, inputs, cells, mode=mode, seed=seed, ends=ends)) for mode in ("deletion", "insertion"))
        filled = np.full(len(inputs), np.nan)
        filled[some] = road(class_scores(network, target[some]), inputs[some], cells[some], seed=seed)[:, 0]
        measured = {"deletion": gone[:, 0], "insertion": come[:, 0], "road": filled}
        logits = {"deletion_logit": gone[:, 1], "insertion_logit": come[:, 1]}
        about = {"method": name, "clip": np.arange(len(inputs)), "speaker": list(speakers)}
        tables.append(pd.DataFrame({**about, **measured, **logits, "seconds": seconds, "grid": f"{grid[0]} x {grid[1]}"}))
    return pd.concat(tables, ignore_index=True)


def faithfulness_table(clips: pd.DataFrame) -> pd.DataFrame:
    """One row per method of what `faithfulness` gave, averaged per speaker, then over speakers.

    Returns columns method, grid, seconds, clips, speakers, and for each of the MEASURES its mean with _low and _high (95 %
    over speakers), and how much better it is than random cells and than the picture itself on the same clips:
    MEASURE_over_random, MEASURE_over_energy, each with _low and _high; above 0 is better, whichever way the measure runs.
    """
    of = {name: table.set_index("clip") for name, table in clips.groupby("method", sort=False)}
    rows = []
    for name, table in of.items():
        first = table.iloc[0]
        row = {"method": name, "grid": first["grid"], "seconds": first["seconds"], "clips": len(table)}
        row["speakers"] = table["speaker"].nunique()
        for measure, sign in MEASURES.items():
            row |= _named(measure, over_speakers(table[measure], table["speaker"]))
            for other, reference in (("random", RANDOM), ("energy", ENERGY)):
                better = sign * (table[measure] - of[reference][measure])
                row |= _named(f"{measure}_over_{other}", over_speakers(better, table["speaker"]))
        rows.append(row)
    return pd.DataFrame(rows)


def faithfulness_words(table: pd.DataFrame) -> list[str]:
    """Sentences on which methods order cells better than random cells and than the picture itself, by their 95 % intervals."""
    made = table[~table["method"].isin([RANDOM, ENERGY])]
    found = []
    for measure in ("deletion", "insertion", "road"):
        for other, what in (("random", "random cells"), ("energy", "the picture itself (louder first)")):
            column = f"{measure}_over_{other}"
            better, worse = made[made[f"{column}_low"] > 0], made[made[f"{column}_high"] < 0]
            said = [_listed(better, column, "better"), _listed(worse, column, "worse")]
            text = "; ".join(part for part in said if part) or "no method was shown to differ"
            found.append(f"{measure}, against {what}: {text}.")
    return found


def _listed(table: pd.DataFrame, column: str, word: str) -> str:
    """ "better: Grad-CAM by 0.12 [0.08, 0.15], ...", or nothing."""
    parts = [
        f"{METHODS[row['method']].title} by {abs(row[column]):.2f} "
        + "[{:.2f}, {:.2f}]".format(*sorted(abs(row[f"{column}_{end}"]) for end in ("low", "high")))
        for _, row in table.iterrows()
    ]
    return f"{word}: {', '.join(parts)}" if parts else ""


def _named(name: str, found: dict[str, float]) -> dict[str, float]:
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def _timed(
    network: nn.Module,
    inputs: torch.Tensor,
    target: np.ndarray,
    method: str,
    layer: nn.Module,
    contrast: np.ndarray | None,
    steps: int,
) -> tuple[np.ndarray, float]:
    """Maps of a method, and seconds per clip that they took."""
    began = time.perf_counter()
    maps = attribute_all(network, inputs, target, methods=[method], layer=layer, contrast=contrast, steps=steps)[method]
    return maps, (time.perf_counter() - began) / len(inputs)


def _pixel_ranks(maps: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Place of each pixel's cell in its map's order, float (clip, rows, columns): 0 for the highest, below 1 for the lowest."""
    (n, h, w), (clips, _, rows, columns) = maps.shape, shape
    if n != clips or h > rows or w > columns:
        raise ExplainError(f"maps {maps.shape}, inputs {tuple(shape)}: give one map per clip, no finer than the picture")
    flat = maps.reshape(n, h * w)
    order = np.lexsort((np.random.default_rng(seed).random(flat.shape), -flat), axis=1)  # highest first, ties at random
    ranks = np.empty(flat.shape)
    np.put_along_axis(ranks, order, np.arange(h * w)[None] / (h * w), axis=1)
    return ranks.reshape(n, h, w)[:, cell_of_pixel(h, rows)][:, :, cell_of_pixel(w, columns)]

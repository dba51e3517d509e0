"""The pointing game on clips with a known cue: where each method's maps have their highest cell, beside maps of no network.

A method is judged on the same cells as its baselines: coarse cells are easier to hit, and 8 x 8 and 128 x 128 never share a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.cells import overlap
from voicecam.explanation.faithful import ENERGY, RANDOM, on_grid, picture_itself, random_maps
from voicecam.explanation.mel_gradients import log_mel_attribution
from voicecam.explanation.methods import METHODS, attribute, attribute_all
from voicecam.explanation.planted_sounds import CUES
from voicecam.network import Model

WANTED = 0.95  # share of clips whose highest cell must lie on the cue for a method to have found it: a map is read clip by clip
LEARNED = 0.25  # share of pairs whose answer turns with the cue, below which a network has not learned it
CONSTANT, CLASSES, UNUSUAL = "one map for all", "class means", "above the mean"
BASELINES = (RANDOM, ENERGY, CONSTANT, CLASSES, UNUSUAL)  # maps that no network made
MEL_GRADIENTS = "mel gradients"  # integrated gradients over mel energies, see carry.py
STEPS = 8  # points on the way of integrated gradients here
SPREAD = tuple(f"{name}{end}" for name in ("pointing", "mass", "over") for end in ("", "_low", "_high"))
ABOUT = ("cue", "accuracy", "learned", "turned", "without", "timed", "layer", "method")
COLUMNS = (*ABOUT, "clips", "speakers", "grid", "chance", "area", "blank", "other", "best", "found", *SPREAD)
PICTURE, MEL = "picture", "mel"  # in the column layer: cells that are pixels, or bands and frames


@dataclass(frozen=True)
class Planted:
    """A network that was shown a cue, and clips of held-back voices whose answer turns with it.

    cue : key of CUES; model : trained on the other voices; target, contrast : its numbers of the cue's class and of no cue
    matrices : float32 (clip, row, frame), clips that are named after the cue, and called clips without one when it is taken out:
        nothing else differs, so the cue is what they were named for, also by a network that is often wrong
    log_mel : float (clip, n_mels, n_frames), their mel energies in dB
    cells : bool, the cue's place among the picture's pixels (clip, image_rows, image_columns); mel_cells : among log_mel's cells
    speakers : (clip,)
    means : float (2, image_rows, image_columns), the mean picture of training clips without and with the cue
    accuracy : of held-back clips with and without the cue, equally weighted
    turned : share of the held-back pairs whose answer turns from no cue to the cue
    without : share of clips without a cue that are named after it
    """

    cue: str
    model: Model
    target: int
    contrast: int
    matrices: np.ndarray
    log_mel: np.ndarray
    cells: np.ndarray
    mel_cells: np.ndarray
    speakers: np.ndarray
    means: np.ndarray
    accuracy: float
    turned: float
    without: float

    @property
    def learned(self) -> bool:
        """Whether the answer turns with the cue in pairs enough."""
        return self.turned >= LEARNED


def pointing_table(
    planted: Planted, methods: Sequence[str], *, layers: Sequence[str] = ("layer3",), few: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Where the maps of a cue's class against no cue lie; one row per grid and method.

    few : clips, spread over all, for methods on pixels or mel energies, which cost several passes each (None: all)
    Methods on the picture's pixels are judged twice: averaged into the layer's cells, and on their own. Where mel energies have a
    way to the picture, CARRIED is judged on bands and frames: with cepstral coefficients it alone can point at a frequency.
    Returns columns
        cue, layer (or "picture", "mel"), method, grid, accuracy, learned, turned, without (see Planted), clips, speakers
        chance : share of cells that touch the cue; area : the cue's share of the picture; timed : the picture has no place for a
            frequency; blank : maps without anything above 0
        pointing : share of clips whose highest cell touches the cue; mass : share of the map's positive part on the cue; other :
            pointing of other voices' maps by the method
        best : the baseline that points best; over : pointing less that of `best` on the same clips
        found : pointing is WANTED or more, and over above 0 with its interval
    pointing, mass and over with _low and _high, 95 % over voices.
    A network that did not learn the cue gets a row per layer without maps.
    """
    if not planted.learned or not len(planted.matrices):
        rows = [{**_about(planted), "learned": False, "layer": layer, "method": ENERGY} for layer in layers]
        return pd.DataFrame(rows).reindex(columns=COLUMNS).assign(found=False)
    inputs, rows = planted.model.input(planted.matrices), []
    fine = [name for name in methods if METHODS[name].grid == "input"]
    some = _spread(len(inputs), few)
    pixels = {name: _attributed(planted, inputs, some, name) for name in fine}
    for number, layer in enumerate(layers):
        coarse = [name for name in methods if METHODS[name].grid == "layer"]
        ones = np.full(len(inputs), planted.target)
        asked: dict[str, Any] = {
            "methods": coarse or ["hires-cam"],
            "layer": planted.model.stage(layer),
            "contrast": np.full(len(inputs), planted.contrast),
        }
        made = attribute_all(planted.model.network, inputs, ones, **asked)
        grid = next(iter(made.values())).shape[1:]
        maps = {name: (made[name], np.arange(len(inputs))) for name in coarse}
        maps |= {name: (on_grid(found, grid), some) for name, found in pixels.items()}
        rows += _judged(planted, layer, maps, _pictured(planted, inputs, grid, seed), planted.cells)
        if fine and number == 0:
            pairs = {name: (found, some) for name, found in pixels.items()}
            rows += _judged(planted, PICTURE, pairs, _pictured(planted, inputs, inputs.shape[2:], seed), planted.cells)
    return pd.DataFrame(rows + _mel_rows(planted, some, seed))


def points_at(maps: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The pointing game (Zhang et al. 2018): does the highest cell of each map touch the cue? bool (clip,).

    maps : float (clip, h, w), on a grid not finer than that of cells : bool (clip, rows, columns)
    A map with nothing above 0 points nowhere; of several highest cells the first is taken.
    """
    flat, touched = maps.reshape(len(maps), -1), touching(cells, maps.shape[1:]).reshape(len(maps), -1)
    return touched[np.arange(len(maps)), flat.argmax(axis=1)] & (flat.max(axis=1) > 0)


def touching(cells: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Cells of a layer's grid (h, w) that the cells (clip, rows, columns) of the picture touch, bool (clip, h, w)."""
    down, across = (overlap(few, many) for few, many in zip(grid, cells.shape[1:]))
    return down @ cells @ across.T > 0


def mass_inside(maps: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Share of each map's positive part that lies on the cue's cells, float (clip,); NaN for a map with nothing above 0.

    A coarse map's cell spreads its weight evenly over the picture's cells that it covers.
    """
    down, across = (overlap(few, many) for few, many in zip(maps.shape[1:], cells.shape[1:]))
    area = down.sum(axis=1)[:, None] * across.sum(axis=1)  # (h, w)
    inside = down @ cells @ across.T / area  # the cue's share of each coarse cell, (clip, h, w)
    weights = np.maximum(maps, 0).astype(float)
    total = weights.sum(axis=(1, 2))
    return np.divide((weights * inside).sum(axis=(1, 2)), total, out=np.full(len(maps), np.nan), where=total > 0)


def one_map(cells: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """The best map that is the same for all clips, float (clip, h, w): the cell that most clips' cues touch, known beforehand."""
    share = touching(cells, grid).mean(axis=0)
    return np.repeat((share == share.max())[None].astype(float), len(cells), axis=0)


def others_share(maps: np.ndarray, cells: np.ndarray, speakers: np.ndarray) -> float:
    """Share of the pairs of clips of different voices in which the one's map points at the other's cue; NaN for one voice."""
    touched = touching(cells, maps.shape[1:]).reshape(len(cells), -1)  # (clip, cell)
    flat, unlike = maps.reshape(len(maps), -1), speakers[:, None] != speakers
    hits = touched[:, flat.argmax(axis=1)] & (flat.max(axis=1) > 0)  # (cue's clip, map's clip)
    return float(hits[unlike].mean()) if unlike.any() else np.nan


def is_found(row: dict) -> bool:
    """Whether a method's row says that it finds the cue: nearly always, and clearly more often than what knows no network."""
    clear = row["over_low"] > 0 if np.isfinite(row["over_low"]) else row["over"] > 0
    return bool(row["pointing"] >= WANTED and clear)


def planted_words(table: pd.DataFrame) -> list[str]:
    """One sentence per cue: was it learned, which methods find it on the layer's cells, which do not, what needs no network."""
    said = []
    for cue, rows in table.groupby("cue", sort=False):
        head = f"{CUES[str(cue)].title}: the answer turns with it in {100 * rows['turned'].iloc[0]:.0f} % of held-back pairs"
        if not rows["learned"].any():
            said.append(f"{head}, less than {100 * LEARNED:g} %: the network has not learned the cue and nothing is shown.")
            continue
        made, base = rows[_by_network(rows)], rows[rows["method"].isin(BASELINES) & ~rows["layer"].isin([PICTURE, MEL])]
        lists = [
            ", ".join(f"{_title(row['method'])} ({row['layer']}) {100 * row['pointing']:.0f} %" for _, row in some.iterrows())
            for some in (made[made["found"]], made[~made["found"].astype(bool)])
        ]
        best = base.sort_values("pointing").iloc[-1]
        said.append(
            f"{head}; highest cell on the cue: found by {lists[0] or 'no method'}; not by {lists[1] or 'none'}; best without a "
            f"network on the layer's cells: {best['method']} {100 * best['pointing']:.0f} %."
        )
    return said


def planted_doubt(table: pd.DataFrame, method: str) -> str:
    """Which learned cues of a `pointing_table` a method does not find, as a sentence; "" for none, or where it is not in it."""
    rows = table[(table["method"] == method) & table["learned"].astype(bool) & _by_network(table)]
    missed = rows[~rows["found"].astype(bool)]
    if missed.empty:
        return ""
    cues = "; ".join(f"{CUES[row['cue']].title} ({100 * row['pointing']:.0f} % of clips)" for _, row in missed.iterrows())
    return (
        f"{_title(method)} does not find {len(missed)} of {len(rows)} cues that were planted and learned: its highest cell lies "
        f"on them in less than {100 * WANTED:g} % of clips, or not clearly more often than a map that knows no network: {cues}."
    )


def _by_network(table: pd.DataFrame) -> pd.Series:
    """Rows of methods on a layer's cells, and of CARRIED."""
    return ~table["method"].isin(BASELINES) & (table["layer"] != PICTURE)


def _title(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def _spread(n: int, few: int | None) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(few or n, n)).round().astype(int))


def _attributed(planted: Planted, inputs: torch.Tensor, some: np.ndarray, name: str) -> np.ndarray:
    """Maps on the picture's pixels of some clips."""
    classes: dict[str, Any] = {"target": np.full(len(some), planted.target), "contrast": np.full(len(some), planted.contrast)}
    return attribute(planted.model.network, inputs[some], **classes, method=name, steps=STEPS)


def _pictured(planted: Planted, inputs: torch.Tensor, grid: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """The baselines' maps (clip, h, w) on a grid of the picture."""
    pictures, (without, within) = picture_itself(inputs), planted.means
    difference = np.repeat((within - without)[None], len(inputs), axis=0)
    found = {ENERGY: pictures, CLASSES: difference, UNUSUAL: pictures - without}
    coarse = {name: on_grid(maps, grid) for name, maps in found.items()}
    return {RANDOM: random_maps((len(inputs), *grid), seed=seed), CONSTANT: one_map(planted.cells, grid), **coarse}


def _mel_rows(planted: Planted, some: np.ndarray, seed: int) -> list[dict]:
    """Rows of CARRIED and its baselines on bands and frames."""
    if planted.matrices.shape[1] != planted.model.config.n_rows:
        return []
    classes = {"target": np.full(len(some), planted.target), "contrast": np.full(len(some), planted.contrast)}
    maps = log_mel_attribution(planted.model, planted.log_mel[some], **classes, steps=STEPS)
    grid = planted.log_mel.shape[1:]
    loud = planted.log_mel - planted.log_mel.min(axis=(1, 2), keepdims=True)
    base = {RANDOM: random_maps(planted.log_mel.shape, seed=seed), CONSTANT: one_map(planted.mel_cells, grid), ENERGY: loud}
    return _judged(planted, MEL, {MEL_GRADIENTS: (maps, some)}, base, planted.mel_cells)


def _judged(planted: Planted, layer: str, made: dict, base: dict[str, np.ndarray], cells: np.ndarray) -> list[dict]:
    """Rows of baselines and methods on one grid. made : name -> maps and the clips that they are of."""
    hits = {name: points_at(maps, cells) for name, maps in base.items()}
    every = np.arange(len(cells))
    rows = []
    for name, (maps, clips) in {**{name: (maps, every) for name, maps in base.items()}, **made}.items():
        row = {**_about(planted), "layer": layer, "method": name, "clips": len(clips)}
        row |= _found(maps, cells[clips], planted.speakers[clips])
        best = max((other for other in base if other != name), key=lambda other: hits[other][clips].mean())
        over = points_at(maps, cells[clips]).astype(float) - hits[best][clips]
        row |= {"best": best, **_named("over", over_speakers(over, planted.speakers[clips]))}
        rows.append({**row, "found": name not in base and is_found(row)})
    return rows


def _about(planted: Planted) -> dict:
    return {
        "cue": planted.cue,
        "accuracy": planted.accuracy,
        "learned": planted.learned,
        "turned": planted.turned,
        "without": planted.without,
        "timed": planted.model.config.features != "logmel",
    }


def _found(maps: np.ndarray, cells: np.ndarray, speakers: np.ndarray) -> dict:
    """What one method's maps say: grid, chance, area, blank, speakers, other, and pointing and mass with their intervals."""
    hits, mass = points_at(maps, cells), mass_inside(maps, cells)
    row = {"grid": f"{maps.shape[1]} x {maps.shape[2]}", "chance": float(touching(cells, maps.shape[1:]).mean())}
    row |= {"area": float(cells.mean()), "blank": int(np.isnan(mass).sum()), "speakers": len(np.unique(speakers))}
    row["other"] = others_share(maps, cells, speakers)
    for name, values in (("pointing", hits), ("mass", mass)):
        row |= _named(name, over_speakers(values, speakers, share=True))
    return row


def _named(name: str, found: dict[str, float]) -> dict[str, float]:
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}

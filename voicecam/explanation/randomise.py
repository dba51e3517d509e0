"""Do maps change when what the network learned is wiped out? The randomisation tests of Adebayo et al. (2018).

A map that stays alike shows the picture or the architecture, not what was learned. One that changes may still be wrong. The
prediction over many draws of random weights is in draws.py.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import nn
from tqdm import tqdm

from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.faithful import ENERGY, picture_itself
from voicecam.explanation.methods import attribute_all
from voicecam.network import Model, build, stages_of

STEPS = 8  # points on the way of integrated gradients here, of trained and random networks alike
TRAINED = "trained"  # the stage before anything is wiped out


def randomised_model(model: Model, *, seed: int) -> Model:
    """The same network with random weights: what a map shows that learned nothing. torch's generator is left as it is."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = build(model.arch, len(model.classes)).eval()
    torch.set_rng_state(state)
    return replace(model, network=network)


def cascade(model: Model, *, seed: int = 0) -> Iterator[tuple[str, Model]]:
    """Copies with random weights from the top down to a stage: "head", "layer4", ..., "layer1" and, for a ResNet, "stem".

    Each module draws its weights anew by its own reset_parameters, which also forgets batch norm's running mean and spread; what
    was drawn stays the same in the stages that follow. The model itself is left as it is, and so is torch's generator.
    """
    network, state = copy.deepcopy(model.network), torch.Generator().manual_seed(seed).get_state()
    for name, parts in _stages(model, network):
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            for part in parts:
                part.apply(_reset)
            state = torch.get_rng_state()
        yield name, replace(model, network=copy.deepcopy(network))


def map_correlation(maps_a: np.ndarray, maps_b: np.ndarray, speakers: Sequence[str]) -> dict[str, float]:
    """How alike two sets of maps of the same clips order their cells: Spearman's rank correlation per clip, averaged per speaker,
    then over speakers.

    maps_a, maps_b : float (clip, h, w) on the same grid
    Returns correlation (of the signed maps) and absolute (of their sizes), -1..1, each with _low and _high (95 % over speakers);
    blank: clips where a map is flat, which has no order; they are in no mean.
    Sizes are what a test of two classes goes by: the sign of a random network's map is a coin.
    For the test with shuffled labels give the maps of the network trained on them beside those of the real one.
    """
    signed = rank_correlation(maps_a, maps_b)
    found: dict[str, float] = {"blank": int(np.isnan(signed).sum())}
    for name, values in (("correlation", signed), ("absolute", rank_correlation(np.abs(maps_a), np.abs(maps_b)))):
        mean = over_speakers(values, speakers, within=(-1, 1))
        found |= {name: mean["value"], f"{name}_low": mean["low"], f"{name}_high": mean["high"]}
    return found


def rank_correlation(maps_a: np.ndarray, maps_b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each pair of maps (clip, h, w), float (clip,); NaN where one of them is flat."""
    return (unit_ranks(maps_a) * unit_ranks(maps_b)).sum(axis=(1, 2))


def unit_ranks(maps: np.ndarray) -> np.ndarray:
    """Ranks of each map's cells less their mean, scaled to length 1, so that a product's sum is Spearman's correlation; float
    (clip, h, w), NaN where a map is flat."""
    ranks = rankdata(maps.reshape(len(maps), -1), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    size = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    return np.divide(ranks, size, out=np.full(ranks.shape, np.nan), where=size > 0).reshape(maps.shape)


def randomisation_table(
    model: Model,
    inputs: torch.Tensor,
    target: np.ndarray,
    speakers: Sequence[str],
    *,
    methods: Sequence[str],
    layer: str,
    contrast: np.ndarray | None = None,
    seed: int = 0,
    bar: bool = False,
) -> pd.DataFrame:
    """How alike each method's maps stay while the network is wiped out from the top, by one draw of weights; one row per method
    and stage. One draw shows where a method lets go, and decides nothing.

    methods : keys of METHODS; a row "loudest cell (no network)", the picture itself, is added and must stay at 1
    layer : the stage of the model that methods on the grid "layer" look at; target, contrast : as for `attribute`
    Returns columns method, stage ("trained", whose correlation is 1, then those of `cascade`), depth (0, 1, ...), those of
    `map_correlation`, and clips.
    """
    stages = [(TRAINED, model), *cascade(model, seed=seed)]
    first: dict[str, np.ndarray] = {}
    rows = []
    for depth, (stage, wiped) in enumerate(tqdm(stages, desc="randomising", unit="stage", leave=False, disable=not bar)):
        asked: dict[str, Any] = {"methods": methods, "layer": wiped.stage(layer), "contrast": contrast, "steps": STEPS}
        for name, maps in (attribute_all(wiped.network, inputs, target, **asked) | {ENERGY: picture_itself(inputs)}).items():
            found = map_correlation(first.setdefault(name, maps), maps, speakers)
            rows.append({"method": name, "stage": stage, "depth": depth, **found, "clips": len(inputs)})
    return pd.DataFrame(rows).sort_values(["method", "depth"], ignore_index=True)


def _stages(model: Model, network: Any) -> Iterator[tuple[str, list[nn.Module]]]:
    """Names and modules from the top of a network like the model's down."""
    yield "head", [network[1]]
    places = stages_of(model.arch)
    for name in reversed(places):
        yield name, [network[0][places[name]]]
    below = list(network[0][: min(places.values())])
    if below:
        yield "stem", below


def _reset(part: nn.Module) -> None:
    if callable(reset := getattr(part, "reset_parameters", None)):
        reset()

"""Do maps change when what the network learned is wiped out? The randomisation tests of Adebayo et al. (2018).

A map that stays alike shows the picture or the architecture, not what was learned. One that changes may still be wrong.
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

from voicecam.explanation.faithful import ENERGY, over_speakers, picture_itself
from voicecam.explanation.methods import METHODS, attribute
from voicecam.network import SMALL, SMALL_STAGES, STAGES, Model

FAITHFUL_BELOW = 0.3  # likeness to the maps of an all-random network, under which a method depends on what was learned
TRAINED = "trained"  # the stage before anything is wiped out


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
    Returns correlation (of the signed maps) and absolute (of their sizes), -1..1, and alike, the one of the two that is further
    from 0, its sign turned where it is negative; each with _low and _high (95 % over speakers). blank: clips where a
    map is flat, which has no order; they are in no mean.
    Sizes are what a test of two classes goes by: the sign of a random network's map is a coin.
    For the test with shuffled labels give the maps of the network trained on them beside those of the real one.
    """
    signed = _rank_correlation(maps_a, maps_b)
    found: dict[str, float] = {"blank": int(np.isnan(signed).sum())}
    for name, values in (("correlation", signed), ("absolute", _rank_correlation(np.abs(maps_a), np.abs(maps_b)))):
        mean = over_speakers(values, speakers)
        found |= {name: mean["value"], f"{name}_low": mean["low"], f"{name}_high": mean["high"]}
    further = max(("correlation", "absolute"), key=lambda name: abs(found[name]))
    ends = [found[f"{further}{end}"] for end in ("", "_low", "_high")]
    if ends[0] < 0:
        ends = [-end for end in (ends[0], ends[2], ends[1])]
    return found | dict(zip(("alike", "alike_low", "alike_high"), ends))


def randomisation_table(
    model: Model,
    inputs: torch.Tensor,
    wanted: np.ndarray,
    speakers: Sequence[str],
    *,
    methods: Sequence[str],
    layer: str,
    against: np.ndarray | None = None,
    seed: int = 0,
    bar: bool = False,
) -> pd.DataFrame:
    """How alike each method's maps stay while the network is wiped out from the top; one row per method and stage.

    methods : keys of METHODS; the row "energy only" (the picture itself) is added, which knows no network and so must fail
    layer : the stage of the model that methods on the grid "layer" look at; wanted, against : as for `attribute`
    Returns columns method, stage ("trained", whose correlation is 1, then those of `cascade`), depth (0, 1, ...), those of
    `map_correlation`, clips, and faithful: whether alike, at the last stage, is below FAITHFUL_BELOW (missing where every map is
    flat).
    """
    stages = [(TRAINED, model), *cascade(model, seed=seed)]
    first: dict[str, np.ndarray] = {}
    rows = []
    for depth, (stage, wiped) in enumerate(tqdm(stages, desc="randomising", unit="stage", leave=False, disable=not bar)):
        place = wiped.stage(layer)
        for name in (*methods, ENERGY):
            if name == ENERGY:
                maps = picture_itself(inputs)
            else:
                maps = attribute(wiped.network, inputs, wanted, method=name, layer=place, against=against)
            found = map_correlation(first.setdefault(name, maps), maps, speakers)
            rows.append({"method": name, "stage": stage, "depth": depth, **found, "clips": len(inputs)})
    table = pd.DataFrame(rows)
    last = table[table["depth"] == len(stages) - 1].set_index("method")
    return table.assign(faithful=table["method"].map(_verdicts(last))).sort_values(["method", "depth"], ignore_index=True)


def randomisation_words(table: pd.DataFrame) -> list[str]:
    """Sentences on which methods' maps change with the weights, and which stay as they were."""
    last = table[table["depth"] == table["depth"].max()]
    said = []
    for verdict, what in (
        (True, f"change with the weights (signed and in size within {FAITHFUL_BELOW:g} of 0)"),
        (
            False,
            f"stay alike ({FAITHFUL_BELOW:g} or more in one of the two), so they show the picture or the architecture as well",
        ),
    ):
        names = [_sentence(row) for _, row in last[last["faithful"] == verdict].iterrows()]
        if names:
            said.append(f"Rank correlation between maps of the trained and of an all-random network: {'; '.join(names)}: {what}.")
    flat = [_title(name) for name in last.loc[last["faithful"].isna(), "method"]]
    if flat:
        said.append(f"{', '.join(flat)}: every map of the all-random network is flat, so nothing is shown.")
    return said


def randomisation_doubt(table: pd.DataFrame, method: str) -> str:
    """Why a method's maps are to be doubted by a `randomisation_table`: a sentence; "" where they change with the weights, or the
    table has no such method."""
    for _, row in table[(table["depth"] == table["depth"].max()) & (table["method"] == method)].iterrows():
        if pd.isna(row["faithful"]):
            return (
                f"Every {_title(method)} map of an all-random network is flat: it was not shown that its maps need the weights."
            )
        if not row["faithful"]:
            return (
                f"{_title(method)} maps of this run do not pass the test of random weights: those of an all-random network stay "
                f"alike (rank correlation {_sentence(row).removeprefix(_title(method)).strip()}; below {FAITHFUL_BELOW:g} is a "
                "pass), so they show the picture or the architecture as well as what was learned."
            )
    return ""


def _stages(model: Model, network: Any) -> Iterator[tuple[str, list[nn.Module]]]:
    """Names and modules from the top of a network like the model's down."""
    yield "head", [network[1]]
    places = SMALL_STAGES if model.arch == SMALL else STAGES
    for name in reversed(places):
        yield name, [network[0][places[name]]]
    below = list(network[0][: min(places.values())])
    if below:
        yield "stem", below


def _reset(part: nn.Module) -> None:
    if callable(reset := getattr(part, "reset_parameters", None)):
        reset()


def _rank_correlation(maps_a: np.ndarray, maps_b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each pair of maps (clip, h, w), float (clip,); NaN where one of them is flat."""
    a, b = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (maps_a, maps_b))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)


def _verdicts(last: pd.DataFrame) -> dict[str, bool | None]:
    """Whether each method's maps of the all-random network are unlike those of the trained one; None where all are flat."""
    return {str(name): None if np.isnan(alike) else bool(alike < FAITHFUL_BELOW) for name, alike in last["alike"].items()}


def _sentence(row: pd.Series) -> str:
    """ "Grad-CAM signed 0.12 [0.05, 0.20], sizes 0.15 [0.08, 0.21]"."""
    return f"{_title(row['method'])} signed {_spread(row, 'correlation')}, sizes {_spread(row, 'absolute')}"


def _spread(row: pd.Series, name: str) -> str:
    ends = [row[f"{name}_{end}"] for end in ("low", "high")]
    return f"{row[name]:.2f}" if np.isnan(ends).any() else f"{row[name]:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"


def _title(name: str) -> str:
    return METHODS[name].title if name in METHODS else name

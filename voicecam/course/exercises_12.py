"""Checks of the exercises in nbs/12_other_networks.ipynb. Truths are worked out by asking the network, not stored: how many cells
a layer gives, which bands change one of its cells, which sentence a table of agreement bears out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from voicecam.course.checking import number_problem
from voicecam.encoders import ina
from voicecam.report.format import format_interval

Test = Callable[[Any], str | None]
TRAINED, RANDOM = "trained", "random"  # how rows of the table of agreement begin
SENTENCES = {
    "a": "It listens where the map is brightest.",
    "b": "The map's bands go with what stopping a band costs, beyond maps of random weights.",
    "c": "Stopping some bands costs score; there is no proof that the map says which, beyond maps of random weights.",
    "d": "It uses no band whose stopping costs nothing.",
}


def map_size(network: nn.Module, layer: nn.Module) -> Test:
    """Exercise 12.1: frames and bands of a layer's output for one picture."""
    target, picture = layer_output(network, layer, torch.zeros(1, 1, ina.FRAMES, ina.BANDS)).shape[2:], (ina.FRAMES, ina.BANDS)

    def test(answer: Any) -> str | None:
        found = tuple(np.ravel(answer).tolist())
        if len(found) != 2:
            return "two numbers are asked for: (frames, bands)"
        if found == tuple(target):
            return None
        if found == picture:
            return "that is the picture; without padding each convolution of 3 x 3 takes two frames and two bands away"
        if found == tuple(target)[::-1]:
            return "the other way round: frames first"
        off = [name for name, one, true in zip(("frames", "bands"), found, target) if one != true]
        return f"the number of {' and of '.join(off)} is off; go through the table of layers line by line"

    return test


def bands_of_a_cell(network: nn.Module, layer: nn.Module) -> Test:
    """Exercise 12.2: how many bands of the picture a cell of the layer depends on. Here: those that change it."""
    target = int(seen_bands(network, layer).sum())

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=0.0)
        if problem and answer == 3:
            return "3 bands of the layer before, whose cells see three bands each, one beside the other"
        return problem

    return test


def seen_bands(network: nn.Module, layer: nn.Module) -> np.ndarray:
    """bool (band,): which bands of the picture change the cell in the middle of the layer's output, of any channel."""
    pictures = torch.randn(1, 1, ina.FRAMES, ina.BANDS, generator=torch.Generator().manual_seed(0)).repeat(1 + ina.BANDS, 1, 1, 1)
    for band in range(ina.BANDS):
        pictures[1 + band, :, :, band] += 10.0
    found = layer_output(network, layer, pictures)
    cells = found[:, :, found.shape[2] // 2, found.shape[3] // 2]  # (picture, channel)
    return ((cells[1:] - cells[0]).abs().amax(dim=1) > 0).numpy()


def layer_output(network: nn.Module, layer: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    """What the layer gives, float (picture, channel, frame, band), caught by a hook."""
    caught: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda _layer, _given, output: caught.append(output.detach()))
    try:
        with torch.no_grad():
            network(pictures)
    finally:
        hook.remove()
    return caught[0]


def borne_out(agreement: pd.DataFrame) -> str:
    """ "b" where the rank correlation of the trained network's map has its whole interval above 0 and above what every random
    one has; else "c". agreement : as explanation.bandstop.agreement gives it, methods named "trained" and "random ..." """
    rows = agreement.set_index("method")
    others = rows[rows.index.str.startswith(RANDOM)]["spearman"]
    return "b" if rows.loc[TRAINED, "low"] > max(0.0, float(others.max())) else "c"


def in_words(agreement: pd.DataFrame) -> str:
    """The sentence that a table of agreement bears out, with its numbers; agreement : as for `borne_out`."""
    rows = agreement.set_index("method")
    others = rows[rows.index.str.startswith(RANDOM)]["spearman"]
    own, span = format_interval(rows.loc[TRAINED], "spearman"), f"{others.min():.2f} to {others.max():.2f}"
    numbers = f"{own} for the trained network, {span} for {len(others)} with random weights"
    return f"{SENTENCES[borne_out(agreement)]} Rank correlation: {numbers}."


def honest_sentence(agreement: pd.DataFrame) -> Test:
    """Exercise 12.3: the one of SENTENCES that a table of agreement bears out, see `borne_out`."""
    target = borne_out(agreement)
    wrong = {
        "a": "bright is where activity and slope are large together; nothing was taken away there",
        "b": "look at the interval of the trained network's row, and at the random ones below it",
        "c": "the trained network's interval lies above 0 and above all random ones; that is more than this sentence says",
        "d": "two bands that say the same stand in for each other: each alone costs nothing",
    }

    def test(answer: Any) -> str | None:
        if answer not in SENTENCES:
            return f"one of {', '.join(SENTENCES)} is asked for"
        return None if answer == target else wrong[answer]

    return test

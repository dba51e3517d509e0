"""Checks of the exercises in 06_gradcam: each takes an answer and gives None when it is right, else what is off; and the
notebook's verdict on maps of random weights.

The truth is worked out here by another way than in the notebook: by setting cells to 0, by a small difference, by the library.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from voicecam.course.checking import array_problem, number_problem
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation import methods
from voicecam.explanation.randomise import rank_correlation
from voicecam.report.format import format_interval
from voicecam.runs.fold_clips import FoldClips

Test = Callable[[Any], str | None]
ALIKE = 0.2  # rank correlation from which maps are called alike
VERDICTS = ("stays alike", "changes", "cannot tell")
LEAST = 1.0  # logit that a picture must reach in `blank_map`


def likeness(trained: np.ndarray, random: np.ndarray, speakers: Sequence[str]) -> dict[str, str]:
    """How alike a method's maps of a trained network are to those of networks with random weights, by sign and by size.

    trained : float (clip, h, w); random : float (draw, clip, h, w)
    Returns text: "signed, draw by draw" (means over clips), "signed" and "sizes" (means over the draws, with 95 % intervals over
    speakers), and verdict, one of VERDICTS. Clips of a flat map are left out.
    """
    signed = np.array([rank_correlation(trained, maps) for maps in random])  # (draw, clip)
    sizes = np.array([rank_correlation(np.abs(trained), np.abs(maps)) for maps in random])
    each = ", ".join(f"{one:.2f}" for one in signed[:, np.isfinite(signed).all(axis=0)].mean(axis=1))
    both = [over_speakers(values.mean(axis=0), speakers, within=(-1, 1)) for values in (signed, sizes)]
    shown = [format_interval(pd.Series(found), "value") for found in both]
    return {"signed, draw by draw": each, "signed": shown[0], "sizes": shown[1], "verdict": _alike(*both)}


def _alike(signed: dict[str, float], sizes: dict[str, float]) -> str:
    """Signs all turned leave the sizes as they are; sizes below 0 say that a map went to other places, so that it changed."""
    turned = signed["high"] < -ALIKE and sizes["value"] > 0
    if sizes["low"] > ALIKE or signed["low"] > ALIKE or turned:
        return VERDICTS[0]
    return VERDICTS[1] if max(sizes["high"], signed["high"]) < ALIKE else VERDICTS[2]


def tiny_map(network: nn.Module, picture: torch.Tensor) -> Test:
    """6.1: the map of a network that adds up its cells, before ReLU. Here: how far y falls when a cell becomes 0.

    picture : float (1, 1, h, w); network : gives (1, 1)
    """
    target = np.zeros(picture.shape[2:])
    with torch.no_grad():
        whole = network(picture).item()
        for row, column in np.ndindex(*target.shape):
            without = picture.clone()
            without[0, 0, row, column] = 0
            target[row, column] = whole - network(without).item()

    def test(answer: Any) -> str | None:
        problem = array_problem(answer, target, within=0.01)
        if problem is None or np.shape(answer) != target.shape:
            return problem
        found = np.asarray(answer, dtype=float)
        if np.allclose(found, np.maximum(target, 0), atol=0.01):
            return "this is the map after ReLU; before it, a cell that speaks against the class is below 0"
        if np.allclose(found, target.size * target, atol=0.01):
            n = target.size
            return f"all values are {n} times too large: the gradient of a mean over {n} cells is w / {n}"
        if np.allclose(found, target[::-1], atol=0.01):
            return "the rows are upside down: write them in the order in which the picture is printed"
        return problem

    return test


def softmax_factor(p: float) -> Test:
    """6.2: what a map of the logits' difference is multiplied by when the probability p is explained instead. Here: by a small
    difference of the softmax."""
    difference, step = np.log(p / (1 - p)), 1e-4
    high, low = (1 / (1 + np.exp(-(difference + move))) for move in (step, -step))
    target = float((high - low) / (2 * step))

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, target, within=0.01 * target)
        if problem is None or isinstance(answer, str):
            return problem
        known = {
            1: "not unchanged: softmax is flat where it is sure",
            p: "that is p itself; ask for the slope of p",
            1 - p: "that is 1 - p, what is left to 1; the slope has p in it as well",
            p * p: "that is p squared; the slope of softmax has one p and one 1 - p",
            1 / target: "upside down: the map gets smaller, not larger",
        }
        return next((text for value, text in known.items() if np.isclose(answer, value, rtol=0.005)), problem)

    return test


def hires_map(clips: FoldClips, i: int, layer: str, target: int) -> Test:
    """6.3: HiRes-CAM of one clip's logit, before ReLU. Here: by the library.

    i : the clip's place in `clips`; layer : a stage of its model; target : the class
    """
    network, place = clips.model.network, clips.model.stage(layer)
    maps = {
        name: methods.attribute(network, clips.inputs[[i]], np.array([target]), method=name, layer=place)[0]
        for name in ("hires-cam", "grad-cam", "layer-cam")
    }
    true = maps["hires-cam"]
    within = 1e-3 * float(np.abs(true).max()) + 1e-12

    def test(answer: Any) -> str | None:
        found = np.asarray(answer.detach() if isinstance(answer, torch.Tensor) else answer, dtype=float)
        if found.ndim == 3 and found.shape[1:] == true.shape:
            return f"{found.shape[0]} maps, one per channel; sum them over the channels"
        problem = array_problem(found, true, within=within)
        if problem is None or found.shape != true.shape:
            return problem
        known = {
            "this is Grad-CAM; HiRes-CAM takes no mean of the gradients": maps["grad-cam"],
            "this is Layer-CAM; HiRes-CAM keeps the gradients below 0": maps["layer-cam"],
            "this is HiRes-CAM after ReLU; leave the values below 0 in": np.maximum(true, 0),
        }
        factor = float((found * true).sum() / (true**2).sum())
        if factor and np.allclose(found / factor, true, atol=within):
            return f"right but for a factor of {factor:.3g}: sum over the channels, and take no mean"
        return next((text for text, other in known.items() if np.allclose(found, other, atol=within)), problem)

    return test


def blank_map(activations: np.ndarray) -> Test:
    """6.4: weights of a head that make y large and Grad-CAM blank. Here: a network with that head, explained by the library.

    activations : float (h, w), not negative, the only channel
    """

    def test(answer: Any) -> str | None:
        weights = np.asarray(answer, dtype=float)
        if weights.shape != activations.shape:
            return f"shape {weights.shape}, wanted is one weight per cell, {activations.shape}"
        if not np.isfinite(weights).all():
            return "some weights are not finite"
        y = float((weights * activations).sum())
        if y < LEAST:
            return f"y is {y:.3g}; it must be at least {LEAST:g}, or there is nothing to explain"
        layer, head = nn.Identity(), nn.Linear(activations.size, 1, bias=False)
        head.weight.data = torch.tensor(weights.reshape(1, -1), dtype=torch.float32)
        inputs = torch.tensor(activations, dtype=torch.float32)[None, None]
        network = nn.Sequential(layer, nn.Flatten(), head)
        map = methods.attribute(network, inputs, np.array([0]), method="grad-cam", layer=layer)[0]
        lit = int((map > 1e-6 * y).sum())
        if lit:
            return f"y is {y:.3g}, but {lit} cells of the map are above 0: the mean of your weights is {weights.mean():.3g}"
        return None

    return test

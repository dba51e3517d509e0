"""Tests of the answers in notebook 08: a pointing game counted by hand, sounds parted by moved maps, and a flip point. The truths
are computed here by other ways than the notebook's."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq

from voicecam.course.checking import array_problem, number_problem
from voicecam.explanation.audible import split_sound
from voicecam.explanation.bandstop import Logits
from voicecam.runs.fold_clips import FoldClips

Test = Callable[[Any], str | None]
CLOSE = 0.005  # of a share
NEAR = 0.05  # semitones


def share_on_cue(maps: np.ndarray, cells: np.ndarray) -> Test:
    """8.1: is the answer the share of maps whose highest cell is one of the cue's? maps : float (clip, h, w); cells : bool, so
    too. Here: no cell off the cue is as high as the highest one on it."""
    on, off = (np.where(side, maps, -np.inf).max(axis=(1, 2)) for side in (cells, ~cells))
    hit, positive = (on > off) & (on > 0), np.maximum(maps, 0)
    total = np.maximum(positive.sum(axis=(1, 2)), 1e-30)
    row, column = np.unravel_index(maps.mean(axis=0).argmax(), maps.shape[1:])
    truth = float(hit.mean())
    mass = float(np.mean((positive * cells).sum(axis=(1, 2)) / total))
    slips = {
        float(hit.sum()): "this is how many; divide by the number of clips",
        float(cells.mean()): "this is the share of cells on the cue: what a cell drawn by chance would hit",
        mass: "this is the share of the maps' weight that lies on the cue; here only the highest cell of each map counts",
        float(cells[:, row, column].mean()): "this asks where the mean map is highest; ask every clip's own map",
    }
    return _share_test(truth, slips)


def kept_by_moved_maps(clips: FoldClips, logits: Logits) -> Test:
    """8.2: is the answer the share of clips whose class the evidence keeps when each map is moved round in time by half?

    logits : prepared windows -> logits, see `bandstop.window_logits`
    Here the halves change places, and all clips' own maps are asked as well, for a slip.
    """
    half, own = clips.mel_weight.shape[2] // 2, clips.mel_weight
    moved = np.concatenate([own[:, :, -half:], own[:, :, :-half]], axis=2)
    first, second = ([split_sound(*pair, clips.model.config) for pair in zip(clips.signals, maps)] for maps in (own, moved))
    sounds = {"own": [one.evidence for one in first], "moved": [one.evidence for one in second], "rest": [x.rest for x in second]}
    kept = {name: float((clips.scores(logits(some)) > 0).mean()) for name, some in sounds.items()}
    slips = {
        kept["rest"]: "this is what the rest keeps; ask the evidence",
        kept["own"]: "this is the share with each clip's own map; move it first",
        kept["moved"] * len(own): "this is how many; divide by the number of clips",
    }
    return _share_test(kept["moved"], slips)


def flips_of(steps: Sequence[float], scores: Sequence[float]) -> Test:
    """8.3: is the answer the pair (lowered, raised) of the steps nearest to 0, below and above it, at which scores joined by
    straight lines cross 0? Here: by a root finder."""

    def line(step: float) -> float:
        return float(np.interp(step, steps, scores))

    truth = np.array([brentq(line, steps[0], 0.0), brentq(line, 0.0, steps[-1])])

    def test(answer: Any) -> str | None:
        problem = array_problem(answer, truth, within=NEAR)
        if problem is None or np.shape(answer) != (2,):
            return problem
        found = np.asarray(answer, dtype=float)
        slips = {
            "the other way round: first where it flips when lowered, then when raised": truth[::-1],
            "a size without its sign: lowered is below 0": np.abs(truth),
            "these are steps that were tried; the line crosses 0 between two of them": np.round(truth / 4) * 4,
        }
        return next((said for said, value in slips.items() if np.allclose(found, value, atol=NEAR)), problem)

    return test


def _share_test(truth: float, slips: dict[float, str]) -> Test:
    """A test of a share, 0 to 1, that names the slips."""

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, truth, within=CLOSE)
        if problem is None or not isinstance(answer, (int, float, np.number)):
            return problem
        if abs(float(answer) - 100 * truth) <= 100 * CLOSE:
            return "a share from 0 to 1 is asked for, this is in per cent"
        return next((said for value, said in slips.items() if abs(float(answer) - value) <= CLOSE), problem)

    return test

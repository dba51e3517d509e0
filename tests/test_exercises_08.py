"""The answers of notebook 08: right ones pass, likely slips are named."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.course import exercises_08 as exercises
from voicecam.explanation.audible import split_sound
from voicecam.explanation.pointing import points_at
from voicecam.features.image import Scale
from voicecam.network import Model
from voicecam.runs.fold_clips import FoldClips

STEPS, SCORES = (-8, -4, 0, 4, 8), (-1, 3, 1, 1, -3)  # lowered: at -7; raised: at 5


@pytest.fixture
def maps(rng):
    return rng.normal(0, 1, (40, 4, 5))


@pytest.fixture
def cells(rng):
    return rng.random((40, 4, 5)) < 0.3


def test_the_share_on_the_cue_is_that_of_the_pointing_game(maps, cells):
    test, truth = exercises.share_on_cue(maps, cells), points_at(maps, cells).mean()
    assert test(float(truth)) is None
    assert test(0.99)
    assert "per cent" in test(100 * truth)
    assert "divide" in test(round(40 * truth))
    assert "drawn by chance" in test(float(cells.mean()))


def test_the_mean_map_and_the_mass_are_no_pointing_game(maps, cells):
    test, mean = exercises.share_on_cue(maps, cells), maps.mean(axis=0)
    row, column = np.argwhere(mean == mean.max())[0]
    positive = np.clip(maps, 0, None)
    mass = np.mean([(one * side).sum() / one.sum() for one, side in zip(positive, cells)])
    assert "every clip's own map" in test(float(cells[:, row, column].mean()))
    assert "weight" in test(float(mass))


def test_a_blank_map_hits_nothing():
    maps, cells = np.zeros((4, 2, 2)), np.ones((4, 2, 2), bool)
    maps[0, 1, 1] = 1
    assert exercises.share_on_cue(maps, cells)(0.25) is None


def loudness(sounds):
    """Logits of a network that says "first" where the first half of a sound holds most of its energy."""
    halves = [np.square(sound.samples).reshape(2, -1).sum(axis=1) for sound in sounds]
    return np.array([(first - second, second - first) for first, second in halves])


@pytest.fixture
def clips(tmp_path, rng):
    """Noise of two halves, each explained by the half that its class asks for; the last one by the wrong half."""
    config = recipe("mfcc")
    scale = Scale(np.full(20, -30.0), np.full(20, 30.0))
    model = Model(nn.Flatten(), "resnet18", "half", ("first", "second"), config, scale)
    target = np.array([0, 0, 1, 1])
    names = [model.classes[i] for i in target]
    table = pd.DataFrame({"speaker": list("abcd"), "true": names, "predicted": names})
    made = FoldClips(tmp_path, 1, model, table, np.zeros((4, 20, config.n_frames)), target, 1 - target, None)
    noise = rng.normal(0, 0.1, (4, config.n_samples)).astype(np.float32)
    weight, half = np.full((4, config.n_mels, config.n_frames), 1e-6), config.n_frames // 2
    for i, side in enumerate((0, 0, 1, 0)):
        weight[i, :, side * half : (side + 1) * half] = 1
    made.__dict__["signals"] = [Signal(samples, config.sample_rate) for samples in noise]
    made.__dict__["mel_weight"] = weight
    return made


def test_a_map_moved_by_half_keeps_only_the_clip_whose_own_map_was_wrong(clips):
    torch.manual_seed(0)
    test = exercises.kept_by_moved_maps(clips, loudness)
    assert test(0.25) is None, "the last clip alone"
    assert "own map" in test(0.75)
    assert "divide" in test(1)
    rolled = [np.roll(one, clips.mel_weight.shape[2] // 2, axis=1) for one in clips.mel_weight]
    kept = [split_sound(*pair, clips.model.config).evidence for pair in zip(clips.signals, rolled)]
    assert test(float((clips.scores(loudness(kept)) > 0).mean())) is None


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((5, -7), "other way round"),
        ((7, 5), "without its sign"),
        ((-8, 4), "between two"),
        ((-3, 1), "2 of 2 values"),
        (5, "shape"),
    ],
)
def test_slips_with_a_flip_point_are_named(answer, hint):
    assert hint in exercises.flips_of(STEPS, SCORES)(answer)


def test_flips_lie_where_the_straight_lines_cross_0():
    assert exercises.flips_of(STEPS, SCORES)((-7, 5)) is None
    assert exercises.flips_of(STEPS, SCORES)([-7.02, 5.02]) is None

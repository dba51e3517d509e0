"""Notebook 03's exercises: the right answer passes, and a plausible wrong one hears what is off."""

import numpy as np
import pytest

from conftest import voice
from voicecam import audio
from voicecam.config import recipe
from voicecam.course import exercises_03
from voicecam.features import features, lifter_weights, row_axis
from voicecam.features.image import fit_scale


def test_the_share_of_black_cells_leaves_out_c0_and_counts_what_rounds_to_zero(rng):
    matrices = rng.normal(0, 50, (3, 12, 98))
    matrices[:, 0] = 1000  # c0 is never black here
    test = exercises_03.black_share(matrices)
    assert test(np.mean(matrices[:, 1:] < 1)) is None
    assert "too high" in test(0.8)
    assert "too low" in test(0.1)
    assert "0.5" in test(50)  # per cent


def test_c0_falls_by_what_the_notebook_derives():
    decibels, lifter = 20 * np.log10(32768), float(lifter_weights(12, 22)[0])
    right = decibels * np.sqrt(40) * lifter
    assert exercises_03.fall_of_c0(right) is None
    assert "lifter" in exercises_03.fall_of_c0(right / lifter)
    assert "bands" in exercises_03.fall_of_c0(decibels * lifter)
    assert "20 log10" in exercises_03.fall_of_c0(right / 2)
    assert "square root" in exercises_03.fall_of_c0(decibels * 40 * lifter)
    assert "sign" in exercises_03.fall_of_c0(-right)
    assert "too low" in exercises_03.fall_of_c0(90)


def test_a_tone_lights_the_row_of_its_frequency():
    config = recipe("logmel")
    row = int(np.abs(row_axis(config).values - 2000).argmin())
    test = exercises_03.row_of(2000, config)
    assert test(row) is None
    assert test(row + 1) is None
    assert "evenly" in test(16)
    assert "too high" in test(60)


@pytest.fixture
def mismatch(rng):
    config = recipe("mfcc")
    recording = audio.Signal(voice(140, rng), 16_000)
    matrix = features(audio.prepare(recording, config), config).matrix
    return exercises_03.silent_mismatch(recording, config, fit_scale(matrix[None], config))


def test_a_mismatch_is_silent_and_large(mismatch):
    assert mismatch(recipe("mfcc", lifter=0)) is None
    assert "0.0 grey levels" in mismatch(recipe("mfcc"))
    assert "shape" in mismatch(recipe("mfcc", hop_ms=20))
    assert "error was raised" in mismatch(recipe("logmel"))
    assert "config is asked for" in mismatch("mfcc")

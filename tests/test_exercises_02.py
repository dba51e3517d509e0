"""The exercises of notebook 02: the right answer passes, plausible wrong ones are told what is off."""

import numpy as np
import pytest

from conftest import voice
from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.course import exercises_02 as exercises
from voicecam.features import log_mel_energies

CONFIG = recipe("mfcc")


@pytest.fixture
def signal(rng):
    return audio.prepare(Signal(voice(200, rng), 16_000), CONFIG)


def test_two_tones_60_hz_apart_need_50_ms():
    """A Hann window's main lobe is 4 / T wide: 80 Hz at 50 ms, 160 Hz at 25 ms; two tones part at about half of it."""
    test = exercises.shortest_window(1000, 1060)
    assert test(50) is None
    assert "one hump" in test(25)
    assert "shorter" in test(100)
    assert "choose one of" in test(30)


@pytest.mark.parametrize(("apart", "window"), [(500, 5), (250, 10), (100, 25), (25, 100)])
def test_tones_farther_apart_need_less(apart, window):
    assert exercises.shortest_window(1000, 1000 + apart)(window) is None


def test_the_fewest_coefficients_by_parseval(signal):
    """Another way than the check's own: the cosines are orthonormal, so the error is the power of what is left out."""
    log_mel = log_mel_energies(signal.samples, CONFIG)
    n = np.arange(64)
    cosines = np.sqrt(2 / 64) * np.cos(np.pi * n[:, None] * (2 * n + 1) / 128)
    cosines[0] /= np.sqrt(2)
    power = np.mean((log_mel @ cosines.T) ** 2, axis=0) / 64
    target = next(k for k in range(1, 65) if np.sqrt(power[k:].sum()) <= 3)
    test = exercises.enough(log_mel, 3)
    assert 1 < target < 64
    assert test(target) is None
    assert "too low: with" in test(target - 1)
    assert "too high" in test(target + 1)
    assert "whole number" in test(200)


def test_another_sound_of_the_same_features(signal, rng):
    test = exercises.same_picture(signal, CONFIG)
    assert test(-signal.samples) is None
    assert "own samples" in test(signal.samples)
    assert "own samples" in test(0.9 * signal.samples)
    assert "features differ" in test(signal.samples[::-1])
    assert "features differ" in test(0.2 * signal.samples)
    assert "shape" in test(signal.samples[:100])
    assert "finite" in test(np.full_like(signal.samples, np.nan))

"""The answers of notebook 07: right ones pass, likely slips are named."""

from itertools import combinations

import numpy as np
import pytest

from voicecam.course import exercises_07 as exercises
from voicecam.explanation.differences import height, height_difference

LIMITS = [(100.0, 300.0), (300.0, 900.0), (900.0, 2500.0), (2500.0, 7000.0)]
WEIGHTS = np.array([1.0, 0.5, -2.0, 3.0])
VOICES = np.repeat(["a", "b", "c", "d"], 10)
CLASSES = np.repeat(["female", "male"], 20)


def voices_apart() -> np.ndarray:
    """Heights of clips that differ from voice to voice, and within a voice hardly."""
    rng = np.random.default_rng(1)
    return np.repeat([900.0, 1500.0, 800.0, 1000.0], 10) + rng.normal(0, 20, 40)


def test_a_height_as_the_library_computes_it_is_right():
    test = exercises.height_of(WEIGHTS, LIMITS)
    truth = float(height(WEIGHTS[None], LIMITS)[0])
    assert test(truth) is None
    assert test(round(truth)) is None


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (np.average([200, 600, 1700, 4750], weights=[1, 0.5, 0, 3]), "mel scale"),
        (float(height(np.ones((1, 4)), LIMITS)[0]), "whatever their weights"),
        (10.0, "too low"),
        (90000, "too high"),
        ("high", "a number"),
    ],
)
def test_slips_with_a_height_are_named(answer, hint):
    assert hint in exercises.height_of(WEIGHTS, LIMITS)(answer)


def test_a_height_left_in_mel_or_with_negative_weights_is_named():
    from librosa import hz_to_mel, mel_to_hz

    middles = hz_to_mel(np.array(LIMITS)).mean(axis=1)
    positive = np.maximum(WEIGHTS, 0)
    test = exercises.height_of(WEIGHTS, LIMITS)
    assert "turn it back" in test(positive @ middles / positive.sum())
    assert "below 0" in test(mel_to_hz(WEIGHTS @ middles / WEIGHTS.sum()))


@pytest.mark.parametrize(("first", "second"), [(2, 2), (4, 4), (3, 5), (2, 6)])
def test_the_smallest_p_is_that_of_counting_all_ways(first, second):
    values = np.repeat([1.0, 0.0], [first, second])
    gaps = [
        values[list(chosen)].mean() - np.delete(values, list(chosen)).mean()
        for chosen in combinations(range(first + second), first)
    ]
    counted = np.mean(np.abs(gaps) >= 1 - 1e-9)
    assert exercises.smallest_p(first, second)(counted) is None


@pytest.mark.parametrize(
    ("answer", "hint"), [(1 / 70, "two-sided"), (2 / 256, "stays as it is"), (1 / 2001, "2000"), (0.5, "too high")]
)
def test_slips_with_the_smallest_p_are_named(answer, hint):
    assert hint in exercises.smallest_p(4, 4)(answer)


def test_p_with_clips_as_voices_is_right_and_p_over_voices_is_named():
    heights = voices_apart()
    right = height_difference(heights, list(CLASSES), list(VOICES), "female", "male")["p"]
    broken = height_difference(heights, list(CLASSES), [str(i) for i in range(40)], "female", "male")["p"]
    test = exercises.clips_as_voices(heights, list(CLASSES), right)
    assert broken < 0.05 < right
    assert test(broken) is None
    assert "shuffles voices" in test(right)
    assert "too high" in test(0.9)


def test_blank_maps_are_in_no_mean():
    heights = np.append(voices_apart(), np.nan)
    classes, names = [*CLASSES, "male"], [str(i) for i in range(41)]
    broken = height_difference(heights, classes, names, "female", "male")["p"]
    assert exercises.clips_as_voices(heights, classes, 0.3)(broken) is None

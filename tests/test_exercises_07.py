"""The answers of notebook 07: right ones pass, likely slips are named."""

import ast
import json
import re
from itertools import combinations, product
from math import comb
from pathlib import Path

import numpy as np
import pytest

from voicecam.course import exercises_07 as exercises
from voicecam.explanation.differences import height, height_difference

ROOT = Path(__file__).parent.parent
LIMITS = [(100.0, 300.0), (300.0, 900.0), (900.0, 2500.0), (2500.0, 7000.0)]
WEIGHTS = np.array([1.0, 0.5, -2.0, 3.0])


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


@pytest.mark.parametrize(("first", "second", "both"), [(2, 2, 0), (4, 4, 0), (3, 5, 0), (2, 6, 0), (0, 0, 5), (1, 2, 2)])
def test_the_smallest_p_is_that_of_counting_all_ways(first, second, both):
    """A speaker's value is 1 in the one class and 0 in the other, so that the true way is the most extreme one."""
    ways = [
        (chosen, swaps) for chosen in combinations(range(first + second), first) for swaps in product((False, True), repeat=both)
    ]
    gaps = []
    for chosen, swaps in ways:
        ones, zeros = [i < first for i in chosen], [i < first for i in range(first + second) if i not in chosen]
        for swapped in swaps:
            ones, zeros = [*ones, not swapped], [*zeros, swapped]
        gaps.append(np.mean(ones) - np.mean(zeros))
    counted = np.mean(np.abs(gaps) >= 1 - 1e-9)
    assert smallest(first, second, both)(counted) is None


def test_the_smallest_p_is_that_of_the_library_s_test():
    values = np.repeat([1.0, 0.0], [4, 4])
    found = height_difference(values, ["a"] * 4 + ["b"] * 4, list("12345678"), "a", "b")["p"]
    assert smallest(4, 4)(found) is None
    many = np.repeat([1.0, 0.0], [12, 12])
    found = height_difference(many, ["a"] * 12 + ["b"] * 12, [str(i) for i in range(24)], "a", "b")["p"]
    assert found == pytest.approx(1 / 2001)
    assert smallest(12, 12)(found) is None
    assert "drawn" in smallest(12, 12)(2 / comb(24, 12))


@pytest.mark.parametrize(
    ("answer", "hint"), [(1 / 70, "two-sided"), (2 / 256, "stays as it is"), (1 / 2001, "2000"), (0.5, "too high")]
)
def test_slips_with_the_smallest_p_are_named(answer, hint):
    assert hint in smallest(4, 4)(answer)


def smallest(first, second, both=0):
    """The test of 7.2 for so many voices of the one class, of the other, and of both."""
    classes = ["a"] * first + ["b"] * second + ["a", "b"] * both
    speakers = [*range(first + second), *np.repeat(np.arange(both) + 100, 2)]
    return exercises.smallest_p(classes, [str(name) for name in speakers])


def test_the_notebook_gives_baved_as_the_results_do():
    """The numbers are typed in a cell; the documentation has them with their command."""
    cells = json.loads((ROOT / "nbs" / "07_is_it_true.ipynb").read_text())["cells"]
    typed = next("".join(cell["source"]) for cell in cells if "by_own" in "".join(cell["source"]))
    own, one = (ast.literal_eval(re.search(rf"{name} = (.*)", typed)[1]) for name in ("by_own", "by_one"))
    text = (ROOT / "docs" / "RESULTS.md").read_text()
    table = text[text.index("Differences of centroids in Hz on BAVED") :].split("Of 40 networks")[0]
    lines = [line.split("|")[2:4] for line in table.splitlines() if re.match(r"\| [bgf]\w+", line)]
    for place, numbers in enumerate((own, one)):
        assert numbers == [tuple(map(int, re.findall(r"[+-]\d+", line[place]))) for line in lines]
    as_far = re.search(r"Of 40 networks with random weights, (\d+), (\d+)", text)
    assert [f"(by_own, {as_far[1]})" in typed, f"(by_one, {as_far[2]})" in typed] == [True, True]


def test_false_alarms_of_clips_as_voices_are_right_and_those_of_voices_are_named():
    """Voices differ and their clips do not: dealt out by chance, the right test raises an alarm seldom, the broken one often."""
    rng = np.random.default_rng(2)
    voices = np.repeat(list("abcdefgh"), 6)
    heights = np.repeat(rng.normal(1500, 300, 8), 6) + rng.normal(0, 10, 48)
    deals = []
    for _ in range(40):
        dealt = dict(zip("abcdefgh", rng.permutation(["female", "male"] * 4)))
        deals.append([str(dealt[name]) for name in voices])
    shares = [
        float(np.mean([height_difference(heights, deal, names, "female", "male")["p"] < 0.05 for deal in deals]))
        for names in (list(voices), [str(i) for i in range(48)])
    ]
    right, broken = shares
    assert right <= 0.15 < 0.3 < broken
    test = exercises.clips_as_voices(heights, deals, right)
    assert test(broken) is None
    assert "shuffles voices" in test(right)
    assert "divide" in test(broken * 40)
    with_blank = exercises.clips_as_voices(np.append(heights, np.nan), [[*deal, "male"] for deal in deals], right)
    assert with_blank(broken) is None

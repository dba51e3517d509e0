"""Exercises of notebook 05: right answers pass, and of likely wrong ones it is said what is off."""

import numpy as np
import pandas as pd

from voicecam.course import exercises_05 as exercises


def predictions(voices: int = 20, clips: int = 12, seed: int = 0) -> pd.DataFrame:
    """Each voice has its own share of clips classified correctly, as with a coin; three quarters of the voices are female."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(voices):
        true, other = ("female", "male") if number % 4 else ("male", "female")
        right = rng.random(clips) < rng.beta(1.5, 0.8)
        rows += [{"speaker": f"{number:02d}", "fold": 1, "true": true, "predicted": true if one else other} for one in right]
    return pd.DataFrame(rows).assign(path=lambda table: [f"{i}.wav" for i in range(len(table))])


def test_a_toss_is_one_for_all_clips_of_a_voice_and_half_of_the_voices_are_heads():
    speakers = pd.Series(["b", "a", "c", "a", "d", "b"])
    sides = exercises.toss(speakers, 3)
    assert all(len(set(own)) == 1 for _, own in sides.groupby(speakers))
    assert (sides.groupby(speakers).first() == "heads").sum() == 2
    assert sides.equals(exercises.toss(speakers, 3))
    assert len({tuple(exercises.toss(speakers, seed)) for seed in range(20)}) > 3


def test_the_verdict_on_a_leak_follows_its_interval():
    def score(value, low, high):
        return {"balanced_accuracy": {"value": value, "low": low, "high": high}}

    sides = [(score(0.9, 0.86, 0.93), score(0.6, 0.5, 0.7)), (score(0.7, 0.6, 0.8), score(0.65, 0.5, 0.8))]
    for (known, new), verdict, numbers in zip(sides, ("a leak is shown", "no leak was shown"), ("30 points", "5 points")):
        unknown = score(0.9, None, None)
        by = {"by_clip": (known, unknown), "by_speaker": (new, new)}
        facts = {side: dict(zip(("network", "1-nearest-neighbour"), pair)) for side, pair in by.items()}
        network, nearest = exercises.gap_sentences(facts)
        assert numbers in network
        assert verdict in network
        assert "no interval" in nearest
        assert "no leak was shown" in nearest


def test_a_coin_is_known_of_known_voices_and_of_no_others():
    assert exercises.coin((0.8, 0.5)) is None
    assert "second number" in exercises.coin((0.8, 0.7))
    assert "first number" in exercises.coin((0.5, 0.5))
    assert "shares between 0 and 1" in exercises.coin((80, 50))
    assert "two numbers" in exercises.coin(0.8)


def test_balanced_accuracy_is_the_mean_of_the_rows():
    table = predictions()
    counts = pd.crosstab(table["true"], table["predicted"]).to_numpy()
    right = np.diag(counts)
    test = exercises.balanced(table)
    assert test(np.mean(right / counts.sum(axis=1))) is None
    assert "in per cent" in test(100 * np.mean(right / counts.sum(axis=1)))
    assert "by the columns" in test(np.mean(right / counts.sum(axis=0)))
    assert "too high" in test(1.0)
    assert "a number is asked for" in test("0.9")


def counted(table: list[list[int]]) -> pd.DataFrame:
    """Predictions with these counts, rows true, columns predicted."""
    names = ("female", "male")
    each = [(true, said) for i, true in enumerate(names) for j, said in enumerate(names) for _ in range(table[i][j])]
    return pd.DataFrame(each, columns=["true", "predicted"])


def test_a_rounded_balanced_accuracy_is_right_and_a_slip_is_named_only_where_it_is_one():
    """Recalls 90/100 and 20/50, mean 0.65; precisions 0.75 and 0.6667, mean 0.7083; of all clips 110/150 = 0.7333."""
    test = exercises.balanced(counted([[90, 10], [30, 20]]))
    for right in (0.65, 0.6451, 0.655):
        assert test(right) is None
    assert "in per cent" in test(65)
    for slip in (0.73, 0.733, 0.7333, 110 / 150):
        assert "share of all clips" in test(slip)
    for slip in (0.71, 0.708, 0.7083, np.float32(0.70833)):
        assert "by the columns" in test(slip)
    for other in (0.72, 0.735, 0.7, 0.7341):
        assert test(other).endswith("is too high")
    assert test(0.6).endswith("is too low")


def test_a_slip_that_rounds_to_the_right_answer_is_right():
    """Recalls 98/100 and 97/101: mean 0.9702; of all clips 195/201 = 0.9701; precisions 98/102 and 97/99, mean 0.9703."""
    test = exercises.balanced(counted([[98, 2], [4, 97]]))
    for right in (0.97, 0.9702, 0.9701, 0.9703):
        assert test(right) is None


def test_the_clips_that_count_follow_from_the_widths_of_two_bootstraps():
    table, rng = predictions(voices=40), np.random.default_rng(1)
    right = (table["true"] == table["predicted"]).to_numpy()
    each = pd.Series(right).groupby(table["speaker"]).mean().to_numpy()  # all have 12 clips
    voices = rng.choice(each, (4000, 40)).mean(axis=1)
    clips = rng.binomial(len(right), right.mean(), 4000) / len(right)
    ratio = np.ptp(np.percentile(clips, [2.5, 97.5])) / np.ptp(np.percentile(voices, [2.5, 97.5]))
    test = exercises.clips_that_count(table)
    assert test(len(table) * ratio**2) is None
    assert "square the ratio" in test(len(table) * ratio)
    assert "more clips than there are" in test(len(table) / ratio**2)
    assert "too low" in test(1)
    assert "both intervals are points" in exercises.clips_that_count(table.assign(predicted=table["true"]))(100)


def test_some_tosses_look_as_if_they_could_be_heard():
    table = predictions(voices=20)
    rng = np.random.default_rng(5)
    names = table["speaker"].unique()
    partner = {name: rng.choice(names[names != name], 3) for name in names}
    nearest = np.array([rng.choice(partner[name]) for name in table["speaker"]])
    test = exercises.lucky(table, nearest)
    answers = [test(seed) for seed in range(60)]
    assert 1 <= sum(answer is None for answer in answers) <= 20
    assert any(answer and "try others" in answer for answer in answers)
    assert "whole number" in test(0.5)
    assert "0 or more" in test(-1)

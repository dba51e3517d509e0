"""Two runs on the same clips: McNemar worked by hand, a paired interval with a known spread, and clips that do not match."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from sklearn import metrics as sk

from voicecam import evaluation
from voicecam.errors import DatasetError


def table(right, speakers=None, true=None):
    right = np.asarray(right, dtype=bool)
    n = len(right)
    true = np.resize(["a", "b"], n) if true is None else np.asarray(true)
    other = np.where(true == "a", "b", "a")
    speakers = np.arange(n) if speakers is None else speakers
    return pd.DataFrame({"path": [f"{i}.wav" for i in range(n)], "speaker": speakers, "fold": 1, "true": true}).assign(
        predicted=np.where(right, true, other)
    )


def test_mcnemar_worked_by_hand():
    """9 clips only the first classified correctly, 2 only the second: p = 2 (1 + 11 + 55) / 2^11 over the 11 that differ."""
    first = table([1] * 9 + [0] * 2 + [1] * 20 + [0] * 5)
    second = table([0] * 9 + [1] * 2 + [1] * 20 + [0] * 5)
    found = evaluation.compare(first, second)["mcnemar"]
    assert (found["only_first_right"], found["only_second_right"]) == (9, 2)
    assert found["p"] == pytest.approx(2 * sum(comb(11, k) for k in range(3)) / 2**11)
    assert evaluation.compare(second, first)["mcnemar"]["p"] == found["p"]


def test_a_run_against_itself_differs_by_nothing(rng):
    first = table(rng.random(200) < 0.8, rng.integers(0, 20, 200))
    found = evaluation.compare(first, first.sample(frac=1, random_state=0))
    assert found["difference"] == {"value": 0.0, "low": None, "high": None}, "no draw differs: no interval"
    assert found["mcnemar"]["p"] == 1.0
    assert (found["clips"], found["speakers"]) == (200, first["speaker"].nunique())


def test_scores_are_those_of_each_table_alone(rng):
    first, second = (table(rng.random(300) < share, np.arange(300) // 10) for share in (0.9, 0.6))
    found = evaluation.compare(first, second.iloc[::-1])
    alone = [sk.balanced_accuracy_score(part["true"], part["predicted"]) for part in (first, second)]
    assert [score["value"] for score in found["balanced_accuracy"].values()] == pytest.approx(alone)
    assert found["difference"]["value"] == pytest.approx(alone[0] - alone[1])
    assert found["balanced_accuracy"]["first"] == evaluation.evaluate(first, ("a", "b"))["network"]["balanced_accuracy"]


def test_the_interval_is_paired_the_same_speakers_for_both():
    """Speakers differ much, but each is 1 to 3 of 20 clips better with the first: the difference is 0.1 with little spread."""
    base = np.arange(20) % 10 + 5  # right clips of each of 20 speakers
    better = np.tile([1, 1, 3, 3], 5)
    count = np.arange(20)
    speakers = np.repeat(np.arange(20), 20)
    first, second = (np.concatenate([count < n for n in right]) for right in (base + better, base))
    true = np.tile(np.resize(["a", "b"], 20), 20)
    found = evaluation.compare(table(first, speakers, true), table(second, speakers, true))
    difference = found["difference"]
    assert difference["value"] == pytest.approx(0.1)
    spread = (better / 20).std(ddof=1) / np.sqrt(20)
    assert difference["high"] - difference["low"] == pytest.approx(2 * student.ppf(0.975, 19) * spread, rel=0.05)
    score = found["balanced_accuracy"]["first"]
    assert score["high"] - score["low"] > 0.1


def test_only_the_interval_knows_who_spoke():
    """One of 10 speakers, 40 of 400 clips, is right only with the first: McNemar calls that sure, the interval does not."""
    speakers = np.repeat(np.arange(10), 40)
    second = table(speakers > 0, speakers)
    found = evaluation.compare(table(np.ones(400, bool), speakers), second)
    assert found["mcnemar"]["p"] < 1e-9
    assert found["difference"]["value"] == pytest.approx(0.1)
    assert found["difference"]["low"] < 0
    assert "not independent" in found["note"]


def test_tables_of_other_clips_are_refused():
    first = table([1, 1, 0, 1])
    with pytest.raises(DatasetError, match=r"1 only in the first, 0 only in the second \(such as 3\.wav\), 3 in both"):
        evaluation.compare(first, first.head(3))
    with pytest.raises(DatasetError, match=r"second table: 0\.wav was tested twice"):
        evaluation.compare(first, pd.concat([first, first.head(1)]))
    with pytest.raises(DatasetError, match=r"0\.wav: has another true class in each run"):
        evaluation.compare(first, first.assign(true=["b", "b", "a", "b"]))

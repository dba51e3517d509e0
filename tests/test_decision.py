"""Thresholds, the third outcome and the price of answering: small cases worked by hand, and planted ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from voicecam import evaluation
from voicecam.errors import DatasetError

SURE = np.array([0.99, 0.95, 0.9, 0.8, 0.7, 0.6])


def table(confidence, right, threshold=0.0, speakers=None):
    """Predictions of "a" with this confidence; where one is wrong, the truth is "b"."""
    confidence, right = np.asarray(confidence), np.asarray(right)
    p = np.stack([confidence, 1 - confidence], axis=1)
    n = len(p)
    return pd.DataFrame(
        {
            "path": range(n),
            "speaker": range(n) if speakers is None else speakers,
            "fold": 1,
            "true": np.where(right, "a", "b"),
            "predicted": "a",
            "decision": evaluation.decide(p, ("a", "b"), threshold),
            "p_a": p[:, 0],
            "p_b": p[:, 1],
        }
    )


@pytest.mark.parametrize(
    ("right", "error", "threshold"),
    [
        ([1, 1, 1, 1, 0, 1], 0.0, 0.8),  # all down to the mistake
        ([1, 1, 1, 1, 0, 1], 0.17, 0.6),  # 1 of 6 is allowed, and comes back below the mistake at 1 of 5
        ([1, 1, 1, 1, 0, 1], 0.16, 0.8),
        ([0, 1, 1, 1, 1, 1], 0.2, 0.6),  # the surest is wrong: still the lowest limit that keeps the rate
        ([1, 1, 1, 1, 1, 1], 0.0, 0.6),  # nothing was measured below 0.6
        ([0, 1, 1, 0, 0, 1], 0.1, evaluation.NEVER),
        ([0, 0, 0, 0, 0, 0], 0.5, evaluation.NEVER),
    ],
)
def test_the_threshold_is_the_lowest_that_keeps_the_rate(right, error, threshold):
    shuffled = np.random.default_rng(0).permutation(6)
    right = np.array(right, dtype=bool)
    assert evaluation.choose_threshold(SURE[shuffled], right[shuffled], error=error) == threshold


def test_clips_that_are_equally_sure_are_taken_together():
    """Of three clips at 0.9 one is wrong: none of them can be answered at 20 %, whichever stands first."""
    confidence = np.array([0.95, 0.9, 0.9, 0.9])
    for place in (1, 2, 3):
        right = np.arange(4) != place
        assert evaluation.choose_threshold(confidence, right, error=0.2) == 0.95
        assert evaluation.choose_threshold(confidence, right, error=0.25) == 0.9


def test_what_no_threshold_can_be_chosen_from_is_refused():
    with pytest.raises(DatasetError, match="no clips to choose it on"):
        evaluation.choose_threshold(np.zeros(0), np.zeros(0, bool), error=0.1)
    for error in (-0.1, 1.0):
        with pytest.raises(DatasetError, match="must be 0 or more and below 1"):
            evaluation.choose_threshold(SURE, SURE > 0, error=error)


def test_decisions_have_three_outcomes():
    p = np.array([[0.2, 0.8], [0.55, 0.45], [0.7, 0.3]])
    assert evaluation.decide(p, ("no", "yes"), 0.7).tolist() == ["yes", "uncertain", "no"]
    assert evaluation.decide(p, ("no", "yes"), 0.0).tolist() == ["yes", "no", "no"]
    assert set(evaluation.decide(np.eye(2), ("no", "yes"), evaluation.NEVER)) == {"uncertain"}
    assert evaluation.decide(np.zeros((0, 2)), ("no", "yes"), 0.7).shape == (0,)
    with pytest.raises(DatasetError, match="give that class another name"):
        evaluation.decide(p, ("no", "uncertain"), 0.5)


def test_risk_and_coverage_worked_by_hand():
    found = evaluation.risk_coverage(np.array([0.6, 0.9, 0.9, 0.8]), np.array([True, True, False, True]))
    assert found["threshold"].tolist() == [0.9, 0.8, 0.6]
    assert found["clips"].tolist() == [2, 3, 4]
    assert found["coverage"].tolist() == [0.5, 0.75, 1.0]
    assert found["error"].tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 4])
    assert evaluation.area_under_risk(found) == pytest.approx((1 / 2 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_sureness_that_ranks_perfectly_has_the_least_area_and_that_of_chance_the_error(rng):
    right = rng.random(4000) < 0.8
    perfect = evaluation.area_under_risk(evaluation.risk_coverage(np.where(right, 0.9, 0.6) + rng.random(4000) / 100, right))
    error = 1 - right.mean()
    assert perfect == pytest.approx(error + (1 - error) * np.log(1 - error), abs=1e-3)  # Geifman et al. 2018, the oracle's
    chance = evaluation.area_under_risk(evaluation.risk_coverage(rng.random(4000), right))
    assert chance == pytest.approx(error, abs=0.03)


def test_calibrate_keeps_the_rate_on_other_clips_like_these(rng):
    """A network that is twice too sure: temperature 2 comes back, and the threshold keeps 5 % wrong on new clips of its kind."""

    def clips():
        p = rng.dirichlet(np.ones(2), 20_000)
        targets = (rng.random(20_000) < p[:, 1]).astype(int)
        return p**2 / (p**2).sum(axis=1, keepdims=True), targets

    (old, targets), (new, truth) = clips(), clips()
    found = evaluation.calibrate(old, targets, max_error=0.05)
    assert found["temperature"] == pytest.approx(2, rel=0.05)
    assert found["max_error"] == 0.05
    p = evaluation.at_temperature(new, found["temperature"])
    decision = evaluation.decide(p, ("0", "1"), found["threshold"])
    answered = decision != "uncertain"
    assert answered.mean() == pytest.approx(2 * 0.1, abs=0.02)  # wrong on average (1 - t) / 2 above t: t is 0.9
    assert (decision[answered] != truth[answered].astype(str)).mean() == pytest.approx(0.05, abs=0.01)


def test_calibrate_weighs_classes_equally(rng):
    """Class 1 is rare and always far too sure: with equal clips it would hardly move the temperature."""
    targets = (np.arange(2000) % 20 == 0).astype(int)
    p = np.where(targets == 1, 0.001, 0.1)  # of class 1: its clips are nearly all wrong, and surely so
    p = np.stack([1 - p, p], axis=1)
    weighted = evaluation.calibrate(p, targets, max_error=0.5)["temperature"]
    assert weighted > 2 * evaluation.fit_temperature(p, targets)


def test_abstention_counts_what_was_decided():
    right = np.array([1, 1, 0, 1, 0, 1], dtype=bool)
    found = evaluation.abstention(table(SURE, right, threshold=0.75))
    assert found["uncertain"]["value"] == pytest.approx(2 / 6)
    assert found["error_answered"]["value"] == pytest.approx(1 / 4)
    assert found["error_all"]["value"] == pytest.approx(2 / 6)
    assert found["per_class"] == {
        "a": {"right": 3, "wrong": 0, "uncertain": 1},
        "b": {"right": 0, "wrong": 1, "uncertain": 1},
    }
    silent = evaluation.abstention(table(SURE, right, threshold=evaluation.NEVER))
    assert silent["uncertain"]["value"] == 1
    assert silent["error_answered"] == {"value": None, "low": None, "high": None}


def test_leaving_out_the_least_sure_takes_a_twentieth_of_the_clips(rng):
    """Of 200 clips the 10 least sure are all wrong, and 19 others."""
    confidence = rng.permutation(np.linspace(0.51, 0.99, 200))
    order = np.argsort(confidence)
    right = np.ones(200, bool)
    right[order[:10]] = right[rng.choice(order[10:], 19, replace=False)] = False
    found = evaluation.abstention(table(confidence, right))
    assert found["error_all"]["value"] == pytest.approx(29 / 200)
    assert found["error_without_least_sure"]["value"] == pytest.approx(19 / 190)
    assert found["error_all"]["value"] == pytest.approx(1 - sk.accuracy_score(right, np.ones(200, bool)))
    assert found["error_all"]["low"] is None, "the wrong clips are a class here, drawn as often each time: no draw differs"
    surer = found["error_without_least_sure"]
    assert surer["low"] <= surer["value"] <= surer["high"]


def test_intervals_are_over_speakers():
    """20 speakers of 50 clips, all or nothing uncertain: the interval is that of 20 draws, not of 1,000."""
    confidence = np.repeat(np.where(np.arange(20) < 5, 0.6, 0.9), 50)
    share = evaluation.abstention(table(confidence, np.ones(1000, bool), 0.8, np.repeat(np.arange(20), 50)))["uncertain"]
    assert share["value"] == 0.25
    assert share["high"] - share["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 20), rel=0.15)

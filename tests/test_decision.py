"""Thresholds, the third outcome and the price of answering: small cases worked by hand, and planted ones."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
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


def threshold_of(confidence, right, *, error, targets=None, speakers=None):
    """The threshold where nothing else is said: one class, each clip by another speaker."""
    n = len(confidence)
    targets, speakers = np.zeros(n, int) if targets is None else targets, np.arange(n) if speakers is None else speakers
    return evaluation.choose_threshold(np.asarray(confidence), right, targets=targets, speakers=speakers, error=error)


@pytest.mark.parametrize(
    ("right", "error", "threshold"),
    [
        ([1, 1, 1, 1, 0, 1], 0.0, 0.8),  # all down to the mistake
        ([1, 1, 1, 1, 0, 1], 0.17, 0.6),  # 1 of 6 is allowed, answered or not
        ([1, 1, 1, 1, 0, 1], 0.16, 0.8),
        ([0, 1, 1, 1, 1, 0], 0.17, 0.7),  # the surest is wrong, and the last one would be one too many
        ([1, 1, 1, 1, 1, 1], 0.0, 0.6),  # nothing was measured below 0.6
        ([0, 1, 1, 0, 0, 1], 0.1, evaluation.NEVER),
        ([0, 0, 0, 0, 0, 0], 0.5, 0.9),  # 3 of 6
    ],
)
def test_the_threshold_is_the_lowest_that_keeps_the_rate(right, error, threshold):
    shuffled = np.random.default_rng(0).permutation(6)
    right = np.array(right, dtype=bool)
    assert threshold_of(SURE[shuffled], right[shuffled], error=error) == threshold


def test_clips_that_are_equally_sure_are_taken_together():
    """Of three clips at 0.9 one is wrong, of four in all: none of the three can be answered at 20 %, whichever stands first."""
    confidence = np.array([0.95, 0.9, 0.9, 0.9])
    for place in (1, 2, 3):
        right = np.arange(4) != place
        assert threshold_of(confidence, right, error=0.2) == 0.95
        assert threshold_of(confidence, right, error=0.25) == 0.9


def test_what_no_threshold_can_be_chosen_from_is_refused():
    with pytest.raises(DatasetError, match="no clips to choose it on"):
        threshold_of(np.zeros(0), np.zeros(0, bool), error=0.1)
    for error in (-0.1, 1.0):
        with pytest.raises(DatasetError, match="must be 0 or more and below 1"):
            threshold_of(SURE, SURE > 0, error=error)
    with pytest.raises(DatasetError, match="guarantee: 0 speakers"):
        evaluation.guarantee(0, 0.1)


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


def test_each_class_keeps_the_rate_by_itself():
    """Class 1 is rare and wrong in half of its clips, surely so: it decides, though all clips together would keep the rate."""
    confidence, right = np.linspace(0.99, 0.5, 1000), np.ones(1000, bool)
    targets = (np.arange(1000) % 50 == 0).astype(int)  # 20 of 1,000, with the surest of all
    right[targets == 1] = np.arange(20) >= 10  # its ten surest are wrong: 1 % of all clips, half of the class
    assert threshold_of(confidence, right, error=0.1, targets=targets) == confidence[99]  # its third mistake of 20 is the next
    assert threshold_of(confidence, right, error=0.1) == confidence.min()


def test_speakers_count_equally_however_many_clips_they_have():
    """One of four speakers has 97 of 100 clips and all right; one of the others is wrong: a quarter of the speakers."""
    speakers = np.repeat([0, 1, 2, 3], [97, 1, 1, 1])
    confidence = np.where(speakers == 3, 0.8, 0.9)
    right = speakers != 3
    assert threshold_of(confidence, right, error=0.1) == 0.8
    assert threshold_of(confidence, right, error=0.1, speakers=speakers) == 0.9
    assert threshold_of(confidence, right, error=0.25, speakers=speakers) == 0.8


@pytest.mark.parametrize("n", [19, 34, 99, 500])
def test_with_one_clip_each_the_threshold_is_the_quantile_of_split_conformal_prediction(rng, n):
    """Vovk's, as in Angelopoulos and Bates 2021 and in MAPIE: the ceil((n + 1)(1 - alpha))-th smallest score, which is here the
    probability of the answer where it is wrong, and 0 where it is right. A class apart from the others is Mondrian."""
    confidence, right = rng.random(n), rng.random(n) < 0.5
    for error in (0.05, 0.1, 0.3):
        alpha = evaluation.guarantee(n, error)["mean"]
        rank = int(np.ceil((n + 1) * (1 - alpha) - 1e-9))
        quantile = np.sort(np.where(right, 0.0, confidence))[rank - 1]
        assert threshold_of(confidence, right, error=error) == confidence[confidence > quantile].min()


def test_guarantees_against_known_answers():
    """Without mistakes: those of n + 1 of whom one is wrong, and the end of Clopper and Pearson's interval for 0 of n."""
    for n in (1, 4, 34):
        found = evaluation.guarantee(n, 0.0)
        assert found["mean"] == pytest.approx(1 / (n + 1))
        assert found["confident"] == pytest.approx(stats.beta.ppf(0.95, 1, n))
    for n, error in ((8, 0.02), (34, 0.1), (1000, 0.02)):
        share = evaluation.guarantee(n, error)["confident"]
        divergence = error * np.log(error / share) + (1 - error) * np.log((1 - error) / (1 - share))
        assert np.exp(-n * divergence) == pytest.approx(0.05)
        assert share > error
    assert evaluation.guarantee(1, 0.999)["confident"] == 1, "so much error that one speaker shows nothing"
    needed = evaluation.speakers_needed(0.02)
    assert evaluation.guarantee(needed, 0.0)["mean"] <= 0.02 < evaluation.guarantee(needed - 1, 0.0)["mean"]
    assert evaluation.speakers_needed(0.0) is None


@pytest.mark.parametrize("bad", [0.15, 0.35])
def test_guarantees_hold_for_speakers_that_are_drawn_again(bad):
    """300 choices of 10 validation speakers a class, 20 clips each; in class 1 the share `bad` of all speakers is always wrong.

    The share over the population is known: at threshold t a clip is answered wrongly with the probability rate (1 - t). The same
    formula with clips in place of speakers, as if each were drawn by itself, promises too much.
    """
    rng, n, clips, error, rare = np.random.default_rng(3), 10, 20, 0.05, 0.02
    speakers, targets = np.repeat(np.arange(2 * n), clips), np.repeat([0, 1], n * clips)
    thresholds = np.zeros(300)
    for trial in range(300):
        rate = np.where(rng.random(2 * n) < bad, 1.0, rare) * (np.arange(2 * n) >= n)
        confidence, right = rng.random(2 * n * clips), rng.random(2 * n * clips) >= np.repeat(rate, clips)
        thresholds[trial] = threshold_of(confidence, right, error=error, targets=targets, speakers=speakers)
    share = (bad + (1 - bad) * rare) * (1 - np.minimum(thresholds, 1))
    told = evaluation.guarantee(n, error)
    assert share.mean() <= told["mean"] < share.max()
    assert (share > told["confident"]).mean() <= 0.05
    assert (share > evaluation.guarantee(n * clips, error)["confident"]).mean() > 0.05


def test_calibrate_keeps_the_rate_on_other_clips_like_these(rng):
    """A network that is twice too sure: temperature 2 comes back, and at the threshold 5 % of new clips are wrong."""

    def clips():
        p = rng.dirichlet(np.ones(2), 20_000)
        targets = (rng.random(20_000) < p[:, 1]).astype(int)
        return p**2 / (p**2).sum(axis=1, keepdims=True), targets

    (old, targets), (new, truth) = clips(), clips()
    found = evaluation.calibrate(old, targets, np.arange(20_000), ("0", "1"), max_error=0.05)
    assert found["temperature"] == pytest.approx(2, rel=0.05)
    assert found["max_error"] == 0.05
    assert found["validation_speakers"] == {str(i): (targets == i).sum() for i in range(2)}
    p = evaluation.at_temperature(new, found["temperature"])
    decision = evaluation.decide(p, ("0", "1"), found["threshold"])
    wrong = (decision != "uncertain") & (decision != truth.astype(str))
    for i in range(2):
        assert wrong[truth == i].mean() == pytest.approx(0.05, abs=0.01)
    assert found["threshold"] == pytest.approx(1 - np.sqrt(0.05), abs=0.02)  # wrong and above t: (1 - t)^2, t as of p uniform


def test_calibrate_weighs_classes_equally(rng):
    """Class 1 is rare and always far too sure: with equal clips it would hardly move the temperature."""
    targets = (np.arange(2000) % 20 == 0).astype(int)
    p = np.where(targets == 1, 0.001, 0.1)  # of class 1: its clips are nearly all wrong, and surely so
    p = np.stack([1 - p, p], axis=1)
    weighted = evaluation.calibrate(p, targets, np.arange(2000), ("0", "1"), max_error=0.5)["temperature"]
    assert weighted > 2 * evaluation.fit_temperature(p, targets)


def test_abstention_counts_what_was_decided():
    right = np.array([1, 1, 0, 1, 0, 1], dtype=bool)
    found = evaluation.abstention(table(SURE, right, threshold=0.75))
    assert found["uncertain"]["value"] == pytest.approx(2 / 6)
    assert found["error_answered"]["value"] == pytest.approx(1 / 4)
    assert found["error_all"]["value"] == pytest.approx(2 / 6)
    counts = {name: [n[key] for key in ("right", "wrong", "uncertain")] for name, n in found["per_class"].items()}
    assert counts == {"a": [3, 0, 1], "b": [0, 1, 1]}
    assert [n["error_answered"]["value"] for n in found["per_class"].values()] == [0, 1]
    assert [n["wrong_of_speaker"] for n in found["per_class"].values()] == [0, 0.5]
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

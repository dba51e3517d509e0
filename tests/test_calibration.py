"""Temperature and calibration error against answers known in advance, and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from voicecam import evaluation
from voicecam.errors import DatasetError
from voicecam.evaluation.calibration import _error_interval
from voicecam.evaluation.intervals import jackknife


def calibrated(rng, n=20_000, classes=3):
    """Probabilities and targets drawn from them: calibrated by construction."""
    p = rng.dirichlet(np.ones(classes), n)
    targets = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return p, targets


def sharpened(p, exponent):
    """Too sure by a known factor: logits times `exponent`, by powers instead of logarithms."""
    raised = p**exponent
    return raised / raised.sum(axis=1, keepdims=True)


def table(p, targets, speakers, classes=("a", "b", "c")):
    names = np.asarray(classes)
    found = pd.DataFrame({"path": range(len(p)), "speaker": speakers, "fold": 1, "true": names[targets]})
    return found.assign(predicted=names[p.argmax(axis=1)], **{f"p_{name}": p[:, i] for i, name in enumerate(classes)})


@pytest.mark.parametrize("factor", [3.0, 1.0, 0.4])
def test_the_temperature_that_was_put_in_comes_back(rng, factor):
    p, targets = calibrated(rng)
    assert evaluation.fit_temperature(sharpened(p, factor), targets) == pytest.approx(factor, rel=0.05)


def test_temperature_three_times_too_sure_is_undone(rng):
    """Dividing the logits of calibrated answers by 1/3 makes them three times too sharp; the answer is 3, and p comes back."""
    p, targets = calibrated(rng, classes=2)
    sharp = sharpened(p, 3)
    temperature = evaluation.fit_temperature(sharp, targets)
    np.testing.assert_allclose(evaluation.at_temperature(sharp, temperature), p, atol=0.02)
    np.testing.assert_allclose(evaluation.at_temperature(evaluation.at_temperature(sharp, 5.0), 1 / 5), sharp, atol=1e-9)


def test_the_fit_has_the_lowest_weighted_log_loss_of_scikit_learn(rng):
    p, targets = calibrated(rng, n=3000)
    sharp, weights = sharpened(p, 2.2), np.where(targets == 0, 5.0, 1.0)
    best = evaluation.fit_temperature(sharp, targets, weights)
    loss = {t: sk.log_loss(targets, sharpened(sharp, 1 / t), sample_weight=weights) for t in (best, 0.9 * best, 1.1 * best)}
    assert min(loss, key=loss.get) == best


def test_weights_count_like_clips(rng):
    p, targets = calibrated(rng, n=2000)
    sharp, times = sharpened(p, 2), np.where(np.arange(2000) < 500, 3, 1)
    repeated = np.repeat(np.arange(2000), times)
    once = evaluation.fit_temperature(sharp, targets, times)
    assert once == pytest.approx(evaluation.fit_temperature(sharp[repeated], targets[repeated]), rel=0.01)


def test_a_network_without_mistakes_is_not_made_sure_without_bound():
    """100 clips, all right: by hand, the best probability of the answer is 1 - 1 / (2 n), whatever the logits were."""
    targets = np.arange(100) % 2
    p = np.where(np.eye(2)[targets] > 0, 0.8, 0.2)
    temperature = evaluation.fit_temperature(p, targets)
    assert evaluation.at_temperature(p, temperature).max(axis=1) == pytest.approx(1 - 1 / 200, abs=2e-4)


def test_probabilities_of_0_and_1_can_be_fitted():
    targets = np.array([0, 1, 1, 0])
    p = np.eye(2)[[0, 1, 0, 0]].astype(np.float32)  # one sure mistake
    assert np.isfinite(evaluation.fit_temperature(p, targets))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DatasetError, match="temperature: no clips"):
        evaluation.fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(DatasetError, match=r"probabilities \(3, 2\), targets \(2,\)"):
        evaluation.fit_temperature(np.full((3, 2), 0.5), np.zeros(2, int))
    with pytest.raises(DatasetError, match="must be above 0"):
        evaluation.at_temperature(np.full((1, 2), 0.5), 0.0)
    with pytest.raises(DatasetError, match="no clips"):
        evaluation.calibration_error(np.zeros(0), np.zeros(0, bool))


def test_calibration_error_of_a_table_worked_by_hand():
    """Bins of a tenth: (0.5, 0.6] has 0.55, 0.6, one right; (0.9, 1] has 0.95, 1, 1, all right.

    |0.575 - 0.5| * 2/5 + |2.95/3 - 1| * 3/5 = 0.03 + 0.01
    """
    confidence, right = np.array([0.55, 0.6, 0.95, 1.0, 1.0]), np.array([True, False, True, True, True])
    assert evaluation.calibration_error(confidence, right, bins=10) == pytest.approx(0.04)
    found = evaluation.reliability(confidence, right, bins=10)
    assert found["clips"].tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 3]
    assert found["accuracy"].iloc[[5, 9]].tolist() == [0.5, 1.0]
    assert found["confidence"].iloc[[5, 9]].tolist() == pytest.approx([0.575, 2.95 / 3])
    assert found.loc[0].isna()[["confidence", "accuracy"]].all()
    assert found[["low", "high"]].iloc[5].tolist() == pytest.approx([0.5, 0.6])


def test_reliability_equals_scikit_learns_calibration_curve(rng):
    confidence, right = rng.random(5000), rng.random(5000) < 0.6
    accuracy, mean = calibration_curve(right, confidence, n_bins=evaluation.BINS)
    found = evaluation.reliability(confidence, right)
    np.testing.assert_allclose(found["accuracy"], accuracy)
    np.testing.assert_allclose(found["confidence"], mean)
    by_hand = sum(abs(row["confidence"] - row["accuracy"]) * row["clips"] for row in found.to_dict("records")) / 5000
    assert evaluation.calibration_error(confidence, right) == pytest.approx(by_hand)


def test_brier_of_two_classes_is_twice_that_of_scikit_learn(rng):
    p, targets = calibrated(rng, n=500, classes=2)
    assert evaluation.brier(p, targets).mean() == pytest.approx(2 * sk.brier_score_loss(targets, p[:, 1]))
    assert evaluation.brier(np.array([[0.0, 1.0, 0.0]]), np.array([0])).tolist() == [2.0]


def test_a_run_that_is_too_sure_is_measured_before_and_after(rng):
    p, targets = calibrated(rng, n=6000)
    sharp = sharpened(p, 3)
    found = evaluation.calibration(table(p, targets, rng.integers(0, 60, 6000)), sharp)
    assert found["ece"]["value"] < 0.03 < 0.1 < found["ece_before"]["value"]
    assert found["ece_before"]["value"] == pytest.approx(
        evaluation.calibration_error(sharp.max(axis=1), sharp.argmax(axis=1) == targets)
    )
    for score in (found["ece_before"], found["brier"]):
        assert score["low"] < score["value"] < score["high"]
    assert found["brier"]["value"] == pytest.approx(((p - np.eye(3)[targets]) ** 2).sum() / 6000)
    assert sum(row["clips"] for row in found["reliability"]) == 6000
    assert found["reliability"][0] == {
        "low": 0.0,
        "high": pytest.approx(1 / 15),
        "clips": 0,
        "confidence": None,
        "accuracy": None,
    }


def test_the_interval_of_the_calibration_error_is_over_speakers():
    """20 speakers of 50 clips at 0.7: 14 always right, 6 never. The error is 0; that of 20 draws has a spread of about 0.1."""
    right = np.repeat(np.arange(20) < 14, 50)
    p = np.tile([0.7, 0.3], (1000, 1))
    found = evaluation.calibration(table(p, np.where(right, 0, 1), np.repeat(np.arange(20), 50), ("a", "b")).assign(true="a"), p)
    assert found["brier"]["value"] == pytest.approx(2 * 0.09)
    mixed = table(p, np.where(right, 0, 1), np.repeat(np.arange(20), 50), ("a", "b"))
    mixed.loc[::50, "true"] = "b"  # every speaker has clips of both classes, so that all are drawn from one bag
    mixed.loc[1::50, "true"] = "a"
    error = evaluation.calibration(mixed, p)["ece"]
    assert error["value"] < 0.02
    assert error["high"] == pytest.approx(1.96 * np.sqrt(0.7 * 0.3 / 20), rel=0.25)


@pytest.mark.parametrize(("exponent", "holds"), [(1.0, 0.65), (2.0, 0.88)])
def test_the_interval_of_the_calibration_error_holds_its_estimate_and_the_truth(rng, exponent, holds):
    """100 tests of 16 speakers with 20 clips, of a network that is calibrated and of one too sure by a known factor. The error
    leans upwards by chance; its interval must contain the estimate each time, and the truth, that of 200,000 clips, mostly."""
    p, targets = calibrated(rng, n=200_000, classes=2)
    sharp = sharpened(p, exponent)
    confidence, right = sharp.max(axis=1), sharp.argmax(axis=1) == targets
    truth = evaluation.calibration_error(confidence, right)
    tests = rng.choice(len(p), (100, 16 * 20))
    found = []
    for rows in tests:
        tested = jackknife(pd.DataFrame({"speaker": np.repeat(np.arange(16), 20), "true": ""}))
        found.append(_error_interval(confidence[rows], right[rows], tested))
    assert all(score["low"] <= score["value"] <= score["high"] for score in found)
    assert np.mean([score["low"] <= truth <= score["high"] for score in found]) >= holds
    assert max(score["value"] for score in found) - truth > 0.01  # estimates above the truth were among them


def test_opposite_errors_of_folds_do_not_cancel():
    """Stated 0.8 throughout; of one fold 100 % are right, of the other 60 %, of a third, half as large, 80 %. Together 80 %."""
    right = np.concatenate([np.ones(100), np.arange(100) < 60, np.arange(50) < 40]).astype(bool)
    p = np.tile([0.8, 0.2], (250, 1))
    predictions = table(p, np.where(right, 0, 1), np.arange(250), ("a", "b")).assign(fold=np.repeat([1, 2, 3], [100, 100, 50]))
    found = evaluation.calibration(predictions, p)
    assert found["ece"]["value"] == pytest.approx(0, abs=1e-9)
    assert found["ece_folds"] == pytest.approx([0.2, 0.2, 0])
    assert found["ece_fold_mean"] == pytest.approx(0.4 / 3)

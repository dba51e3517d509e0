"""Metrics against scikit-learn and against counts done by hand; intervals that know who spoke."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk

from voicecam import evaluation
from voicecam.data.splits import Split
from voicecam.errors import DatasetError
from voicecam.evaluation.intervals import jackknife

CLASSES = ("a", "b", "c")


def logit_interval(value, spread, freedom):
    """Student's interval of log(value / (1 - value)), turned back into a share: the formula of a textbook."""
    middle, step = np.log(value / (1 - value)), stats.t.ppf(0.975, freedom) * spread / (value * (1 - value))
    return [1 / (1 + np.exp(-end)) for end in (middle - step, middle + step)]


def table(rng, *, n=300, speakers=12, right=0.7, folds=1, classes=CLASSES):
    """Random predictions; each speaker has one class and lies in one fold."""
    speaker = rng.integers(0, speakers, n)
    true = np.asarray(classes)[speaker % len(classes)]
    predicted = np.where(rng.random(n) < right, true, rng.choice(classes, n))
    return pd.DataFrame(
        {
            "path": [f"{i}.wav" for i in range(n)],
            "speaker": [f"s{s}" for s in speaker],
            "fold": speaker // len(classes) % folds + 1,
            "true": true,
            "predicted": predicted,
        }
    )


def test_scores_equal_those_of_scikit_learn(rng):
    predictions = table(rng)
    found = evaluation.evaluate(predictions, CLASSES)["network"]
    y, p = predictions["true"], predictions["predicted"]
    assert found["accuracy"]["value"] == pytest.approx(sk.accuracy_score(y, p))
    assert found["balanced_accuracy"]["value"] == pytest.approx(sk.balanced_accuracy_score(y, p))
    assert found["macro_f1"]["value"] == pytest.approx(sk.f1_score(y, p, average="macro"))
    assert found["confusion"] == sk.confusion_matrix(y, p, labels=CLASSES).tolist()
    precision, recall, f1, clips = sk.precision_recall_fscore_support(y, p, labels=CLASSES)
    for i, name in enumerate(CLASSES):
        per_class = found["per_class"][name]
        assert [per_class[s]["value"] for s in ("precision", "recall", "f1")] == pytest.approx([precision[i], recall[i], f1[i]])
        assert per_class["clips"] == clips[i]


def test_intervals_hold_the_value_and_narrow_with_more_speakers(rng):
    few, many = (evaluation.evaluate(table(rng, n=3000, speakers=s), CLASSES)["network"]["accuracy"] for s in (9, 300))
    for score in (few, many):
        assert score["low"] <= score["value"] <= score["high"]
    speakers_differ = table(rng, n=3000, speakers=9)
    bad = speakers_differ["speaker"].isin(["s0", "s1", "s2"])
    speakers_differ.loc[bad, "predicted"] = "a"
    wide = evaluation.evaluate(speakers_differ, CLASSES)["network"]["accuracy"]
    assert wide["high"] - wide["low"] > 3 * (many["high"] - many["low"])


def test_the_interval_is_over_speakers_not_over_clips():
    """20 speakers, each all right or all wrong: 50 clips each must give the interval of 20 answers, not of 1,000."""
    rows = [
        {"path": f"{s}-{i}", "speaker": f"s{s}", "fold": 1, "true": "a", "predicted": "a" if s < 14 else "b"}
        for s in range(20)
        for i in range(50)
    ]
    found = evaluation.evaluate(pd.DataFrame(rows), ("a", "b"))["network"]["accuracy"]
    spread = np.sqrt(0.7 * 0.3 / 19)  # of a mean of 20 yes-or-no answers
    assert found["value"] == pytest.approx(0.7)
    assert [found["low"], found["high"]] == pytest.approx(logit_interval(0.7, spread, 19))


def test_fold_mean_is_the_mean_of_each_folds_balanced_accuracy(rng):
    predictions = table(rng, n=600, speakers=30, folds=5)
    found = evaluation.evaluate(predictions, CLASSES)
    expected = [sk.balanced_accuracy_score(part["true"], part["predicted"]) for _, part in predictions.groupby("fold")]
    assert [fold["balanced_accuracy"] for fold in found["folds"]] == pytest.approx(expected)
    assert found["fold_mean"]["value"] == pytest.approx(np.mean(expected))
    assert found["fold_mean"]["low"] < found["fold_mean"]["value"] < found["fold_mean"]["high"]


def test_a_class_never_predicted_has_precision_zero():
    predictions = pd.DataFrame(
        {"path": ["1", "2"], "speaker": ["x", "y"], "fold": 1, "true": ["a", "b"], "predicted": ["a", "a"]}
    )
    found = evaluation.evaluate(predictions, ("a", "b"))["network"]
    assert found["per_class"]["b"]["precision"]["value"] == 0
    assert found["balanced_accuracy"]["value"] == 0.5


def test_a_class_without_clips_has_no_score_and_counts_in_no_mean():
    predictions = pd.DataFrame(
        {"path": ["1", "2"], "speaker": ["x", "y"], "fold": 1, "true": ["a", "b"], "predicted": ["a", "b"]}
    )
    found = evaluation.evaluate(predictions, ("a", "b", "c"))["network"]
    assert found["per_class"]["c"]["recall"] == {"value": None, "low": None, "high": None}
    assert found["balanced_accuracy"]["value"] == 1.0


def test_no_predictions_are_refused():
    with pytest.raises(DatasetError, match="no predictions"):
        evaluation.evaluate(pd.DataFrame({"true": []}), CLASSES)


def test_per_speaker_is_worst_first_and_names_mixed_speakers():
    predictions = pd.DataFrame(
        {"speaker": ["x", "x", "y", "y", "z"], "true": ["a", "a", "a", "b", "b"], "predicted": ["a", "b", "a", "b", "a"]}
    )
    found = evaluation.per_speaker(predictions)
    assert found.to_dict("records") == [
        {"speaker": "z", "true_class": "b", "clips": 1, "accuracy": 0.0},
        {"speaker": "x", "true_class": "a", "clips": 2, "accuracy": 0.5},
        {"speaker": "y", "true_class": "mixed", "clips": 2, "accuracy": 1.0},
    ]


def test_worst_mistakes_are_wrong_most_confident_first_two_a_speaker():
    p_b = [0.9, 0.6, 0.99, 0.8, 0.7]
    predictions = pd.DataFrame(
        {
            "speaker": ["x", "x", "y", "x", "y"],
            "true": list("aabaa"),
            "predicted": list("bbbbb"),
            "p_a": [1 - p for p in p_b],
            "p_b": p_b,
        }
    )
    assert evaluation.worst_mistakes(predictions, 10)["p"].tolist() == [0.9, 0.8, 0.7]


def test_baselines_learn_from_the_training_part_only(rng):
    """Class b is louder in training; in the test part it is the other way round, so a fitted baseline must be all wrong."""
    targets = np.tile(["a", "a", "b"], 40)
    matrices = rng.normal(0, 0.1, (120, 4, 10))
    test = np.arange(90, 120)
    louder = (targets == "b") ^ np.isin(np.arange(120), test)
    matrices[louder] += 1
    clips = pd.DataFrame({"path": map(str, range(120)), "speaker": map(str, range(120)), "x": targets})
    split = Split(np.arange(60), np.arange(60, 90), test)
    majority, regression = evaluation.baseline_predictions(matrices, clips, "x", split, ("a", "b"), fold=1, seed=0).values()
    assert set(majority["predicted"]) == {"a"}
    assert (regression["predicted"] == regression["true"]).mean() == 0
    assert len(regression) == 30


@pytest.mark.parametrize("n", [2, 3, 20])
def test_the_interval_of_a_mean_is_students(n, rng):
    """The textbook's: s / sqrt(n) times Student's quantile for n - 1 degrees of freedom, also for n = 2; and so drawn again."""
    values = rng.random(n)
    tested = jackknife(pd.DataFrame({"speaker": [f"s{i}" for i in range(n)], "true": "a"}))
    expected = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert tested.ends(values.mean(), tested.without(values) / n) == pytest.approx(expected)
    again = tested.resampled(values, seed=0) / n
    assert tested.ends_of_draws(values.mean(), again, within=(-np.inf, np.inf)) == pytest.approx(expected, rel=0.15)

"""Intervals over speakers: do they hold the truth as often as they say, and how many speakers do they rest on?"""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from voicecam import evaluation
from voicecam.config import recipe
from voicecam.evaluation.calibration import calibration
from voicecam.evaluation.intervals import few_speakers, jackknife, over_speakers
from voicecam.explanation.bands import bands_by_class
from voicecam.explanation.bandstop import drop_table
from voicecam.explanation.differences import class_difference

AUDIT = Path(__file__).parent.parent / "audit" / "intervals.py"


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit_intervals", AUDIT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clips_of(counts: dict[str, list[int]], right: float = 0.9) -> pd.DataFrame:
    """Predictions with counts[class][speaker] clips, of which the share `right` of each speaker, rounded, is right."""
    rows = []
    for true, each in counts.items():
        other = next(name for name in counts if name != true)
        for number, n in enumerate(each):
            good = np.arange(n) < round(right * n)
            rows += [{"speaker": f"{true}{number}", "fold": 1, "true": true, "predicted": true if one else other} for one in good]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", ["9 speakers, 54 clips each", "24 speakers, 30 clips each", "57 speakers, as uneven as BAVED"])
def test_the_truth_lies_in_nineteen_of_twenty_intervals(audit, name):
    [design] = [one for one in audit.DESIGNS if one.name == name]
    found = audit.accuracy_row(design, 400, seed=1, before=False)
    assert found["coverage"] >= 0.9
    assert found["truth_below"] <= 0.08
    assert found["truth_above"] <= 0.05


def test_the_audit_calls_intervals_that_are_too_narrow_so(audit):
    """The percentile bootstrap, which was there before, holds the truth in 3 of 4 corpora of 9 speakers."""
    design = audit.DESIGNS[1]
    right = audit.right_clips(design, 150, np.random.default_rng(0))
    narrow = audit.bootstrap_intervals(design, right, np.random.default_rng(0))
    assert audit.row("", "", design.mean, narrow, None)["coverage"] < 0.87


def test_the_audit_measures_the_intervals_of_evaluate(audit):
    design = audit.Design("3 and 4", (np.array([5, 20, 9]), np.array([8, 8, 30, 2])))
    right = np.array([4, 20, 6, 8, 5, 27, 1])
    table = audit.speakers_of(design)
    predicted = []
    for good, n, name in zip(right, np.concatenate(design.clips), np.repeat(["a", "b"], [3, 4])):
        predicted += [name] * good + ["b" if name == "a" else "a"] * (n - good)
    score = evaluation.evaluate(table.assign(predicted=predicted, fold=1), ("a", "b"))["network"]["balanced_accuracy"]
    assert [score["low"], score["high"]] == pytest.approx(audit.accuracy_intervals(design, right[None])[0].tolist())


def test_the_interval_is_the_delete_one_speaker_jackknife_by_another_formula():
    """Balanced accuracy of uneven speakers, each left out by hand; degrees of freedom from the effective speakers."""
    counts, right = {"a": [30, 4, 9, 12], "b": [10, 25, 6]}, {"a": [28, 2, 9, 7], "b": [9, 16, 6]}
    rows = [
        {"speaker": f"{name}{i}", "fold": 1, "true": name, "predicted": name if take < right[name][i] else "ab".replace(name, "")}
        for name in "ab"
        for i, n in enumerate(counts[name])
        for take in range(n)
    ]
    score = evaluation.evaluate(pd.DataFrame(rows), ("a", "b"))["network"]["balanced_accuracy"]
    value = np.mean([sum(right[name]) / sum(counts[name]) for name in "ab"])
    variances, freedoms = [], []
    for name in "ab":
        n, r = np.array(counts[name]), np.array(right[name])
        away = ((r.sum() - r) / (n.sum() - n) - r.sum() / n.sum()) / 2  # the other class stays
        variances.append((len(n) - 1) / len(n) * (away**2).sum())
        freedoms.append(max(n.sum() ** 2 / (n**2).sum() - 1, 2))
    total = sum(variances)
    freedom = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(total) / (value * (1 - value))
    middle = np.log(value / (1 - value))
    assert score["value"] == pytest.approx(value)
    assert [score["low"], score["high"]] == pytest.approx([1 / (1 + np.exp(-middle + side * half)) for side in (1, -1)])


def test_a_lone_speaker_of_one_class_changes_nothing_for_the_other():
    """Recall of a by the textbook, with 3 degrees of freedom, whoever speaks b."""
    right = np.repeat([9, 7, 6, 8], 10)
    table = pd.DataFrame({"speaker": np.repeat(list("wxyz"), 10), "true": "a"}).assign(
        predicted=np.where(np.tile(np.arange(10), 4) < right, "a", "b")
    )
    lone = pd.DataFrame({"speaker": "v", "true": "b", "predicted": ["b"] * 5})
    recall = evaluation.evaluate(pd.concat([table, lone]).assign(fold=1), ("a", "b"))["network"]["per_class"]["a"]["recall"]
    half = stats.t.ppf(0.975, 3) * stats.sem([0.9, 0.7, 0.6, 0.8]) / (0.75 * 0.25)
    assert [recall["low"], recall["high"]] == pytest.approx([1 / (1 + np.exp(-np.log(3) + side * half)) for side in (1, -1)])


def test_effective_speakers_worked_by_hand():
    """(10 + 1)^2 / (10^2 + 1^2) = 1.198; equal clips count whole; together each class counts the same."""
    found = evaluation.evaluate(clips_of({"a": [10, 1], "b": [6] * 8}), ("a", "b"))
    per_class = found["network"]["per_class"]
    assert per_class["a"]["effective_speakers"] == pytest.approx(121 / 101)
    assert per_class["b"]["effective_speakers"] == pytest.approx(8)
    assert found["network"]["effective_speakers"] == pytest.approx(4 / (101 / 121 + 1 / 8))
    assert "a 1.2" in found["few_speakers"]
    assert "b 8" not in found["few_speakers"]


def test_speakers_of_all_classes_count_once():
    rows = [{"speaker": f"s{i}", "fold": 1, "true": name, "predicted": name} for i in range(6) for name in "aabbc"]
    found = evaluation.evaluate(pd.DataFrame(rows), ("a", "b", "c"))
    assert found["network"]["effective_speakers"] == pytest.approx(6)
    assert found["few_speakers"] == ""


def test_five_effective_speakers_are_not_called_few_and_a_class_of_one_has_its_own_reason():
    assert few_speakers({"a": 4.97, "b": 40.2, "c": 1.0}) == ""
    words = few_speakers({name: 4.0 + i / 10 for i, name in enumerate("edcba")})
    assert "e 4.0, d 4.1, c 4.2 and 2 more classes" in words


def test_one_speaker_with_most_clips_makes_the_interval_wide():
    """The same shares right of 12 speakers: told by 12, or mostly by one."""
    shares = np.resize([0.95, 0.9, 0.85], 12)
    widths = []
    for counts in ([40] * 12, [400] + [20] * 11):
        table = pd.DataFrame({"speaker": np.repeat(np.arange(12), counts), "fold": 1, "true": "a"})
        right = np.concatenate([np.arange(n) < round(share * n) for n, share in zip(counts, shares)])
        score = evaluation.evaluate(table.assign(predicted=np.where(right, "a", "b")), ("a", "b"))["network"]["accuracy"]
        widths.append(score["high"] - score["low"])
    assert widths[1] > 2 * widths[0]


def test_all_right_with_uneven_clips_is_less_certain():
    """Speakers all alike: the far end goes by effective speakers, of 6 even ones Clopper and Pearson's own."""
    even, uneven = (
        evaluation.evaluate(clips_of({"a": counts, "b": [8] * 30}, right=1.0), ("a", "b"))["network"]["per_class"]["a"]["recall"]
        for counts in ([8] * 6, [43, 1, 1, 1, 1, 1])
    )
    assert even["low"] == pytest.approx(stats.binomtest(6, 6).proportion_ci(0.95, "exact").low)
    assert uneven["low"] == pytest.approx(0.025 ** ((43**2 + 5) / 48**2))
    assert even["high"] == uneven["high"] == 1


def test_a_share_that_rests_on_one_speaker_has_no_interval():
    """Only one of 5 speakers was answered: without that one there is no share."""
    tested = jackknife(pd.DataFrame({"speaker": list("vwxyz"), "true": "a"}))
    answered = np.array([0.0, 0, 1, 0, 0])
    assert tested.ratio(answered * 0.5, answered, share=True) == {"value": 0.5, "low": None, "high": None}


def test_the_folds_spread_stands_beside_the_pooled_interval():
    parts = [clips_of({"a": [10] * 3, "b": [10] * 3}, right=share).assign(fold=i) for i, share in enumerate((0.9, 0.6, 0.8))]
    found = evaluation.evaluate(pd.concat(parts, ignore_index=True), ("a", "b"))
    assert found["fold_spread"] == pytest.approx({"lowest": 0.6, "highest": 0.9, "sd": np.std([0.9, 0.6, 0.8], ddof=1)})
    assert evaluation.evaluate(parts[0], ("a", "b"))["fold_spread"]["sd"] is None


def test_calibration_errors_of_a_network_that_is_right_about_itself_reach_down_to_nothing(audit):
    """True error 0.008; the percentile bootstrap's interval never held it."""
    rng = np.random.default_rng(2)
    low, high = np.array([[score["low"], score["high"]] for score in (errors(audit, rng) for _ in range(60))]).T
    assert np.mean(low <= 0.008) >= 0.8
    assert np.mean(high >= 0.008) == 1


def errors(audit, rng) -> dict[str, float]:
    return evaluation.calibration(*audit.answers(24, 30, 1.0, rng))["ece"]


LONE = {"a": [8] * 5, "b": [8]}  # class b has one speaker


def ends(found) -> list[float]:
    """Both ends of an interval, NaN where there is none."""
    return [np.nan if found[name] is None else float(found[name]) for name in ("low", "high")]


def lone_intervals() -> dict[str, list[float]]:
    """Ends of an interval that rests on one speaker, by each function that makes some; their clips differ among themselves."""
    table = clips_of(LONE, right=0.5)
    table["p_a"] = np.random.default_rng(1).random(len(table))
    table["p_b"] = 1 - table["p_a"]
    classes, speakers = list(table["true"]), list(table["speaker"])
    values = np.random.default_rng(0).random((len(table), 2))
    lone = np.flatnonzero(table["true"] == "b")
    network = evaluation.evaluate(table, ("a", "b"))["network"]
    bands = bands_by_class(values, values, classes, speakers, recipe("logmel"))
    drops = drop_table(values, classes, speakers, ["low", "high"], [(0, 1), (1, 2)])
    difference = class_difference(values, classes, speakers, "a", "b", permuted=False)
    return {
        "over_speakers": ends(over_speakers(values[lone, 0], ["b0"] * len(lone))),
        "share": ends(over_speakers(values[lone, 0] > 0.5, ["b0"] * len(lone), share=True)),
        "recall": ends(network["per_class"]["b"]["recall"]),
        "balanced accuracy": ends(network["balanced_accuracy"]),
        "calibration": ends(calibration(table, table[["p_a", "p_b"]].to_numpy())["brier"]),
        "bands": ends(bands[bands["class"] == "b"].iloc[0]),
        "drops": ends(drops[drops["class"] == "b"].iloc[0]),
        "difference": ends(difference.iloc[0]),
    }


def test_one_speaker_gives_no_interval_instead_of_one_of_zero_width():
    assert {name: np.isnan(found).all() for name, found in lone_intervals().items()} == dict.fromkeys(lone_intervals(), True)


def test_intervals_over_speakers_are_made_in_one_module():
    """Who asks Student's or another distribution for an end, or draws speakers again. The others: corpora.py, whose units are
    corpora, counterfactual.py, whose medians need the binomial, and exercises_10.py, where a student works one out by hand."""
    source = Path(evaluation.__file__).parent.parent
    marks = ("ppf(", "multinomial(", "bootstrap(")
    found = {path.name for path in source.rglob("*.py") if any(mark in path.read_text() for mark in marks)}
    assert found == {"intervals.py", "corpora.py", "counterfactual.py", "exercises_10.py"}

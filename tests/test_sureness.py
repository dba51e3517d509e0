"""How sure answers are, the surest wrong ones, and which class is taken for the other: planted numbers, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from voicecam.commands.report_speech import phase_sections, phase_sentences, sureness_sections
from voicecam.evaluation import evaluate
from voicecam.evaluation.sureness import bias_sentences, class_bias, mean_confidence, surest_errors

CLASSES = ("female", "male")


def table(wrong, *, speakers=10, clips=10, p_right=0.9, p_wrong=0.6):
    """`speakers` of each class with `clips` clips; wrong[class][speaker] of them are wrong, stated with p_wrong."""
    rows = []
    for name, other in (CLASSES, CLASSES[::-1]):
        for speaker in range(speakers):
            for clip in range(clips):
                bad = clip < wrong[name][speaker]
                said, p = (other, p_wrong) if bad else (name, p_right)
                first = p if said == "female" else 1 - p
                row = {"path": f"{name}{speaker}/{clip}.wav", "speaker": f"{name}{speaker}", "fold": 1, "true": name}
                rows.append({**row, "predicted": said, "decision": said, "p_female": first, "p_male": 1 - first})
    return pd.DataFrame(rows)


PLANTED = {"female": [4, 5, 3, 4, 4, 5, 3, 4, 4, 4], "male": [1, 0, 1, 0, 1, 0, 1, 0, 1, 1]}  # 40 and 6 of 100


def test_mean_confidence_of_each_class():
    found = mean_confidence(table(PLANTED), CLASSES).set_index("class")
    assert list(found.index) == ["female", "male", "all classes"]
    assert found.loc["female", "confidence"] == pytest.approx((60 * 0.9 + 40 * 0.6) / 100)
    assert found.loc["male", "confidence"] == pytest.approx((94 * 0.9 + 6 * 0.6) / 100)
    assert found.loc["all classes", "confidence"] == pytest.approx((154 * 0.9 + 46 * 0.6) / 200)
    assert list(found["clips"]) == [100, 100, 200]
    np.testing.assert_allclose(found["right"], 0.9)
    np.testing.assert_allclose(found["wrong"], 0.6)
    assert (found["low"] < found["confidence"]).all()
    assert (found["confidence"] < found["high"]).all()


def test_the_interval_of_a_mean_is_students_over_speakers():
    """All clips of a speaker alike and as many of each: the mean of ten speakers' means."""
    from scipy.stats import t as student

    found = mean_confidence(table(PLANTED), CLASSES).set_index("class").loc["female"]
    means = np.array([((10 - n) * 0.9 + n * 0.6) / 10 for n in PLANTED["female"]])
    half = student.ppf(0.975, 9) * means.std(ddof=1) / np.sqrt(10)
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.05)


def test_the_surest_errors_come_first():
    predictions = table(PLANTED)
    predictions.loc[[0, 101], ["p_female", "p_male"]] = [[0.01, 0.99], [0.4, 0.6]]
    predictions.loc[55, ["predicted", "p_female", "p_male"]] = ["male", 0.2, 0.8]
    found = surest_errors(predictions, 3)
    assert list(found["path"][:2]) == ["female0/0.wav", "female5/5.wav"]
    assert list(found["probability"][:2]) == [0.99, 0.8]
    assert len(found) == 3
    assert len(surest_errors(predictions, 100)) == int((predictions["true"] != predictions["predicted"]).sum())
    assert surest_errors(table({name: [0] * 10 for name in CLASSES})).empty


def test_the_planted_bias_is_found_and_said():
    row = class_bias(table(PLANTED), CLASSES).iloc[0]
    assert (row["first"], row["second"]) == ("female", "male")
    assert [row["taken"], row["back"], row["difference"]] == pytest.approx([0.40, 0.06, 0.34])
    assert 0.25 < row["low"] < 0.34 < row["high"] < 0.43
    recall = evaluate(table(PLANTED), CLASSES)["network"]["per_class"]
    assert row["difference"] == pytest.approx(recall["male"]["recall"]["value"] - recall["female"]["recall"]["value"])
    sentence = bias_sentences(class_bias(table(PLANTED), CLASSES))[0]
    assert sentence.startswith("40.0 % of female were named male, 6.0 % of male were named female: female is taken for male more")
    assert "34.0 points [" in sentence


def test_turned_round_the_bias_is_the_other_way():
    turned = class_bias(table({"female": PLANTED["male"], "male": PLANTED["female"]}), CLASSES).iloc[0]
    straight = class_bias(table(PLANTED), CLASSES).iloc[0]
    assert (turned["first"], turned["second"]) == ("male", "female")
    assert turned[["difference", "low", "high"]].tolist() == pytest.approx(straight[["difference", "low", "high"]].tolist())


def test_a_difference_that_speakers_do_not_share_is_not_shown():
    """One woman is always wrong, everybody else always right: 10 % against 0 %, but no more can be said of other women."""
    bias = class_bias(table({"female": [10] + [0] * 9, "male": [0] * 10}), CLASSES)
    assert bias["difference"][0] == pytest.approx(0.1)
    assert bias["low"][0] < 0 < bias["high"][0]
    assert "which way it errs more often is not shown" in bias_sentences(bias)[0]


def test_without_a_difference_neither_is_said_to_be_taken_more_often():
    bias = class_bias(table({name: [2] * 10 for name in CLASSES}), CLASSES)
    assert "neither is taken for the other more often" in bias_sentences(bias)[0]


def test_one_speaker_of_a_class_has_no_interval():
    predictions = table(PLANTED)
    predictions = predictions[(predictions["true"] == "male") | (predictions["speaker"] == "female0")]
    assert bias_sentences(class_bias(predictions, CLASSES))[0].endswith("without an interval.")
    assert "only one class" in bias_sentences(class_bias(predictions[predictions["true"] == "male"], CLASSES))[0].lower()


def test_of_three_classes_the_largest_difference_comes_first():
    true = np.repeat(["a", "b", "c"], 100)
    said = true.copy()
    said[:30] = "b"  # 30 % of a named b
    said[100:105] = "a"  # 5 % of b named a
    said[200:210] = "b"  # 10 % of c named b
    frame = pd.DataFrame({"path": np.arange(300), "speaker": np.arange(300) // 10, "fold": 1, "true": true, "predicted": said})
    bias = class_bias(frame, ("a", "b", "c"))
    assert bias[["first", "second"]].to_numpy().tolist() == [["a", "b"], ["c", "b"], ["a", "c"]]
    assert bias["difference"].tolist() == pytest.approx([0.25, 0.10, 0.0])


def test_the_sections_say_what_was_planted():
    sure, errors = sureness_sections(table(PLANTED), CLASSES)
    assert "probability of 83 % in the mean: 90 % where they are right, 60 % where they are wrong" in sure.sentences[0]
    assert sure.table["Class"].tolist() == ["female", "male", "all classes"]
    assert sure.table["Mean probability of the answer"][0].startswith("78 % [")
    assert len(errors.table) == 10
    assert set(errors.table["Probability"]) == {"60 %"}
    [alone] = sureness_sections(table({name: [0] * 10 for name in CLASSES}), CLASSES)
    assert "none was wrong" in alone.sentences[0]


def test_what_a_phase_forgot_and_the_last_one_brought_back(tmp_path):
    rows = [("probe", "a", 0.80), ("probe", "b", 0.90), ("full", "a", 0.95), ("full", "b", 0.60)]
    rows += [("adaptation", "a", 0.94), ("adaptation", "b", 0.88)]
    scores = pd.DataFrame(rows, columns=["phase", "domain", "balanced_accuracy"]).assign(clips=10, macro_f1=0.5)
    (tmp_path / "fold1").mkdir()
    scores.to_csv(tmp_path / "fold1" / "by_domain.csv", index=False)
    [section] = phase_sections([tmp_path / "fold1", tmp_path / "fold2"])
    assert section.sentences[1:] == (
        "b: phase full took balanced accuracy from 90 % to 60 %; after adaptation, the last phase, it is 88 %.",
    )
    assert section.table["Corpus"].tolist() == ["a", "b"] * 3
    assert section.table["Balanced accuracy"].tolist() == ["80 %", "90 %", "95 %", "60 %", "94 %", "88 %"]
    assert phase_sections([tmp_path / "fold2"]) == ()
    assert phase_sentences(scores[scores["domain"] == "a"]) == [
        "No phase took 5 points or more of balanced accuracy from any corpus."
    ]


def test_of_several_folds_the_mean_is_shown(tmp_path):
    for number, value in ((1, 0.6), (2, 0.8)):
        (tmp_path / f"fold{number}").mkdir()
        row = {"phase": "full", "domain": "a", "clips": 5, "balanced_accuracy": value, "macro_f1": value}
        pd.DataFrame([row]).to_csv(tmp_path / f"fold{number}" / "by_domain.csv", index=False)
    [section] = phase_sections([tmp_path / "fold1", tmp_path / "fold2"])
    assert section.table["Balanced accuracy"].tolist() == ["70 %"]
    assert "Means over 2 folds" in section.sentences[0]

"""Each corpus by itself, and an interval over corpora: against scipy's formulas and a simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

from voicecam import evaluation


def predictions_of(recalls, *, clips=40, speakers=4):
    """A fold per corpus; `recalls` ((of a, of b), ...); all answers with 0.9, half of the wrong ones uncertain."""
    parts = []
    for fold, recall in enumerate(recalls, start=1):
        for name, other, share in zip("ab", "ba", recall):
            right = np.arange(clips) < round(share * clips)
            predicted = np.where(right, name, other)
            decision = np.where(~right & (np.arange(clips) % 2 == 0), "uncertain", predicted)
            p = np.where(predicted == "a", 0.9, 0.1)
            who = [f"corpus{fold}/{name}{i * speakers // clips}" for i in range(clips)]
            rows = {
                "path": range(clips),
                "speaker": who,
                "fold": fold,
                "true": name,
                "predicted": predicted,
                "decision": decision,
            }
            parts.append(pd.DataFrame(rows | {"p_a": p, "p_b": 1 - p}))
    return pd.concat(parts, ignore_index=True)


def test_a_row_of_each_corpus_has_its_known_scores():
    found = evaluation.all_corpora(predictions_of([(0.9, 0.8), (1.0, 0.5)]), ("a", "b"))
    first, second = found["by_corpus"]
    assert [first["corpus"], second["corpus"]] == ["corpus1", "corpus2"]
    assert first["speakers"] == {"a": 4, "b": 4}
    assert [row["balanced_accuracy"]["value"] for row in (first, second)] == pytest.approx([0.85, 0.75])
    assert [second["recall"][name]["value"] for name in "ab"] == [1.0, 0.5]
    assert [row["ece"] for row in (first, second)] == pytest.approx([0.05, 0.15])
    assert second["uncertain"]["value"] == pytest.approx(10 / 80)
    assert second["error_answered"]["value"] == pytest.approx(10 / 70)
    assert second["error_answered_of"]["b"]["value"] == pytest.approx(10 / 30)
    assert found["over_corpora"]["ece"] == pytest.approx({"mean": 0.1, "least": 0.05, "most": 0.15})
    table = evaluation.corpus_table(found["by_corpus"])
    assert table["recall_b"].tolist() == [0.8, 0.5]
    assert table["speakers_a"].tolist() == [4, 4]
    assert (table["balanced_accuracy_low"] <= table["balanced_accuracy"]).all()


def test_the_interval_over_corpora_is_that_of_scipy():
    values = np.array([0.95, 0.75, 0.85, 0.9125])
    found = evaluation.all_corpora(predictions_of([(v, v) for v in values]), ("a", "b"))["over_corpora"]
    exact = np.array([round(v * 40) / 40 for v in values])
    logits = logit(exact)
    low, high = expit(stats.t.interval(0.95, 3, loc=logits.mean(), scale=stats.sem(logits)))
    assert found["mean"] == pytest.approx(exact.mean())
    assert found["typical"] == pytest.approx({"value": expit(logits.mean()), "low": low, "high": high})
    low, high = expit(stats.t.interval(0.95, 3, loc=logits.mean(), scale=logits.std(ddof=1) * np.sqrt(1 + 1 / 4)))
    assert found["next"] == pytest.approx({"low": low, "high": high})


def test_the_next_corpus_falls_into_its_interval_95_times_in_100(rng):
    """Logits of corpora drawn from one normal distribution, as the interval assumes."""
    inside, trials = 0, 2000
    for values in expit(rng.normal(2.0, 1.0, (trials, 5))):
        rows = [
            {"balanced_accuracy": {"value": v}, "clips": 10**6, "ece": 0.0, "error_answered": {"value": None}} for v in values
        ]
        found = evaluation.over_corpora(rows[:4])["next"]
        inside += found["low"] <= values[4] <= found["high"]
    assert inside / trials == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / trials))


def test_one_corpus_has_no_interval_over_corpora_and_a_perfect_one_stays_finite():
    alone = evaluation.all_corpora(predictions_of([(0.9, 0.8)]), ("a", "b"))["over_corpora"]
    assert alone["corpora"] == 1
    assert alone["typical"]["low"] is alone["next"]["high"] is None
    both = evaluation.all_corpora(predictions_of([(1.0, 1.0), (0.9, 0.8)]), ("a", "b"))["over_corpora"]
    assert both["typical"]["value"] == pytest.approx(expit((logit(1 - 0.5 / 80) + logit(0.85)) / 2))
    assert both["mean"] == pytest.approx(0.925)

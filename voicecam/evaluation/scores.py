"""A table of predictions -> metrics with intervals over speakers, per class and per speaker; and baselines to beat.

Knows nothing of networks: predictions come as a table, from wherever.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voicecam.data.splits import Split
from voicecam.errors import DatasetError
from voicecam.evaluation.decision import decide
from voicecam.evaluation.intervals import ALIKE, Jackknife, few_speakers, jackknife, no_interval_reason

TOGETHER = ("accuracy", "balanced_accuracy", "macro_f1")  # scores of all classes
BASELINES = ("majority class", "logistic regression on each row's mean and spread")


def prediction_table(
    clips: pd.DataFrame,
    label: str,
    rows: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    *,
    fold: int,
    threshold: float = 0.0,
) -> pd.DataFrame:
    """One row per tested clip: path, speaker, fold, true, predicted, decision, and p_CLASS for each class.

    clips : table of all clips; rows : which of them were tested; probabilities : float (len(rows), n_classes)
    threshold : the probability below which the decision is "uncertain", see decision.decide; 0 always answers
    """
    tested = clips.iloc[rows]
    table = pd.DataFrame({"path": tested["path"].to_numpy(), "speaker": tested["speaker"].to_numpy(), "fold": fold})
    table["true"] = tested[label].to_numpy()
    table["predicted"] = np.asarray(classes)[probabilities.argmax(axis=1)]
    table["decision"] = decide(probabilities, classes, threshold)
    return table.assign(**{f"p_{name}": probabilities[:, i] for i, name in enumerate(classes)})


def evaluate(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """All metrics of a table of predictions, as plain values that JSON can hold.

    Returns accuracy, balanced_accuracy (mean recall over classes), macro_f1 and per_class precision, recall and f1, each as
    {"value", "low", "high"} (None for a class without clips); effective_speakers of all and of each class, see Jackknife; the
    confusion matrix (rows true, columns predicted); each fold's balanced accuracy, with the mean over folds and its interval
    (over classes, of the mean over the folds that have the class) and fold_spread: lowest, highest, and their standard deviation
    (None for one fold); no_interval, few_speakers: why scores have no interval, or one that is not to be trusted, or "".

    Intervals are 95 % confidence intervals of the delete-one-speaker jackknife, because clips of one speaker are not independent;
    see Jackknife. They say what other speakers would give, not what other networks would: that is in fold_spread, with the
    speakers' share. low and high are None where a class that the score rests on has one tested speaker, and mostly where all
    speakers are alike, see Jackknife.interval. A class that is never predicted has precision 0.
    """
    if predictions.empty:
        raise DatasetError("no predictions to evaluate; the test part is empty")
    tested = jackknife(predictions)
    counts = speaker_confusion(predictions, classes, tested)
    whole, without = confusion_scores(counts.sum(axis=0)), confusion_scores(tested.without(counts))
    result: dict[str, Any] = {name: tested.interval(whole[name], without[name], share=True) for name in TOGETHER}
    result["per_class"] = {
        name: {
            **{
                score: tested.interval(whole[score][i], without[score][:, i], of=name if score == "recall" else None, share=True)
                for score in ("precision", "recall", "f1")
            },
            "clips": int((predictions["true"] == name).sum()),
            "speakers": int(predictions.loc[predictions["true"] == name, "speaker"].nunique()),
            "effective_speakers": tested.effective.get(name),
        }
        for i, name in enumerate(classes)
    }
    result["confusion"] = counts.sum(axis=0).astype(int).tolist()
    result["effective_speakers"] = tested.effective_together
    doubts = {"no_interval": no_interval_reason(tested.alone), "few_speakers": few_speakers(tested.effective)}
    return {"network": result, **_fold_scores(predictions, classes, tested), **doubts}


def per_speaker(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per speaker, worst first: speaker, true_class ("mixed" where the speaker has several), clips, accuracy."""
    right = predictions.assign(right=predictions["true"] == predictions["predicted"]).groupby("speaker")
    table = right.agg(
        true_class=("true", lambda names: names.iloc[0] if len(set(names)) == 1 else "mixed"),
        clips=("right", "size"),
        accuracy=("right", "mean"),
    )
    return table.reset_index().sort_values(["accuracy", "speaker"], ignore_index=True)


def worst_mistakes(predictions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The `n` wrong predictions with the highest probability, at most two per speaker, with that probability as `p`."""
    wrong = predictions[predictions["true"] != predictions["predicted"]]
    p = [row[f"p_{row['predicted']}"] for row in wrong.to_dict("records")]
    return wrong.assign(p=p).sort_values("p", ascending=False).groupby("speaker", sort=False).head(2).head(n)


def baseline_predictions(
    matrices: np.ndarray, clips: pd.DataFrame, label: str, split: Split, classes: Sequence[str], *, fold: int, seed: int
) -> dict[str, pd.DataFrame]:
    """Predictions of the BASELINES for the test part, fitted on the training part.

    matrices : float (clip, n_rows, n_frames)
    """
    targets = clips[label].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=int)
    chosen = np.bincount(targets[split.train], minlength=len(classes)).argmax()
    always = np.tile(np.eye(len(classes))[chosen], (len(split.test), 1))
    summary = np.concatenate([matrices.mean(axis=2), matrices.std(axis=2)], axis=1)  # (clip, row, frame) -> (clip, 2 row)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced", random_state=seed))
    regression.fit(summary[split.train], targets[split.train])
    answers = zip(BASELINES, (always, regression.predict_proba(summary[split.test])))
    return {name: prediction_table(clips, label, split.test, p, classes, fold=fold) for name, p in answers}


def speaker_confusion(
    predictions: pd.DataFrame, classes: Sequence[str], tested: Jackknife, *, chosen: np.ndarray | None = None
) -> np.ndarray:
    """Confusion counts, float (speaker, true, predicted), in the order of the tested speakers; chosen : of these clips only."""
    number, here = {name: i for i, name in enumerate(classes)}, slice(None) if chosen is None else chosen
    counts = np.zeros((len(tested.strata), len(classes), len(classes)))
    np.add.at(counts, (tested.number[here], *(predictions[side].map(number)[here] for side in ("true", "predicted"))), 1)
    return counts


def class_recall(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, float (..., class), of confusion counts (..., true, predicted); NaN for a class without clips."""
    right, true = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1)
    return np.divide(right, true, out=np.full(right.shape, np.nan), where=true > 0)


def confusion_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of confusion counts (..., true, predicted); a class without clips counts in no mean."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., class)
    true, predicted, recall = confusion.sum(axis=-1), confusion.sum(axis=-2), class_recall(confusion)
    precision = np.divide(right, predicted, out=np.zeros(right.shape), where=predicted > 0)
    f1 = np.where(true > 0, 2 * right / np.maximum(true + predicted, 1), np.nan)
    return {
        "accuracy": right.sum(axis=-1) / np.maximum(confusion.sum(axis=(-2, -1)), 1),
        "balanced_accuracy": np.nanmean(recall, axis=-1),
        "macro_f1": np.nanmean(f1, axis=-1),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def _fold_scores(predictions: pd.DataFrame, classes: Sequence[str], tested: Jackknife) -> dict[str, Any]:
    """Each fold's balanced accuracy, and their mean with its interval."""
    fold = predictions["fold"].to_numpy()
    parts = [speaker_confusion(predictions, classes, tested, chosen=fold == one) for one in np.unique(fold)]
    rows = [
        {
            "balanced_accuracy": float(confusion_scores(counts.sum(axis=0))["balanced_accuracy"]),
            "clips": int(counts.sum()),
            "speakers": int(counts.any(axis=(1, 2)).sum()),
        }
        for counts in parts
    ]
    whole, without = (_mean_of_folds(parts, sums) for sums in (lambda sums: sums.sum(axis=0), tested.without))
    each = np.array([row["balanced_accuracy"] for row in rows])
    spread = {"lowest": float(each.min()), "highest": float(each.max()), "sd": float(each.std(ddof=1)) if len(each) > 1 else None}
    return {"folds": rows, "fold_mean": tested.interval(whole, without, share=True), "fold_spread": spread}


def _mean_of_folds(parts: Sequence[np.ndarray], sums: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Balanced accuracy as the mean over classes of the mean over folds of the recall, float (...).

    parts : of each fold, (speaker, true, predicted); sums : of numbers per speaker (speaker, ...), with all or without each
    A fold counts for a class as much as is left of its speakers of the class, which is 1 with all of them.
    """
    recalls, weights = [], []
    for counts in parts:
        present = (counts.sum(axis=2) > 0).astype(float)  # (speaker, class)
        recalls.append(class_recall(sums(counts)))  # (..., class)
        weights.append(sums(present) / np.maximum(present.sum(axis=0), 1))
    recall, weight = np.nan_to_num(recalls), np.array(weights)  # (fold, ..., class)
    total = weight.sum(axis=0)
    mean = np.divide((weight * recall).sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > ALIKE)
    return np.nanmean(mean, axis=-1)

"""For whom it works: the same scores for each group of clips that a corpus's labels tell apart."""

import numpy as np
import pandas as pd

from voicecam.evaluation.intervals import jackknife
from voicecam.evaluation.scores import confusion_scores, speaker_confusion

FEWEST, MOST = 2, 20  # values of a column whose groups are told apart; more would be groups of one or two speakers
COLUMNS = ("column", "group", "clips", "speakers", "effective_speakers", "accuracy", "low", "high")
BALANCED = ("balanced_accuracy", "balanced_low", "balanced_high")


def per_group(predictions: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """One row per group: column, group, clips, speakers, effective_speakers, accuracy, low, high, balanced_accuracy,
    balanced_low, balanced_high.

    predictions : as scores.prediction_table gives it; clips : the corpus's table, with a row for each of its paths
    Columns with 2 to 20 values among the tested clips are taken, all but path and speaker; clips without a value are left out.
    effective_speakers as in `evaluate`. Balanced accuracy only where the group holds several classes. Intervals: 95 %, over the
    group's speakers; none where a class has one speaker in the group. They say nothing about why groups differ: their speakers,
    rooms and sentences differ too.
    """
    known = clips.set_index("path").reindex(predictions["path"]).drop(columns="speaker").reset_index(drop=True)
    predictions = predictions.reset_index(drop=True)
    rows = []
    if "age_group" in known:
        known = known.drop(columns="age", errors="ignore")  # single years are groups of one or two speakers
    for column in known.columns:
        values = known[column].dropna()
        if FEWEST <= values.nunique() <= MOST:
            for group, members in values.groupby(values, sort=True):
                scores = _scores_of(predictions.loc[members.index])
                rows.append({"column": column, "group": str(group), **scores})
    return pd.DataFrame(rows, columns=[*COLUMNS, *BALANCED])


def _scores_of(predictions: pd.DataFrame) -> dict[str, float]:
    """The numbers of one group; NaN for what is not there."""
    classes = sorted(set(predictions["true"]) | set(predictions["predicted"]))
    tested = jackknife(predictions)
    counts = speaker_confusion(predictions, classes, tested)
    whole, without = confusion_scores(counts.sum(axis=0)), confusion_scores(tested.without(counts))
    found: dict[str, float] = {"clips": len(predictions), "speakers": len(tested.strata)}
    found["effective_speakers"] = tested.effective_together
    for score, names in (("accuracy", COLUMNS[-3:]), ("balanced_accuracy", BALANCED)):
        if score == "accuracy" or len(set(predictions["true"])) > 1:
            limits = tested.interval(whole[score], without[score], share=True)
            found |= {name: np.nan if limit is None else limit for name, limit in zip(names, limits.values())}
    return found

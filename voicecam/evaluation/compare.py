"""Two tables of predictions on the same clips: which is better, and could it be chance?"""

from typing import Any

import pandas as pd
from scipy.stats import binomtest

from voicecam.errors import DatasetError
from voicecam.evaluation.intervals import few_speakers, jackknife
from voicecam.evaluation.scores import confusion_scores, speaker_confusion

NOTE = (
    "The interval of the difference respects that clips of one speaker are not independent: it leaves out whole speakers, the "
    "same of both. McNemar's test counts clips as if each stood alone, so its p is too small where speakers have many clips."
)


def compare(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Any]:
    """Compare two tables of predictions (path, speaker, fold, true, predicted) of the same clips, in any order.

    Returns clips, speakers; balanced_accuracy of first and second, and their difference (first - second), each with its 95 %
    interval over speakers, the same left out of both (no ends where a class has one tested speaker, or all speakers are alike);
    few_speakers as `evaluate` has it; and mcnemar: how many clips only the first or only the second classified correctly, and the
    two-sided p of the exact test (McNemar 1947) that both are equally likely; 1 where no clip tells them apart. Raises
    DatasetError when the clips or their true classes are not the same.
    """
    second = matched(first, second)
    classes = sorted(set(first["true"]) | set(first["predicted"]) | set(second["predicted"]))
    tested = jackknife(first)
    whole, without = [], []
    for table in (first, second):
        counts = speaker_confusion(table, classes, tested)
        whole.append(confusion_scores(counts.sum(axis=0))["balanced_accuracy"])
        without.append(confusion_scores(tested.without(counts))["balanced_accuracy"])
    right = [(table["true"] == table["predicted"]).to_numpy() for table in (first, second)]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    return {
        "clips": len(first),
        "speakers": int(first["speaker"].nunique()),
        "balanced_accuracy": {
            name: tested.interval(*score, share=True) for name, score in zip(("first", "second"), zip(whole, without))
        },
        "difference": tested.interval(whole[0] - whole[1], without[0] - without[1]),
        "mcnemar": {
            "only_first_right": only[0],
            "only_second_right": only[1],
            "p": float(binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0,
        },
        "few_speakers": few_speakers(tested.effective),
        "note": NOTE,
    }


def matched(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The rows of `second` in the order of the paths of `first`. Raises DatasetError where they are not of the same clips."""
    for name, table in (("first", first), ("second", second)):
        twice = table["path"][table["path"].duplicated()]
        if len(twice):
            raise DatasetError(f"{name} table: {twice.iloc[0]} was tested twice; compare runs that test each clip once")
    here, there = set(first["path"]), set(second["path"])
    if here != there:
        example = min(here ^ there)
        raise DatasetError(
            f"the runs did not test the same clips: {len(here - there)} only in the first, {len(there - here)} only in the "
            f"second (such as {example}), {len(here & there)} in both; compare runs on the same corpus, split, seed and ages"
        )
    ordered = second.set_index("path").loc[first["path"]].reset_index()
    differing = ordered["path"][ordered["true"].to_numpy() != first["true"].to_numpy()]
    if len(differing):
        raise DatasetError(f"{differing.iloc[0]}: has another true class in each run; compare runs of the same label")
    return ordered

"""Where in Hz does the evidence lie, for one class and another, in whose clips? Two questions that one number mixes up.

"Do bands that speak for the first class lie higher than those that speak for the second?" compares two targets on the same clips.
"Are voices of the first class heard higher?" compares two groups of speakers under one target. Clips that are each explained for
their own class answer neither: with another class comes another target, and a network with random weights shows a difference too.
Says what a network's score follows, by methods that must first have found a known frequency (planted_tones.py).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from voicecam.evaluation.intervals import jackknife
from voicecam.explanation.differences import height, height_difference

OWN = "each clip for its own class"
PAIRED = "same clips, first target minus second"


def centroid_table(
    profiles: Mapping[str, np.ndarray],
    limits: Sequence[tuple[float, float]],
    classes_of: Sequence[str],
    speakers: Sequence[str],
    first: str,
    second: str,
) -> pd.DataFrame:
    """Spectral centroids of the evidence, and how they differ: four rows per method.

    profiles : method -> signed worth of each band, float (clip, band), for the logit of `first` minus that of `second`; with its
        sign turned it is that of `second` minus `first`
    limits : (low, high) of each band in Hz; classes_of, speakers : of each clip
    Returns one row per method and target: method, target, first, second, difference, low, high (Hz; 95 % over speakers),
        p, first_speakers, second_speakers; NaN where a class has no clip with evidence.
        OWN, "every clip for FIRST", "every clip for SECOND": first and second are the mean centroids of the classes' speakers.
        PAIRED: of all speakers, first is the mean centroid of what speaks for `first`, second of what speaks for `second`, in the
        same clips; it has no p.
    The centroid is the centre of gravity of what is above 0, on the mel scale, in Hz; see `differences.height`.
    """
    rows, is_first = [], np.asarray(classes_of) == first
    for method, signed in profiles.items():
        own = np.where(is_first[:, None], signed, -signed)
        for target, weight in ((OWN, own), (f"every clip for {first}", signed), (f"every clip for {second}", -signed)):
            found = height_difference(height(weight, limits), classes_of, speakers, first, second)
            rows.append({"method": method, "target": target, **found})
        rows.append({"method": method, "target": PAIRED, **_paired(height(signed, limits), height(-signed, limits), speakers)})
    columns = ["method", "target", "first", "second", "difference", "low", "high", "p", "first_speakers", "second_speakers"]
    return pd.DataFrame(rows)[columns]


def agreement(table: pd.DataFrame, targets: Sequence[str], drawn: Mapping[str, Sequence[float]], method: str) -> str:
    """ "higher", "lower" or "depends": what all methods of a `centroid_table` say together, under each of these targets.

    drawn : target -> differences by networks with random weights, by `method`
    Higher and lower only where every interval leaves out 0 on that side, and no random network differs as much, one way or the
    other, as the trained one does by `method`: with two classes even such a network has a difference, up or down by chance.
    """
    rows = table[table["target"].isin(targets)]
    own = rows[rows["method"] == method].set_index("target")["difference"]
    beyond = all(abs(own[target]) > max(map(abs, drawn[target]), default=0.0) for target in targets)
    if beyond and (rows["low"] > 0).all():
        return "higher"
    return "lower" if beyond and (rows["high"] < 0).all() else "depends"


def _paired(ours: np.ndarray, theirs: np.ndarray, speakers: Sequence[str]) -> dict[str, float]:
    """Means over speakers of two centroids of the same clips, and of their difference, with its interval."""
    table = pd.DataFrame({"speaker": np.asarray(speakers, dtype=str), "first": ours, "second": theirs}).dropna()
    if table.empty:
        return dict.fromkeys(("first", "second", "difference", "low", "high", "p"), np.nan)
    each = table.groupby("speaker").mean().assign(difference=lambda t: t["first"] - t["second"])
    low = high = np.nan
    if len(each) > 1:
        tested, differences = jackknife(pd.DataFrame({"speaker": each.index, "true": ""})), each["difference"].to_numpy()
        low, high = map(float, tested.ends(differences.mean(), tested.without(differences) / len(each)))
    means = {name: float(value) for name, value in each.mean().items()}
    return {**means, "low": low, "high": high, "p": np.nan, "first_speakers": len(each), "second_speakers": len(each)}

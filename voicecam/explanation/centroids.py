"""Where in Hz does the evidence lie, for one class and another, in whose clips? Two questions that one number mixes up.

"Do bands that speak for the first class lie higher than those that speak for the second?" compares two targets on the same clips.
"Are voices of the first class heard higher?" compares two groups of speakers under one target. Clips that are each explained for
their own class answer neither: with another class comes another target, and a network with random weights shows a difference too.
Says what a network's score follows, by methods that must first have found a known frequency (planted_tones.py).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.band_occlusion import OCCLUDED
from voicecam.explanation.bands import Bands
from voicecam.explanation.differences import height, height_difference

OWN = "each clip for its own class"
PAIRED = "same clips, first target minus second"
SURE = 0.05  # share of networks, the trained one among them, that may differ as much for its difference to count as rare
NUMBERS = ["first", "second", "difference", "low", "high", "first_speakers", "second_speakers"]


def targets_of(first: str, second: str) -> tuple[str, str]:
    """The two targets that are the same for all clips."""
    return f"every clip for {first}", f"every clip for {second}"


def centroid_table(
    profiles: Mapping[str, np.ndarray],
    bands: Bands,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    first: str,
    second: str,
) -> pd.DataFrame:
    """Spectral centroids of the evidence, and how they differ: four rows per method.

    profiles : method -> signed worth of each band, float (clip, band), for the logit of `first` minus that of `second`; with its
        sign turned it is that of `second` minus `first`
    classes_of, speakers : of each clip
    Returns one row per method and target: method, target, first, second, difference, low, high (Hz; 95 % over speakers),
        first_speakers, second_speakers, first_top, second_top (name of the band with the largest mean weight, "" for none);
        numbers are NaN where a class has no clip with evidence.
        OWN, "every clip for FIRST", "every clip for SECOND": first and second are the mean centroids of the classes' speakers.
        PAIRED: of all speakers, first is the mean centroid of what speaks for `first`, second of what speaks for `second`, in the
        same clips.
    The centroid is the centre of gravity of what is above 0, on the mel scale, in Hz; see `differences.height`. A centre of
    gravity is pulled to the middle by whatever weight lies elsewhere, so the top bands stand beside it.
    """
    rows, is_first = [], np.asarray(classes_of) == first
    for method, signed in profiles.items():
        own = np.where(is_first[:, None], signed, -signed)
        for target, weight in zip((OWN, *targets_of(first, second)), (own, signed, -signed)):
            found = height_difference(height(weight, bands.limits), classes_of, speakers, first, second, permuted=False)
            tops = [top_band(weight[here], np.asarray(speakers)[here], bands) for here in (is_first, ~is_first)]
            rows.append({"method": method, "target": target, **found, "first_top": tops[0], "second_top": tops[1]})
        found = _paired(height(signed, bands.limits), height(-signed, bands.limits), speakers)
        tops = [top_band(weight, np.asarray(speakers), bands) for weight in (signed, -signed)]
        rows.append({"method": method, "target": PAIRED, **found, "first_top": tops[0], "second_top": tops[1]})
    return pd.DataFrame(rows)[["method", "target", *NUMBERS, "first_top", "second_top"]]


def top_band(weight: np.ndarray, speakers: np.ndarray, bands: Bands) -> str:
    """Name of the band with the largest mean over speakers of weights (clip, band); "" where no band's is above 0."""
    if not len(weight):
        return ""
    mean = pd.DataFrame(weight).groupby(speakers).mean().mean().to_numpy()
    return bands.names[int(mean.argmax())] if mean.max() > 0 else ""


def differences_of_many(
    profiles: Sequence[np.ndarray], bands: Bands, classes_of: Sequence[str], speakers: Sequence[str], first: str, second: str
) -> pd.DataFrame:
    """Differences of centroids in Hz by several networks on the same clips, as `centroid_table` has them: columns network (0, 1,
    ...), target, difference. profiles : of each network, as there."""
    rows = []
    for number, signed in enumerate(profiles):
        heights, turned = height(signed, bands.limits), height(-signed, bands.limits)
        own = np.where(np.asarray(classes_of) == first, heights, turned)
        for target, values in zip((OWN, *targets_of(first, second)), (own, heights, turned)):
            means = pd.Series(values).groupby([list(classes_of), list(speakers)]).mean().dropna().groupby(level=0).mean()
            rows.append((number, target, means.get(first, np.nan) - means.get(second, np.nan)))
        rows.append((number, PAIRED, pd.Series(heights - turned).groupby(list(speakers)).mean().mean()))
    return pd.DataFrame(rows, columns=["network", "target", "difference"])


def rank(drawn: pd.DataFrame, target: str) -> tuple[int, int]:
    """How many networks with random weights differ at least as much as the trained one, one way or the other; and of how many.

    drawn : a table of `differences_of_many` with the trained network as number 0 and single random ones after it
    With two classes even a network that learned nothing has a difference, up or down as its weights were drawn; so sizes count.
    """
    sizes = drawn[drawn["target"] == target].set_index("network")["difference"].abs()
    random = sizes.drop(0).dropna()
    return int((random >= sizes[0]).sum()) if np.isfinite(sizes[0]) else len(random), len(random)


def rare(drawn: pd.DataFrame, target: str) -> bool:
    """Whether so few random networks differ as much that at most SURE of all networks, the trained one counted too, do."""
    above, n = rank(drawn, target)
    return (1 + above) / (1 + n) <= SURE


def agreement(table: pd.DataFrame, targets: Sequence[str], drawn: pd.DataFrame) -> str:
    """ "higher", "lower" or "depends": what all methods of a `centroid_table` say together, under each of these targets.

    drawn : see `rank`
    Higher and lower only where every interval leaves out 0 on that side, and the trained network's difference is `rare` among
    those of single networks with random weights, and lies on that side there too, for each target.
    """
    rows = table[table["target"].isin(targets)]
    trained = drawn[(drawn["network"] == 0) & drawn["target"].isin(targets)]["difference"]
    if not all(rare(drawn, target) for target in targets):
        return "depends"
    if (rows["low"] > 0).all() and (trained > 0).all():
        return "higher"
    return "lower" if (rows["high"] < 0).all() and (trained < 0).all() else "depends"


def over_trainings(tables: Sequence[pd.DataFrame], drawn: Sequence[pd.DataFrame], *, method: str = OCCLUDED) -> pd.DataFrame:
    """A `centroid_table` of each of several trainings, side by side: one row per method and target.

    drawn : of each training, see `rank`, by `method`
    Returns method, target, trainings, mean, lowest, highest (of the differences, Hz), above (how many are above 0), shown_above
    and shown_below (how many have an interval on that side), rare (in how many the trained network's difference is `rare`; NaN
    for methods that were not asked of random networks).
    """
    rows = []
    for (name, target), part in pd.concat(tables).groupby(["method", "target"], sort=False):
        values = part["difference"].dropna()
        facts = {"trainings": len(values), "mean": values.mean(), "lowest": values.min(), "highest": values.max()}
        shown = {"shown_above": int((part["low"] > 0).sum()), "shown_below": int((part["high"] < 0).sum())}
        few = sum(rare(one, str(target)) for one in drawn) if name == method else np.nan
        rows.append({"method": name, "target": target, **facts, "above": int((values > 0).sum()), **shown, "rare": few})
    return pd.DataFrame(rows)


def _paired(ours: np.ndarray, theirs: np.ndarray, speakers: Sequence[str]) -> dict[str, float]:
    """Means over speakers of two centroids of the same clips, and of their difference, with its interval."""
    table = pd.DataFrame({"speaker": np.asarray(speakers, dtype=str), "first": ours, "second": theirs}).dropna()
    if table.empty:
        return dict.fromkeys(NUMBERS, np.nan) | {"first_speakers": 0, "second_speakers": 0}
    each = table.groupby("speaker").mean().assign(difference=lambda t: t["first"] - t["second"])
    means, found = {name: float(value) for name, value in each.mean().items()}, over_speakers(each["difference"], each.index)
    return {**means, "low": found["low"], "high": found["high"], "first_speakers": len(each), "second_speakers": len(each)}

"""A decision with three outcomes: right, wrong, or "uncertain" where the network is not sure enough to answer.

The threshold keeps a rate on validation speakers; `guarantee` says what that is worth for speakers who were not there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import rel_entr

from voicecam.config import UNCERTAIN
from voicecam.errors import DatasetError
from voicecam.evaluation.calibration import at_temperature, fit_temperature
from voicecam.evaluation.intervals import jackknife

NEVER = 1.1  # a threshold above every probability: no clip is answered
ALIKE = 1e-9  # shares nearer than this differ by rounding
SURE = 0.95  # share of choices of validation speakers for which a confident guarantee holds
LEAST_SURE = 0.05  # share of the clips left unanswered, for a figure that needs no threshold


def choose_threshold(
    confidence: np.ndarray, right: np.ndarray, *, targets: np.ndarray, speakers: np.ndarray, error: float
) -> float:
    """The lowest confidence of these clips at which at most the share `error` of each class's clips is answered wrongly.

    confidence : float (clip,), the probability of the answer; right : bool (clip,); clips of validation speakers, never tested
    targets : the true class, (clip,); speakers : (clip,)
    error : 0 to 1, 0 allows no wrong answer
    The share is of all clips of a class, answered or not, so that it can only fall as the threshold rises; the speakers of a
    class count equally, however many clips each has. Each class keeps the rate by itself: the one with the surest mistakes
    decides, and the others are answered less often than they could be. Clips less sure than all of these stay below it also
    where none is wrong: nothing was measured there. NEVER, with which `decide` answers no clip, where the surest clips are
    wrong too often. What the rate on these speakers is worth for others: see `guarantee`.
    """
    if not 0 <= error < 1:
        raise DatasetError(f"max_error={error!r}: must be 0 or more and below 1")
    if len(confidence) == 0:
        raise DatasetError("threshold: no clips to choose it on; give the split a validation part")
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    number = np.unique(targets, return_inverse=True)[1]
    wrong = _speaker_weights(number, speakers) * ~np.asarray(right, dtype=bool)
    lost = (np.eye(number.max() + 1)[number] * wrong[:, None])[order].cumsum(axis=0).max(axis=1)  # (clip,), of the worst class
    sure = np.asarray(confidence, dtype=float)[order]
    kept = sure[_last_of_equals(sure) & (lost <= error + ALIKE)]
    return float(kept.min()) if len(kept) else NEVER


def guarantee(speakers: int, error: float) -> dict[str, float]:
    """What a rate kept on `speakers` speakers of a class says of the next one: {"mean", "confident"}, shares from 0 to 1.

    mean : at most this share of the next speaker's clips is answered wrongly, on average over the choice of all of them:
        (n error + 1) / (n + 1), as if one more speaker had been heard and every clip of theirs were wrong. Conformal risk
        control (Angelopoulos, Bates et al. 2024) with speakers as units and the share of a speaker's clips as loss.
    confident : the share of the whole class, speakers counting equally, is at most this for 95 % of such choices: where
        n KL(error, share) = log(1 / 0.05) (Hoeffding 1963; that one threshold suffices, the loss being monotone: Bates et al.
        2021).
    Both assume that the next speaker is drawn like these, from the same corpora; another corpus is not covered. That temperature
    (and, with patience, the epoch) were chosen by the same speakers is not accounted for; one number bends this little. The bound
    of Geifman and El-Yaniv 2017 counts clips instead, each drawn by itself: with several clips a speaker it promises too much.
    """
    if speakers < 1:
        raise DatasetError(f"guarantee: {speakers} speakers; give the split a validation part with every class")

    def short(share: float) -> float:
        return float(speakers * (rel_entr(error, share) + rel_entr(1 - error, 1 - share)) + np.log(1 - SURE))

    confident = brentq(short, error, 1 - ALIKE) if short(1 - ALIKE) > 0 else 1.0
    return {"mean": (speakers * error + 1) / (speakers + 1), "confident": float(confident)}


def speakers_needed(error: float) -> int | None:
    """The fewest validation speakers of each class with which a rate of `error` itself could be guaranteed in the mean, were
    none of them ever answered wrongly: 1 / error - 1. None for an error of 0, which no number of speakers can guarantee."""
    return int(np.ceil(1 / error - 1 - ALIKE)) if error > 0 else None


def decide(probabilities: np.ndarray, classes: Sequence[str], threshold: float) -> np.ndarray:
    """The likeliest class of each clip where its probability is at least `threshold`, else "uncertain"; text (clip,).

    probabilities : float (clip, class). Raises DatasetError when a class is itself named "uncertain".
    """
    check_classes(classes)
    probabilities = np.asarray(probabilities)
    return np.where(probabilities.max(axis=1) >= threshold, np.asarray(classes)[probabilities.argmax(axis=1)], UNCERTAIN)


def check_classes(classes: Sequence[str]) -> None:
    """Raise DatasetError when a class is named as the third outcome is."""
    if UNCERTAIN in classes:
        raise DatasetError(f"class '{UNCERTAIN}': means that no class was named; give that class another name")


def calibrate(
    probabilities: np.ndarray,
    targets: np.ndarray,
    speakers: np.ndarray,
    classes: Sequence[str],
    *,
    max_error: float,
    groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """Temperature and threshold of a network from clips of validation speakers, for its meta: temperature, threshold, max_error,
    and validation_speakers, {class: how many}, on which their `guarantee` rests.

    probabilities : float (clip, class), at temperature 1; targets : int (clip,); speakers : (clip,)
    groups : int (clip,), such as the corpus
    Classes weigh equally in the fit, as they do in the training loss; so do groups. The threshold is for probabilities at that
    temperature, see `choose_threshold`.
    """
    n_classes = probabilities.shape[1]
    cells = targets if groups is None else groups * n_classes + targets
    weights = 1 / np.bincount(cells)[cells] if len(cells) else None
    temperature = fit_temperature(probabilities, targets, weights)
    p = at_temperature(probabilities, temperature)
    right = p.argmax(axis=1) == targets
    threshold = choose_threshold(p.max(axis=1), right, targets=targets, speakers=speakers, error=max_error)
    counts = {name: int(pd.Series(speakers[targets == i]).nunique()) for i, name in enumerate(classes)}
    return {"temperature": temperature, "threshold": threshold, "max_error": max_error, "validation_speakers": counts}


def cross_calibrate(predictions: pd.DataFrame, before: np.ndarray, classes: Sequence[str], *, max_error: float) -> pd.DataFrame:
    """The predictions of each fold at the temperature and threshold that the other folds' test clips ask for.

    before : probabilities at temperature 1, float (clip, class), in the order of `predictions`
    Where each fold is another corpus, this is what a model calibrated on known corpora does on one that is new to it.
    """
    folds, targets = predictions["fold"].to_numpy(), predictions["true"].map(list(classes).index).to_numpy(dtype=int)
    speakers = predictions["speaker"].to_numpy()
    p, decisions = np.empty_like(before), np.empty(len(before), dtype=object)
    for fold in np.unique(folds):
        here = folds == fold
        facts = calibrate(before[~here], targets[~here], speakers[~here], classes, max_error=max_error, groups=folds[~here])
        p[here] = at_temperature(before[here], facts["temperature"])
        decisions[here] = decide(p[here], classes, facts["threshold"])
    return predictions.assign(decision=decisions, **{f"p_{name}": p[:, i] for i, name in enumerate(classes)})


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """What answering only the surest clips would cost and bring, surest first: columns threshold, clips, coverage, error.

    One row per confidence that occurs: `clips` are at least as sure, the share `coverage` of all; `error` of them is wrong.
    El-Yaniv and Wiener 2010.
    """
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    sure, wrong = np.asarray(confidence, dtype=float)[order], ~np.asarray(right, dtype=bool)[order]
    last = np.flatnonzero(_last_of_equals(sure))
    clips = last + 1
    error = np.cumsum(wrong)[last] / clips
    return pd.DataFrame({"threshold": sure[last], "clips": clips, "coverage": clips / max(len(sure), 1), "error": error})


def area_under_risk(table: pd.DataFrame) -> float:
    """AURC of a risk-coverage table, 0 to 1: the mean, over the clips, of the error among those at least as sure.

    Geifman and El-Yaniv 2017. Lower is better; a network whose sureness says nothing has its error rate.
    """
    return float(np.average(table["error"], weights=np.diff(table["clips"], prepend=0)))


def confidence_and_right(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each clip's answer, float (clip,), and whether it is right, bool (clip,)."""
    columns = [name for name in predictions if name.startswith("p_")]
    right = predictions["true"].to_numpy(dtype=str) == predictions["predicted"].to_numpy(dtype=str)
    return predictions[columns].to_numpy(dtype=float).max(axis=1), right


def abstention(predictions: pd.DataFrame) -> dict[str, Any]:
    """What the three outcomes came to, as plain values that JSON can hold.

    predictions : as scores.prediction_table gives it
    Returns, each with its 95 % interval over speakers: uncertain (share of all clips), error_answered (share wrong of those
    answered; None where none is), error_all (of all clips, each answered) and error_without_least_sure (with the least sure 5 %
    left out; the interval takes their limit as given). aurc; and per_class: {class: {"right", "wrong", "uncertain"}} in clips,
    with error_answered as above and wrong_of_speaker, the mean over the class's speakers of the share of their clips that is
    answered wrongly: what `choose_threshold` limits.
    """
    confidence, right = confidence_and_right(predictions)
    answered = (predictions["decision"] != UNCERTAIN).to_numpy()
    surer = confidence >= np.sort(confidence)[int(LEAST_SURE * len(confidence))]
    tested, all_clips = jackknife(predictions), np.ones(len(predictions))
    outcome = np.where(answered, np.where(right, "right", "wrong"), UNCERTAIN)
    counts = pd.crosstab(predictions["true"].to_numpy(), outcome).reindex(columns=["right", "wrong", UNCERTAIN], fill_value=0)
    true, wrong = predictions["true"].to_numpy(dtype=str), answered & ~right
    weights = _speaker_weights(true, predictions["speaker"].to_numpy())
    per_class: dict[str, dict[str, Any]] = {}
    for name, row in counts.iterrows():
        of = true == str(name)
        per_class[str(name)] = {key: int(n) for key, n in row.items()} | {
            "error_answered": tested.ratio(wrong & of, answered & of, share=True),
            "wrong_of_speaker": float((weights * wrong)[of].sum()),
        }
    return {
        "uncertain": tested.ratio(~answered, all_clips, share=True),
        "error_answered": tested.ratio(wrong, answered, share=True),
        "error_all": tested.ratio(~right, all_clips, share=True),
        "error_without_least_sure": tested.ratio(surer & ~right, surer, share=True),
        "aurc": area_under_risk(risk_coverage(confidence, right)),
        "per_class": per_class,
    }


def _speaker_weights(targets: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Weight of each clip, float (clip,): those of a class add up to 1, its speakers equally, each one's clips equally."""
    table = pd.DataFrame({"class": targets, "speaker": speakers})
    clips = table.groupby(["class", "speaker"])["speaker"].transform("size")
    return (1 / (clips * table.groupby("class")["speaker"].transform("nunique"))).to_numpy(dtype=float)


def _last_of_equals(ordered: np.ndarray) -> np.ndarray:
    """Whether each value is the last of a row of equal ones, bool (clip,)."""
    return np.append(np.diff(ordered) != 0, True)[: len(ordered)]

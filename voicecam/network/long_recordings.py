"""Predictions of the parts of a long recording -> one of the whole, so that hours take no more memory than minutes.

Each part is levelled and searched for speech by itself; windows vote as in one recording, see Classifier.probabilities_of.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

import numpy as np

from voicecam.config import UNCERTAIN
from voicecam.network.classifier import NO_SPEECH, Classifier, Prediction, Window
from voicecam.network.light import softmax

SMALLEST = 1e-300  # probability whose logarithm is still finite


def joined(classifier: Classifier, parts: Iterable[tuple[float, Prediction]], *, name: str) -> Prediction:
    """The Prediction of a recording of several parts, in order of time.

    parts : how long each is in s, and its Prediction, with times from its own beginning on
    A window's vote is its logits, and the logarithm of its probabilities is these up to a constant: their mean over all windows
    of all parts gives the probabilities of the whole. f0 is the parts' median, each counting by its speech; matrix and log_mel
    are those of a part that says the same as the whole, and there is no `spoken`.
    """
    lengths, found = zip(*((seconds, replace(part, spoken=None)) for seconds, part in parts))
    starts = [0.0, *accumulate(lengths)]
    heard = [(start, part) for start, part in zip(starts, found) if part.label is not None]
    if not heard:
        return Prediction(name, NO_SPEECH)
    windows = tuple(
        Window(window.start + start, window.end + start, window.probabilities) for start, part in heard for window in part.windows
    )
    classes = classifier.model.classes
    votes = np.log(np.maximum([[window.probabilities[label] for label in classes] for window in windows], SMALLEST))
    p = softmax(votes.mean(axis=0))
    best = int(p.argmax())
    firsts = [0, *accumulate(len(part.windows) for _, part in heard)]  # of each part, among all windows
    strength = [
        (part.label == classes[best], part.windows[part.strongest].probabilities[classes[best]], at)
        for at, (_, part) in enumerate(heard)
    ]
    _, _, chosen = max(strength)
    shown = heard[chosen][1]
    return Prediction(
        name,
        classes[best] if p[best] >= classifier.threshold else UNCERTAIN,
        label=classes[best],
        probability=float(p[best]),
        probabilities=dict(zip(classes, map(float, p))),
        windows=windows,
        speech_seconds=sum(part.speech_seconds for _, part in heard),
        doubtful=all(part.doubtful for _, part in heard),
        f0=_median([(part.f0, part.speech_seconds) for _, part in heard if part.f0 is not None]),
        matrix=shown.matrix,
        strongest=firsts[chosen] + shown.strongest,
        log_mel=shown.log_mel,
    )


def _median(values: list[tuple[float, float]]) -> float | None:
    """Of (value, weight): the value with half of the weight below it."""
    if not values:
        return None
    ordered, weights = zip(*sorted(values))
    return float(ordered[int(np.searchsorted(np.cumsum(weights), sum(weights) / 2))])

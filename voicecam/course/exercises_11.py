"""Checks of the exercises in nbs/11_speech_models.ipynb. Truths are worked out from the embeddings, splits and sounds at hand,
not stored; nothing is trained but logistic regressions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.course.checking import array_problem
from voicecam.data.encodings import clip_encoding
from voicecam.data.splits import Split
from voicecam.errors import SilentError

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)  # scikit-learn's C, of exercise 11.2
ALIKE = 1e-4  # how near two embeddings of one sound must lie, in each of their numbers
RATE = 16_000  # Hz
Test = Callable[[Any], str | None]


def nearest_to_chance(predictions: Mapping[str, pd.DataFrame]) -> Test:
    """Exercise 11.1: the label whose balanced accuracy lies least above chance, as a share of what is left from chance to 1, so
    that labels of many and of few classes compare. predictions : by label"""
    scores = {
        label: _balanced(*(one[name].to_numpy(dtype=str) for name in ("true", "predicted"))) for label, one in predictions.items()
    }
    chance = {label: 1 / one["true"].nunique() for label, one in predictions.items()}
    target = min(scores, key=lambda label: (scores[label] - chance[label]) / (1 - chance[label]))

    def test(answer: Any) -> str | None:
        if answer not in scores:
            return f"one of {', '.join(scores)} is asked for"
        if answer != target:
            return f"{answer}: {scores[answer]:.0%} with new speakers, chance {chance[answer]:.0%}; another one is nearer to it"
        return None

    return test


def validated_strength(embeddings: np.ndarray, truth: np.ndarray, split: Split) -> Test:
    """Exercise 11.2: the C of STRENGTHS with the best balanced accuracy on the split's validation speakers; any of several equal
    ones. A C that is best on the test speakers, or on the training speakers, is named as that.

    embeddings : (clip, number); truth : (clip,)
    """
    found = {C: strength_scores(embeddings, truth, split, C) for C in STRENGTHS}
    best = {part: max(scores[part] for scores in found.values()) for part in ("train", "valid", "test")}

    def test(answer: Any) -> str | None:
        if answer not in found:
            return f"one of {', '.join(f'{C:g}' for C in STRENGTHS)} is asked for"
        scores = found[answer]
        if scores["valid"] == best["valid"]:
            return None
        if scores["test"] == best["test"]:
            return "this C is the best for the test speakers: to choose by them is data leakage; choose by split.valid"
        if scores["train"] == best["train"]:
            return "this C is the best for the speakers it was fitted on; choose by split.valid"
        return "another C has a higher balanced accuracy on split.valid"

    return test


def strength_scores(embeddings: np.ndarray, truth: np.ndarray, split: Split, C: float) -> dict[str, float]:
    """Balanced accuracy of a logistic regression, fitted on split.train, on each part of the split: train, valid, test."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000))
    model.fit(embeddings[split.train], truth[split.train])
    parts = {name: getattr(split, name) for name in ("train", "valid", "test")}
    return {name: _balanced(truth[rows], model.predict(embeddings[rows])) for name, rows in parts.items()}


def _balanced(true: np.ndarray, said: np.ndarray) -> float:
    return float(recall_score(true, said, labels=sorted(set(true)), average="macro", zero_division=0))


def without_speech() -> dict[str, Signal]:
    """Four sounds of a second in which nobody speaks."""
    rng, time = np.random.default_rng(0), np.arange(RATE) / RATE
    made = {
        "digital silence": np.zeros(RATE),
        "white noise": rng.normal(0, 0.1, RATE),
        "a hum of 100 Hz": 0.3 * np.sin(200 * np.pi * time),
        "a tone of 1 kHz": 0.3 * np.sin(2000 * np.pi * time),
    }
    return {name: Signal(samples.astype(np.float32), RATE) for name, samples in made.items()}


def stops_without_speech(speech: Signal) -> Test:
    """Exercise 11.3: a function from a Signal to its embedding (256,), or None where nobody speaks."""
    target = clip_encoding(speech, recipe("embedding"))[:, 0]

    def test(answer: Any) -> str | None:
        if not callable(answer):
            return f"a function is asked for, this is a {type(answer).__name__}"
        for name, sound in without_speech().items():
            try:
                found = answer(sound)
            except SilentError:
                return f"{name}: the error must be caught, and None be returned"
            if found is not None:
                return f"{name}: nobody speaks, and it gives {np.size(found)} numbers"
        found = answer(speech)
        if found is None:
            return "somebody speaks, and it gives None"
        return array_problem(found, target, within=ALIKE)

    return test


def nearest_voice(mine: np.ndarray, embeddings: np.ndarray, speakers: np.ndarray) -> Test:
    """Exercise 11.4: the speaker whose mean embedding has the largest cosine with `mine`.

    mine : (number,); embeddings : (clip, number); speakers : (clip,)
    """
    names = sorted(set(speakers))
    means = np.stack([embeddings[speakers == name].mean(axis=0) for name in names])
    cosine = means @ mine / np.linalg.norm(means, axis=1) / np.linalg.norm(mine)
    order = [names[i] for i in np.argsort(-cosine)]

    def test(answer: Any) -> str | None:
        if answer not in order:
            return f"the name of a speaker is asked for, such as {names[0]!r}"
        place = order.index(answer)
        return None if place == 0 else f"{place} of {len(order)} speakers are nearer; has each mean its length taken off?"

    return test

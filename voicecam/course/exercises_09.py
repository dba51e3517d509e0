"""Checks of the exercises in nbs/09_your_voice.ipynb. What a model says is asked of the model, not stored."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

from voicecam.audio import Signal
from voicecam.audio.speech import find_speech
from voicecam.course.checking import number_problem
from voicecam.voice_model import VoiceModel

RATE = 16_000  # Hz
FADE_S = 0.02  # s at the ends of made sounds, so that they do not click
Test = Callable[[Any], str | None]


def sounds(spoken: Signal) -> dict[str, Signal]:
    """Sounds to guess about whether somebody speaks in them: two of `spoken`, at its rate, and three made ones of 1.5 s."""
    rng, time = np.random.default_rng(0), np.arange(int(1.5 * RATE)) / RATE
    fade = np.minimum(1, np.minimum(time, time[-1] - time) / FADE_S)
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330))
    made = {
        "white noise": rng.normal(0, 0.1, len(time)),
        "a chord": 0.1 * chord * fade,
        "a hum of 100 Hz": np.sin(200 * np.pi * time),
    }
    return {
        **{name: Signal((0.5 * samples).astype(np.float32), RATE) for name, samples in made.items()},
        "the speech backwards": Signal(spoken.samples[::-1].copy(), spoken.rate),
        "the speech, 40 dB softer": Signal(spoken.samples / 100, spoken.rate),
    }


def spoken(heard: Mapping[str, Signal]) -> Test:
    """Exercise 9.1: the set of those names in which speech is found. The prediction need not be right to be a good one."""
    target = {name for name, signal in heard.items() if find_speech(signal)}

    def test(answer: Any) -> str | None:
        if isinstance(answer, str) or not isinstance(answer, (set, list, tuple)):
            return 'a set of names is asked for, such as {"white noise", "a chord"}'
        unknown = set(answer) - set(heard)
        if unknown:
            return f"no such sound: {', '.join(sorted(map(str, unknown)))}; there are {', '.join(heard)}"
        missed, extra = target - set(answer), set(answer) - target
        told = [f"speech is found in {len(missed)} that you left out"] if missed else []
        told += [f"none is found in {len(extra)} that you named"] if extra else []
        return "; ".join(told) or None

    return test


def logits_apart(model: VoiceModel) -> Test:
    """Exercise 9.2: how far the logits of two classes must lie apart for an answer: found by trying, not by a formula."""
    temperature, threshold = model.temperature, model.threshold
    target = float(brentq(lambda apart: softmax(np.array([apart, 0.0]) / temperature)[0] - threshold, 0, 1000))

    def test(answer: Any) -> str | None:
        if isinstance(answer, (int, float, np.number)) and abs(answer - target / temperature) < 0.01:
            return "this is after the division by the temperature; the network's own logits are asked for"
        if isinstance(answer, (int, float, np.number)) and abs(answer - target / temperature**2) < 0.01:
            return "multiply by the temperature where you divided"
        return number_problem(answer, target, within=0.02)

    return test


def other_prediction(judged: Callable[[float], str], low: float = -12.0, high: float = 12.0) -> Test:
    """Exercise 9.3: semitones, not 0, within low to high, by which the voice is moved until the prediction is another.

    judged : the prediction on the voice moved by so many semitones
    """

    def test(answer: Any) -> str | None:
        if not isinstance(answer, (int, float, np.number)) or isinstance(answer, bool):
            return "a number of semitones is asked for, above 0 for higher"
        if not low <= answer <= high:
            return f"stay within {low:g} to {high:g} semitones: beyond, it hardly sounds like a voice"
        before, after = judged(0.0), judged(float(answer))
        return f"moved by {answer:g} semitones it still says {after}" if after == before else None

    return test

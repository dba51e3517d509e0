"""Tests of the answers of notebook 03, what the network sees. Each computes the truth in another way than the notebook."""

from collections.abc import Callable
from typing import Any

import numpy as np

from voicecam import audio
from voicecam.config import Config, recipe
from voicecam.course.checking import number_problem
from voicecam.errors import VoicecamError
from voicecam.features import features
from voicecam.features.image import Scale

Test = Callable[[Any], str | None]
NEAR = 0.12  # of a guessed share
WRONG = 5.0  # grey levels, mean over the cells: a picture that is plainly another one


def black_share(matrices: np.ndarray) -> Test:
    """Exercise 3.1: the share of cells that are black where numbers are taken as grey levels, c0 left out.

    matrices : float (clip, row, frame)
    """
    below = np.sort(matrices[:, 1:], axis=None)
    share = float(np.searchsorted(below, 1.0) / len(below))  # rounded down, what is below 1 is black

    def test(answer: Any) -> str | None:
        if isinstance(answer, (int, float)) and not 0 <= answer <= 1:
            return f"a share from 0 to 1 is asked for; {answer:g} per cent would be {answer / 100:g}"
        problem = number_problem(answer, share, within=NEAR)
        return problem and f"{problem}. Coefficients beyond c0 swing around zero: how often are they below it?"

    return test


def fall_of_c0(answer: Any) -> str | None:
    """Exercise 3.2: how far c0 falls when the sound is divided by 32,768, measured on noise."""
    noise = audio.Signal(np.random.default_rng(0).uniform(-0.5, 0.5, 48_000).astype(np.float32), 48_000)
    loud, quiet = (features(noise, recipe("mfcc-2020", full_scale=full)).matrix[0] for full in (32_768.0, 1.0))
    target = float(np.median(loud - quiet))
    problem = number_problem(answer, target, within=1.0)
    if problem is None:
        return None
    lost = {1.0: "the sign: a fall is asked for", np.sqrt(40): "the bands: n_mels / sqrt(n_mels)"}
    lost |= {2: "20 log10, not 10: power goes with the square of the sound"}
    lifter = recipe("mfcc-2020").lifter / 2 * np.sin(np.pi / 22) + 1
    lost |= {float(lifter): "the lifter", float(1 / np.sqrt(40)): "the square root below the sum"}
    hints = [hint for factor, hint in lost.items() if abs(abs(float(answer)) * factor - target) <= 1]
    return f"{problem}; look again at {hints[0]}" if hints else problem


def row_of(hertz: float, config: Config) -> Test:
    """Exercise 3.3: the row that a pure tone lights most, heard by making the tone. One row beside it is right as well."""
    time = np.arange(config.n_samples) / config.sample_rate
    tone = audio.Signal((0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), config.sample_rate)
    row = int(features(tone, config).matrix.mean(axis=1).argmax())
    even = hertz / config.top_hz * config.n_rows  # if rows were spaced evenly in Hz

    def test(answer: Any) -> str | None:
        problem = number_problem(answer, row, within=1)
        if problem and abs(float(answer) - even) <= 1:
            return f"{problem}: that would be right if rows were spaced evenly in Hz; the mel scale gives the low ones more room"
        return problem

    return test


def silent_mismatch(recording: audio.Signal, config: Config, scale: Scale) -> Test:
    """Exercise 3.4: a config whose pictures have the size of `config`'s, raise nothing, and are wrong.

    recording : as read from its file; scale : fitted with `config`
    """

    def picture(chosen: Config) -> np.ndarray:
        return scale.to_gray(features(audio.prepare(recording, chosen), chosen).matrix).astype(float)

    def test(answer: Any) -> str | None:
        if not isinstance(answer, Config):
            return f'a config is asked for, such as recipe("mfcc", hop_ms=20); this is a {type(answer).__name__}'
        right = picture(config)
        try:
            wrong = picture(answer)
        except VoicecamError as reason:
            return f"an error was raised, so somebody would notice: {reason}"
        if wrong.shape != right.shape:
            return f"the picture has shape {wrong.shape}, the right one {right.shape}: somebody would notice"
        off = float(np.abs(wrong - right).mean())
        return None if off >= WRONG else f"this picture is off by {off:.1f} grey levels on average; {WRONG:g} are asked for"

    return test

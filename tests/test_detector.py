"""The speech detector against the package that it was taken from: the same probabilities and segments."""

import numpy as np
import pytest

from voicecam.audio import detector
from voicecam.audio.detector import FRAME, frame_probabilities, speech_segments


@pytest.mark.parametrize("n", [1, FRAME, 5 * FRAME + 7, detector.AT_ONCE * FRAME, detector.AT_ONCE * FRAME + 300])
def test_probabilities_are_those_of_the_package(rng, n):
    silero = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    time = np.arange(n) / 16_000
    buzz = 0.2 * np.sin(2 * np.pi * 140 * time) * np.sin(2 * np.pi * 3 * time)
    samples = (buzz + 0.01 * rng.standard_normal(n)).astype(np.float32)
    theirs = silero.load_silero_vad(sequence=True).audio_forward(samples)
    np.testing.assert_array_equal(frame_probabilities(samples), theirs)


@pytest.mark.parametrize("seed", range(40))
def test_segments_are_those_of_the_package(seed):
    silero = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    rng = np.random.default_rng(seed)
    p = np.clip(np.repeat(rng.random(60), rng.integers(1, 9, 60)) + 0.2 * rng.standard_normal(1), 0, 1).astype(np.float32)
    n, gap_ms = int(len(p) * FRAME - rng.integers(FRAME)), int(rng.integers(32, 400))
    rules = {"threshold": 0.5, "min_speech_duration_ms": 0, "min_silence_duration_ms": gap_ms, "speech_pad_ms": 0}
    theirs = silero.get_speech_timestamps_from_probs(p.tolist(), **rules, audio_length_samples=n)
    assert speech_segments(p, n, gap=16 * gap_ms) == [(part["start"], part["end"]) for part in theirs]
    assert theirs, "some of it is speech"


def test_a_pause_ends_speech_where_it_is_long_enough():
    p = np.array([0, 0.9, 0.1, 0.9, 0.4, 0.1, 0.1, 0.9, 0], np.float32)  # 0.4 neither ends nor begins
    assert speech_segments(p, 9 * FRAME, gap=2 * FRAME) == [(FRAME, 9 * FRAME)]
    assert speech_segments(p, 9 * FRAME, gap=FRAME) == [(FRAME, 5 * FRAME), (7 * FRAME, 9 * FRAME)]

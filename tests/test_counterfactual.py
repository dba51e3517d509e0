"""Made vowels moved by known steps, and scores whose flip point is known because they are a formula of pitch or of formants."""

import numpy as np
import pandas as pd
import pytest
from test_acoustics import MAN, RATE, vowel

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.explanation.acoustics import acoustic_features
from voicecam.explanation.counterfactual import (
    counterfactuals,
    flip_points,
    flip_sentences,
    flips_by_class,
    resynthesis,
    score_curves,
    shift_voice,
)
from voicecam.figures import figure
from voicecam.figures.acoustics import plot_counterfactual

BORDER_HZ = 160.0  # the made scores call a voice high above it


def semitones_between(a: float, b: float) -> float:
    return 12 * np.log2(b / a)


@pytest.mark.parametrize("semitones", [-7, -3, 0, 5, 10])
def test_the_pitch_moves_by_the_semitones_and_the_formants_stay(semitones):
    before = vowel(130)
    after = shift_voice(before, semitones=semitones)
    assert len(after.samples) == len(before.samples)
    assert (after.rate, after.samples.dtype) == (RATE, np.float32)
    facts = acoustic_features(after)
    assert semitones_between(130, facts.f0_hz) == pytest.approx(semitones, abs=0.5)
    np.testing.assert_allclose([facts.f1_hz, facts.f2_hz], MAN[:2], rtol=0.08)


@pytest.mark.parametrize("ratio", [0.85, 1.0, 1.18])
def test_the_formants_move_by_the_ratio_and_the_pitch_stays(ratio):
    facts = acoustic_features(shift_voice(vowel(130), formant_ratio=ratio))
    np.testing.assert_allclose([facts.f1_hz, facts.f2_hz], ratio * np.array(MAN[:2]), rtol=0.08)
    assert semitones_between(130, facts.f0_hz) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("seconds", [0.11, 0.5])
def test_silence_and_noise_come_through(rng, seconds):
    n = round(seconds * RATE)
    assert not shift_voice(Signal(np.zeros(n, np.float32), RATE), semitones=5, formant_ratio=1.2).samples.any()
    noise = shift_voice(Signal((0.1 * rng.standard_normal(n)).astype(np.float32), RATE), semitones=5)
    assert np.isfinite(noise.samples).all()
    assert noise.samples.std() == pytest.approx(0.1, rel=0.1)


def test_what_cannot_be_moved_is_refused():
    with pytest.raises(ExplainError, match="too short to resynthesise"):
        shift_voice(Signal(np.zeros(100, np.float32), RATE))
    with pytest.raises(ExplainError, match="too far"):
        shift_voice(vowel(120), formant_ratio=-1)
    with pytest.raises(ExplainError, match="too far"):
        shift_voice(vowel(120), semitones=30)


def pitch_score(signals: list[Signal]) -> np.ndarray:
    """Semitones above the border, by the highest peak of the autocorrelation: linear in log F0, and no code of voicecam's."""
    found = []
    for signal in signals:
        spectrum = np.fft.rfft(signal.samples, 4 * len(signal.samples))
        correlation = np.fft.irfft(np.abs(spectrum) ** 2, 32 * len(signal.samples))  # 8 times finer than a sample
        low, high = 8 * RATE // 520, 8 * RATE // 45
        part = correlation[low:high]
        first = int(np.argmax(part > 0.92 * part.max()))  # the second period correlates almost as well
        found.append(8 * RATE / (low + first + part[first : first + (low + first) // 4].argmax()))
    return semitones_between(BORDER_HZ, np.array(found))


@pytest.fixture(scope="module")
def moved():
    """Three low and two high speakers, and their scores when moved."""
    pitches = {"a": 100.0, "b": 110.0, "c": 121.0, "y": 220.0, "z": 240.0}
    signals = [vowel(f0, seconds=0.4) for f0 in pitches.values()]
    table = counterfactuals(pitch_score, signals, list(pitches), semitones=(-12, -8, -4, 4, 8, 12), formant_ratios=(0.9, 1.1))
    return pitches, table, ["low", "low", "low", "high", "high"]


def test_the_label_flips_where_the_moved_pitch_crosses_the_border(moved):
    pitches, table, _ = moved
    assert len(table) == 5 * (1 + 7 + 3), "the steps that change nothing are added"
    flips = flip_points(table).set_index(["speaker", "kind"])
    for who, f0 in pitches.items():
        there, other = ("up", "down") if f0 < BORDER_HZ else ("down", "up")
        assert flips.loc[(who, "pitch"), there] == pytest.approx(semitones_between(f0, BORDER_HZ), abs=0.3)
        assert np.isnan(flips.loc[(who, "pitch"), other])
        assert flips.loc[(who, "formants"), ["up", "down"]].isna().all(), "its formants do not move the pitch"


def test_flips_are_told_per_class_as_medians_over_speakers(moved):
    _, table, classes = moved
    found = flips_by_class(flip_points(table), classes, positive="high").set_index(["kind", "class", "direction"])
    low = found.loc[("pitch", "low", "up")]
    assert low["flip"] == pytest.approx(semitones_between(110, BORDER_HZ), abs=0.3)
    assert low["flip_least"] == pytest.approx(semitones_between(121, BORDER_HZ), abs=0.3)
    assert low["flip_most"] == pytest.approx(semitones_between(100, BORDER_HZ), abs=0.3)
    assert np.isnan(low["flip_low"]), "3 speakers are too few for an interval of a median"
    assert (low["clips"], low["speakers"], low["wrong"], low["never"], low["flipping"]) == (3, 3, 0, 0, 3)
    assert low["flipping_clips"] == 3
    assert found.loc[("pitch", "low", "down"), "flipping"] == 0
    high = found.loc[("pitch", "high", "down")]
    assert high["flip"] == pytest.approx(np.mean([semitones_between(f0, BORDER_HZ) for f0 in (220, 240)]), abs=0.3)
    assert (found.loc["formants", "never"] == 1).all()
    assert found.loc["formants", "flip"].isna().all()


def test_resynthesis_alone_has_its_own_number(moved):
    _, table, classes = moved
    control = resynthesis(table)
    assert control["move"] < 0.2
    assert control["flipped"] == 0
    assert control["size"] == pytest.approx(
        np.mean([abs(semitones_between(f, BORDER_HZ)) for f in (100, 110, 121, 220, 240)]), abs=0.1
    )
    said = flip_sentences(flips_by_class(flip_points(table), classes, positive="high"), control)
    assert len(said) == 5
    assert "low, pitch moved (3 clips of 3 speakers" in said[1]
    assert "raised, 3 clips of 3 speakers flip (median +6.5 semitones, from " in said[1]
    assert "lowered, none flips" in said[1]
    assert "never flips within the range" in said[3]
    assert "0 % of 5 clips" in said[-1]


def made_table(scores: dict[str, list[float]], steps: list[float], kind: str = "pitch") -> pd.DataFrame:
    """A table of scores as they are given, a clip per speaker."""
    return pd.DataFrame(
        [
            {"clip": clip, "speaker": who, "kind": kind, "step": step, "score": score}
            for clip, (who, row) in enumerate(scores.items())
            for step, score in zip(steps, row)
        ]
    )


def test_the_crossing_nearest_to_no_change_counts_on_each_side():
    flips = flip_points(made_table({"a": [-1, 2, 1, -3], "b": [-1, 1, 1, 1], "c": [1, 1, 1, 1]}, [-4, -2, 0, 2]))
    np.testing.assert_allclose(flips["up"], [0.5, np.nan, np.nan])
    np.testing.assert_allclose(flips["down"], [-4 + 2 / 3, -3.0, np.nan])
    ratios = flip_points(made_table({"a": [1, 1, -1]}, [0.8, 1.0, 1.21], kind="formants"))
    assert ratios["up"].item() == pytest.approx(1.1), "half way, as ratios go"


def test_clips_named_wrong_at_first_are_counted_apart():
    flips = flip_points(made_table({"a": [1, 1, -1], "b": [-1, -1, 1], "c": [1, 1, 1]}, [-2, 0, 2]))
    found = flips_by_class(flips, ["f", "f", "f"], positive="f").iloc[0]
    assert (found["clips"], found["wrong"]) == (2, 1)
    assert found["never"] == pytest.approx(0.5)
    assert found["flip"] == pytest.approx(1.0)
    assert np.isnan(found["flip_low"]), "one speaker has no interval"
    none = flips_by_class(flips.iloc[[1]], ["f", "f"], positive="f")
    assert list(none["clips"]) == [0, 0]
    assert none["never"].isna().all()


def test_every_speaker_counts_the_same_in_the_curves():
    table = made_table({"a": [0.0], "b": [4.0]}, [0])
    many = pd.concat([table] + [table[table["speaker"] == "a"].assign(clip=2 + i) for i in range(6)], ignore_index=True)
    curve = score_curves(many, ["f"] * 8).iloc[0]
    assert curve["score"] == pytest.approx(2.0)
    assert curve["speakers"] == 2


def test_a_score_that_is_no_number_per_clip_is_refused():
    with pytest.raises(ExplainError, match="one finite number each"):
        counterfactuals(lambda signals: np.full(len(signals), np.nan), [vowel(120, seconds=0.2)], ["a"])
    with pytest.raises(ExplainError, match="1 clips, 2 speakers"):
        counterfactuals(pitch_score, [vowel(120, seconds=0.2)], ["a", "b"])


def test_the_figure_has_a_line_per_class_and_marks_its_flips(moved):
    _, table, classes = moved
    curves = score_curves(table, classes)
    flips = flips_by_class(flip_points(table), classes, positive="high")
    lines = plot_counterfactual(curves, flips, ["high", "low"], kind="pitch", ax=figure(3)[1])
    assert [line.get_label() for line in lines] == ["high", "low"]
    low = curves[(curves["kind"] == "pitch") & (curves["class"] == "low")]
    np.testing.assert_allclose(lines[1].get_ydata(), low["score"])
    np.testing.assert_allclose(lines[1].get_xdata(), [-12, -8, -4, 0, 4, 8, 12])


def test_the_same_step_makes_the_same_sound(rng):
    noisy = Signal((0.1 * rng.standard_normal(16_000)).astype(np.float32), 16_000)
    first, second = (shift_voice(noisy, formant_ratio=1.1).samples for _ in range(2))
    np.testing.assert_array_equal(first, second)

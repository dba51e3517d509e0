"""Made vowels whose pitch, formants and tilt are known, and scores whose account is known in advance."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.explanation.acoustics import (
    AcousticFeatures,
    acoustic_features,
    acoustic_regression,
    center_within_class,
    regression_sentences,
)
from voicecam.figures import figure
from voicecam.figures.acoustics import plot_acoustic_regression

pytestmark = pytest.mark.slow

RATE = 16_000
MAN = (730.0, 1090.0, 2440.0, 3400.0, 4500.0, 5500.0)  # Hz; "a" (Peterson and Barney 1952), then the throat's next resonances
WOMAN = tuple(1.18 * f for f in MAN)
WIDTHS = (60, 80, 100, 120, 140, 160)  # Hz


def vowel(f0, formants=MAN, *, seconds: float = 1.0, tilt_db: float = -6.0) -> Signal:
    """Harmonics of `f0` Hz (a number, or one per sample) that fall by `tilt_db` per octave, through one resonator per formant."""
    f0 = np.broadcast_to(np.asarray(f0, dtype=float), (round(seconds * RATE),))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    samples = sum(k ** (tilt_db / (20 * np.log10(2))) * np.cos(k * phase) for k in range(1, int(RATE / 2 / f0.max())))
    for hertz, width in zip(formants, WIDTHS):
        r = np.exp(-np.pi * width / RATE)
        samples = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * hertz / RATE), r * r], samples)
    return Signal((0.3 * samples / np.abs(samples).max()).astype(np.float32), RATE)


@pytest.mark.parametrize(("f0", "formants"), [(95, MAN), (120, MAN), (185, WOMAN), (210, WOMAN)])
def test_pitch_and_formants_of_a_made_vowel(f0, formants):
    found = acoustic_features(vowel(f0, formants))
    assert found.f0_hz == pytest.approx(f0, rel=0.01)
    assert found.f0_range_semitones < 0.1
    measured = [found.f1_hz, found.f2_hz, found.f3_hz, found.f4_hz]
    np.testing.assert_allclose(measured, formants[:4], rtol=0.08)
    assert found.voiced_share > 0.9
    assert found.hnr_db > 40


def test_the_range_of_a_gliding_pitch():
    """From 100 to 200 Hz on a straight line in semitones: the 5th to the 95th percentile are 0.9 of its 12."""
    glide = 100 * 2 ** np.linspace(0, 1, 2 * RATE)
    found = acoustic_features(vowel(glide, seconds=2))
    assert found.f0_range_semitones == pytest.approx(10.8, abs=0.4)
    assert found.f0_range_hz == pytest.approx(100 * (2**0.95 - 2**0.05), rel=0.05)
    assert found.f0_hz == pytest.approx(100 * 2**0.5, rel=0.02)


@pytest.mark.parametrize("slope", [-3.0, -6.0, -12.0])
def test_the_tilt_of_harmonics_that_fall_by_so_many_db_per_octave(slope):
    assert acoustic_features(vowel(120, (), tilt_db=slope)).tilt_db_octave == pytest.approx(slope, abs=0.5)


def test_noise_takes_from_the_hnr_what_it_adds(rng):
    clean = vowel(120)
    power = float(np.mean(clean.samples.astype(float) ** 2))
    noise = rng.standard_normal(len(clean.samples)) * np.sqrt(power / 10)  # 10 dB below the voice
    noisy = Signal((clean.samples + noise).astype(np.float32), RATE)
    assert acoustic_features(noisy).hnr_db == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize("seconds", [1.0, 0.3, 0.11, 0.05, 0.001])
def test_silence_and_noise_have_no_voice_and_do_not_crash(rng, seconds):
    n = round(seconds * RATE)
    for samples in (np.zeros(n), 0.1 * rng.standard_normal(n)):
        found = asdict(acoustic_features(Signal(samples.astype(np.float32), RATE)))
        share = found.pop("voiced_share")
        assert all(np.isnan(value) for value in found.values())
        assert np.isnan(share) if seconds < 0.11 else share < 0.1


def test_half_a_clip_of_silence_halves_the_voiced_share_and_leaves_the_pitch():
    voice = vowel(140)
    half = Signal(np.concatenate([voice.samples, np.zeros(RATE, np.float32)]), RATE)
    found = acoustic_features(half)
    assert found.voiced_share == pytest.approx(0.5, abs=0.03)
    assert found.f0_hz == pytest.approx(140, rel=0.01)


@pytest.fixture
def people(rng):
    """Facts of 30 speakers with 8 clips each, all independent."""
    speakers = [f"s{i:02d}" for i in range(30) for _ in range(8)]
    facts = pd.DataFrame(rng.standard_normal((240, 10)), columns=list(AcousticFeatures.__dataclass_fields__))
    return facts.assign(f0_hz=160 + 40 * facts["f0_hz"]), speakers


def cell(table, facts, kind):
    return table[(table["facts"] == facts) & (table["kind"] == kind)].iloc[0]


def test_a_score_made_of_the_pitch_is_explained_by_it_alone(people, rng):
    facts, speakers = people
    table = acoustic_regression(3 - 0.05 * facts["f0_hz"].to_numpy() + 0.1 * rng.standard_normal(240), facts, speakers)
    for name, kind in (("all", "all"), ("F0", "alone"), ("f0_hz", "alone"), ("formants", "without")):
        row = cell(table, name, kind)
        assert row["r2"] > 0.95
        assert row["low"] <= row["r2"] <= row["high"]
    assert cell(table, "F0", "without")["high"] < 0.1
    assert cell(table, "formants", "alone")["high"] < 0.1
    assert "explains 100 %" in regression_sentences(table)[0] or "explains 99 %" in regression_sentences(table)[0]


def test_the_share_explained_is_that_of_the_variance(people, rng):
    """Two parts pitch, one part chance, in variance: two thirds."""
    facts, speakers = people
    pitch = ((facts["f0_hz"] - 160) / 40).to_numpy()
    row = cell(acoustic_regression(np.sqrt(2) * pitch + rng.standard_normal(240), facts, speakers), "f0_hz", "alone")
    assert row["r2"] == pytest.approx(2 / 3, abs=0.08)
    assert row["low"] < 2 / 3 < row["high"]


def test_a_random_score_is_not_explained_and_the_sentence_says_so(people, rng):
    facts, speakers = people
    table = acoustic_regression(rng.standard_normal(240), facts, speakers)
    assert table["r2"].abs().max() < 0.15
    assert regression_sentences(table)[0].startswith("Nothing was shown")


def test_a_score_that_belongs_to_the_speaker_is_not_learned_from_the_others(rng):
    """Every speaker's facts and score are his own: a model that met him would know him by his facts."""
    own, scores = rng.standard_normal((12, 10)), rng.standard_normal(12)
    facts = pd.DataFrame(np.repeat(own, 20, axis=0), columns=list(AcousticFeatures.__dataclass_fields__))
    table = acoustic_regression(np.repeat(scores, 20), facts, [f"s{i}" for i in range(12) for _ in range(20)])
    assert cell(table, "all", "all")["r2"] < 0.2


def test_missing_facts_are_filled_and_counted(people):
    facts, speakers = people
    scores = facts["f0_hz"].to_numpy(copy=True)
    holes = facts.copy()
    holes.loc[::10, "f0_hz"] = np.nan
    table = acoustic_regression(scores, holes, speakers)
    assert cell(table, "f0_hz", "alone")["missing"] == 24
    assert cell(table, "all", "all")["missing"] == 24
    assert cell(table, "f1_hz", "alone")["missing"] == 0
    assert 0.8 < cell(table, "f0_hz", "alone")["r2"] < 0.97
    assert regression_sentences(table)[-1].startswith("24 of 240 clips")
    empty = acoustic_regression(scores, facts.assign(f0_hz=np.nan), speakers)
    assert cell(empty, "f0_hz", "alone")["r2"] == pytest.approx(0, abs=1e-9), "the median of nothing explains nothing"


def test_within_the_classes_what_only_tells_them_apart_explains_nothing(people, rng):
    facts, speakers = people
    classes = np.array(["high" if int(who[1:]) % 2 else "low" for who in speakers])
    far = facts.assign(f0_hz=facts["f0_hz"] + 400 * (classes == "high"))
    scores = 5.0 * (classes == "high") + rng.standard_normal(240)
    assert cell(acoustic_regression(scores, far, speakers), "f0_hz", "alone")["r2"] > 0.7
    inside = pd.DataFrame(center_within_class(far.to_numpy(), classes), columns=far.columns)
    within = acoustic_regression(center_within_class(scores, classes), inside, speakers)
    assert cell(within, "f0_hz", "alone")["r2"] < 0.1
    np.testing.assert_allclose(inside.groupby(classes).mean(), 0, atol=1e-9)


def test_what_cannot_be_accounted_is_refused(people):
    facts, speakers = people
    with pytest.raises(ExplainError, match="239 scores, 240 facts"):
        acoustic_regression(np.zeros(239), facts, speakers)
    with pytest.raises(ExplainError, match="1 scores are NaN"):
        acoustic_regression(np.r_[np.nan, np.zeros(239)], facts, speakers)
    with pytest.raises(ExplainError, match="1 speaker"):
        acoustic_regression(np.zeros(240), facts, ["a"] * 240)


def test_scores_that_are_all_the_same_have_no_share(people):
    facts, speakers = people
    table = acoustic_regression(np.ones(240), facts, speakers)
    assert table["r2"].isna().all()
    assert regression_sentences(table)[0].startswith(
        "Nothing can be shown: the scores are all the same (240 clips of 30 speakers"
    )


def test_the_figure_shows_the_numbers_of_the_table(people, rng):
    facts, speakers = people
    table = acoustic_regression(facts["f0_hz"].to_numpy() + 20 * rng.standard_normal(240), facts, speakers)
    bars = plot_acoustic_regression(table, ax=figure(4)[1])
    shown = table[(table["kind"] == "all") | (table["kind"] == "alone")]
    np.testing.assert_allclose([bar.get_width() for bar in bars], shown["r2"])

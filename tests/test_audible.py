"""Tones and clicks whose place is known, parted by maps that point at one of them."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import soundfile as sf

from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation.audible import active_rms, mix, split_sound, wav_bytes
from voicecam.features import features, row_axis

RATE = 16_000
CONFIG = recipe("logmel", seconds=1.0)


def tones(*pitches, level=0.05):
    at = np.arange(RATE) / RATE
    return Signal((level * sum(np.sin(2 * np.pi * hz * at) for hz in pitches)).astype(np.float32), RATE)


def band_map(low, high, config=CONFIG):
    """1 on the mel bands whose centre lies from low to high Hz, 0 elsewhere."""
    centres = row_axis(config).values
    return np.repeat(((centres >= low) & (centres <= high))[:, None], config.n_frames, axis=1).astype(float)


def loudness(samples, hz):
    """Of one frequency in dB, by a sum over time."""
    n = len(samples)
    return 20 * np.log10(abs(np.sum(samples * np.hanning(n) * np.exp(-2j * np.pi * hz * np.arange(n) / RATE))) + 1e-12)


def unmatched(audible):
    """Evidence and rest as they were before their levels were matched."""
    return (
        audible.evidence.samples / 10 ** (audible.evidence_db / 20),
        audible.rest.samples / 10 ** (audible.rest_db / 20),
    )


@pytest.mark.parametrize(("pointed", "other"), [(400, 3000), (3000, 400)])
def test_the_tone_that_the_map_points_at_is_the_evidence(pointed, other):
    signal = tones(400, 3000)
    found = split_sound(signal, band_map(pointed * 0.75, pointed * 1.33), CONFIG)
    assert loudness(found.evidence.samples, pointed) > loudness(found.evidence.samples, other) + 30
    assert loudness(found.rest.samples, other) > loudness(found.rest.samples, pointed) + 30
    evidence, rest = unmatched(found)
    np.testing.assert_allclose(evidence + rest, signal.samples, atol=1e-6)
    assert loudness(evidence, pointed) == pytest.approx(loudness(signal.samples, pointed), abs=0.1)


@pytest.mark.parametrize("shape", [(8, 8), (5, 3), (128, 128)])
def test_a_map_on_any_grid_finds_its_frequency_and_time(shape):
    h, w = shape
    decibels = features(tones(3000), CONFIG).matrix.mean(axis=1)
    step = CONFIG.image_rows / h
    pixel = (decibels.argmax() + 0.5) / CONFIG.n_mels * CONFIG.image_rows  # where the picture itself shows 3 kHz
    row = int(np.abs(np.arange(h) * step + 0.5 - pixel).argmin())  # cells lie around pixel 0, step, 2 step, ...
    map = np.zeros(shape)
    map[row, np.arange(w) / w >= 0.5] = 1
    evidence, _ = unmatched(split_sound(tones(400, 3000), map, CONFIG))
    half = RATE // 2
    assert loudness(evidence[half:], 3000) > loudness(evidence[half:], 400) + 30
    assert np.square(evidence[3 * half // 2 :]).mean() > 10 * np.square(evidence[: half // 2]).mean()


@pytest.mark.parametrize(("late", "early_part"), [(True, "rest"), (False, "evidence")])
def test_clicks_stay_at_their_times(late, early_part):
    samples = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 1e-5
    samples[[4000, 12_000]] = 0.5
    map = np.zeros((CONFIG.n_mels, CONFIG.n_frames))
    map[:, slice(49, None) if late else slice(0, 49)] = 1
    found = split_sound(Signal(samples, RATE), map, CONFIG)
    assert np.abs(getattr(found, early_part).samples).argmax() == 4000
    other = found.evidence if early_part == "rest" else found.rest
    assert np.abs(other.samples).argmax() == 12_000
    assert np.abs(other.samples[:7000]).max() < 0.01 * np.abs(other.samples).max()


def test_both_parts_are_as_loud_as_the_window():
    signal = Signal((tones(400).samples + 0.2 * tones(3000).samples).astype(np.float32), RATE)
    found = split_sound(signal, band_map(2500, 3500), CONFIG)
    rms = [np.sqrt(np.mean(np.square(part.samples, dtype=float))) for part in (signal, found.evidence, found.rest)]
    np.testing.assert_allclose(rms, rms[0], rtol=0.02)
    assert found.evidence_db == pytest.approx(20 * np.log10(rms[0] / (0.2 * 0.05 / np.sqrt(2))), abs=0.3)


def test_peaks_stay_below_full_scale_and_the_parts_still_equally_loud():
    samples = tones(400, level=0.6).samples.copy()
    samples[8000] = 1.0
    found = split_sound(Signal(samples, RATE), band_map(2500, 8000), CONFIG)
    peaks = [np.abs(part.samples).max() for part in (found.evidence, found.rest)]
    assert max(peaks) == pytest.approx(0.9, abs=1e-3)
    quiet = Signal(tones(400, 3000, level=0.6).samples * np.float32(0.8), RATE)
    parts = split_sound(quiet, band_map(2500, 3500), CONFIG)
    assert max(np.abs(parts.evidence.samples).max(), np.abs(parts.rest.samples).max()) <= 0.9001
    assert active_rms(parts.evidence) == pytest.approx(active_rms(parts.rest), rel=1e-3)


def test_what_is_not_there_is_not_raised_to_full_level():
    found = split_sound(tones(400), np.ones((4, 4)), CONFIG)  # all is evidence
    assert found.rest_db <= 30
    assert np.abs(found.rest.samples).max() < 1e-3
    np.testing.assert_allclose(found.evidence.samples, tones(400).samples, atol=1e-3)


def test_active_rms_leaves_pauses_out():
    loud = tones(400).samples
    with_pause = np.concatenate([loud, np.zeros(3 * RATE, np.float32), loud * np.float32(0.01)])
    assert active_rms(Signal(loud, RATE)) == pytest.approx(0.05 / np.sqrt(2), rel=1e-3)
    assert active_rms(Signal(with_pause, RATE)) == pytest.approx(0.05 / np.sqrt(2), rel=1e-3)
    assert active_rms(Signal(np.zeros(RATE, np.float32), RATE)) == 0


def test_the_slider_goes_from_the_rest_through_the_window_to_the_evidence():
    signal = Signal((tones(400).samples + 0.3 * tones(3000).samples).astype(np.float32), RATE)
    found = split_sound(signal, band_map(2500, 3500), CONFIG)
    np.testing.assert_allclose(mix(found, 0).samples, found.rest.samples, atol=1e-4)
    np.testing.assert_allclose(mix(found, 0.5).samples, signal.samples, atol=1e-4)
    np.testing.assert_allclose(mix(found, 1).samples, found.evidence.samples, atol=1e-4)
    shares = [loudness(mix(found, s).samples, 3000) - loudness(mix(found, s).samples, 400) for s in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert shares == sorted(shares)
    for share in (0, 0.2, 0.5, 0.8, 1):
        assert active_rms(mix(found, share)) == pytest.approx(active_rms(signal), rel=0.02)
    with pytest.raises(ExplainError, match="from 0"):
        mix(found, 1.5)


def test_a_window_inside_a_longer_signal():
    early, late = tones(400), tones(3000)
    signal = Signal(np.concatenate([early.samples, late.samples]), RATE)
    found = split_sound(signal, np.ones((8, 8)), CONFIG, start=1.0)
    np.testing.assert_allclose(found.evidence.samples, late.samples, atol=1e-3)


def test_outside_what_the_network_sees_there_is_no_evidence():
    config = replace(CONFIG, f_min=300.0, f_max=5000.0)
    evidence, rest = unmatched(split_sound(tones(100, 1000, 7000), np.ones((8, 8)), config))
    for hz in (100, 7000):
        assert loudness(rest, hz) > loudness(evidence, hz) + 30
    assert loudness(evidence, 1000) > loudness(rest, 1000) + 30


def test_a_map_over_mel_energies_of_mfcc_and_no_map_over_coefficients():
    config = recipe("mfcc", seconds=1.0)
    found = split_sound(tones(400, 3000), band_map(2500, 3500), config)
    assert loudness(found.evidence.samples, 3000) > loudness(found.evidence.samples, 400) + 30
    with pytest.raises(ExplainError, match="coefficients"):
        split_sound(tones(400), np.ones((8, 8)), config)


@pytest.mark.parametrize(
    ("signal", "map", "start", "words"),
    [
        (tones(400), -np.ones((4, 4)), 0.0, "blank map"),
        (tones(400), np.full((4, 4), np.nan), 0.0, "NaN"),
        (tones(400), np.ones((2, 4, 4)), 0.0, "one clip"),
        (tones(400), np.ones((4, 4)), 0.5, "the signal has 1.00 s"),
        (tones(400), np.ones((4, 4)), -0.5, "the signal has 1.00 s"),
        (Signal(np.ones(8000, np.float32), 8000), np.ones((4, 4)), 0.0, "8000 Hz"),
    ],
)
def test_what_does_not_fit_is_refused(signal, map, start, words):
    with pytest.raises(ExplainError, match=words):
        split_sound(signal, map, CONFIG, start=start)


def test_wav_bytes_are_the_sound():
    signal = tones(400)
    samples, rate = sf.read(BytesIO(wav_bytes(signal)))
    assert rate == RATE
    np.testing.assert_allclose(samples, signal.samples, atol=1 / 32768)
    loud, _ = sf.read(BytesIO(wav_bytes(Signal(signal.samples * 100, RATE))))
    assert np.abs(loud).max() == pytest.approx(0.9, abs=1e-3)

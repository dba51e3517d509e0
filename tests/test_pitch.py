"""A voice at another pitch: its harmonics move by the factor, its formants do not, and nothing happens at 0 semitones."""

import numpy as np
import pytest
import soxr
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter, welch

from voicecam.audio.pitch import shift_pitch, whisper
from voicecam.errors import AudioError

RATE = 16_000
FORMANTS = (1500.0, 3000.0)  # Hz
FINER = 16  # times finer than a sample


def buzz(f0: np.ndarray) -> np.ndarray:
    """Equal harmonics of pitch `f0` Hz at each sample, through one resonator of 100 Hz bandwidth per formant."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    samples = sum(np.cos(k * phase) for k in range(1, int(RATE / 2 / f0.max())))
    radius = np.exp(-np.pi * 100 / RATE)
    for hertz in FORMANTS:
        samples = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2], samples)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


def f0_of(samples: np.ndarray) -> float:
    """Pitch in Hz: the highest peak of the autocorrelation between 60 and 400 Hz."""
    n = len(samples)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * n)) ** 2, FINER * 2 * n)
    shortest, longest = FINER * RATE // 400, FINER * RATE // 60
    return FINER * RATE / (shortest + correlation[shortest:longest].argmax())


def formants_of(samples: np.ndarray, *, factor: float = 1.0) -> np.ndarray:
    """The strongest frequency, in Hz, of the smoothed spectrum on either side of 2200 * factor Hz."""
    hertz, power = welch(samples, RATE, nperseg=2048)
    smooth = gaussian_filter1d(np.log(power), 5)  # 40 Hz
    sides = [(hertz > 800) & (hertz < 2200 * factor), (hertz >= 2200 * factor) & (hertz < 5000)]
    return np.array([hertz[side][smooth[side].argmax()] for side in sides])


@pytest.fixture(scope="module")
def steady():
    return buzz(np.full(RATE, 120.0))


@pytest.fixture(scope="module")
def gliding():
    """Pitch that glides, so that harmonics come by at every frequency and the spectrum shows the formants alone."""
    return buzz(110 * 1.25 ** np.sin(2 * np.pi * np.arange(3 * RATE) / RATE / 1.5))


@pytest.mark.parametrize("semitones", [-12, -4, 3, 6, 12])
def test_pitch_and_length_change_by_the_factor(steady, semitones):
    factor = 2 ** (semitones / 12)
    found = shift_pitch(steady, RATE, semitones)
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(len(steady) / factor, abs=1)
    assert f0_of(steady) == pytest.approx(120, rel=1e-3)
    assert f0_of(found) == pytest.approx(120 * factor, rel=2e-3)


@pytest.mark.parametrize("semitones", [-5, -4, 4, 6])
def test_formants_stay_where_playing_faster_would_move_them(gliding, semitones):
    factor = 2 ** (semitones / 12)
    np.testing.assert_allclose(formants_of(gliding), FORMANTS, rtol=0.02)
    np.testing.assert_allclose(formants_of(shift_pitch(gliding, RATE, semitones)), FORMANTS, rtol=0.06)
    faster = soxr.resample(gliding, factor, 1.0)
    np.testing.assert_allclose(formants_of(faster, factor=factor), np.array(FORMANTS) * factor, rtol=0.03)


def test_a_whisper_keeps_formants_and_level_and_has_no_pitch(steady, gliding, rng):
    np.testing.assert_allclose(formants_of(whisper(gliding, RATE, rng=rng)), FORMANTS, rtol=0.06)
    found = whisper(steady, RATE, rng=rng)
    assert len(found) == len(steady)
    assert 20 * np.log10(found.std() / steady.std()) == pytest.approx(0, abs=1.5)
    periodic = []
    for samples in (steady, found):
        correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2)
        periodic.append(correlation[RATE // 120 - 2 : RATE // 120 + 3].max() / correlation[0])
    assert periodic[0] > 0.9
    assert periodic[1] < 0.2


@pytest.mark.parametrize(("rate", "tolerance"), [(8_000, 1e-5), (16_000, 1e-5), (48_000, 1e-5), (22_050, 1e-3)])
def test_no_semitones_give_the_samples_back(rng, rate, tolerance):
    """At 22,050 Hz windows and steps are not whole samples, so their sum is not quite constant."""
    samples = (0.1 * rng.standard_normal(rate)).astype(np.float32)
    np.testing.assert_allclose(shift_pitch(samples, rate, 0.0), samples, atol=tolerance)


def test_a_shift_leaves_its_input_alone_and_stays_finite_where_there_is_silence(steady):
    samples = np.concatenate([np.zeros(4000, np.float32), steady[:4000], np.zeros(300, np.float32)])
    before = samples.copy()
    found = shift_pitch(samples, RATE, 5.0)
    np.testing.assert_array_equal(samples, before)
    assert np.isfinite(found).all()
    assert np.abs(found[:2000]).max() < 1e-4 < np.abs(found).max()
    assert np.isfinite(shift_pitch(np.zeros(50, np.float32), RATE, -5.0)).all()


@pytest.mark.parametrize("semitones", [12.5, -13.0, float("nan")])
def test_more_than_an_octave_is_refused(steady, semitones):
    with pytest.raises(AudioError, match="within an octave"):
        shift_pitch(steady, RATE, semitones)

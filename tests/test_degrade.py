"""Degraded sound is measured by other means than made it: levels, spectra, decay, correlation and file sizes."""

import numpy as np
import pytest
import soundfile as sf

from conftest import voice
from voicecam.audio import degrade
from voicecam.errors import AudioError

RATE = 16_000


@pytest.fixture
def speech(rng):
    return voice(140, rng, seconds=1.3)


def decibels(signal, disturbance) -> float:
    return 10 * np.log10(np.sum(np.square(signal, dtype=float)) / np.sum(np.square(disturbance, dtype=float)))


def tone(hertz: float, *, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def strength(samples: np.ndarray, hertz: float, rate: int = RATE) -> float:
    """Amplitude of one frequency, by correlation with it; the edges of the clip are left out."""
    inner = samples[rate // 10 : -rate // 10].astype(float)
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(inner)) / rate)
    return 2 * abs(np.mean(inner * wave))


def shift(one: np.ndarray, other: np.ndarray) -> int:
    """By how many samples `one` comes after `other`."""
    return int(np.argmax(np.correlate(one.astype(float), other.astype(float), "full"))) - (len(other) - 1)


@pytest.mark.parametrize("snr_db", [20, 0, -5.5])
@pytest.mark.parametrize("slope", [0, 1, 2])
def test_noise_lies_exactly_as_far_below_as_asked(speech, rng, snr_db, slope):
    noisy = degrade.noise(speech, RATE, snr_db=snr_db, rng=rng, slope=slope)
    assert decibels(speech, noisy - speech.astype(float)) == pytest.approx(snr_db, abs=0.001)


@pytest.mark.parametrize("slope", [0, 1, 2])
def test_the_colour_of_noise_is_its_fall_per_octave(rng, slope):
    long = tone(1000, seconds=20)
    added = degrade.noise(long, RATE, snr_db=-60, rng=rng, slope=slope) - long
    power = np.abs(np.fft.rfft(added)) ** 2
    hertz = np.fft.rfftfreq(len(added), 1 / RATE)
    octaves = [10 * np.log10(power[(hertz >= low) & (hertz < 1.1 * low)].mean()) for low in (250, 500, 2000, 4000)]
    np.testing.assert_allclose(np.diff(octaves), -3.01 * slope * np.array([1, 2, 1]), atol=0.6)


def test_babble_is_made_of_the_others_at_the_level_asked(speech, rng):
    others = [tone(hertz, seconds=0.4) * level for hertz, level in ((500, 1.0), (900, 0.01))]
    crowd = degrade.babble(speech, others, snr_db=10, rng=rng) - speech
    assert decibels(speech, crowd) == pytest.approx(10, abs=0.001)
    assert strength(crowd, 500) == pytest.approx(strength(crowd, 900), rel=0.1)  # though one was recorded 40 dB lower


@pytest.mark.parametrize("rt60", [0.3, 0.8])
def test_a_room_fades_by_60_db_in_its_rt60(rng, rt60):
    click = np.zeros(2 * RATE, np.float32)
    click[1000] = 1
    response = degrade.room(click, RATE, rt60=rt60, direct_to_reverberant_db=-30, rng=rng)[1000:].astype(float)
    decay = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2))  # Schroeder 1965
    after = [np.argmax(decay < level) / RATE for level in (-5, -35)]
    assert 2 * (after[1] - after[0]) == pytest.approx(rt60, rel=0.1)


@pytest.mark.parametrize("direct_db", [-3, 10])
def test_a_room_keeps_the_direct_sound_and_the_silence_before_it(rng, direct_db):
    click = np.zeros(RATE, np.float32)
    click[2000] = 1
    heard = degrade.room(click, RATE, rt60=0.2, direct_to_reverberant_db=direct_db, rng=rng)
    assert np.abs(heard[:2000]).max() < 1e-6
    assert heard[2000] == pytest.approx(1, abs=1e-5)
    assert decibels(1, heard[2001:]) == pytest.approx(direct_db, abs=0.01)
    assert np.abs(heard[2001:2016]).max() < 1e-6  # the first echo takes 1 ms or more


def test_a_telephone_carries_1_khz_and_not_5_khz_nor_100_hz():
    heard = degrade.telephone(tone(1000) + tone(5000) + tone(100), RATE)
    assert strength(heard, 5000) < 0.01 * strength(heard, 1000)
    assert strength(heard, 100) < 0.05 * strength(heard, 1000)
    alone = degrade.telephone(tone(1000), RATE)
    assert 20 * np.log10(np.sqrt(np.mean(alone**2))) == pytest.approx(-26, abs=0.3)


def test_a_telephone_adds_the_steps_of_mu_law(speech):
    """G.711 keeps speech some 38 dB above its noise; 16 bits would keep 70."""
    quiet = tone(1000, seconds=1, rate=8000) * 0.2
    heard = degrade.telephone(quiet, 8000)
    inner = slice(800, -800)
    basis = np.stack([np.sin(2 * np.pi * np.arange(8000) / 8), np.cos(2 * np.pi * np.arange(8000) / 8)])[:, inner]
    fitted = np.linalg.lstsq(basis.T, heard[inner], rcond=None)[0] @ basis
    assert 28 < decibels(fitted, heard[inner] - fitted) < 48


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("seconds", [0.25, 1.3])
def test_mp3_keeps_position_and_length(rng, rate, seconds):
    clip = voice(140, rng, seconds=seconds, rate=rate)
    for kbps in degrade.mp3_kbps(rate)[:5]:
        heard = degrade.mp3(clip, rate, kbps)
        assert len(heard) == len(clip)
        assert shift(heard, clip) == 0
        assert 0.9 < np.corrcoef(heard, clip)[0, 1] < 1


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100])
def test_mp3_files_have_the_bit_rate_asked(rng, rate, monkeypatch):
    sizes = []

    def write(file, *args, **how):
        plain(file, *args, **how)
        sizes.append(file.tell())

    plain = sf.write
    monkeypatch.setattr(degrade.sf, "write", write)
    clip = voice(140, rng, seconds=4, rate=rate)
    for kbps in degrade.mp3_kbps(rate):
        degrade.mp3(clip, rate, kbps)
    np.testing.assert_allclose(np.array(sizes) * 8 / 4000, degrade.mp3_kbps(rate), rtol=0.07)


def test_a_tilt_is_so_many_decibels_per_octave(rng):
    tones = tone(500) + tone(1000) + tone(2000)
    heard = degrade.equalise(tones, RATE, tilt_db=3, curve_db=0, rng=rng)
    gains = [20 * np.log10(strength(heard, hertz) / 0.3) for hertz in (500, 1000, 2000)]
    np.testing.assert_allclose(gains, [-3, 0, 3], atol=0.05)


def test_a_microphone_curve_has_the_spread_asked_and_moves_nothing(speech):
    gains = []
    for seed in range(200):
        heard = degrade.equalise(tone(1000, seconds=0.3), RATE, tilt_db=0, curve_db=3, rng=np.random.default_rng(seed))
        gains.append(20 * np.log10(strength(heard, 1000) / 0.3))
    assert 1.8 < np.std(gains) < 3.3  # between two points the spread is that of their mean, 3 / sqrt(2) at the least
    assert shift(degrade.equalise(speech, RATE, tilt_db=2, curve_db=3, rng=np.random.default_rng(1)), speech) == 0


def test_band_edges_are_3_db_down_and_steep_beyond():
    tones = tone(100) + tone(300) + tone(1000) + tone(3000) + tone(6000)
    heard = degrade.band_limit(tones, RATE, low_hz=300, high_hz=3000)
    gains = [20 * np.log10(strength(heard, hertz) / 0.3) for hertz in (100, 300, 1000, 3000, 6000)]
    np.testing.assert_allclose(gains[1:4], [-3, 0, -3], atol=0.2)
    assert gains[0] < -35
    assert gains[4] < -30
    low_open = degrade.band_limit(tones, RATE, high_hz=3000)
    assert strength(low_open, 100) == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("factor", [0.94, 1.03, 1.06])
def test_speed_moves_a_tone_and_the_length_by_the_factor(factor):
    heard = degrade.change_speed(tone(1000, seconds=2), factor)
    assert len(heard) == pytest.approx(2 * RATE / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), 16 * len(heard)))
    assert np.argmax(spectrum) * RATE / (16 * len(heard)) == pytest.approx(1000 * factor, abs=0.1)


def test_level_is_rms_in_dbfs(speech):
    assert 20 * np.log10(np.sqrt(np.mean(degrade.level(speech, -40.0) ** 2))) == pytest.approx(-40, abs=0.01)
    assert np.abs(degrade.level(speech, 0.0)).max() == pytest.approx(1)


def test_cut_keeps_the_loudest_stretch():
    clip = np.full(RATE, 0.01, np.float32)
    clip[9000:11000] = 0.5
    np.testing.assert_array_equal(degrade.cut(clip, RATE, 0.125), np.full(2000, 0.5, np.float32))
    np.testing.assert_array_equal(degrade.cut(clip, RATE, 1), clip)


PURE = {
    "noise": lambda x, rng: degrade.noise(x, RATE, snr_db=10, rng=rng, slope=1),
    "babble": lambda x, rng: degrade.babble(x, [tone(300), tone(700)], snr_db=10, rng=rng),
    "room": lambda x, rng: degrade.room(x, RATE, rt60=0.3, direct_to_reverberant_db=3, rng=rng),
    "equalise": lambda x, rng: degrade.equalise(x, RATE, tilt_db=1, curve_db=3, rng=rng),
    "band_limit": lambda x, rng: degrade.band_limit(x, RATE, low_hz=100),
    "telephone": lambda x, rng: degrade.telephone(x, RATE),
    "mp3": lambda x, rng: degrade.mp3(x, RATE, 16),
    "level": lambda x, rng: degrade.level(x, -20.0),
    "cut": lambda x, rng: degrade.cut(x, RATE, len(x) / RATE),
    "augment": lambda x, rng: degrade.augment(x, RATE, [tone(300)], rng, how=degrade.Degradation(speed_share=0)),
}


@pytest.mark.parametrize("name", PURE)
def test_each_gives_a_new_array_of_the_same_length_and_the_same_for_the_same_seed(speech, name):
    for clip in (speech, speech[:801], np.concatenate([speech, speech])):
        before = clip.copy()
        one, again = (PURE[name](clip, np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(one, again)
        np.testing.assert_array_equal(clip, before)
        assert one.shape == clip.shape
        assert one.dtype == np.float32
        assert np.isfinite(one).all()
        assert not np.shares_memory(one, clip)


def test_loud_sound_is_not_cut_off_by_a_codec(speech):
    np.testing.assert_allclose(degrade.mp3(speech * 20, RATE, 64) / 20, degrade.mp3(speech, RATE, 64), atol=0.02)


def test_augment_takes_each_step_as_often_as_it_says(speech, monkeypatch):
    counts = dict.fromkeys(("shift_pitch", "change_speed", "room", "equalise", "babble", "noise"), 0)

    def counted(name, plain):
        def call(*args, **how):
            counts[name] += 1
            return plain(*args, **how)

        return call

    for name in counts:
        monkeypatch.setattr(degrade, name, counted(name, getattr(degrade, name)))
    rng, clip, n = np.random.default_rng(0), speech[:4000], 1000
    lengths = [len(degrade.augment(clip, RATE, [clip], rng)) for _ in range(n)]
    shares = {"shift_pitch": 0.5, "change_speed": 0.7, "room": 0.35, "equalise": 0.8, "babble": 0.6 * 0.3, "noise": 0.6 * 0.7}
    assert {name: count / n for name, count in counts.items()} == pytest.approx(shares, abs=0.05)
    highest, lowest = 1.0601 * 2 ** (6 / 12), 0.9399 * 2 ** (-4 / 12)
    assert 4000 / highest - 1 <= min(lengths) < 4000 < max(lengths) <= 4000 / lowest + 1


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_augment_works_at_other_rates_and_without_a_pool(rng, rate):
    clip = voice(200, rng, seconds=0.3, rate=rate)
    always = degrade.Degradation(room_share=1, curve_share=1, noise_share=1, band_share=1, codec_share=1)
    for _ in range(25):
        assert np.isfinite(degrade.augment(clip, rate, [], rng, how=always)).all()


def test_without_any_step_augment_gives_the_clip_back(speech, rng):
    never = degrade.Degradation(speed_share=0, room_share=0, curve_share=0, noise_share=0, band_share=0, codec_share=0)
    np.testing.assert_array_equal(degrade.augment(speech, RATE, [], rng, how=never), speech)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, rng: degrade.noise(0 * x, RATE, snr_db=3, rng=rng), "digital silence"),
        (lambda x, rng: degrade.babble(x, [], snr_db=3, rng=rng), "no other clips"),
        (lambda x, rng: degrade.babble(x, [0 * x], snr_db=3, rng=rng), "digital silence"),
        (lambda x, rng: degrade.room(x, RATE, rt60=0, direct_to_reverberant_db=3, rng=rng), "RT60 of 0 s"),
        (lambda x, rng: degrade.band_limit(x, RATE, low_hz=300, high_hz=200), "low < high"),
        (lambda x, rng: degrade.band_limit(x, RATE, high_hz=8000), "half the rate"),
        (lambda x, rng: degrade.mp3(x, RATE, 17), "8, 16, 24"),
        (lambda x, rng: degrade.mp3(x, 20_000, 16), "MP3 at 20000 Hz"),
        (lambda x, rng: degrade.change_speed(x, 0), "must be above 0"),
        (lambda x, rng: degrade.cut(x, RATE, 1.4), "1.30 s of sound"),
        (lambda x, rng: degrade.augment(x[:0], RATE, [], rng), "(0,)"),
        (lambda x, rng: degrade.room(np.stack([x, x]), RATE, rt60=1, direct_to_reverberant_db=3, rng=rng), "one channel"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(speech, rng, call, words):
    with pytest.raises(AudioError) as error:
        call(speech, rng)
    assert words in str(error.value)
    assert "\n" not in str(error.value)

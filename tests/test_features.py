"""Features against plain loops written from the formulas, and against librosa where it has the same recipe."""

import math
from dataclasses import replace

import librosa
import numpy as np
import pytest
import soundfile as sf
from scipy.signal import lfilter
from skimage.transform import resize

from conftest import voice
from voicecam import audio
from voicecam.config import from_dict, from_json, recipe, to_json
from voicecam.data.dataset import clip_matrix
from voicecam.errors import AudioError, VoicecamError
from voicecam.features import features


def slaney_mel(hz: float) -> float:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above (Auditory Toolbox)."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def slaney_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def loop_log_mel(x, *, rate, window, hop, n_mels, f_min, f_max, pre, floor):
    """Log-mel energies by loops: one frame, one bin, one band at a time."""
    emphasised = [x[0]] + [x[n] - pre * x[n - 1] for n in range(1, len(x))]
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)]
    low, high = slaney_mel(f_min), slaney_mel(f_max)
    corners = [slaney_hz(low + (high - low) * i / (n_mels + 1)) for i in range(n_mels + 2)]
    bins = np.arange(window // 2 + 1) * rate / window
    turn = np.exp(-2j * np.pi * np.outer(np.arange(window // 2 + 1), np.arange(window)) / window)  # the DFT's definition
    rows = []
    for start in range(0, len(x) - window + 1, hop):
        frame = np.array([emphasised[start + n] * hann[n] for n in range(window)])
        power = np.abs(turn @ frame) ** 2
        row = []
        for a, b, c in zip(corners, corners[1:], corners[2:]):
            weights = [max(0.0, min((f - a) / (b - a), (c - f) / (c - b))) * 2 / (c - a) for f in bins]
            row.append(10 * math.log10(max(1e-10, sum(w * p for w, p in zip(weights, power)))))
        rows.append(row)
    loudest = max(map(max, rows))
    return np.array([[max(value, loudest - floor) for value in row] for row in rows]).T


def loop_cepstrum(log_mel, *, n_mfcc, lifter):
    """Orthonormal DCT-II over the bands, then the sine lifter, by loops."""
    n_mels, n_frames = log_mel.shape
    out = np.zeros((n_mfcc, n_frames))
    for k in range(n_mfcc):
        scale = math.sqrt((1 if k == 0 else 2) / n_mels)
        lift = 1 + lifter / 2 * math.sin(math.pi * (k + 1) / lifter) if lifter else 1
        for t in range(n_frames):
            out[k, t] = lift * scale * sum(log_mel[m, t] * math.cos(math.pi * k * (m + 0.5) / n_mels) for m in range(n_mels))
    return out


def prepared(config, rng):
    return audio.prepare(audio.from_samples(voice(130, rng, seconds=0.3), 16_000), config)


SHORT = {"seconds": 0.25}


def loops_of(config, signal):
    x = (signal.samples * config.full_scale).astype(np.float64)
    return loop_log_mel(
        x, rate=config.sample_rate, window=config.window, hop=config.hop, n_mels=config.n_mels,
        f_min=config.f_min, f_max=config.top_hz, pre=config.pre_emphasis, floor=config.floor_db,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{}, {"n_mels": 40, "f_min": 80.0, "f_max": 7600.0, "floor_db": 50.0}, {"window_ms": 32.0, "hop_ms": 8.0}]
)
def test_log_mel_equals_the_loops(rng, changes):
    config = recipe("logmel", **SHORT, **changes)
    signal = prepared(config, rng)
    np.testing.assert_allclose(features(signal, config).matrix, loops_of(config, signal), atol=2e-3)


@pytest.mark.parametrize("lifter", [0, 22])
def test_mfcc_equals_the_loops(rng, lifter):
    config = recipe("mfcc", **SHORT, lifter=lifter)
    signal = prepared(config, rng)
    expected = loop_cepstrum(loops_of(config, signal), n_mfcc=config.n_mfcc, lifter=lifter)
    np.testing.assert_allclose(features(signal, config).matrix, expected, atol=0.02)


def test_normalising_takes_each_rows_mean_off(rng):
    config = recipe("mfcc", **SHORT, normalise="mean")
    signal = prepared(config, rng)
    plain = features(signal, replace(config, normalise="none")).matrix
    np.testing.assert_allclose(features(signal, config).matrix, plain - plain.mean(axis=1, keepdims=True), atol=1e-3)


def picture_of_2020(samples):
    """The seed recipe with librosa and skimage: int16 counts at 48 kHz -> 224 x 224 grey levels."""
    y = samples.astype(np.float64)
    y = np.append(y[0], y[1:] - 0.97 * y[:-1])
    mfcc = librosa.feature.mfcc(
        y=y, sr=48_000, n_mfcc=12, lifter=22, n_fft=1200, hop_length=480, n_mels=40, power=2.0, center=False, window="hann"
    )  # fmt: skip
    three = np.repeat(mfcc[:, :, None], 3, axis=2)
    return np.clip(resize(three, (224, 224, 3), order=1, preserve_range=True), 0, 255).astype(np.uint8)[:, :, 0]


def test_mfcc_2020_is_the_seed_recipe_to_one_grey_level(tmp_path, rng):
    config = recipe("mfcc-2020")
    for number, colour in enumerate((0.0, 0.6, 0.9)):
        hiss = lfilter([1], [1, -colour], rng.normal(0, 2000, 47_998)) * np.hanning(47_998)
        counts = np.round(hiss + 4000 * voice(140, rng, seconds=0.99996, rate=48_000)).astype(np.int16)
        sf.write(tmp_path / f"{number}.wav", counts, 48_000, subtype="PCM_16")
        found = clip_matrix(tmp_path / f"{number}.wav", config)
        expected = picture_of_2020(counts)
        assert found.shape == (224, 224)
        assert np.mean((expected > 0) & (expected < 255)) > 0.1, "the test clip must not be all black or white"
        assert np.abs(found - expected.astype(int)).max() <= 1


def test_a_tone_lights_the_row_of_its_frequency():
    config = recipe("logmel")
    for hz in (300, 1000, 3000, 6000):
        signal = audio.Signal(np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000).astype(np.float32), 16_000)
        found = features(signal, config)
        row = found.matrix.mean(axis=1).argmax()
        neighbours = found.rows.values[max(row - 1, 0) : row + 2]
        assert neighbours[0] <= hz <= neighbours[-1]
        assert found.rows.unit == "Hz"


def test_axes_say_what_rows_and_columns_are(rng):
    config = recipe("mfcc")
    found = features(prepared(config, rng), config)
    assert found.matrix.shape == (20, 98) == (config.n_rows, config.n_frames)
    assert found.rows.kind == "coefficient"
    np.testing.assert_array_equal(found.rows.values, np.arange(20))
    np.testing.assert_allclose(found.columns.values[[0, 1, -1]], [0.0125, 0.0225, 0.9825])


def test_wrong_rate_and_too_short_are_refused():
    with pytest.raises(AudioError, match="8000 Hz, features want 16000 Hz"):
        features(audio.Signal(np.ones(8000, np.float32), 8000), recipe("mfcc"))
    with pytest.raises(AudioError, match="shorter than one window"):
        features(audio.Signal(np.ones(100, np.float32), 16_000), recipe("mfcc"))


def test_config_goes_through_json_and_refuses_what_it_does_not_know():
    config = recipe("mfcc-2020", n_mels=50)
    assert from_json(to_json(config)) == config
    assert config.hash != recipe("mfcc-2020").hash
    with pytest.raises(VoicecamError, match=r"unknown setting hop_lenght; known: .*hop_ms"):
        from_dict({"hop_lenght": 1})
    with pytest.raises(VoicecamError, match="use one of mfcc, logmel"):
        recipe("plp")


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": 0},
        {"f_min": 9000.0},
        {"f_max": 9000.0},
        {"n_mfcc": 65},
        {"seconds": 0.01},
        {"normalise": "yes"},
        {"pre_emphasis": 1.0},
    ],
)
def test_config_refuses_values_out_of_range(changes):
    with pytest.raises(VoicecamError, match=next(iter(changes)).replace("f_min", "f_max")):
        recipe("mfcc", **changes)

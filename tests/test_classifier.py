"""A recording through a Classifier: windows, pooling, temperature, threshold, and the same answer for the same sound."""

from dataclasses import replace

import numpy as np
import pytest
import soxr
import torch

from conftest import voice
from voicecam import audio
from voicecam.config import recipe
from voicecam.errors import AudioError
from voicecam.features import features, mel_decibels, window_starts
from voicecam.features.image import Scale
from voicecam.network import Model, build, save_model
from voicecam.network.classifier import Classifier, clip_windows, load_classifier

VOICE = recipe("voice")


class Slope(torch.nn.Module):
    """Logits that can be worked out by hand: for "high" the mean of the upper half of the picture less that of the lower."""

    def forward(self, x):
        half = x.shape[2] // 2
        high = x[:, 0, half:].mean(dim=(1, 2)) - x[:, 0, :half].mean(dim=(1, 2))
        return torch.stack([high, torch.zeros_like(high)], dim=1)


def slope_model(config=VOICE, **meta):
    scale = Scale((-4.0,) * config.n_rows, (4.0,) * config.n_rows)
    return Model(Slope(), "resnet18", "x", ("high", "low"), config, scale, meta)


def by_hand(windows, temperature=1.0):
    """Pooled probability of "high" of the windows' matrices, written out."""
    grey = np.clip(np.rint((windows + 4) / 8 * 255), 0, 255) / 255 / 0.229  # red's spread; its mean falls out of the difference
    half = grey.shape[1] // 2
    logits = grey[:, half:].mean(axis=(1, 2)) - grey[:, :half].mean(axis=(1, 2))
    return 1 / (1 + np.exp(-logits.mean() / temperature)), logits


@pytest.fixture
def signal(rng):
    return audio.from_samples(voice(140, rng, seconds=2.6), 16_000)


def test_windows_overlap_by_half_and_the_last_ends_with_the_recording(signal):
    prediction = Classifier(slope_model()).classify(signal)
    assert [w.start for w in prediction.windows] == pytest.approx([0, 0.5, 1.0, 1.5, 1.6], abs=0.013)
    assert all(w.end - w.start == pytest.approx(1.0) for w in prediction.windows)
    assert prediction.windows[-1].end == pytest.approx(2.6, abs=0.026)


def test_a_window_is_what_features_find_in_its_samples(signal):
    plain = replace(VOICE, level_dbfs=None, centre=False)
    found = clip_windows(signal, plain)
    for matrix, start in zip(found, window_starts(len(mel_decibels(signal.samples, plain)), plain)):
        cut = audio.Signal(signal.samples[start * plain.hop :][:16_000], 16_000)
        alone = features(cut, plain).matrix
        np.testing.assert_allclose(matrix[:, 1:], alone[:, 1:], atol=2e-2)  # the first frame's pre-emphasis starts afresh


def test_windows_are_normalised_each_by_itself(signal):
    for matrix in clip_windows(signal, VOICE):
        assert abs(matrix.mean()) < 1e-4
        assert matrix.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_clip_is_the_mean_of_its_windows_logits_at_the_temperature(signal, temperature):
    model = slope_model(temperature=temperature)
    prediction = Classifier(model).classify(signal)
    expected, logits = by_hand(clip_windows(signal, VOICE), temperature)
    assert prediction.probabilities["high"] == pytest.approx(expected, abs=1e-5)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert [w.probabilities["high"] for w in prediction.windows] == pytest.approx(
        1 / (1 + np.exp(-logits / temperature)), abs=1e-5
    )


def test_below_the_threshold_the_verdict_is_uncertain(signal):
    sure = Classifier(slope_model()).classify(signal)
    assert sure.prediction == sure.label
    doubtful = Classifier(slope_model(threshold=sure.probability + 0.01)).classify(signal)
    assert (doubtful.prediction, doubtful.label) == ("uncertain", sure.label)
    assert Classifier(slope_model(threshold=sure.probability - 0.01)).classify(signal).prediction == sure.label


def test_many_recordings_at_once_give_what_each_gives_alone(signal, rng):
    other = audio.from_samples(voice(220, rng, seconds=0.4), 16_000)
    classifier = Classifier(slope_model())
    together = classifier.probabilities([signal, other])
    np.testing.assert_allclose(together[0], classifier.probabilities([signal])[0], atol=1e-6)
    np.testing.assert_allclose(together[1], classifier.probabilities([other])[0], atol=1e-6)
    assert classifier.probabilities([]).shape == (0, 2)


def test_a_short_recording_is_said_again_until_the_window_is_full(rng):
    short = audio.from_samples(voice(140, rng, seconds=0.3), 16_000)
    said_again = audio.from_samples(np.resize(audio.centre(short).samples, 16_000), 16_000)
    windows = clip_windows(short, VOICE)
    assert len(windows) == 1
    np.testing.assert_allclose(windows, clip_windows(said_again, VOICE), atol=0.05)
    assert [(w.start, round(w.end, 2)) for w in Classifier(slope_model()).classify(short).windows] == [(0.0, 0.3)]


def test_copies_of_a_recording_get_the_same_answer(signal):
    classifier = Classifier(slope_model())
    samples = signal.samples
    copies = [
        audio.from_samples((samples * 32_767).round().astype(np.int16), 16_000),
        audio.from_samples(np.stack([samples, samples], axis=1), 16_000),
        audio.from_samples(samples * 0.25 + 0.01, 16_000),
        audio.from_samples(soxr.resample(samples, 16_000, 44_100, quality="VHQ"), 44_100),
    ]
    p = classifier.probabilities([signal, *copies])
    np.testing.assert_allclose(p[1:3], p[:1].repeat(2, axis=0), atol=1e-3)
    np.testing.assert_allclose(p[3:], p[:1].repeat(2, axis=0), atol=0.02)


def test_a_model_of_the_loudest_window_looks_there(rng):
    config = recipe("mfcc")
    loud, quiet = voice(140, rng, seconds=1.0), 0.01 * voice(140, rng, seconds=1.0)
    signal = audio.from_samples(np.concatenate([quiet, loud, quiet]), 16_000)
    assert clip_windows(signal, config).shape == (1, config.n_rows, config.n_frames)
    (window,) = Classifier(slope_model(config)).classify(signal).windows
    assert (window.start, window.end) == pytest.approx((1.0, 2.0), abs=0.05)


def test_a_saved_model_gives_the_same_answer_after_loading(tmp_path, signal):
    torch.manual_seed(3)
    scale = Scale((-4.0,) * VOICE.n_rows, (4.0,) * VOICE.n_rows)
    model = Model(build("resnet18", 2).eval(), "resnet18", "x", ("a", "b"), VOICE, scale, {"temperature": 1.7, "threshold": 0.9})
    save_model(tmp_path / "m", model)
    before, after = Classifier(model).classify(signal), load_classifier(tmp_path / "m").classify(signal)
    assert before == after


def test_silence_is_refused():
    with pytest.raises(AudioError, match="silent"):
        audio.from_samples(np.zeros(16_000, np.float32), 16_000)


def test_the_recipe_of_2020_gets_its_stretched_picture(signal):
    config = recipe("mfcc-2020")
    (picture,) = clip_windows(signal, config)
    assert picture.shape == (224, 224)
    assert picture.min() >= 0
    assert picture.max() <= 255

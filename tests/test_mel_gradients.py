"""The analytic chain rule beside autograd and beside differences, and the way forward beside the one that trains networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from voicecam import audio
from voicecam.config import Config, recipe
from voicecam.errors import ExplainError
from voicecam.explanation.mel_gradients import baseline, gap, input_of_log_mel, log_mel_attribution, log_mel_of, to_log_mel
from voicecam.features import features, log_mel_energies
from voicecam.features.image import Scale, fit_scale
from voicecam.network import Model, load_model, to_input

SHIPPED_VOICE = Path(__file__).parent.parent / "voicecam" / "models" / "voice"

RECIPES = {
    "mfcc": recipe("mfcc", seconds=0.4, image_rows=32, image_columns=48),
    "mfcc by the mean": recipe("mfcc", seconds=0.4, normalise="mean", image_rows=24, image_columns=20),
    "mfcc by the window": recipe("mfcc", seconds=0.4, normalise="window", lifter=0),
    "logmel": recipe("logmel", seconds=0.4, image_rows=40, image_columns=64),
    "logmel by the mean": recipe("logmel", seconds=0.4, normalise="mean", image_rows=64, image_columns=38),
    "voice": recipe("voice", seconds=0.8),
}
EVERY = pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
N_CLIPS = 4


def sounds(config: Config) -> list[audio.Signal]:
    """Swelling buzzes in a little noise, with a gap of digital silence: some cells lie at the floor."""
    made = []
    for clip in range(N_CLIPS):
        rng = np.random.default_rng(clip)
        time = np.arange(config.n_samples) / config.sample_rate
        buzz = sum(np.sin(2 * np.pi * 110 * (1 + clip / 3) * k * time + rng.uniform(0, 6)) / k for k in range(1, 25))
        samples = 0.1 * buzz * np.hanning(len(time)) + 0.002 * rng.standard_normal(len(time))
        samples[1000:1800] = 0
        made.append(audio.prepare(audio.from_samples(samples, config.sample_rate), config))
    return made


def prepared(config: Config) -> tuple[np.ndarray, np.ndarray, Scale]:
    """Mel energies (clip, n_mels, frame), feature matrices (clip, row, frame) and a scale that cuts some cells off."""
    signals = sounds(config)
    matrices = np.stack([features(signal, config).matrix for signal in signals])
    fitted = fit_scale(matrices, config)
    low, high = np.array(fitted.low), np.array(fitted.high)
    narrow = Scale(tuple(low + 0.25 * (high - low)), tuple(high - 0.25 * (high - low)))
    return np.stack([log_mel_energies(signal.samples, config).T for signal in signals]), matrices, narrow


@EVERY
def test_the_way_forward_is_that_of_the_pictures_to_half_a_grey_level(config):
    log_mel, matrices, scale = prepared(config)
    pictures = scale.to_gray(matrices)
    assert 0.001 < np.isin(pictures, [0, 255]).mean() < 0.4, "some cells are cut off, most are not"
    expected = to_input(torch.from_numpy(pictures), config)
    found = input_of_log_mel(torch.from_numpy(log_mel), config, scale)
    grey_levels = (found - expected).abs().amax(dim=(0, 2, 3)) * torch.tensor([0.229, 0.224, 0.225]) * 255
    assert grey_levels.max() < 0.51
    assert grey_levels.max() > 0.3, "it is not rounded"


@EVERY
def test_the_chain_rule_is_autograd_through_the_same_steps(config):
    log_mel, _, scale = prepared(config)
    x = torch.from_numpy(log_mel).requires_grad_()
    rng = np.random.default_rng(0)
    given = torch.from_numpy(rng.standard_normal((N_CLIPS, 3, config.image_rows, config.image_columns)))
    expected = torch.autograd.grad((input_of_log_mel(x, config, scale).double() * given).sum(), x)[0].numpy()
    found = to_log_mel(given, log_mel, config, scale)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@EVERY
def test_the_chain_rule_is_what_the_programs_own_steps_do_when_a_cell_moves(config):
    """Differences through numpy's and scipy's own DCT, mean and spread, with loops over cells and no torch but the stretch."""
    from voicecam.features import window_matrix

    log_mel, _, scale = prepared(config)
    rng = np.random.default_rng(1)
    given = rng.standard_normal((1, 3, config.image_rows, config.image_columns))
    low, high = np.array(scale.low)[:, None], np.array(scale.high)[:, None]

    def outcome(energies):
        grey = np.clip((window_matrix(energies.T, config).astype(float) - low) / (high - low) * 255, 0, 255)
        return float((to_input(torch.from_numpy(grey[None]), config).double().numpy() * given).sum())

    found = to_log_mel(given, log_mel[:1], config, scale)[0]
    loudest = np.unravel_index(log_mel[0].argmax(), log_mel[0].shape)
    tried = [cell for cell in zip(*(rng.integers(0, n, 40) for n in log_mel[0].shape)) if cell != loudest]
    silent = [cell for cell in tried if log_mel[0][cell] <= log_mel[0].max() - config.floor_db]
    assert all(found[cell] == 0 for cell in silent)
    step, slopes = 0.02, []
    for cell in tried:
        moved = log_mel[0].copy(), log_mel[0].copy()
        moved[0][cell] -= 0 if cell in silent else step
        moved[1][cell] += 0 if cell in silent else step
        slopes.append((outcome(moved[1]) - outcome(moved[0])) / (2 * step))
    close = np.abs(np.array(slopes) - [found[cell] for cell in tried]) < 0.02 * np.abs(found).max()
    assert close.mean() > 0.9, "but for steps across a border between cut off and not"


def test_floored_and_cut_off_cells_have_no_slope():
    config = RECIPES["logmel"]
    log_mel, _, scale = prepared(config)
    found = to_log_mel(np.ones((N_CLIPS, 3, config.image_rows, config.image_columns)), log_mel, config, scale)
    deep = log_mel <= log_mel.max(axis=(1, 2), keepdims=True) - config.floor_db
    assert deep.mean() > 0.01
    assert (found[deep] == 0).all()
    outside = (log_mel < np.array(scale.low)[:, None]) | (log_mel > np.array(scale.high)[:, None])
    assert (found[outside] == 0).all()
    assert (found[~deep & ~outside] > 0).all()


class Bent(nn.Module):
    """A small smooth network with no layer of ours."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 6, 5, stride=2), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(torch.tanh(self.conv(x)).mean(dim=(2, 3)))


def rises(model: Model, log_mel: np.ndarray) -> np.ndarray:
    """Logits of the clips less those of their baselines, (clip, class)."""
    with torch.no_grad():
        here, there = (
            model.network(input_of_log_mel(torch.from_numpy(x), model.config, model.scale)).numpy()
            for x in (log_mel, baseline(log_mel, model.config, model.scale))
        )
    return here - there


@EVERY
def test_attributions_add_up_to_the_logit_less_that_of_the_baseline(config):
    log_mel, matrices, _ = prepared(config)
    torch.manual_seed(3)
    model = Model(Bent(), "small", "test", ("a", "b", "c"), config, fit_scale(matrices, config))
    target, contrast = np.array([0, 1, 2, 0]), np.array([1, 0, 0, 2])
    alone = log_mel_attribution(model, log_mel, target)
    difference = log_mel_attribution(model, log_mel, target, contrast=contrast)
    assert difference.shape == log_mel.shape
    assert difference.dtype == np.float32
    rise = rises(model, log_mel)
    largest = np.abs(rise).max()
    np.testing.assert_allclose(alone.sum(axis=(1, 2)), rise[range(4), target], atol=0.02 * largest)
    np.testing.assert_allclose(
        difference.sum(axis=(1, 2)), rise[range(4), target] - rise[range(4), contrast], atol=0.02 * largest
    )


def test_attributions_of_the_shipped_model_add_up_too():
    """A real network has kinks, and the window's spread moves on the way."""
    model = load_model(SHIPPED_VOICE)
    log_mel, _, _ = prepared(model.config)
    found = log_mel_attribution(model, log_mel, np.zeros(4, int), contrast=np.ones(4, int))
    rise = rises(model, log_mel) @ [1, -1]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), rise, atol=0.1 * np.abs(rise).max())
    expected = np.abs(found.sum(axis=(1, 2)) - rise) / np.abs(rise).mean()
    np.testing.assert_allclose(gap(model, log_mel, found, np.zeros(4, int), contrast=np.ones(4, int)), expected, atol=1e-5)
    worst = expected.argsort()[-2:]  # the two with the widest gap; a clip costs 256 passes
    more = log_mel_attribution(model, log_mel[worst], np.zeros(2, int), contrast=np.ones(2, int), steps=256)
    assert gap(model, log_mel[worst], more, np.zeros(2, int), contrast=np.ones(2, int)).max() < 0.02, "more points close it"


def test_the_baseline_is_middle_grey_where_nothing_is_normalised():
    for name in ("mfcc", "logmel", "mfcc by the mean"):
        log_mel, matrices, _ = prepared(RECIPES[name])
        scale = fit_scale(matrices, RECIPES[name])
        found = input_of_log_mel(torch.from_numpy(baseline(log_mel, RECIPES[name], scale)), RECIPES[name], scale)
        np.testing.assert_allclose(found[:, 0] * 0.229 + 0.485, 0.5, atol=1e-3)


@pytest.mark.parametrize("name", ["mfcc", "logmel", "voice"])
def test_evidence_planted_in_a_band_comes_out_in_that_band(name):
    """The logit follows the mel energy of band 12 in the middle of the clip, through the input's rows: for mfcc spread over all
    of them by the DCT."""
    config = RECIPES[name]
    log_mel, matrices, _ = prepared(config)
    scale = fit_scale(matrices, config)
    x = torch.from_numpy(log_mel).requires_grad_()
    inputs = input_of_log_mel(x, config, scale)
    low, high = np.array(scale.low), np.array(scale.high)
    if config.features == "mfcc":
        cosines = np.cos(np.pi * np.outer(np.arange(20), 12 + 0.5) / 64)[:, 0]  # what c0 to c19 say about band 12
        lifter = 1 + 11 * np.sin(np.pi * np.arange(1, 21) / 22)
        wish = cosines / lifter * (high - low)
        wish[0] /= np.sqrt(2)
    else:
        wish = np.eye(config.n_mels)[12]
    rows = np.repeat(wish[:, None], log_mel.shape[2], axis=1)
    picture = torch.nn.functional.interpolate(torch.from_numpy(rows)[None, None], size=inputs.shape[2:], mode="nearest")
    found = to_log_mel(picture.expand(N_CLIPS, 3, -1, -1), log_mel, config, scale)
    profile = found.sum(axis=(0, 2))
    assert abs(int(profile.argmax()) - 12) <= 1


@EVERY
def test_mel_energies_of_matrices_lead_to_the_same_matrices(config):
    log_mel, matrices, scale = prepared(config)
    found = log_mel_of(matrices, config)
    assert found.shape == log_mel.shape
    again = input_of_log_mel(torch.from_numpy(found), config, scale)
    expected = to_input(torch.from_numpy(scale.to_gray(matrices)), config)
    levels = (again - expected).abs() * 0.229 * 255
    assert levels.max() < (3 if config.normalise == "mean" else 0.6), "with their mean, bands lose what the floor is under"
    if config.normalise == "none":
        assert np.corrcoef(found.ravel(), log_mel.ravel())[0, 1] > 0.9
    if config.features == "logmel" and config.normalise == "none":
        np.testing.assert_allclose(found, log_mel, atol=1e-4)


def test_what_does_not_fit_is_said():
    config = RECIPES["mfcc"]
    log_mel, matrices, scale = prepared(config)
    gradient = np.zeros((N_CLIPS, 3, 32, 48))
    with pytest.raises(ExplainError, match=r"mel energies of shape \(4, 63, 38\); give \(clip, 64, n_frames\)"):
        to_log_mel(gradient, log_mel[:, 1:], config, scale)
    with pytest.raises(ExplainError, match="a scale of 2 rows, features have 20"):
        to_log_mel(gradient, log_mel, config, Scale((0.0, 0.0), (1.0, 1.0)))
    with pytest.raises(ExplainError, match=r"gradient of shape \(3, 3, 32, 48\) for 4 clips"):
        to_log_mel(gradient[1:], log_mel, config, scale)
    with pytest.raises(ExplainError, match="matrices of 19 rows"):
        log_mel_of(matrices[:, 1:], config)
    with pytest.raises(ExplainError, match="mfcc-2020"):
        log_mel_of(np.zeros((1, 224, 224)), recipe("mfcc-2020"))

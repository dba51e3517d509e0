"""Sines that a filter must take or leave, a scorer whose bands are known, and rank correlations that must be 1, 0 and -1."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import correlate
from scipy.stats import spearmanr
from scipy.stats import t as student

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.data.dataset import signal_matrix
from voicecam.errors import ExplainError
from voicecam.explanation.bandstop import (
    agreement,
    agreement_sentences,
    band_stop,
    drop_sentences,
    drop_table,
    keep_only,
    matrix_drops,
    measure_drops,
    window_logits,
)
from voicecam.features.image import Scale
from voicecam.figures.bandstop import plot_agreement, plot_drops
from voicecam.figures.canvas import class_colours, figure, png_bytes
from voicecam.network import Model, build

RATE = 16_000
THIRD = 2 ** (1 / 6)  # half a third of an octave, as a factor
OCTAVES = [(125 * 2**i, 250 * 2**i) for i in range(5)]  # 125 Hz to 4 kHz


def tone(hz, seconds=1.0):
    """A sine in the middle of a Hann-shaped swell, so that it has no edges that sound at other frequencies."""
    n = round(seconds * RATE)
    return np.sin(2 * np.pi * hz * np.arange(n) / RATE) * np.hanning(n)


def amplitude(samples, hz):
    """Of one frequency in the samples, by a sum over time."""
    n = len(samples)
    return abs(np.sum(samples * np.hanning(n) * np.exp(-2j * np.pi * hz * np.arange(n) / RATE))) / (np.hanning(n).sum() / 2)


def decibels(ratio):
    return 20 * np.log10(ratio)


@pytest.mark.parametrize(("middle", "seconds"), [(100, 1.0), (1000, 0.25), (3150, 0.25)])
def test_only_the_sine_in_the_band_goes(middle, seconds):
    others = [middle / 1.6, middle * 1.6]
    sines = {hz: tone(hz, seconds) for hz in [middle, *others]}
    low, high = middle / THIRD, middle * THIRD
    stopped = band_stop(sum(sines.values()), RATE, low, high)
    kept = keep_only(sum(sines.values()), RATE, low, high)
    whole = {hz: amplitude(sum(sines.values()), hz) for hz in sines}
    assert decibels(amplitude(stopped, middle) / whole[middle]) < -50
    assert abs(decibels(amplitude(kept, middle) / whole[middle])) < 0.5
    for hz in others:
        assert abs(decibels(amplitude(stopped, hz) / whole[hz])) < 0.5
        assert decibels(amplitude(kept, hz) / whole[hz]) < -50


def test_the_depth_and_the_edges_are_as_said():
    edge = 0.25 * 1000 / 4  # of the band 2000 to 2250 Hz
    for hz, loss in ((2000 + edge / 2, -59), (2125, -59), (2250 - edge / 2, -59)):
        assert decibels(amplitude(band_stop(tone(hz, 2.0), RATE, 2000, 2250), hz) / amplitude(tone(hz, 2.0), hz)) < loss
    at_limit = amplitude(band_stop(tone(2000, 2.0), RATE, 2000, 2250), 2000) / amplitude(tone(2000, 2.0), 2000)
    assert decibels(at_limit) == pytest.approx(-6, abs=0.3)
    for hz in (2000 - edge / 2, 2250 + edge / 2):
        beside = amplitude(band_stop(tone(hz, 2.0), RATE, 2000, 2250), hz) / amplitude(tone(hz, 2.0), hz)
        assert abs(decibels(beside)) < 0.02


@pytest.mark.parametrize(("low", "high"), [(89, 112), (900, 1100), (0, 500), (3000, 8000), (2, 300), (3000, 9000)])
@pytest.mark.parametrize("seconds", [0.25, 1.0])
def test_stopped_and_kept_are_the_whole_and_nothing_moves(low, high, seconds):
    samples = np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32) * 0.1
    stopped, kept = band_stop(samples, RATE, low, high), keep_only(samples, RATE, low, high)
    assert stopped.dtype == kept.dtype == np.float32
    np.testing.assert_allclose(stopped + kept, samples, atol=1e-6)
    assert np.argmax(correlate(stopped, samples)) == len(samples) - 1, "the best match must be at a delay of 0"
    click = np.zeros(2001)
    click[1000] = 1
    answer = keep_only(click, RATE, low, high)
    assert np.argmax(answer) == 1000
    np.testing.assert_allclose(answer, answer[::-1], atol=1e-7)


def test_open_sides_are_high_pass_and_low_pass():
    for (low, high), gone, stays in (((-1, 500), (30, 200), (700, 3000)), ((3000, 8000), (4000, 7900), (200, 2700))):
        for hz in gone:
            assert decibels(amplitude(band_stop(tone(hz), RATE, low, high), hz) / amplitude(tone(hz), hz)) < -50
        for hz in stays:
            assert abs(decibels(amplitude(band_stop(tone(hz), RATE, low, high), hz) / amplitude(tone(hz), hz))) < 0.1


@pytest.mark.parametrize(("low", "high"), [(100, 105), (500, 400), (8000, 9000), (0, 8000), (-5, 1e6)])
def test_bands_that_cannot_be_cut_out_are_refused(low, high):
    with pytest.raises(ExplainError, match="choose a"):
        band_stop(np.zeros(4000), RATE, low, high)


def energies(signals):
    """Energy in each of OCTAVES by a plain spectrum, (signal, band): a scorer's eyes."""
    spectra = [np.abs(np.fft.rfft(signal.samples)) ** 2 for signal in signals]
    at = np.fft.rfftfreq(len(signals[0].samples), 1 / RATE)
    return np.array([[s[(at >= low) & (at < high)].sum() for low, high in OCTAVES] for s in spectra]) / len(signals[0].samples)


def noises(n, seconds=0.5):
    return [
        Signal(np.random.default_rng(i).standard_normal(round(seconds * RATE)).astype(np.float32) * 0.1, RATE) for i in range(n)
    ]


def test_the_drops_of_a_linear_scorer_are_its_weights_times_the_energies():
    weights = np.array([[0.0, 3.0, -1.0, 0.0, 0.5], [1.0, 0.0, 0.0, 0.0, 0.0]])  # (class, band)
    signals, target = noises(4), np.zeros(4, int)

    def scorer(sounds):
        return energies(sounds) @ weights.T

    drops = measure_drops(scorer, signals, OCTAVES, target)
    expected = energies(signals) * weights[0]
    soft = 0.1 * np.abs(expected).max()  # the edges take some of the next band
    np.testing.assert_allclose(drops, expected, atol=soft)
    contrast = measure_drops(scorer, signals, OCTAVES, target, contrast=target + 1)
    np.testing.assert_allclose(contrast[:, 0], -energies(signals)[:, 0] + drops[:, 0], rtol=0.05)
    alone = measure_drops(scorer, signals, OCTAVES, target, keep=True)
    others = expected - expected.sum(axis=1, keepdims=True)  # what is left of the score when the other bands go
    np.testing.assert_allclose(alone, others, atol=soft)


def test_padding_stays_digital_silence_and_progress_is_told():
    config = recipe("logmel", seconds=1.0)
    window = audio.prepare(noises(1, 0.4)[0], config)
    seen, told = [], []

    def scorer(sounds):
        seen.extend(sounds)
        return np.zeros((len(sounds), 2))

    def progress(items, total):
        told.append(total)
        return items

    measure_drops(scorer, [window], OCTAVES, np.zeros(1, int), progress=progress)
    assert told == [1]
    assert len(seen) == 1 + len(OCTAVES)
    for sound in seen:
        assert not sound.samples[:4700].any()
        assert not sound.samples[-4700:].any()
        assert len(sound.samples) == RATE


def test_a_model_is_asked_on_the_same_window_at_the_same_level():
    config = recipe("logmel", seconds=0.5, image_rows=32, image_columns=32)
    scale = Scale((-80.0,) * 64, (0.0,) * 64)
    model = Model(build("small", 2).eval(), "small", "label", ("a", "b"), config, scale)
    recording = np.concatenate([noises(1, 0.6)[0].samples * 0.3, tone(300, 0.6) * 0.5, np.zeros(4000)]).astype(np.float32)
    window = audio.prepare(Signal(recording, RATE), config)
    ask = window_logits(model)
    np.testing.assert_allclose(ask([window])[0], model.logits(signal_matrix(Signal(recording, RATE), config)[None])[0], atol=1e-4)
    halved = Signal(window.samples * np.float32(0.5), RATE)
    np.testing.assert_allclose(ask([halved]), ask([window]), atol=1e-4, err_msg="the level is set again")
    drops = measure_drops(ask, [window], [(250, 350), (5000, 6000)], np.zeros(1, int))
    assert drops.shape == (1, 2)
    assert drops[0, 0] != 0


def test_matrices_lose_their_rows():
    rng = np.random.default_rng(0)
    log_mel = rng.uniform(-60, 0, (3, 4, 10))
    rows = [(0, 100), (100, 200), (200, 400), (400, 800)]
    weights = rng.standard_normal((2, 4))
    target = np.array([0, 1, 0])

    def scorer(matrices):
        return matrices.mean(axis=2) @ weights.T

    drops = matrix_drops(scorer, log_mel, rows, [(0, 200), (200, 400), (5000, 6000)], target)
    above = log_mel.mean(axis=2) - log_mel.min(axis=(1, 2))[:, None]  # (clip, row): what a row has above the floor
    expected = above * weights[target]
    np.testing.assert_allclose(drops, np.stack([expected[:, :2].sum(axis=1), expected[:, 2], [0, 0, 0]], axis=1))
    loud = np.zeros((1, 4, 10))
    loud[:, :, 0] = -80
    half = matrix_drops(scorer, loud, rows, [(600, 800)], target[:1])
    assert half[0, 0] == pytest.approx(0.9 * 10 * np.log10(2) * weights[0, 3]), "half a row is 3 dB"


def people(n_speakers=12, n_clips=5, bands=8, seed=0):
    """Drops of made speakers of two classes around two patterns, with the classes and names of their clips."""
    rng = np.random.default_rng(seed)
    pattern = {"x": np.linspace(-1, 2, bands), "y": np.linspace(2, -1, bands) ** 2}
    speakers = np.repeat([f"s{i:02d}" for i in range(n_speakers)], n_clips)
    classes = np.where(np.arange(n_speakers).repeat(n_clips) % 2, "x", "y")
    drops = np.array([pattern[name] for name in classes]) + 0.3 * rng.standard_normal((len(classes), bands))
    return drops, classes, speakers


def test_means_are_over_speakers_with_an_interval():
    drops = np.concatenate([np.full((9, 1), 4.0), np.full((1, 1), 0.0), np.full((2, 1), 1.0)])
    speakers = ["a"] * 9 + ["b", "c", "c"]  # a talks nine times as much as b
    table = drop_table(drops, ["x"] * 10 + ["y"] * 2, speakers, ["low"], [(100, 200)])
    x, y = table.iloc[0], table.iloc[1]
    assert (x["drop"], x["clips"], x["speakers"], x["name"], x["from"], x["to"]) == (2.0, 10, 2, "low", 100, 200)
    assert (x["low"], x["high"]) == pytest.approx((2 - 12.706 * 2, 2 + 12.706 * 2), abs=0.01)  # of 2 speakers: Student's, 1 df
    assert y["drop"] == 1.0
    assert np.isnan(y["low"]), "one speaker has no interval"


def test_the_interval_of_a_drop_is_that_of_the_mean_over_speakers():
    drops, classes, speakers = people(n_speakers=60, n_clips=1)
    table = drop_table(drops, classes, speakers, [str(i) for i in range(8)], [(i, i + 1) for i in range(8)])
    values = drops[classes == "x"]
    half = student.ppf(0.975, len(values) - 1) * values.std(axis=0, ddof=1) / np.sqrt(len(values))  # the textbook's
    found = table[table["class"] == "x"]
    np.testing.assert_allclose(found["drop"], values.mean(axis=0))
    np.testing.assert_allclose(found["high"] - found["low"], 2 * half)


def test_agreement_is_one_nothing_and_minus_one():
    drops, classes, speakers = people()
    rng = np.random.default_rng(1)
    random = {f"random {i}": rng.standard_normal(drops.shape) for i in range(20)}
    found = agreement({"same": drops, "reverse": -drops, **random}, drops, classes, speakers).set_index("method")
    assert found.loc["same", ["spearman", "low", "high", "spearman_clip"]].tolist() == pytest.approx([1, 1, 1, 1])
    assert found.loc["reverse", ["spearman", "low", "high", "spearman_clip"]].tolist() == pytest.approx([-1, -1, -1, -1])
    noise = found.loc[list(random)]
    assert noise[["spearman", "spearman_clip"]].mean().abs().max() < 0.2
    holds = (noise["clip_low"] < 0) & (noise["clip_high"] > 0)
    assert holds.sum() >= 16, "of twenty 95 % intervals around nothing, nineteen or so hold 0"
    assert found.loc[["same", "reverse"], ["clip_low", "clip_high"]].isna().all(axis=None), "all speakers alike: no interval"
    for start, value, end in (("low", "spearman", "high"), ("clip_low", "spearman_clip", "clip_high")):
        assert (noise[start] < noise[value]).all()
        assert (noise[value] < noise[end]).all()


def test_agreement_is_what_scipy_finds_on_means_made_by_hand():
    drops, classes, speakers = people()
    profile = drops + 2 * np.random.default_rng(2).standard_normal(drops.shape)
    row = agreement({"noisy": profile}, drops, classes, speakers).iloc[0]
    both = []
    for name in ("x", "y"):
        here = [(classes == name) & (speakers == who) for who in np.unique(speakers[classes == name])]
        means = [np.mean([values[clips].mean(axis=0) for clips in here], axis=0) for values in (profile, drops)]
        both.append(spearmanr(*means).statistic)
    assert row["spearman"] == pytest.approx(np.mean(both))
    alone = pd.Series([spearmanr(a, b).statistic for a, b in zip(profile, drops)]).groupby(speakers).mean().mean()
    assert row["spearman_clip"] == pytest.approx(alone)
    assert row["clip_low"] < alone < row["clip_high"]


def test_blank_maps_are_left_out_and_counted():
    drops, classes, speakers = people()
    profile = drops.copy()
    profile[[0, 7]] = np.nan
    profile[classes == "y", :] = np.nan
    blank = int(np.isnan(profile[:, 0]).sum())
    found = agreement({"some": profile, "none": np.full_like(drops, np.nan)}, drops, classes, speakers)
    assert found["blank"].tolist() == [blank, len(drops)]
    assert found["clips"].tolist() == [len(drops) - blank, 0]
    assert found["speakers"].tolist() == [6, 0]
    assert found["spearman"][0] == pytest.approx(1)
    assert found.loc[1, ["spearman", "low", "spearman_clip"]].isna().all()


def test_the_words_follow_the_numbers():
    drops, classes, speakers = people()
    names = [f"band {i}" for i in range(8)]
    table = drop_table(drops, classes, speakers, names, [(100 * i, 100 * i + 100) for i in range(8)])
    x, y = drop_sentences(table)
    assert x.startswith("Without band 7, clips of x lose ")
    assert y.startswith("Without band 0, clips of y lose ")
    (nothing,) = drop_sentences(table[table["class"] == "x"].assign(low=-1.0))
    assert "not shown" in nothing
    profile = drops.copy()
    profile[0] = np.nan
    about = agreement({"same": profile, "reverse": -drops, "none": drops * np.nan}, drops, classes, speakers)
    same, reverse, none = agreement_sentences(about)
    assert "goes with" in same
    assert "1.00 [1.00, 1.00]" in same
    assert "1 blank" in same
    assert "goes against" in reverse
    assert "not shown" in none


def test_what_does_not_fit_is_refused():
    drops, classes, speakers = people()
    with pytest.raises(ExplainError, match="same clips and bands"):
        agreement({"cam": drops[:, 1:]}, drops, classes, speakers)
    with pytest.raises(ExplainError, match="too few"):
        agreement({"cam": drops[:, :2]}, drops[:, :2], classes, speakers)
    with pytest.raises(ExplainError, match="2 clips and target"):
        measure_drops(energies, noises(2), OCTAVES, np.zeros(3, int))
    with pytest.raises(ExplainError, match="contrast"):
        measure_drops(energies, noises(2), OCTAVES, np.zeros(2, int), contrast=np.zeros(1, int))
    with pytest.raises(ExplainError, match=r"0\.00 s of sound"):
        measure_drops(energies, [Signal(np.zeros(8000, np.float32), RATE)], OCTAVES, np.zeros(1, int))


def test_the_figures_show_the_numbers():
    drops, classes, speakers = people(bands=3)
    table = drop_table(drops, classes, speakers, ["a", "b", "c"], [(0, 100), (100, 400), (400, 1600)])
    fig, ax = figure(3)
    lines = plot_drops(table, ["w", "x", "y"], ax=ax)
    for line, name in zip(lines, ("x", "y")):
        np.testing.assert_allclose(line.get_ydata(), table.loc[table["class"] == name, "drop"])
        assert line.get_color() == class_colours(["w", "x", "y"])[name]
        np.testing.assert_allclose(line.get_xdata(), [np.sqrt(20 * 100), 200, 800], rtol=0.05)
    assert ax.get_xscale() == "log"
    assert png_bytes(fig)
    about = agreement({"none": drops * np.nan, "bad": -drops, "good": drops}, drops, classes, speakers)
    fig, ax = figure(3)
    dots = plot_agreement(about, ax=ax)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["none", "bad", "good"]
    np.testing.assert_allclose(np.ma.filled(dots.get_offsets()[1:, 0], np.nan), [-1, 1])
    assert "no number" in [text.get_text() for text in ax.texts]
    assert ax.get_xlim()[0] < -1
    assert png_bytes(fig)

"""Shares per band counted by hand, band sets in Hz, and differences between classes: planted ones are found, others are not."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation.bands import (
    BAND_SETS,
    Bands,
    band_limits,
    band_names,
    band_set,
    band_shares,
    bands_by_class,
    mean_maps,
    row_profile,
    to_bands,
)
from voicecam.explanation.differences import class_difference, height, height_difference
from voicecam.features import log_mel_energies
from voicecam.features.image import fit_scale


def test_shares_are_counted_on_the_positive_part_and_blank_maps_have_none():
    maps = np.array([[[1.0, 1.0], [2.0, -9.0]], [[-1.0, -1.0], [0.0, 0.0]]])
    np.testing.assert_allclose(band_shares(maps), [[0.5, 0.5], [np.nan, np.nan]])


def test_bands_of_mfcc_are_coefficients_and_of_logmel_hz():
    mfcc, logmel = recipe("mfcc"), recipe("logmel")
    assert band_names(20, mfcc) == [f"c{i}" for i in range(20)]
    # cells of 16 pixels around pixel 0, 16, 32, ..., 6.4 pixels for each coefficient: c0 to 1.33, then every 2.5
    assert band_names(8, mfcc) == ["c0", "c1-c3", "c4-c5", "c6-c8", "c9-c10", "c11-c13", "c14-c15", "c16-c19"]
    assert band_names(1, mfcc) == ["c0-c19"]
    assert band_names(40, mfcc)[:3] == ["c0", "c0", "c1"]
    limits = band_limits(8, logmel)
    assert limits[0][0] == 0
    assert limits[-1][1] == 8000
    assert all(a[1] == b[0] for a, b in pairwise(limits))
    assert band_names(8, logmel)[0].endswith("kHz")


def test_means_are_over_speakers_and_blank_clips_are_counted_not_averaged():
    shares = np.array([[1.0, 0.0]] * 8 + [[0.0, 1.0], [np.nan, np.nan]])
    speakers = ["a"] * 8 + ["b", "b"]  # a talks eight times as much; each counts once
    found = bands_by_class(shares, np.full((10, 2), 0.5), ["x"] * 10, speakers, recipe("mfcc"))
    assert found["share"].tolist() == [0.5, 0.5]
    assert found["blank"].tolist() == [1, 1]
    assert found["clips"].tolist() == [10, 10]
    assert found["speakers"].tolist() == [2, 2]
    assert found["null_share"].tolist() == [0.5, 0.5]
    assert (found["low"] <= found["share"]).all()
    assert (found["share"] <= found["high"]).all()


def test_a_class_with_blank_maps_only_gives_no_number():
    found = bands_by_class(np.full((3, 2), np.nan), np.full((3, 2), np.nan), ["x"] * 3, ["a", "b", "c"], recipe("mfcc"))
    assert found["share"].isna().all()
    assert found["blank"].tolist() == [3, 3]


def test_mean_maps_are_shares_averaged_over_speakers():
    maps = np.array([[[3.0, 1.0]], [[0.0, 5.0]], [[0.0, 7.0]], [[-1.0, 0.0]]])
    found = mean_maps(maps, ["x", "x", "x", "x"], ["a", "b", "b", "b"])
    np.testing.assert_allclose(found["x"], [[0.375, 0.625]])


def test_further_nulls_and_right_and_wrong_clips_come_as_columns_and_rows():
    shares = np.array([[1.0, 0.0], [0.8, 0.2], [0.0, 1.0], [np.nan, np.nan], [0.3, 0.7]])
    null, shuffled = np.full((5, 2), 0.5), np.array([[0.9, 0.1]] * 4 + [[np.nan] * 2])
    classes, speakers = ["x", "x", "x", "x", "y"], ["a", "a", "b", "b", "c"]
    plain = bands_by_class(shares, null, classes, speakers, recipe("mfcc"))
    found = bands_by_class(
        shares, null, classes, speakers, recipe("mfcc"), shuffled_shares=shuffled, right=np.array([True, False, True, True, True])
    )
    assert list(plain.columns) == [name for name in found.columns if name not in ("shuffled_share", "clips_of")]
    pd.testing.assert_frame_equal(found[found["clips_of"] == "all"][plain.columns], plain)
    of = found.set_index(["clips_of", "class", "band"])
    assert of.loc[("all", "x", 0), "share"] == pytest.approx((0.9 + 0.0) / 2)
    assert of.loc[("right", "x", 0), "share"] == pytest.approx((1.0 + 0.0) / 2)
    assert of.loc[("wrong", "x", 0), "share"] == pytest.approx(0.8)
    assert of.loc[("right", "x", 0), ["clips", "speakers", "blank"]].tolist() == [3, 2, 1]
    assert of.loc[("wrong", "y", 1), ["clips", "speakers", "blank"]].tolist() == [0, 0, 0]
    assert np.isnan(of.loc[("wrong", "y", 1), "share"])
    assert of.loc[("all", "x", 1), "shuffled_share"] == pytest.approx(0.1)
    assert np.isnan(of.loc[("all", "y", 1), "shuffled_share"])


@pytest.mark.parametrize("name", BAND_SETS)
@pytest.mark.parametrize("config", [recipe("mfcc"), recipe("logmel"), recipe("voice"), recipe("mfcc", sample_rate=6000)])
def test_band_sets_rise_without_gaps_to_the_top(name, config):
    bands = band_set(name, config)
    assert len(bands.names) == len(bands.limits) == len(set(bands.names))
    assert all(low < high for low, high in bands.limits)
    assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(bands.limits))
    assert bands.limits[-1][1] == config.top_hz


def test_octaves_and_their_thirds_lie_around_1_khz():
    thirds, octaves = (dict(zip(b.names, b.limits)) for b in (band_set(n, recipe("mfcc")) for n in ("third-octaves", "octaves")))
    assert list(octaves) == ["125 Hz", "250 Hz", "500 Hz", "1 kHz", "2 kHz", "4 kHz", "8 kHz"]
    assert list(thirds)[:5] == ["100 Hz", "125 Hz", "160 Hz", "200 Hz", "250 Hz"]
    assert list(thirds)[-4:] == ["4 kHz", "5 kHz", "6.3 kHz", "8 kHz"]
    assert octaves["1 kHz"] == pytest.approx((707.107, 1414.214), abs=1e-3)
    assert thirds["1 kHz"] == pytest.approx((890.899, 1122.462), abs=1e-3)
    assert thirds["100 Hz"][0] == pytest.approx(octaves["125 Hz"][0])
    for name, (low, high) in [*thirds.items(), *octaves.items()][:-1]:
        if high < 8000:
            nominal = float(name.split()[0]) * (1000 if "k" in name else 1)
            assert (low * high) ** 0.5 == pytest.approx(nominal, rel=0.02)


def test_mel_bands_are_the_features_own_and_unknown_sets_are_refused():
    assert list(band_set("mel", recipe("mfcc")).limits) == band_limits(64, recipe("logmel"))
    with pytest.raises(ExplainError, match="mel, third-octaves, octaves, formants"):
        band_set("bark", recipe("mfcc"))


def test_rows_give_bands_what_lies_in_them():
    bands = Bands(("low", "middle", "high"), ((0.0, 100.0), (100.0, 250.0), (250.0, 400.0)))
    rows = [(0.0, 200.0), (200.0, 300.0), (300.0, 400.0)]
    profile = np.array([[1.0, 0.0, 0.0], [0.5, -0.5, 1.0], [np.nan] * 3])
    expected = [[0.5, 0.5, 0.0], [0.25, 0.25 - 0.25, -0.25 + 1.0], [np.nan] * 3]
    np.testing.assert_allclose(to_bands(profile, rows, bands), expected)
    np.testing.assert_allclose(to_bands(profile[:2], [(-50.0, 50.0), (500.0, 600.0), (350.0, 450.0)], bands)[1], [0.25, 0, 0.5])
    with pytest.raises(ExplainError, match="a profile of 3 rows and limits of 2"):
        to_bands(profile, rows[:2], bands)


def test_the_profile_is_signed():
    np.testing.assert_allclose(row_profile(np.array([[[1.0, -3.0], [2.0, 0.5]]])), [[-2.0, 2.5]])


def voices(rng, n_speakers, *, lift=0.0, both=False, takes=4):
    """Shares of 5 bands of made speakers of two classes; class "b" has `lift` more in band 3."""
    shares, classes, speakers = [], [], []
    for speaker in range(n_speakers):
        own = rng.normal(0, 0.05, 5)
        for take in range(takes):
            label = "ab"[(take if both else speaker) % 2]
            shares.append(0.2 + own + rng.normal(0, 0.02, 5) + lift * (label == "b") * (np.arange(5) == 3))
            classes.append(label)
            speakers.append(f"s{speaker:02d}")
    return np.array(shares), classes, speakers


@pytest.mark.parametrize("both", [False, True])
def test_a_planted_difference_is_found_in_its_band(rng, both):
    shares, classes, speakers = voices(rng, 24, lift=0.15, both=both)
    shares[0] = np.nan
    found = class_difference(shares, classes, speakers, "b", "a")
    table = pd.DataFrame({"share": shares[:, 3], "class": classes, "speaker": speakers})
    by_hand = table.groupby(["class", "speaker"])["share"].mean().groupby("class").mean()
    assert found.loc[3, "difference"] == pytest.approx(by_hand["b"] - by_hand["a"])
    assert found.loc[3, "low"] < found.loc[3, "difference"] < found.loc[3, "high"]
    assert found.loc[3, "p_adjusted"] < 0.005
    assert found.loc[3, "low"] > 0.05
    assert (found["p_adjusted"] >= found["p"]).all()
    assert (found.drop(index=3)["p_adjusted"] > 0.05).all()
    assert found["blank"].tolist() == [1] * 5
    assert found["first_speakers"].tolist() == [24 if both else 12] * 5
    if both:
        assert found.loc[3, "high"] - found.loc[3, "low"] < 0.03, "a speaker's own bands cancel where both classes are theirs"


@pytest.mark.parametrize("both", [False, True])
def test_without_a_difference_p_is_spread_evenly_and_intervals_hold_zero(both):
    p, adjusted, held = [], [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        found = class_difference(*voices(rng, 14, both=both, takes=2), "a", "b", seed=seed)
        p.append(found["p"].to_numpy()[0])
        adjusted.append(found["p_adjusted"].min())
        held.append(found.loc[0, "low"] <= 0 <= found.loc[0, "high"])
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(adjusted) < 0.05) < 0.1, "over all bands, 1 in 20 by chance"
    assert np.mean(held) > 0.85


def test_p_is_that_of_all_ways_to_name_the_speakers(rng):
    """Few enough speakers to count: 4 and 3, 35 ways."""
    shares, classes, speakers = voices(rng, 7, lift=0.06, takes=3)
    found = class_difference(shares, classes, speakers, "a", "b")
    means = pd.DataFrame(shares).groupby(speakers).mean().to_numpy()
    truth, ways = frozenset(range(0, 7, 2)), [frozenset(way) for way in combinations(range(7), 4)]
    for band in range(5):

        def gap(way, band=band):
            return abs(np.mean([means[i, band] for i in way]) - np.mean([means[i, band] for i in set(range(7)) - way]))

        exact = np.mean([gap(way) >= gap(truth) - 1e-9 for way in ways])
        assert found.loc[band, "p"] == pytest.approx(exact, abs=1e-12)
        assert found.loc[band, "ways"] == 35


def test_one_speaker_per_class_has_a_difference_but_no_interval_and_no_small_p():
    shares = np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1], [np.nan, np.nan]])
    found = class_difference(shares, ["x", "x", "y", "y"], ["a", "a", "b", "b"], "x", "y")
    np.testing.assert_allclose(found["difference"], [-0.6, 0.6])
    assert found[["low", "high"]].isna().all(axis=None)
    assert (found["p"] == 1).all()
    assert (found["p_adjusted"] == 1).all()


def test_a_class_of_blank_maps_has_no_difference_and_an_unknown_class_is_refused():
    shares = np.array([[0.2, 0.8], [np.nan, np.nan], [0.5, 0.5]])
    found = class_difference(shares, ["x", "y", "z"], ["a", "b", "c"], "x", "y")
    assert found[["difference", "low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert found["second_speakers"].tolist() == [0, 0]
    assert found["blank"].tolist() == [1, 1]
    with pytest.raises(ExplainError, match="class 'w': no clip has it; use one of x, y, z"):
        class_difference(shares, ["x", "y", "z"], ["a", "b", "c"], "x", "w")


def test_the_height_is_the_middle_on_the_mel_scale():
    """Slaney's mel is linear below 1 kHz, 200/3 Hz each, and above it 27 mels for each factor of 6.4."""
    limits = [(0.0, 400.0), (400.0, 800.0), (1000.0, 6400.0)]
    shares = np.array([[1.0, 0, 0], [0.5, 0.5, -3.0], [0, 0, 1.0], [0.5, 0, 0.5], [np.nan] * 3, [0, -1, 0]])
    found = height(shares, limits)
    np.testing.assert_allclose(found[:3], [200, 400, 6.4**0.5 * 1000], rtol=1e-6)
    mel = (3 + (15 + 27 / 2)) / 2  # of 200 Hz and of 6.4 ** 0.5 kHz
    assert found[3] == pytest.approx(1000 * 6.4 ** ((mel - 15) / 27))
    assert np.isnan(found[4:]).all()


def test_a_higher_voice_has_higher_evidence(rng):
    limits = [(0.0, 500.0), (500.0, 1000.0), (1000.0, 2000.0), (2000.0, 4000.0), (4000.0, 8000.0)]
    shares, classes, speakers = voices(rng, 20, lift=0.3)
    heights = height(shares, limits)
    heights[1] = np.nan
    found = height_difference(heights, classes, speakers, "b", "a")
    assert found["difference"] == pytest.approx(found["first"] - found["second"])
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert found["p"] < 0.01
    assert found["blank"] == 1
    assert found["first_speakers"] == found["second_speakers"] == 10


def sine(hz, config, *, seconds=None, level=0.1):
    time = np.arange(config.n_samples) / config.sample_rate
    return np.where(time < (seconds or config.seconds), level * np.sin(2 * np.pi * hz * time), 0).astype(np.float32)


@pytest.mark.parametrize("name", ["logmel", "voice"])
def test_the_loudest_row_of_a_tone_is_the_one_whose_limits_hold_it(name):
    """Every tone from 700 Hz up that is not within a tenth of a row of a limit, 5.5 kHz among them."""
    config = recipe(name)
    limits = band_limits(config.n_rows, config)
    for low, high in limits:
        for hz in low + np.array([0.1, 0.3, 0.5, 0.7, 0.9]) * (high - low):
            if 700 < hz < 0.9 * config.top_hz:
                row = int(log_mel_energies(sine(hz, config), config).mean(axis=0).argmax())
                assert limits[row] == (low, high), hz


def test_why_the_strongest_row_of_a_tone_at_5500_hz_is_the_next_one():
    """It sounds in two rows, 7 dB apart; in units of each row's own spread over the clips both are as bright."""
    config = recipe("logmel", hop_ms=15.4, floor_db=120.0)
    rng = np.random.default_rng(3)
    noise = [0.001 * rng.standard_normal(config.n_samples).astype(np.float32) for _ in range(40)]
    clips = [one + (sine(5500, config, seconds=0.3) if i % 4 == 0 else 0) for i, one in enumerate(noise)]
    log_mel = np.stack([log_mel_energies(one, config).T for one in clips])  # (clip, row, frame)
    limits = band_limits(64, config)
    own = next(i for i, (low, high) in enumerate(limits) if low <= 5500 < high)
    there = log_mel[::4, :, :15].mean(axis=(0, 2))
    assert there.argmax() == own
    assert 5 < there[own] - there[own + 1] < 9
    bright = fit_scale(log_mel, config).to_gray(log_mel)[::4, :, :15].mean(axis=(0, 2)) - 127.5
    assert bright[own + 1] > 0.95 * bright[own]
    assert np.abs(np.delete(bright, range(own - 2, own + 4))).max() < 0.1 * bright[own], "the others know nothing of it"

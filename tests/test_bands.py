"""Shares per band counted by hand."""

from itertools import pairwise

import numpy as np

from voicecam.config import recipe
from voicecam.explanation.bands import band_limits, band_names, band_shares, bands_by_class, mean_maps


def test_shares_are_counted_on_the_positive_part_and_blank_maps_have_none():
    maps = np.array([[[1.0, 1.0], [2.0, -9.0]], [[-1.0, -1.0], [0.0, 0.0]]])
    np.testing.assert_allclose(band_shares(maps), [[0.5, 0.5], [np.nan, np.nan]])


def test_bands_of_mfcc_are_coefficients_and_of_logmel_hz():
    mfcc, logmel = recipe("mfcc"), recipe("logmel")
    assert band_names(10, mfcc) == [f"c{2 * i}-c{2 * i + 1}" for i in range(10)]
    assert band_names(8, mfcc)[:4] == ["c0-c2", "c2-c4", "c5-c7", "c7-c9"], "a coefficient on the border is in both"
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

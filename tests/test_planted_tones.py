"""Planted tones: where they lie in the sound, by Fourier's own sum; what a table says of instruments whose answers are known;
and a network that learned them."""

from dataclasses import replace

import numpy as np
import pytest

from voicecam.audio import Signal
from voicecam.checks.band_profiles import MEL_GRADIENTS, tone_profiles
from voicecam.checks.tones import believed, tone_sentence
from voicecam.config import recipe
from voicecam.explanation.band_occlusion import FLOORED, OCCLUDED
from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.planted_tones import LEVEL, TONE_S, Heard, hear_tones, plant_tones, tone_table, tone_training

RATE = 16_000
BANDS = Bands(("low", "middle", "high"), ((500.0, 800.0), (800.0, 3000.0), (3000.0, 6000.0)))


def test_a_tone_has_its_frequency_level_and_length_and_times_differ(rng):
    speech = [Signal(0.05 * rng.standard_normal(RATE).astype(np.float32), RATE) for _ in range(6)]
    planted, hz = plant_tones(speech, (630.0, 2000.0))
    assert len(planted) == 18
    np.testing.assert_array_equal(hz, [np.nan, 630.0, 2000.0] * 6)
    starts = []
    for number, signal in enumerate(speech):
        assert planted[3 * number] is signal
        for clip in (1, 2):
            added = planted[3 * number + clip].samples.astype(float) - signal.samples
            time = np.arange(RATE) / RATE
            share = {f: abs(np.sum(added * np.exp(-2j * np.pi * f * time))) for f in (630.0, 2000.0, 1000.0)}
            assert max(share, key=share.get) == hz[3 * number + clip]
            there = np.flatnonzero(np.abs(added) > 1e-6)
            assert np.ptp(there) / RATE == pytest.approx(TONE_S, abs=0.01)
            assert np.abs(added).max() == pytest.approx(LEVEL, rel=0.01)
            starts.append(there[0])
    assert np.ptp(starts) > 0.3 * RATE, "no fixed time"


def heard(hz, accuracy=0.95):
    n = len(hz)
    return Heard(None, (), np.array(hz), np.array([f"s{i}" for i in range(n)]), np.ones(n, int), np.zeros(n, int), accuracy)


def test_the_table_counts_top_bands_and_knows_the_centroids_pull():
    """A profile on the tone, one a band off, one with all weight below 0; and one whose centroid lies elsewhere than its top."""
    here = heard([630.0, 630.0, 5000.0, 5000.0])
    own = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]])
    profiles = {"right": own, "beside": np.roll(own, 1, axis=1), "contrast": -own, "pulled": own + 0.9}
    table = tone_table(here, profiles, BANDS).set_index(["instrument", "hz"])
    assert table["right"].to_dict() == {
        (name, hz): float(name in ("right", "pulled")) for name in profiles for hz in (630.0, 5000.0)
    }
    assert table.loc[("beside", 630.0), "near"] == 1
    assert table.loc[("beside", 5000.0), "near"] == 0, "from the last band to the first"
    assert (table.loc["contrast", "near"] == 0).all(), "no evidence points nowhere"
    assert table.loc[("pulled", 5000.0), "centroid"] < 2700
    assert table.loc[("pulled", 5000.0), "top"] == pytest.approx(np.sqrt(3000 * 6000))
    assert (table["chance"] == 1 / 3).all()


def test_what_finds_no_tone_is_not_believed():
    own = np.eye(3)[[0] * 10 + [2] * 10]
    nine, eight = own.copy(), own.copy()
    nine[[0, 10]] = eight[[0, 1, 10, 11]] = [0, 1, 0]
    here = heard([630.0] * 10 + [5000.0] * 10)
    assert believed(tone_table(here, {"eight": eight, "nine": nine, "all": own}, BANDS)) == ("all", "nine")
    only = tone_table(here, {"eight": eight}, BANDS)
    assert believed(only) == ()
    assert "not to be believed" in tone_sentence(only)
    unlearned = tone_table(replace(here, accuracy=0.89), {"all": own}, BANDS)
    assert believed(unlearned) == ()
    assert "not to be believed" in tone_sentence(unlearned)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    place, config = tmp_path_factory.mktemp("tones"), recipe("voice")
    training = replace(tone_training("small", "none"), epochs=12, patience=12, lr=1e-2)
    found = [hear_tones(config, training, words=2, clips=24, folder=place / "voices", kept=place / "kept") for _ in range(2)]
    return config, found, place


@pytest.mark.slow
def test_a_network_that_learned_tones_gives_them_back_and_is_trained_once(learned):
    config, (first, second), place = learned
    assert len(list((place / "kept").glob("*/meta.json"))) == 1
    assert first.accuracy == second.accuracy > 0.8
    assert len(set(first.speakers)) == 8
    assert [(first.hz == tone).sum() for tone in (630.0, 2000.0, 5040.0)] == [8, 8, 8]
    bands = band_set("third-octaves", config)
    table = tone_table(first, tone_profiles(first, bands, method="hires-cam", layer="layer1", sound=True), bands)
    right = table.groupby("instrument")["right"].mean()
    assert set(right.index) == {OCCLUDED, FLOORED, MEL_GRADIENTS, "HiRes-CAM, layer1"}
    assert right[OCCLUDED] > 0.8
    assert right[MEL_GRADIENTS] > 0.8

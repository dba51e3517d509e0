"""The cue is where it is said to be, by FFT and in time; the pointing game counted by hand; one cue from sound to table."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from voicecam import audio
from voicecam.errors import ExplainError
from voicecam.explanation.planted import (
    SMALL_TRAINING,
    mass_inside,
    planted_words,
    pointing_table,
    points_at,
    touching,
    train_planted,
)
from voicecam.explanation.planted_sounds import CUES, PICTURE, cue_cells, plant
from voicecam.features import features

RATE = PICTURE.sample_rate


@cache
def speech(voices: int = 4, words: int = 2) -> tuple[list[audio.Signal], list[str]]:
    """Buzzes with noise, a pitch per voice and a swell per word: not speech, but with energy in all bands at all times."""
    signals, speakers = [], []
    time = np.arange(RATE) / RATE
    for voice in range(voices):
        for word in range(words):
            rng = np.random.default_rng((voice, word))
            pitch = 100 + 150 * rng.random()
            buzz = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, int(7000 / pitch)))
            swell = 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(2, 5) * time + rng.uniform(0, 6))
            signals.append(
                audio.prepare(audio.from_samples(0.1 * buzz * swell + 0.02 * rng.standard_normal(RATE), RATE), PICTURE)
            )
            speakers.append(f"v{voice:02d}")
    return signals, speakers


def added(cue: str, clip: int) -> np.ndarray:
    """What class 1 has and class 0 does not, of one recording."""
    pairs = plant(cue, *speech())
    return pairs.samples[2 * clip + 1].astype(float) - pairs.samples[2 * clip]


def power_share(samples: np.ndarray, low: float, high: float) -> float:
    power, hz = np.abs(np.fft.rfft(samples)) ** 2, np.fft.rfftfreq(len(samples), 1 / RATE)
    return power[(hz >= low) & (hz <= high)].sum() / power.sum()


@pytest.mark.parametrize("clip", range(3))
def test_the_tone_is_in_its_band_at_its_time_and_nowhere_else(clip):
    low, high, start, end = plant("tone", *speech()).places[2 * clip]
    tone = added("tone", clip)
    assert np.fft.rfftfreq(len(tone), 1 / RATE)[np.abs(np.fft.rfft(tone)).argmax()] == pytest.approx(3000, abs=2)
    assert power_share(tone, low, high) > 0.999
    sounding = np.flatnonzero(np.abs(tone) > 1e-6) / RATE
    assert start - 0.001 <= sounding.min()
    assert sounding.max() <= end + 0.001
    assert end - start == pytest.approx(0.3)


def test_the_click_is_early_in_class_1_and_late_in_class_0():
    pairs = plant("click", *speech())
    difference = added("click", 1)
    early, late = difference.argmax() / RATE, difference.argmin() / RATE
    assert pairs.places[3][2] == pytest.approx(early, abs=1e-4)
    assert early == pytest.approx(0.15, abs=0.041)
    assert late - early == pytest.approx(0.7, abs=1e-3)
    assert np.count_nonzero(np.abs(difference) > 1e-6) == 2, "one sample in each class"


def test_the_formant_lifts_its_band_by_what_it_says_and_nothing_else():
    pairs = plant("formant", *speech())
    without, lifted = np.abs(np.fft.rfft(pairs.samples[:2], axis=1))
    hz = np.fft.rfftfreq(pairs.samples.shape[1], 1 / RATE)
    low, high = pairs.places[1][:2]
    middle, outside = np.abs(hz - (low + high) / 2) < 5, (hz < low - 1) | (hz > high + 1)
    np.testing.assert_allclose(20 * np.log10(lifted[middle] / without[middle]), 15, atol=0.1)
    assert power_share(added("formant", 0), low, high) > 0.9999
    assert np.abs(lifted[outside] - without[outside]).max() < 1e-2 * without.max()


def test_the_hum_is_in_all_of_class_1_and_the_real_cue_in_most():
    pairs = plant("hum", *speech(40, 4))
    hz = np.fft.rfftfreq(RATE, 1 / RATE)
    hum = np.abs(np.fft.rfft(pairs.samples - pairs.without, axis=1)) ** 2
    assert (hum[0::2].sum(axis=1) < 1e-9).all(), "class 0 has none"
    lines = np.isin(hz.round(), [50, 100, 150])
    assert (hum[1::2][:, lines].sum(axis=1) / hum[1::2].sum(axis=1) > 0.999).all()
    band = np.abs(np.fft.rfft(pairs.without, axis=1))[:, (hz > 2300) & (hz < 2500)].mean(axis=1)
    original = np.abs(np.fft.rfft([signal.samples for signal in speech(40, 4)[0]], axis=1))
    has = (band / np.repeat(original[:, (hz > 2300) & (hz < 2500)].mean(axis=1), 2) > 2).reshape(-1, 2)
    assert 0.15 < has[:, 0].mean() < 0.35
    assert 0.65 < has[:, 1].mean() < 0.85


@pytest.mark.parametrize("cue", ["tone", "formant"])
def test_the_pictures_of_a_pair_differ_in_the_cells_of_the_cue_only(cue):
    pairs = plant(cue, *speech())
    matrices = np.stack([features(audio.Signal(one, RATE), PICTURE).matrix for one in pairs.samples])
    change = np.abs(matrices[1::2] - matrices[0::2])
    cells = cue_cells(pairs.places, PICTURE)[1::2]
    assert change[cells].mean() > 3, "dB"
    assert change[~cells].mean() < 0.05
    assert cells.mean() < 0.2


def test_pairs_share_voice_and_place_and_are_made_alike_twice():
    signals, speakers = speech()
    for cue in CUES:
        pairs, again = plant(cue, signals, speakers), plant(cue, signals, speakers)
        np.testing.assert_array_equal(pairs.samples, again.samples)
        assert pairs.labels.tolist() == [0, 1] * len(signals)
        assert pairs.speakers.tolist() == [name for name in speakers for _ in (0, 1)]
        np.testing.assert_array_equal(pairs.places[0::2], pairs.places[1::2])
    with pytest.raises(ExplainError, match="use one of tone, click"):
        plant("whistle", signals, speakers)


def test_the_pointing_game_and_the_mass_by_hand():
    cells = np.zeros((4, 4, 4), bool)
    cells[:, 0, 3] = True  # a corner; cells lie around pixels 0 and 2, from 0 to 1.5 and from 1.5 to 4
    maps = np.zeros((4, 2, 2))
    maps[0] = [[1, 3], [0, -9]]  # hits; 3 of 4 lie in a cell of which 1 of 1.5 x 2.5 is the cue
    maps[1] = [[1, 3], [4, 0]]  # misses
    maps[2] = -1  # points nowhere
    maps[3] = [[0, 2], [0, 0]]
    assert points_at(maps, cells).tolist() == [True, False, False, True]
    np.testing.assert_allclose(mass_inside(maps, cells), [3 / 4 / 3.75, 3 / 8 / 3.75, np.nan, 1 / 3.75])
    assert touching(cells, (2, 2)).mean() == 0.25
    cells_inside = np.zeros((1, 4, 4), bool)
    cells_inside[0, 1, 3] = True  # as near to row 0 as to row 2
    assert touching(cells_inside, (2, 2)).tolist() == [[[False, True], [False, True]]]
    fine = np.zeros((1, 4, 4))
    fine[0, 1, 3] = 1
    assert not points_at(fine, cells[:1])[0], "a fine map has a fine tolerance"


@pytest.fixture(scope="module")
def tone():
    return train_planted("tone", *speech(20, 3), training=replace(SMALL_TRAINING, epochs=25, patience=25))


def test_a_tone_is_learned_and_found(tone):
    assert tone.accuracy > 0.95, "a network that does not work explains nothing"
    assert tone.without < 0.1, "without the tone, class 1 is not called class 1"
    assert tone.matrices.shape == tone.cells.shape == (24, 64, 64)
    table = pointing_table(tone, ("hires-cam", "eigen-cam"), layers=("layer3",)).set_index("method")
    assert list(table.index) == ["random", "energy only", "hires-cam", "eigen-cam"]
    assert table.loc["hires-cam", "pointing"] >= 0.95
    assert table.loc["hires-cam", "mass"] > 3 * table.loc["hires-cam", "area"]
    assert table.loc["random", "pointing"] < 0.3
    assert (table["grid"] == "8 x 8").all()
    assert table["speakers"].eq(8).all()
    words = planted_words(table.reset_index())
    assert len(words) == 1
    assert "highest cell on the cue: HiRes-CAM (layer3)" in words[0]


def test_a_cue_that_was_not_learned_shows_nothing():
    row = {"cue": "tone", "method": "grad-cam", "layer": "layer3", "accuracy": 0.6, "learned": False, "pointing": 1.0}
    assert "nothing is shown" in planted_words(pd.DataFrame([row]))[0]

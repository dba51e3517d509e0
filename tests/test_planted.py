"""The cue is where it is said to be, by FFT and in time, and moves; the pointing game counted by hand; one cue to its table."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

from voicecam import audio
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation import pointing
from voicecam.explanation.planted import SMALL_TRAINING, over_seeds, planted_training, train_planted
from voicecam.explanation.planted_sounds import CUES, PICTURE, USUAL, cue_cells, mel_cells, plant
from voicecam.explanation.pointing import (
    CONSTANT,
    MEL,
    Planted,
    mass_inside,
    one_map,
    others_share,
    planted_doubt,
    planted_words,
    pointing_table,
    points_at,
    touching,
)
from voicecam.explanation.pointing import PICTURE as PIXELS
from voicecam.features import features
from voicecam.features.image import Scale
from voicecam.network import Model
from voicecam.network.learner import TrainConfig

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


def parts(cue: str, voices: int = 4, words: int = 2):
    """What each clip with the cue has and the same recording without has not, float (clip, sample), and the cue's places."""
    pairs = plant(cue, *speech(voices, words))
    bare, cued = (pairs.samples[pairs.labels == label].astype(float) for label in (0, 1))
    return cued - bare, pairs.places[pairs.labels == 1]


def power_share(samples: np.ndarray, low: float, high: float) -> float:
    power, hz = np.abs(np.fft.rfft(samples)) ** 2, np.fft.rfftfreq(len(samples), 1 / RATE)
    return power[(hz >= low) & (hz <= high)].sum() / power.sum()


@pytest.mark.parametrize("cue", CUES)
def test_the_cue_is_in_its_band_at_its_time_and_nowhere_else(cue):
    for piece, (low, high, start, end) in zip(*parts(cue)):
        assert power_share(piece, low - 60, high + 60) > 0.99
        sounding = np.flatnonzero(np.abs(piece) > 1e-3 * np.abs(piece).max()) / RATE
        assert start - 0.001 <= sounding.min()
        assert sounding.max() <= end + 0.001
        assert end - start < 0.35, "part of the clip"


@pytest.mark.parametrize("cue", CUES)
def test_every_cue_moves_so_that_no_single_place_is_right(cue):
    _, places = parts(cue, 20, 3)
    assert np.ptp(places[:, 2]) > 0.4, "s"
    if cue != "word":  # a voice has no band of its own
        assert places[:, 0].max() / places[:, 0].min() > 2.5, "an octave and more"
    touched = touching(cue_cells(places, PICTURE), (8, 8)).mean(axis=0)
    assert touched.max() < 0.8, "what one map for all clips can reach"


def test_another_speaker_says_the_word():
    signals, speakers = speech()
    piece, (_, _, start, end) = (found[0] for found in parts("word"))
    inside = piece[round(start * RATE) + 800 : round(end * RATE) - 800]
    near = [max(np.abs(np.correlate(signal.samples, inside, mode="valid")).max() / 1, 0) for signal in signals]
    norm = [np.sqrt((signal.samples**2).sum()) for signal in signals]
    assert speakers[int(np.argmax(np.array(near) / norm))] != speakers[0]


@pytest.mark.parametrize("cue", ["tone", "burst", "formant"])
def test_the_pictures_of_a_pair_differ_in_the_cells_of_the_cue_only(cue):
    pairs = plant(cue, *speech())
    matrices = np.stack([features(audio.Signal(one, RATE), PICTURE).matrix for one in pairs.samples])
    change = np.abs(matrices[1::2] - matrices[0::2])
    cells = cue_cells(pairs.places, PICTURE)[1::2]
    assert change[cells].sum() > 0.7 * change.sum()
    assert change[cells].mean() > 20 * change[~cells].mean()


def test_clips_of_a_recording_stand_together_and_are_made_alike_twice():
    signals, speakers = speech()
    pairs, again = plant(USUAL, signals, speakers), plant(USUAL, signals, speakers)
    n = 1 + len(USUAL)
    np.testing.assert_array_equal(pairs.samples, again.samples)
    assert pairs.labels.tolist() == list(range(n)) * len(signals)
    assert pairs.speakers.tolist() == [name for name in speakers for _ in range(n)]
    np.testing.assert_allclose(pairs.samples[::n], [signal.samples for signal in signals])
    assert np.isnan(pairs.places[::n]).all()
    alone = plant("hum", signals, speakers)
    np.testing.assert_array_equal(alone.samples[1::2], pairs.samples[USUAL.index("hum") + 1 :: n], "whatever else is planted")
    with pytest.raises(ExplainError, match="use one of tone, burst"):
        plant("whistle", signals, speakers)


def test_coefficients_have_no_place_for_a_frequency_but_mel_energies_do():
    config, place = recipe("mfcc"), np.array([[900.0, 1100.0, 0.4, 0.6]])
    cells, mel = cue_cells(place, config)[0], mel_cells(place, config)[0]
    assert cells.shape == (20, 98)
    assert mel.shape == (64, 98)
    assert (cells == cells[0]).all(), "all rows"
    np.testing.assert_array_equal(cells[0], mel.any(axis=0))
    assert 0 < mel.any(axis=1).sum() < 8


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


def known(cells: np.ndarray, weights: np.ndarray, n: int = 24) -> Planted:
    """A linear network, contrast = sum of weights x input, whose integrated gradients are weights x (input - grey)."""

    class Linear(torch.nn.Module):
        def forward(self, x):
            score = (x * torch.from_numpy(weights.astype(np.float32))).sum(dim=(1, 2, 3))
            return torch.stack([torch.zeros_like(score), score], dim=1)

    config = recipe("logmel", n_mels=16, n_mfcc=8, image_rows=16, image_columns=16, hop_ms=62.0)
    model = Model(Linear(), "small", "cue", ("0", "1"), config, Scale((0.0,) * 16, (1.0,) * 16))
    matrices = np.where(cells, 1.0, 0.5).astype(np.float32)
    return Planted(
        cue="tone",
        model=model,
        target=1,
        contrast=0,
        matrices=matrices,
        log_mel=matrices.astype(float),
        cells=cells,
        mel_cells=cells,
        speakers=np.array([f"v{i % 6}" for i in range(n)]),
        means=np.stack([np.full((16, 16), 0.5), matrices.mean(axis=0)]),
        accuracy=1.0,
        turned=1.0,
        without=0.0,
    )


def moving(n: int = 24) -> np.ndarray:
    cells = np.zeros((n, 16, 16), bool)
    for i in range(n):
        row, column = (5 * i) % 15, (7 * i) % 15
        cells[i, row : row + 2, column : column + 2] = True
    return cells


def judged(cells: np.ndarray, maps: dict[str, np.ndarray]) -> pd.DataFrame:
    """Methods' maps held against the baselines, by the table's own judge."""
    planted, every = known(cells, np.ones((16, 16))), np.arange(len(cells))
    inputs = planted.model.input(planted.matrices)
    base = pointing._pictured(planted, inputs, (16, 16), 0)
    made = {name: (found, every) for name, found in maps.items()}
    return pd.DataFrame(pointing._judged(planted, "layer3", made, base, cells)).set_index("method")


def test_a_moving_cue_is_found_by_its_own_map_and_not_by_one_map_for_all():
    cells = moving()
    still = np.repeat(one_map(cells, (16, 16))[:1], len(cells), axis=0)
    table = judged(cells, {"grad-cam": still, "hires-cam": np.roll(cells.astype(float), 1, axis=0)})
    assert table.loc["grad-cam", "pointing"] == table.loc[CONSTANT, "pointing"] < 0.3
    assert not table.loc["grad-cam", "found"]
    assert not table.loc["hires-cam", "found"], "another clip's map"
    loud = table.loc["loudest cell (no network)", "pointing"]
    assert loud == 1, "here the cue is the loudest cell, so that pointing at it shows nothing"
    assert not judged(cells, {"grad-cam": cells.astype(float)}).loc["grad-cam", "found"]


def test_found_needs_to_beat_the_best_baseline_on_the_same_clips():
    cells = moving()
    quiet = {"random": np.random.default_rng(0).random((24, 16, 16)), CONSTANT: one_map(cells, (16, 16))}
    rows = pointing._judged(
        known(cells, np.ones((16, 16))), "layer3", {"grad-cam": (cells.astype(float), np.arange(24))}, quiet, cells
    )
    row = pd.DataFrame(rows).set_index("method").loc["grad-cam"]
    assert row["found"]
    assert row["over"] == pytest.approx(1 - points_at(quiet[row["best"]], cells).mean())
    wrong = cells.astype(float)
    wrong[:3] = 0
    rows = pointing._judged(known(cells, np.ones((16, 16))), "layer3", {"grad-cam": (wrong, np.arange(24))}, quiet, cells)
    assert not pd.DataFrame(rows).set_index("method").loc["grad-cam", "found"], "21 of 24 clips are not 95 %"


def test_integrated_gradients_of_a_linear_network_are_its_weights_times_the_cue():
    cells, weights = moving(), np.ones((16, 16))
    weights[:, 8:] = -1.0  # right of the middle the cue speaks against the class
    planted = known(cells, weights)
    inputs = planted.model.input(planted.matrices)
    maps = pointing._attributed(planted, inputs, np.arange(24), "integrated-gradients")
    left = cells[:, :, :8].any(axis=(1, 2))
    right = cells[:, :, 8:].any(axis=(1, 2)) & ~left
    assert points_at(maps, cells)[left].all()
    assert not points_at(maps, cells)[right].any()


def test_other_clips_share_by_hand():
    cells = np.zeros((3, 4, 4), bool)
    cells[0, 0, 0] = cells[1, 0, 0] = cells[2, 3, 3] = True
    maps = cells.astype(float)
    assert others_share(maps, cells, np.array(["a", "b", "c"])) == pytest.approx(2 / 6)
    assert others_share(maps, cells, np.array(["a", "a", "c"])) == 0
    assert np.isnan(others_share(maps, cells, np.array(["a"] * 3)))


@pytest.fixture(scope="module")
def burst():
    return train_planted("burst", *speech(20, 3), training=replace(SMALL_TRAINING, epochs=12, patience=12))


def test_a_cue_is_learned_and_its_clips_are_those_whose_answer_turns(burst):
    assert burst.turned > 0.5, "a network that does not work explains nothing"
    assert len(burst.matrices) == len(burst.cells) == len(burst.log_mel) == round(burst.turned * 24)
    assert (burst.model.probabilities(burst.matrices).argmax(axis=1) == burst.target).all()
    table = pointing_table(burst, ("hires-cam", "integrated-gradients"), layers=("layer3",), few=4)
    grids = table.groupby("layer")["grid"].unique().map(list).to_dict()
    assert grids == {"layer3": ["8 x 8"], PIXELS: ["64 x 64"], MEL: ["64 x 64"]}, "a grid of their own each"
    assert set(table.loc[table["layer"] == "layer3", "method"]) >= {CONSTANT, "class means", "above the mean", "hires-cam"}
    coarse = table[table["layer"] == "layer3"].set_index("method")
    assert coarse.loc["hires-cam", "pointing"] > coarse.loc[[CONSTANT, "random"], "pointing"].max()
    assert coarse.loc["hires-cam", "clips"] == len(burst.matrices)
    assert coarse.loc["integrated-gradients", "clips"] == 4
    assert len(planted_words(table)) == 1


def test_a_cue_that_was_not_learned_shows_nothing(burst):
    table = pointing_table(replace(burst, turned=0.1), ("hires-cam",))
    assert "nothing is shown" in planted_words(table)[0]
    assert planted_doubt(table, "hires-cam") == ""
    assert not table["found"].any()


def test_seeds_are_averaged_with_an_interval_over_seeds():
    row = {"cue": "tone", "layer": "layer3", "method": "grad-cam", "learned": True, "clips": 8, "blank": 0, "best": CONSTANT}
    some = [{**row, "seed": i, "pointing": 0.9 + 0.05 * i, "over": 0.5, "mass": 0.3} for i in range(3)]
    table = over_seeds(pd.DataFrame([*some, {**row, "seed": 3, "learned": False}]).assign(accuracy=1.0, turned=0.8, without=0.0))
    found = table.iloc[0]
    assert (len(table), found["seeds"], found["clips"]) == (1, 3, 24)
    assert found["pointing"] == pytest.approx(0.95)
    assert found["pointing_low"] < 0.95 < found["pointing_high"]
    assert found["found"]


def test_a_planted_network_has_the_architecture_and_start_of_the_run():
    run = TrainConfig(arch="resnet34", init="none", epochs=60)
    assert (planted_training(run).arch, planted_training(run).init) == ("resnet34", "none")
    assert planted_training(run, full=True).epochs == 3 * planted_training(run).epochs
    assert planted_training(TrainConfig(arch="small", init="none")).arch == "small"

"""A planted tone that the band profile must find, through sound, training, maps and shares."""

import numpy as np
import pytest

from voicecam import audio
from voicecam.config import recipe
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import make_splits
from voicecam.explanation.bands import band_shares, bands_by_class
from voicecam.explanation.methods import attribute
from voicecam.features import features
from voicecam.network.learner import TrainConfig, train


@pytest.fixture(scope="module")
def tones():
    """Noise of 20 made speakers; every second whistles at 3 kHz at a random time.

    So softly that the level of the whole hardly changes: setting the level would make the other bands of a loud whistle darker,
    and so plant a second cue.
    """
    config, rows, matrices = recipe("logmel", seconds=0.5, image_rows=64, image_columns=64), [], []
    for speaker in range(20):
        rng = np.random.default_rng(speaker)
        for take in range(8):
            samples = 0.05 * rng.standard_normal(8000)
            if speaker % 2:
                start = rng.integers(0, 5000)
                samples[start : start + 2400] += 0.03 * np.sin(2 * np.pi * 3000 * np.arange(2400) / 16_000)
            signal = audio.prepare(audio.from_samples(samples, 16_000), config)
            matrices.append(features(signal, config).matrix)
            rows.append(
                {"path": f"{speaker:02d}_{take:02d}.wav", "speaker": f"{speaker:02d}", "whistle": "yes" if speaker % 2 else "no"}
            )
    return Dataset(make_corpus("tones", ".", rows), np.stack(matrices), config)


@pytest.mark.slow
def test_the_band_profile_finds_a_planted_tone(tones):
    split = make_splits(tones.corpus, "whistle")[0]
    model = train(
        tones,
        split,
        "whistle",
        TrainConfig(arch="small", init="none", epochs=20, patience=40, lr=3e-3, augment=False),
        log=lambda line: None,
    ).model
    answers = model.probabilities(tones.matrices[split.test]).argmax(axis=1)
    truth = tones.clips["whistle"].to_numpy()[split.test]
    assert (np.asarray(model.classes)[answers] == truth).mean() > 0.95, "a network that does not work explains nothing"
    rows = split.test[truth == "yes"]
    targets = np.full(len(rows), model.classes.index("yes"))
    inputs = model.input(tones.matrices[rows])
    maps = attribute(model.network, inputs, targets, method="hires-cam", layer=model.stage("layer2"))
    names = tones.clips.iloc[rows]
    found = bands_by_class(band_shares(maps), band_shares(maps), names["whistle"], names["speaker"], tones.config)
    top = found.loc[found["share"].idxmax()]
    half = (top["to"] - top["from"]) / 2  # the tone lies near a border of two cells, and each sees beyond its own place
    assert top["from"] - half <= 3000 <= top["to"] + half
    assert top["low"] > 1 / maps.shape[1], "the interval must lie above the even share"

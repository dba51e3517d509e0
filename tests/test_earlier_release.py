"""A run of release 0.1.0, kept in recordings/: this version opens it, and reads from it what that one wrote. Its weights are
zeros, to be small, so its network is undecided."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import voicecam
from voicecam import audio
from voicecam.network.classifier import load_classifier
from voicecam.runs import explaining
from voicecam.runs.folder import fold_places, open_run, read_predictions

KEPT = Path(__file__).parent / "recordings" / "run-0.1.0.zip"
SPOKEN = Path(__file__).parent / "recordings" / "spoken.flac"


@pytest.fixture
def folder(tmp_path):
    with zipfile.ZipFile(KEPT) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "x"


def test_its_settings_scores_and_predictions_are_read(folder):
    settings = open_run(folder)
    assert (settings.label, settings.split, settings.training.arch, settings.training.epochs) == (
        "gender",
        "speakers",
        "small",
        2,
    )
    table = read_predictions(folder)
    assert len(table) == 16
    right = [table["predicted"][table["true"] == name] == name for name in ("female", "male")]
    score = np.mean([hits.mean() for hits in right])
    assert score == pytest.approx(voicecam.Run(folder).metrics["network"]["balanced_accuracy"]["value"])
    told = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    assert explaining.read_explanation(folder) == told


def test_its_network_is_loaded(folder):
    (place,) = fold_places(folder)
    classifier = load_classifier(place)
    assert classifier.model.classes == ("female", "male")
    np.testing.assert_allclose(classifier.probabilities([audio.read(SPOKEN)]), [[0.5, 0.5]])

"""Speakers below an age: they train towards no class, every other one is held back, and the model can be asked about those."""

import numpy as np
import pandas as pd
import pytest

from voicecam import runs
from voicecam.config import TrainConfig, recipe
from voicecam.corpora import open_corpus
from voicecam.data.dataset import Dataset, make_images
from voicecam.data.splits import Split
from voicecam.errors import DatasetError, ModelError
from voicecam.network.classifier import load_classifier
from voicecam.runs.external import new_speakers, score_model
from voicecam.runs.folder import read_split

CONFIG = recipe("voice", image_rows=32, image_columns=39, n_mels=32)
CHILDREN = ("s00", "s01", "s02", "s03")


@pytest.fixture
def aged(write_voices):
    """16 speakers of 3 clips: four are 6 to 12 years old, two of unknown age, the others 13 and older; half low, half high."""
    root = write_voices(speakers=16)
    clips = open_corpus(root).clips[["path", "speaker", "label"]]
    ages = {name: str(6 + 2 * place) for place, name in enumerate(CHILDREN)} | {"s04": "13", "s05": "teens"}
    ages |= dict.fromkeys([f"s{n:02d}" for n in range(6, 14)], "20-29")
    clips.assign(age=clips["speaker"].map(ages)).to_csv(root / "clips.csv", index=False)
    return open_corpus(root / "clips.csv")


def trained(corpus, place, **changes):
    path = make_images(corpus, CONFIG, images=place / "mfc_dataset", maps=place / "maps", workers=1)
    training = TrainConfig(arch="small", init="none", epochs=1, n_augmented=1, batch=16)
    settings = runs.Settings(map=str(path), label="label", split="none", training=training, **changes)
    runs.start_run(place / "results" / "r", settings, command="c")
    dataset = runs.run_dataset(settings)
    runs.train_run(place / "results" / "r", dataset, log=lambda line: None)
    return place / "results" / "r" / "fold1", dataset


def test_half_of_the_young_train_and_none_validates(aged, tmp_path):
    fold, dataset = trained(aged, tmp_path, young=13)
    split, speakers = read_split(fold, dataset), dataset.clips["speaker"]
    parts = [set(speakers.iloc[rows]) for rows in (split.train, split.valid)]
    assert not parts[1] & set(CHILDREN)
    assert len(parts[0] & set(CHILDREN)) <= 2, "one of two is held back; of the others, one may have been drawn to validate"
    assert parts[0] | parts[1] >= {f"s{n:02d}" for n in range(4, 16)}, "13, teens and unknown ages are learned"
    new = new_speakers(aged, load_classifier(fold).model.met)
    assert set(new.clips["speaker"]) == set(CHILDREN) - parts[0]
    metrics = score_model(tmp_path / "asked", load_classifier(fold), new, facts={}, known_corpus=True)
    assert sum(len(rows) for rows in [pd.read_csv(tmp_path / "asked" / "predictions.csv")]) == len(new.clips)
    assert metrics["folds"]
    with pytest.raises(ModelError, match="is a copy of a recording"):
        score_model(tmp_path / "refused", load_classifier(fold), aged, facts={}, known_corpus=True)


def test_without_the_option_everybody_has_a_class_and_nobody_is_new(aged, tmp_path):
    fold, dataset = trained(aged, tmp_path)
    split = read_split(fold, dataset)
    assert len(split.train) + len(split.valid) == len(dataset.clips)
    with pytest.raises(ModelError, match="trained on every speaker"):
        new_speakers(aged, load_classifier(fold).model.met)
    with pytest.raises(ModelError, match="does not say which recordings"):
        new_speakers(aged, None)


def test_pictures_of_whole_clips_have_no_draws_to_leave_to_chance(aged, tmp_path):
    config = recipe("logmel", seconds=0.5)
    path = make_images(aged, config, images=tmp_path / "mfc_dataset", maps=tmp_path / "maps", workers=1)
    settings = runs.Settings(
        map=str(path), label="label", split="none", young=13, training=TrainConfig(arch="small", init="none", epochs=1)
    )
    runs.start_run(tmp_path / "results" / "r", settings, command="c")
    with pytest.raises(DatasetError, match="recipe voice alone"):
        runs.train_run(tmp_path / "results" / "r", runs.run_dataset(settings), log=lambda line: None)


def test_a_speech_model_refuses_what_it_cannot_do(aged, tmp_path):
    encodings = np.zeros((len(aged.clips), 4, 1), np.float32)
    dataset = Dataset(aged, encodings, recipe("embedding", encoder="resemblyzer", encoder_weights="tiny"))
    settings = runs.Settings(map="none", label="label", young=13, training=TrainConfig(arch="logistic", init="none"))
    runs.start_run(tmp_path / "r", settings, command="c")
    rows = np.arange(len(aged.clips))
    with pytest.raises(ModelError, match="leave out --young"):
        runs.train_run(tmp_path / "r", dataset, splits=[Split(rows[::2], rows[1::4], rows[3::4])], log=lambda line: None)

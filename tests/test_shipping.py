"""A model that learned from everybody goes by the scores of networks that left a corpus out; a saved model on a new corpus."""

import argparse
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from conftest import voice
from voicecam import audio, evaluation, runs
from voicecam.commands import cli, jobs
from voicecam.config import SHIPPED_MODEL, recipe
from voicecam.corpora import merge, open_corpus
from voicecam.data.dataset import make_images
from voicecam.data.splits import make_splits
from voicecam.errors import DatasetError, ModelError
from voicecam.network import load_model
from voicecam.network.classifier import load_classifier
from voicecam.network.learner import TrainConfig
from voicecam.runs.external import score_model
from voicecam.runs.shipping import add_fingerprints

SMALL = recipe("voice", image_rows=32, image_columns=39, n_mels=32)
TRAINING = TrainConfig(arch="small", init="none", epochs=3, n_augmented=1, batch=16, ema_decay=0.9, seed=1)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Three corpora of low and high voices, joined; a run that left each out, a run on everybody, and what was shipped."""
    root = tmp_path_factory.mktemp("shipping")
    for name in "ABC":
        for speaker in range(12):
            rng = np.random.default_rng([ord(name), speaker])
            pitch, f0 = ("low", 95) if speaker % 2 else ("high", 215)
            folder = root / name / pitch
            folder.mkdir(parents=True, exist_ok=True)
            for take in range(3):
                samples = voice(f0 * rng.uniform(0.9, 1.1), rng, seconds=1.3)
                sf.write(folder / f"s{speaker:02d}_{take}.wav", samples, 16_000)
    places = {"images": root / "images", "maps": root / "maps"}
    corpus = merge([open_corpus(root / name) for name in "ABC"])
    path = make_images(corpus, SMALL, workers=1, **places)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)  # augmented copies are kept in cache/
        (root / "mfc_dataset").symlink_to(root / "images")
        for name, split in (("loco", "corpora"), ("all", "none")):
            settings = runs.Settings(map=str(path), label="label", split=split, training=TRAINING)
            runs.start_run(root / name, settings, command=f"the command of {name}")
            dataset = runs.run_dataset(settings)
            runs.train_run(root / name, dataset, log=lambda line: None)
            if split == "corpora":
                runs.evaluate_run(root / name, dataset)
            else:
                with pytest.raises(ModelError, match="nobody was held back"):
                    runs.evaluate_run(root / name, dataset)
    runs.ship(root / "all", root / "voice", tested=root / "loco")
    return root


@pytest.mark.slow
def test_with_nobody_to_test_all_but_a_tenth_of_the_speakers_train(work):
    corpus = merge([open_corpus(work / name) for name in "ABC"])
    (split,) = make_splits(corpus, "label", kind="none")
    speakers = corpus.clips["speaker"]
    assert len(split.test) == 0
    assert speakers.iloc[split.valid].nunique() == pytest.approx(36 / 10, abs=1)
    assert not set(speakers.iloc[split.valid]) & set(speakers.iloc[split.train])
    assert len(split.train) + len(split.valid) == len(speakers)


@pytest.mark.slow
def test_the_shipped_model_goes_by_the_scores_of_corpora_left_out(work):
    meta = json.loads((work / "voice" / "meta.json").read_text())["meta"]
    table = pd.read_csv(work / "loco" / "predictions.csv")
    recall = (table["true"] == table["predicted"]).groupby(table["true"]).mean()
    assert meta["test"]["balanced_accuracy"]["value"] == pytest.approx(recall.mean())
    assert len(meta["tested"]["folds"]) == 3
    assert meta["tested"]["command"] == "the command of loco"
    assert meta["command"] == "the command of all"
    classifier = load_classifier(work / "voice")
    assert classifier.threshold == meta["threshold"]
    assert classifier.model.temperature == meta["temperature"]


@pytest.mark.slow
def test_it_is_all_of_it_that_was_trained_as_what_was_tested(work, tmp_path):
    other = replace(TRAINING, epochs=1)
    settings = replace(runs.open_run(work / "all"), training=other)
    runs.start_run(tmp_path / "other", settings, command="x")
    place = tmp_path / "other" / "fold1"
    place.mkdir()
    for name in ("model.safetensors", "meta.json"):
        (place / name).write_bytes((work / "all" / "fold1" / name).read_bytes())
    meta = json.loads((place / "meta.json").read_text())
    meta["meta"]["training"]["epochs"] = 1
    (place / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ModelError, match="another training"):
        runs.ship(tmp_path / "other", tmp_path / "out", tested=work / "loco")
    with pytest.raises(ModelError, match="3 networks"):
        runs.ship(work / "loco", tmp_path / "out")


def test_each_corpus_is_calibrated_by_the_others():
    """Two corpora, the second twice as sure as it should be: what it asks for must reach the first one only."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 4000)
    truth = np.where(rng.random(4000) < 1 / (1 + np.exp(-logits)), "b", "a")
    folds = np.repeat([1, 2], 2000)
    told = np.where(folds == 1, logits, 2 * logits)
    p = 1 / (1 + np.exp(-told))
    before = np.stack([1 - p, p], axis=1)
    table = pd.DataFrame({"fold": folds, "true": truth, "predicted": np.where(p > 0.5, "b", "a"), "p_a": 1 - p, "p_b": p})
    table["speaker"] = np.arange(4000)
    found = evaluation.cross_calibrate(table, before, ("a", "b"), max_error=0.05)
    logit = np.log(found["p_b"] / found["p_a"]).to_numpy()
    slopes = [np.polyfit(told[folds == fold], logit[folds == fold], 1)[0] for fold in (1, 2)]
    assert slopes == pytest.approx([0.5, 1.0], rel=0.1)


@pytest.mark.slow
def test_a_saved_model_is_scored_on_a_corpus_it_never_met(work, write_voices, tmp_path):
    corpus = open_corpus(write_voices(speakers=8, takes=2, seconds=1.1))
    (corpus.root / "low" / "s99_0.wav").write_bytes(b"no sound")
    corpus = open_corpus(corpus.root)
    classifier = load_classifier(work / "voice")
    metrics = score_model(tmp_path / "t", classifier, corpus, facts={"command": "c"})
    table = pd.read_csv(tmp_path / "t" / "predictions.csv")
    assert len(table) == 16
    assert [name for name, _ in metrics["failed"]] == ["low/s99_0.wav"]
    recall = (table["true"] == table["predicted"]).groupby(table["true"]).mean()
    assert metrics["network"]["balanced_accuracy"]["value"] == pytest.approx(recall.mean())
    assert metrics["network"]["balanced_accuracy"]["value"] > 0.9
    assert score_model(tmp_path / "t", classifier, corpus, facts={"command": "c"}) == json.loads(
        (tmp_path / "t" / "metrics.json").read_text()
    )
    with pytest.raises(ModelError, match="another test"):
        score_model(tmp_path / "t", classifier, corpus, facts={"command": "d"})


@pytest.mark.slow
def test_scores_that_would_be_too_good_or_void_are_refused(work, write_voices, tmp_path):
    classifier = load_classifier(work / "voice")
    with pytest.raises(ModelError, match="trained on a"):
        score_model(tmp_path / "t", classifier, open_corpus(work / "A"), facts={})
    other_name = shutil.copytree(work / "A", tmp_path / "another name")
    for path in list(other_name.rglob("*.wav")):  # other files, the same recordings: a third of the level, 24 bits
        samples, rate = sf.read(path)
        sf.write(path.with_suffix(".flac"), samples / 3, rate, subtype="PCM_24")
        path.unlink()
    with pytest.raises(ModelError, match="is a copy of a recording that the model was trained on"):
        score_model(tmp_path / "t", classifier, open_corpus(other_name), facts={})
    assert not (tmp_path / "t").exists()
    corpus = open_corpus(write_voices(speakers=4))
    relabelled = replace(corpus, clips=corpus.clips.assign(label=corpus.clips["label"].replace("low", "deep")))
    with pytest.raises(DatasetError, match="class 'deep' of 'label' is unknown"):
        score_model(tmp_path / "t", classifier, relabelled, facts={})


@pytest.mark.slow
def test_fingerprints_are_added_to_a_model_that_has_none(work, tmp_path):
    """The result is the same as if training had kept them, but for the order of the clips."""
    folder = shutil.copytree(work / "voice", tmp_path / "old")
    with pytest.raises(ModelError, match="has fingerprints"):
        add_fingerprints(folder, open_corpus(work / "A"))
    kept = load_model(folder).met
    meta = json.loads((folder / "meta.json").read_text())
    del meta["meta"]["fingerprints"]
    (folder / "meta.json").write_text(json.dumps(meta))
    assert load_model(folder).met is None
    assert add_fingerprints(folder, merge([open_corpus(work / name) for name in "ABC"])) == len(kept)
    assert sorted(map(bytes, load_model(folder).met)) == sorted(map(bytes, kept))


@pytest.mark.slow
def test_a_shipped_model_gets_its_scores_again_and_keeps_its_weights(work, tmp_path):
    folder = shutil.copytree(work / "voice", tmp_path / "old")
    weights, path = (folder / "model.safetensors").read_bytes(), folder / "meta.json"
    there = json.loads(path.read_text())
    older = {key: value for key, value in there["meta"].items() if key not in ("validation_speakers", "tested")}
    path.write_text(json.dumps({**there, "meta": {**older, "threshold": 0.123}}))
    assert load_classifier(folder).threshold == 0.123, "a model of an older program loads"
    runs.rescore(folder, tested=work / "loco")
    assert json.loads(path.read_text()) == there
    assert (folder / "model.safetensors").read_bytes() == weights


@pytest.mark.slow
def test_the_corpora_left_out_have_a_row_each(work):
    tested = json.loads((work / "voice" / "meta.json").read_text())["meta"]["tested"]
    found, measured = tested["by_corpus"], json.loads((work / "loco" / "metrics.json").read_text())
    assert [row["corpus"] for row in found] == ["A", "B", "C"]
    assert [row["balanced_accuracy"]["value"] for row in found] == pytest.approx(
        [fold["balanced_accuracy"] for fold in measured["folds"]]
    )
    assert measured["over_corpora"]["mean"] == pytest.approx(measured["fold_mean"]["value"])


@pytest.mark.slow
def test_the_thresholds_of_a_run_are_chosen_again_without_training(work, tmp_path, monkeypatch):
    """They come out as training left them, on the validation clips alone; what rested on others is gone."""
    monkeypatch.chdir(work)
    folder = shutil.copytree(work / "loco", tmp_path / "loco")
    settings = runs.open_run(folder)
    dataset, place = runs.run_dataset(settings), folder / "fold1" / "meta.json"
    (folder / "manifest.json").write_text("{}")
    weights, there = (folder / "fold1" / "model.safetensors").read_bytes(), json.loads(place.read_text())
    place.write_text(json.dumps({**there, "meta": {**there["meta"], "temperature": 2.5, "threshold": 0.99}}))
    runs.recalibrate(folder, dataset)
    assert not {"metrics.json", "manifest.json"} & {path.name for path in folder.iterdir()}
    again = json.loads(place.read_text())["meta"]
    for key in ("temperature", "threshold"):
        assert again[key] == pytest.approx(there["meta"][key], rel=1e-3)
    assert again["validation_speakers"] == there["meta"]["validation_speakers"]
    split = runs.read_split(folder / "fold1", dataset)
    assert sum(again["validation_speakers"].values()) == dataset.clips["speaker"].iloc[split.valid].nunique()
    assert (folder / "fold1" / "model.safetensors").read_bytes() == weights
    assert runs.evaluate_run(folder, dataset)["abstention"]["thresholds"][0] == again["threshold"]


@pytest.mark.slow
def test_several_new_corpora_are_tested_at_once(work, write_voices, tmp_path, monkeypatch, capsys):
    """The script's work, from two corpora to one table: printed and written."""
    voices = write_voices(speakers=6, takes=2, seconds=1.1)
    places = [str(shutil.copytree(voices, tmp_path / name)) for name in "DE"]
    monkeypatch.setattr(cli, "RESULTS", tmp_path / "results")
    asked = {"corpus": places, "layout": "auto", "min_age": 0.0, "max_age": None, "new_speakers": False}
    jobs.test_job(argparse.Namespace(run="new", model=work / "voice", **asked))
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("| D |", "| E |"))]
    metrics = json.loads((tmp_path / "results" / "new" / "metrics.json").read_text())
    table = pd.read_csv(tmp_path / "results" / "new" / "corpora.csv")
    assert table["corpus"].tolist() == ["D", "E"]
    assert [row["balanced_accuracy"]["value"] for row in metrics["by_corpus"]] == pytest.approx(table["balanced_accuracy"])
    assert len(printed) == 2
    assert all(f"{value:.3f}" in line for value, line in zip(table["balanced_accuracy"], printed))
    assert table["clips"].tolist() == [12, 12]
    assert metrics["over_corpora"]["corpora"] == 2


@pytest.mark.slow
def test_what_ships_is_what_was_trained(work):
    trained, shipped = load_model(work / "all" / "fold1"), load_model(work / "voice")
    for (name, a), b in zip(trained.network.state_dict().items(), shipped.network.state_dict().values()):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4, err_msg=name)  # half precision


@pytest.mark.slow
def test_the_same_settings_give_the_same_network_again(work, tmp_path, monkeypatch):
    monkeypatch.chdir(work)
    settings = runs.open_run(work / "all")
    runs.start_run(tmp_path / "again", settings, command="again")
    runs.train_run(tmp_path / "again", runs.run_dataset(settings), log=lambda line: None)
    first, again = load_model(work / "all" / "fold1"), load_model(tmp_path / "again" / "fold1")
    for (name, a), b in zip(first.network.state_dict().items(), again.network.state_dict().values()):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-5, err_msg=name)
    assert first.meta["temperature"] == pytest.approx(again.meta["temperature"], rel=1e-3)


def test_the_model_that_ships_is_small_whole_and_knows_what_it_is():
    classifier = load_classifier(SHIPPED_MODEL)
    meta = classifier.model.meta
    assert classifier.model.classes == ("female", "male")
    assert 0.5 < classifier.threshold < 1
    assert (len(meta["tested"]["folds"]), len(meta["tested"]["by_corpus"])) == (6, 12)
    assert meta["validation_speakers"] == {"female": 712, "male": 1001}
    assert meta["split"] == "none"
    weights = [path for path in SHIPPED_MODEL.parent.rglob("*") if path.suffix == ".safetensors"]
    assert sum(path.stat().st_size for path in weights) < 50e6
    rng = np.random.default_rng(0)
    low, high = (audio.from_samples(voice(f0, rng, seconds=2.0), 16_000) for f0 in (95, 230))
    p_low, p_high = classifier.probabilities([low, high])[:, 0]
    assert p_low < p_high, "a buzz of higher pitch is more like a woman's voice"


@pytest.mark.slow
def test_a_model_tested_on_one_division_keeps_its_own_threshold_and_goes_by_those_scores(work, monkeypatch):
    """Digits, say: all voices trained the model; a network made in the same way was tested on a fifth of them."""
    monkeypatch.chdir(work)
    path = next((work / "maps").glob("*.json"))
    settings = runs.Settings(map=str(path), label="label", split="speakers", training=TRAINING)
    runs.start_run(work / "once", settings, command="the command of once")
    dataset = runs.run_dataset(settings)
    runs.train_run(work / "once", dataset, log=lambda line: None)
    metrics = runs.evaluate_run(work / "once", dataset)
    runs.ship(work / "all", work / "words", tested=work / "once")
    meta, own = (json.loads((work / name / "meta.json").read_text())["meta"] for name in ("words", "all/fold1"))
    assert (meta["threshold"], meta["temperature"]) == (own["threshold"], own["temperature"])
    assert meta["test"]["balanced_accuracy"] == metrics["network"]["balanced_accuracy"]
    assert meta["tested"]["command"] == "the command of once"
    assert f"{metrics['fold_mean']['value']:.3f} of a network made in the same way" in (work / "words" / "README.md").read_text()

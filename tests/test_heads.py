"""Networks on encodings: equal to scikit-learn, to loops; learn what is planted and no more; saved, loaded, weighed, stopped."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.torch_core import set_seed
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from voicecam.config import TrainConfig, recipe
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import ModelError
from voicecam.features.image import Scale
from voicecam.network import Model, load_model, save_model
from voicecam.network.epoch_scores import confusion, epoch_table, write_epoch_scores
from voicecam.network.head_training import STRENGTHS, _fit_logistic, _fit_network, refit
from voicecam.network.heads import LayerMean, build_head, build_like

ENCODER = recipe("embedding", encoder="resemblyzer", encoder_weights="tiny")


def planted(rng, n=400, rows=20, shift=1.5):
    """Encodings (clip, row, 1) of two classes that lie apart along one direction, far from 0 and in other units per row."""
    targets = np.arange(n) % 2
    direction = rng.standard_normal(rows)
    direction /= np.linalg.norm(direction)
    units = 10.0 ** rng.uniform(-2, 2, rows)
    X = rng.standard_normal((n, rows)) + shift * np.where(targets[:, None] == 1, direction, -direction)
    return (100 * units + units * X).astype(np.float32)[:, :, None], targets


def split_of(n):
    rows = np.arange(n)
    return Split(train=rows[: n // 2], valid=rows[n // 2 : 3 * n // 4], test=rows[3 * n // 4 :])


def trained(X, targets, split, **how):
    """A two-layer head, its history and best epoch."""
    training = TrainConfig(**{"arch": "two-layer", "epochs": 30, "lr": 3e-3, "patience": 30, **how})
    set_seed(0)  # the order of the clips is drawn too
    head = build_head(training.arch, X[split.train], targets.max() + 1)
    rows, best, seen = _fit_network(head, X, targets, split, training, place=None, log=lambda line: None)
    return head.cpu().eval(), rows, best, seen


def right(head, X, targets, rows):
    with torch.inference_mode():
        return float((head(torch.from_numpy(X[rows])).argmax(dim=1).numpy() == targets[rows]).mean())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_gives_scikit_learns_own_probabilities(rng, n_classes):
    X, targets = planted(rng)
    targets = targets if n_classes == 2 else np.arange(len(targets)) % 3
    split = split_of(len(targets))
    head = build_head("logistic", X[split.train], n_classes)
    rows, best, _ = _fit_logistic(head, X, targets, split, TrainConfig(arch="logistic"), log=lambda line: None)
    flat = X[:, :, 0].astype(np.float64)
    standard = (flat - flat[split.train].mean(axis=0)) / flat[split.train].std(axis=0)
    theirs = LogisticRegression(C=STRENGTHS[best - 1], class_weight="balanced", max_iter=2000)
    theirs.fit(standard[split.train], targets[split.train])
    with torch.inference_mode():
        ours = softmax(head(torch.from_numpy(X[split.test])).numpy().astype(np.float64), axis=1)
    np.testing.assert_allclose(ours, theirs.predict_proba(standard[split.test]), atol=2e-3)
    assert [row["C"] for row in rows] == list(STRENGTHS)
    assert best == 1 + max(range(5), key=lambda i: (rows[i]["valid_balanced_accuracy"], -rows[i]["valid_loss"]))


def test_the_strength_is_chosen_on_validation_clips(rng):
    """Where validation clips are labelled the other way round, the weakest C does least harm."""
    X, targets = planted(rng, shift=0.5)
    split, turned = split_of(len(targets)), targets.copy()
    turned[split.valid] = 1 - turned[split.valid]
    head = build_head("logistic", X[split.train], 2)
    rows, best, _ = _fit_logistic(head, X, turned, split, TrainConfig(arch="logistic"), log=lambda line: None)
    assert max(row["valid_balanced_accuracy"] for row in rows) == rows[best - 1]["valid_balanced_accuracy"] < 0.5


def test_the_mean_over_layers_is_a_weighted_sum(rng):
    layers, size, frames = 3, 4, 5
    x, part = rng.standard_normal((2, layers * size, frames)).astype(np.float32), LayerMean(layers)
    with torch.no_grad():
        part.weight.copy_(torch.tensor([0.3, -1.0, 2.0]))
        found = part(torch.from_numpy(x)).numpy()
    shares = np.exp([0.3, -1.0, 2.0]) / np.exp([0.3, -1.0, 2.0]).sum()
    expected = np.zeros((2, size, frames))
    for layer in range(layers):
        for row in range(size):
            expected[:, row] += shares[layer] * x[:, layer * size + row]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("arch", "shape", "layers"),
    [("logistic", (6, 1), 1), ("two-layer", (6, 1), 1), ("two-layer", (4, 7), 1), ("cnn", (12, 9), 3), ("cnn", (32, 149), 1)],
)
def test_a_head_of_any_size_is_built_again_from_its_weights(rng, arch, shape, layers):
    X = (5 + 3 * rng.standard_normal((10, *shape))).astype(np.float32)
    head = build_head(arch, X, 3, layers=layers).eval()
    again = build_like(head.state_dict(), arch)
    again.load_state_dict(head.state_dict())
    with torch.inference_mode():
        first, second = (one.eval()(torch.from_numpy(X)) for one in (head, again))
    assert first.shape == (10, 3)
    assert torch.equal(first, second)


def test_convolutions_take_sequences_of_any_length(rng):
    head = build_head("cnn", rng.standard_normal((4, 12, 30)).astype(np.float32), 2, layers=2).eval()
    with torch.inference_mode():
        for frames in (1, 2, 30, 149):
            assert head(torch.zeros(1, 12, frames)).shape == (1, 2)


def test_rows_are_standardised_by_the_training_clips_alone(rng):
    X = (50 + 4 * rng.standard_normal((30, 3, 7))).astype(np.float32)
    X[:, 1] = 8.0  # a row that never changes is left as it is
    first = build_head("two-layer", X[:20], 2)[0](torch.from_numpy(X)).numpy()
    assert np.abs(first[:20, [0, 2]].mean(axis=(0, 2))).max() < 1e-4
    np.testing.assert_allclose(first[:20, [0, 2]].std(axis=(0, 2)), 1, atol=1e-4)
    assert (first[:, 1] == 0).all()
    assert np.abs(first[20:, [0, 2]].mean()) > 1e-4


def test_two_layers_learn_the_planted_direction(rng):
    X, targets = planted(rng)
    split = split_of(len(targets))
    assert right(trained(X, targets, split)[0], X, targets, split.test) > 0.85


def test_two_layers_learn_nothing_from_noise(rng):
    X, targets = planted(rng, shift=0.0)
    split = split_of(len(targets))
    head = trained(X, targets, split, lr=1e-2)[0]
    assert right(head, X, targets, split.train) > 0.55, "it learns by heart"
    assert abs(right(head, X, targets, split.test) - 0.5) < 0.15, "4 standard deviations of a coin"


def test_the_rarer_class_weighs_more_by_the_training_clips_alone(rng):
    """Of nothing but noise, with nine clips to one in training, the answer must not be the larger class for all; what the
    validation clips are changes nothing of the weights."""
    X, _ = planted(rng, shift=0.0)
    targets = (np.arange(len(X)) % 10 == 0).astype(int)
    split = split_of(len(X))
    losses = []
    for valid_targets in (targets[split.valid], 1 - targets[split.valid]):
        changed = targets.copy()
        changed[split.valid] = valid_targets
        head, rows, *_ = trained(X, changed, split, epochs=1, lr=1e-9)
        losses.append(rows[0]["train_loss"])
        z = head(torch.from_numpy(X[split.train])).detach().numpy()
        p = softmax(z, axis=1)[np.arange(len(z)), targets[split.train]]
        w = np.where(targets[split.train] == 1, 10.0, 10 / 9)
        assert losses[-1] == pytest.approx((-np.log(p) * w).sum() / w.sum(), abs=0.25)  # dropout is in the training loss
    assert losses[0] == losses[1]


def test_the_best_epochs_weights_are_kept_and_training_stops_early(rng):
    """Labels of validation clips are turned round: learning makes it worse, so that the first epochs are best."""
    X, targets = planted(rng, shift=2.0)
    split, turned = split_of(len(targets)), targets.copy()
    turned[split.valid] = 1 - turned[split.valid]
    head, rows, best, seen = trained(X, turned, split, epochs=40, patience=3, lr=1e-3)
    scores = [(row["valid_balanced_accuracy"], -row["valid_loss"]) for row in rows]
    assert best == 1 + scores.index(max(scores))
    assert len(rows) == best + 3 < 40
    assert right(head, X, turned, split.valid) == pytest.approx(np.trace(seen[best - 1]) / len(split.valid))
    assert right(head, X, turned, split.valid) == pytest.approx(rows[best - 1]["valid_balanced_accuracy"], abs=1e-6)


def test_confusions_of_every_epoch_are_those_of_eval_mode(rng, tmp_path):
    X, targets = planted(rng)
    split = split_of(len(targets))
    head, rows, best, seen = trained(X, targets, split, epochs=5)
    assert len(seen) == len(rows) == 5
    with torch.inference_mode():  # dropout would change some of these answers
        said = head(torch.from_numpy(X[split.valid])).argmax(dim=1).numpy()
    expected = [[int(((targets[split.valid] == t) & (said == s)).sum()) for s in (0, 1)] for t in (0, 1)]
    assert seen[best - 1].tolist() == expected
    write_epoch_scores(tmp_path, seen, ["a", "b"])
    table = pd.read_csv(tmp_path / "epochs.csv")
    assert list(table) == ["epoch", "f1_a", "f1_b", "weighted_f1"]
    assert list(table["epoch"]) == [1, 2, 3, 4, 5]
    assert table["weighted_f1"][best - 1] == pytest.approx(f1_score(targets[split.valid], said, average="weighted"), abs=1e-5)
    stored = json.loads((tmp_path / "confusion.json").read_text())
    assert stored["classes"] == ["a", "b"]
    assert stored["confusions"][best - 1] == expected


def test_f1_per_class_is_scikit_learns(rng):
    true, said = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    table = epoch_table([confusion(true, said, 4)], ["a", "b", "c", "never"])
    for i, name in enumerate("abc"):
        assert table[f"f1_{name}"][0] == pytest.approx(f1_score(true, said, labels=[i], average="macro"))
    assert np.isnan(table["f1_never"][0])
    assert table["weighted_f1"][0] == pytest.approx(f1_score(true, said, average="weighted"))


@pytest.mark.parametrize("half", [False, True])
def test_a_saved_head_answers_as_before(rng, tmp_path, half):
    """In half precision too, where means are large and spreads small."""
    X, targets = planted(rng)
    split = split_of(len(targets))
    model = Model(trained(X, targets, split, epochs=3)[0], "two-layer", "gender", ("female", "male"), ENCODER, Scale((), ()), {})
    save_model(tmp_path, model, half=half)
    again = load_model(tmp_path)
    np.testing.assert_allclose(again.logits(X), model.logits(X), atol=5e-3 if half else 1e-6)
    assert (tmp_path / "model.safetensors").stat().st_size < (15_000 if half else 25_000)
    assert (again.arch, again.label, again.classes, again.config) == ("two-layer", "gender", ("female", "male"), ENCODER)
    with pytest.raises(ModelError, match="no picture"):
        again.stage("layer1")


def test_an_architecture_on_pictures_is_no_head(rng):
    with pytest.raises(ModelError, match="no head on an encoder"):
        build_head("resnet18", rng.standard_normal((4, 3, 1)).astype(np.float32), 2)


def test_a_damaged_head_is_refused(rng, tmp_path):
    X, _ = planted(rng, n=20)
    model = Model(build_head("logistic", X, 2).eval(), "logistic", "gender", ("female", "male"), ENCODER, Scale((), ()), {})
    save_model(tmp_path, replace(model, meta={"corpora": ["x"]}))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    with pytest.raises(ModelError, match="missing or damaged"):
        load_model(tmp_path)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_refit_learns_from_validation_clips_too_and_leaves_the_model_alone(rng, n_classes):
    X, targets = planted(rng, shift=0.4)
    targets = targets if n_classes == 2 else np.arange(len(targets)) % 3
    split, names = split_of(len(targets)), tuple("abc"[:n_classes])
    head = build_head("logistic", X[split.train], n_classes)
    rows, best, _ = _fit_logistic(head, X, targets, split, TrainConfig(arch="logistic"), log=lambda line: None)
    meta = {"strength": rows[best - 1]["C"], "training": {"seed": 0}}
    model = Model(head.eval(), "logistic", "kind", names, ENCODER, Scale((), ()), meta)
    before = head[-1].weight.clone()
    clips = [{"path": f"{i:03}.wav", "speaker": f"{i:03}", "kind": names[t]} for i, t in enumerate(targets)]
    again = refit(model, Dataset(make_corpus("planted", Path(), clips), X, ENCODER), split)
    assert torch.equal(head[-1].weight, before)
    assert again.meta["refitted"]
    both = np.concatenate([split.train, split.valid])
    flat = (X[:, :, 0] - X[split.train, :, 0].mean(0)) / X[split.train, :, 0].std(0)
    expected = LogisticRegression(C=meta["strength"], class_weight="balanced", max_iter=2000).fit(flat[both], targets[both])
    found = softmax(again.logits(X[split.test]).astype(float), axis=1)
    np.testing.assert_allclose(found, expected.predict_proba(flat[split.test]), atol=2e-3)
    assert np.abs(found - softmax(model.logits(X[split.test]).astype(float), axis=1)).max() > 0.01
    with pytest.raises(ModelError, match="logistic alone"):
        TrainConfig(arch="two-layer", refit=True)

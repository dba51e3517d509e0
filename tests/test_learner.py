"""What training can do besides: a mean of the weights, smoothed labels, blended clips, bfloat16, windows of augmented clips."""

from dataclasses import replace
from itertools import cycle, islice

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback

from conftest import voice
from voicecam import audio, runs
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset, make_images
from voicecam.data.splits import make_splits
from voicecam.errors import ModelError
from voicecam.features import features
from voicecam.network import build, learner, to_input
from voicecam.network.classifier import load_classifier
from voicecam.network.learner import TrainConfig, train
from voicecam.network.loaders import make_loaders
from voicecam.network.windows import Windows

TINY = recipe("mfcc", seconds=0.5, image_rows=32, image_columns=32)
QUICK = {"arch": "small", "init": "none", "batch": 8}
ONE_BATCH = {**QUICK, "batch": 16}  # holds all clips that validate: their loss is then one weighted mean, not a mean of several


def silent(line):
    """Say nothing."""


@pytest.fixture(scope="module")
def dataset():
    """High and low buzzes of 20 made voices: 4 clips of each low one, 2 of each high one, so that class weights matter."""
    rows, matrices = [], []
    for speaker in range(20):
        rng, low = np.random.default_rng(speaker), speaker % 2
        for take in range(4 if low else 2):
            f0 = (95 if low else 220) * rng.uniform(0.85, 1.15)
            signal = audio.prepare(audio.from_samples(voice(f0, rng, seconds=0.5), 16_000), TINY)
            matrices.append(features(signal, TINY).matrix)
            rows.append({"path": f"{speaker:02d}_{take}.wav", "speaker": f"{speaker:02d}", "pitch": "low" if low else "high"})
    return Dataset(make_corpus("buzz", ".", rows), np.stack(matrices), TINY)


@pytest.fixture(scope="module")
def split(dataset):
    return make_splits(dataset.corpus, "pitch")[0]


def targets_of(dataset, rows):
    """Class numbers, "high" before "low"."""
    return (dataset.clips["pitch"].to_numpy(dtype=str)[rows] == "low").astype(int)


def loss_by_hand(logits, targets, training_targets, smoothing=0.0):
    """Label-smoothed cross entropy with class weights (Szegedy et al. 2016), clip by clip in float64.

    A clip's target is 1 - smoothing on its class plus smoothing / K on each of K; each class's part counts by the class's weight,
    n / (K n_class) over training clips, and the sum is divided by the weights of the clips' own classes.
    """
    logits = np.asarray(logits, dtype=float)
    k = logits.shape[1]
    weights = [len(training_targets) / (k * sum(training_targets == c)) for c in range(k)]
    above = below = 0.0
    for row, target in zip(logits, targets):
        log_p = row - np.log(np.exp(row).sum())
        spread = np.full(k, smoothing / k)
        spread[target] += 1 - smoothing
        above -= sum(weights[c] * spread[c] * log_p[c] for c in range(k))
        below += weights[target]
    return above / below


class Watch(Callback):
    """The running mean of the weights by its recursion, in float64, and the mean as it stood before each validation."""

    def __init__(self, decay):
        self.decay, self.t, self.means, self.ends, self.starts = decay, 0, [], [], []

    def now(self):
        return {name: value.detach().cpu().double().clone() for name, value in self.learn.model.state_dict().items()}

    def before_fit(self):
        self.running = self.now()

    def after_step(self):
        self.t += 1
        decay, weights = min(self.decay, self.t / (self.t + 10)), self.now()
        self.running = {name: decay * self.running[name] + (1 - decay) * weights[name] for name in weights}

    def before_train(self):
        self.starts.append(self.now())

    def after_train(self):
        self.means.append(self.running)
        self.ends.append(self.now())


@pytest.mark.parametrize("by_windows", [False, True])
@pytest.mark.parametrize("augmented", [False, True])
def test_training_batches_are_augmented_and_no_others(dataset, split, rng, augmented, by_windows):
    """Every clip is a picture of its own; its class is its number, so that a batch can be told from the pictures it came from."""
    pictures = rng.integers(0, 256, (len(dataset.clips), TINY.n_rows, TINY.n_frames), dtype=np.uint8)
    numbers = np.arange(len(pictures))
    windows = Plain(pictures[split.train], split.train) if by_windows else None
    loaders = make_loaders(pictures, numbers, split, TINY, batch=8, augmented=augmented, seed=0, windows=windows)
    for loader, changed in ((loaders.train, augmented), (loaders.valid, False)):
        x, y = next(iter(loader))
        plain = to_input(torch.from_numpy(pictures[y.cpu().numpy()]), TINY)
        same = torch.isclose(x.cpu().as_subclass(torch.Tensor), plain, atol=1e-5).flatten(1).all(dim=1)  # a GPU divides otherwise
        assert same.logical_not().all() if changed else same.all()


class Plain(Windows):
    """Windows that gives each clip's picture in turn, instead of drawing one."""

    def __init__(self, pictures, numbers):
        self.turns = cycle(zip(numbers, pictures))

    def draw(self, n):
        numbers, pictures = zip(*islice(self.turns, n))
        return torch.tensor(numbers), torch.from_numpy(np.stack(pictures))


def test_what_is_kept_and_validated_is_the_running_mean_of_the_weights(dataset, split, monkeypatch):
    watch, make = Watch(0.25), learner.make_learner

    def watched(*args, **more):
        made, started = make(*args, **more)
        made.add_cb(watch)
        return made, started

    monkeypatch.setattr(learner, "make_learner", watched)
    result = train(dataset, split, "pitch", TrainConfig(**ONE_BATCH, epochs=3, ema_decay=0.25), log=silent)
    assert len(split.valid) <= 16
    assert watch.t >= 4, "enough steps that both halves of min(0.25, t / (t + 10)) are met"
    kept = result.model.network.state_dict()
    expected = watch.means[result.model.meta["best_epoch"] - 1]
    for name, value in kept.items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-6, msg=name)
    ends = torch.stack([end["1.3.weight"] for end in watch.ends])
    assert (ends - kept["1.3.weight"]).abs().amax(dim=(1, 2)).min() > 1e-4, "the mean is not what some epoch ended with"
    assert all(torch.equal(value, watch.starts[1][name]) for name, value in watch.ends[0].items()), "and training ignores it"
    valid, known = targets_of(dataset, split.valid), targets_of(dataset, split.train)
    for mean, row in zip(watch.means, result.history.to_dict("records")):
        network = build("small", 2).eval()
        network.load_state_dict({name: value.to(kept[name].dtype) for name, value in mean.items()})
        logits = replace(result.model, network=network).logits(dataset.matrices[split.valid])
        assert row["valid_loss"] == pytest.approx(loss_by_hand(logits, valid, known), rel=1e-3)
        recalls = [(logits.argmax(axis=1) == valid)[valid == c].mean() for c in (0, 1)]
        assert row["valid_balanced_accuracy"] == pytest.approx(np.mean(recalls))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_smoothed_and_weighs_classes(dataset, split, smoothing):
    result = train(dataset, split, "pitch", TrainConfig(**ONE_BATCH, epochs=1, label_smoothing=smoothing), log=silent)
    logits = result.model.logits(dataset.matrices[split.valid])
    valid, known = targets_of(dataset, split.valid), targets_of(dataset, split.train)
    assert len(set(np.bincount(known))) == 2, "one class has more clips: weights are not all 1"
    expected = loss_by_hand(logits, valid, known, smoothing)
    assert result.history["valid_loss"].iloc[0] == pytest.approx(expected, rel=1e-4)


def test_blended_clips_train(dataset, split):
    plain, mixed = (
        train(dataset, split, "pitch", TrainConfig(**QUICK, epochs=12, augment=False, mixup=alpha), log=silent)
        for alpha in (0, 0.4)
    )
    assert np.isfinite(mixed.history.to_numpy(dtype=float)).all()
    assert mixed.history["valid_balanced_accuracy"].max() >= 0.9
    assert mixed.history["train_loss"].iloc[-1] > plain.history["train_loss"].iloc[-1], "blended labels cannot be fitted fully"


def test_bfloat16_comes_near_float32_and_keeps_its_weights_in_float32(dataset, split):
    full, half = (
        train(dataset, split, "pitch", TrainConfig(**QUICK, epochs=12, bfloat16=wanted), log=silent) for wanted in (False, True)
    )
    assert {value.dtype for value in half.model.network.state_dict().values()} == {torch.float32, torch.int64}
    assert not torch.is_autocast_enabled("cpu"), "what comes after is not cast"
    best = [result.history["valid_balanced_accuracy"].max() for result in (full, half)]
    assert best[1] == pytest.approx(best[0], abs=0.1)
    first = [result.history["train_loss"].iloc[0] for result in (full, half)]
    assert first[0] != first[1], "some of it was in bfloat16"
    assert first[1] == pytest.approx(first[0], rel=0.05)


def test_training_on_renderings_learns_and_files_get_the_same_answer_later(write_voices, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # maps, images, augmented copies and results are kept in the working folder
    config = recipe("voice", image_rows=32, image_columns=49)
    path = make_images(open_corpus(write_voices(speakers=20, takes=3, seconds=1.2)), config, workers=1)
    training = TrainConfig(**QUICK, epochs=8, n_augmented=1, ema_decay=0.9, label_smoothing=0.05)
    settings, folder = runs.Settings(map=str(path), label="label", training=training), tmp_path / "results" / "windows"
    dataset = runs.run_dataset(settings)
    assert dataset.augmented_clips.bounds.shape == (60, 2, 2)
    runs.start_run(folder, settings, command="test")
    runs.train_run(folder, dataset, log=silent)
    metrics = runs.evaluate_run(folder, dataset)
    assert metrics["network"]["balanced_accuracy"]["value"] > 0.9
    predictions = runs.read_predictions(folder)
    assert not set(predictions["speaker"]) & set(dataset.clips["speaker"].iloc[runs.read_split(folder / "fold1", dataset).train])
    classifier = load_classifier(folder / "fold1")
    found = classifier.probabilities([audio.read(dataset.corpus.root / name) for name in predictions["path"]])
    stored = predictions[[f"p_{name}" for name in classifier.model.classes]].to_numpy()
    np.testing.assert_allclose(found, stored, atol=1e-2)
    decided = np.where(stored.max(axis=1) >= classifier.threshold, predictions["predicted"], "uncertain")
    assert decided.tolist() == predictions["decision"].tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"ema_decay": 1.0},
        {"ema_decay": -0.1},
        {"label_smoothing": -0.1},
        {"label_smoothing": float("nan")},
        {"n_augmented": -1},
        {"mixup": -1.0},
    ]
    + [{name: float("inf")} for name in ("lr", "mixup", "epochs")]
    + [{"lr": float("nan")}, {"seed": -1}, {"batch": 0}],
)
def test_settings_out_of_range_are_refused_by_name(changes):
    with pytest.raises(ModelError, match=f"{next(iter(changes))}="):
        TrainConfig(**changes)


def test_training_that_falls_apart_says_so_in_one_line(dataset, split):
    with pytest.raises(ModelError, match="training fell apart; take a lower --lr"):
        train(dataset, split, "pitch", TrainConfig(arch="resnet18", init="none", batch=8, epochs=6, lr=999.0), log=silent)

"""A second label or a teacher beside the label: both losses count in training, and nothing of the second is left afterwards."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from torch import nn

from voicecam import audio
from voicecam.config import DEMO, recipe
from voicecam.corpora.table import make_corpus
from voicecam.data.augmented import AugmentedClips
from voicecam.data.dataset import Dataset
from voicecam.data.encodings import clip_vectors
from voicecam.data.splits import Split
from voicecam.errors import DatasetError, ModelError
from voicecam.features import window_matrix
from voicecam.features.image import fit_scale
from voicecam.network.auxiliary import _BothLosses, _TeacherLoss, _TwoOutputs, drop_second, joint_numbers, numbers_with_clip
from voicecam.network.learner import TrainConfig, train
from voicecam.network.windows import Windows


@pytest.fixture
def corpus():
    rows = [{"path": f"{i:02d}", "speaker": f"s{i}", "label": "ab"[i % 2], "word": f"w{i % 3}"} for i in range(24)]
    return make_corpus("words", "nowhere", rows)


def test_joint_numbers_hold_both_classes_of_training_clips_and_the_first_of_the_others(corpus):
    first = (np.arange(24) % 2).astype(np.int64)
    joint, n_second = joint_numbers(corpus, "word", np.arange(12), first, 2)
    assert n_second == 3
    np.testing.assert_array_equal(joint % 2, first)
    np.testing.assert_array_equal(joint[:12] // 2, np.arange(12) % 3)
    np.testing.assert_array_equal(joint[12:], first[12:])


def test_a_label_that_is_missing_is_refused(corpus):
    numbers = np.zeros(24, np.int64)
    with pytest.raises(DatasetError, match="no label 'accent' to learn beside; it has: label, word"):
        joint_numbers(corpus, "accent", np.arange(12), numbers, 2)
    corpus.clips.loc[3, "word"] = pd.NA
    with pytest.raises(DatasetError, match="1 training clips have no 'word'"):
        joint_numbers(corpus, "word", np.arange(12), numbers, 2)
    with pytest.raises(ModelError, match="leave it out, or mixup"):
        TrainConfig(auxiliary_label="word", mixup=0.4)


def test_the_loss_is_the_sum_of_both_by_hand_and_the_first_alone_in_validation():
    logits = torch.tensor([[1.0, 0.0, 0.5, -0.5, 2.0], [0.0, 2.0, 1.0, 1.0, 1.0]])
    loss = _BothLosses(nn.CrossEntropyLoss(), 2)
    log_p = lambda row, part: row[part] - torch.log(torch.exp(row[part]).sum())  # noqa: E731
    own, other = slice(0, 2), slice(2, 5)
    by_hand = (
        -(log_p(logits[0], own)[1] + log_p(logits[1], own)[0]) / 2 - (log_p(logits[0], other)[2] + log_p(logits[1], other)[0]) / 2
    )
    assert loss(logits, torch.tensor([2 * 2 + 1, 0])).item() == pytest.approx(by_hand.item(), rel=1e-6)
    only = -(log_p(logits[0], own)[1] + log_p(logits[1], own)[0]) / 2
    assert loss(logits[:, :2], torch.tensor([1, 0])).item() == pytest.approx(only.item(), rel=1e-6)


def test_dropping_the_second_output_leaves_the_answers_of_the_first():
    first = nn.Linear(4, 2)
    network = nn.Sequential(nn.Identity(), nn.Sequential(nn.Flatten(), _TwoOutputs(first, 3)))
    x = torch.randn(5, 4)
    assert network.train()(x).shape == (5, 5)
    before = network.eval()(x)
    drop_second(network)
    torch.testing.assert_close(network(x), before)
    assert network[-1][-1] is first


def test_training_with_it_gives_a_network_of_the_label_alone(corpus, rng):
    bright = (corpus.clips["label"] == "a").to_numpy()[:, None, None]
    matrices = (rng.integers(0, 60, (24, 12, 20)) + 150 * bright).astype(np.float32)
    config = recipe("mfcc-2020", image_rows=12, image_columns=20)
    split = Split(np.arange(16), np.arange(16, 20), np.arange(20, 24))
    training = TrainConfig(
        arch="small", init="none", epochs=8, batch=4, lr=1e-2, ema_decay=0.8, auxiliary_label="word", augment=False
    )
    model = train(Dataset(corpus, matrices, config), split, "label", training, log=lambda line: None).model
    p = model.probabilities(matrices[split.test])
    assert p.shape == (4, 2)
    assert isinstance(model.network[-1][-1], nn.Linear)
    np.testing.assert_array_equal(p.argmax(axis=1), ~bright[split.test, 0, 0])


def test_a_clip_of_no_class_keeps_its_row_while_its_class_is_drawn(rng):
    config = recipe("voice")
    decibels = rng.normal(size=(200, config.n_mels)).astype(np.float16)
    clips = AugmentedClips(decibels, np.array([[[0, 100]], [[100, 200]]]), config)
    scale = fit_scale(np.zeros((2, config.n_mels, config.n_frames), np.float32), config)
    numbers = numbers_with_clip(np.array([1, 0]), np.arange(2), 2)
    assert numbers.tolist() == [1, 2]
    young = np.array([False, True])
    windows = Windows(clips, numbers, np.arange(2), np.array([0.5, 0.5]), scale, n_classes=2, seed=0, no_class=young)
    assert set(windows.draw(200)[0].tolist()) == {1, 2, 3}, "the first clip's class stays, the second's is drawn"


def test_the_loss_with_a_teacher_by_hand_and_the_first_alone_in_validation():
    vectors = torch.tensor([[3.0, 4.0], [np.nan, np.nan], [0.0, 2.0]])
    logits = torch.tensor([[1.0, 0.0, 4.0, 3.0], [0.0, 2.0, 1.0, 1.0], [0.5, 0.5, -1.0, 0.0]])
    numbers = torch.tensor([0 * 2 + 1, 1 * 2 + 0, 2 * 2 + 1])
    loss = _TeacherLoss(nn.CrossEntropyLoss(), 2, vectors)
    own = nn.CrossEntropyLoss()(logits[:, :2], torch.tensor([1, 0, 1])).item()
    assert loss(logits, numbers).item() == pytest.approx(own + 2 * ((1 - 24 / 25) + (1 - 0)) / 2, rel=1e-5)
    assert loss(logits[:, :2], torch.tensor([1, 0, 1])).item() == pytest.approx(own, rel=1e-6)
    with pytest.raises(ModelError, match="not with auxiliary_label or mixup"):
        TrainConfig(teacher="resemblyzer", mixup=0.4)


def test_the_second_output_points_where_the_teacher_points_and_is_dropped(rng, monkeypatch):
    """The lower band tells the label, the upper one alone tells the teacher's vectors; some clips have none."""
    config = recipe("voice")
    n, frames = 160, config.n_frames
    label, upper = np.arange(n) % 2, np.arange(n) // 2 % 2
    decibels = rng.normal(0, 6, (n, frames, config.n_mels))
    decibels[:, :, 5:10] += 12 * label[:, None, None]
    decibels[:, :, 30:35] += 12 * upper[:, None, None]
    bounds = (np.arange(n) * frames)[:, None, None] + np.array([[[0, frames]]])
    clips = AugmentedClips(decibels.reshape(-1, config.n_mels).astype(np.float16), bounds, config)
    rows = [{"path": f"{i:03d}", "speaker": f"s{i}", "label": "ab"[label[i]]} for i in range(n)]
    matrices = np.stack([window_matrix(one, config) for one in decibels.astype(np.float32)])
    vectors = (rng.normal(0, 0.1, (n, 8)) + np.where(upper[:, None], np.repeat([1, 0], 4), np.repeat([0, 1], 4))).astype(np.float32)
    vectors[::7] = np.nan
    split = Split(np.arange(100), np.arange(100, 120), np.arange(120, n))
    dataset = Dataset(make_corpus("bands", "nowhere", rows), matrices, config, augmented_clips=clips, vectors=vectors)
    how = TrainConfig(
        arch="small", init="none", epochs=12, batch=16, lr=1e-2, ema_decay=0.8, patience=99, augment=False, teacher="resemblyzer"
    )
    caught = []
    keep = lambda network: (caught.append(copy.deepcopy(network)), drop_second(network))  # noqa: E731
    monkeypatch.setattr("voicecam.network.learner.drop_second", keep)
    model = train(dataset, split, "label", how, log=lambda line: None).model
    assert (model.probabilities(matrices[120:]).argmax(axis=1) == label[120:]).mean() > 0.9
    assert isinstance(model.network[-1][-1], nn.Linear)
    assert model.network[-1][-1].out_features == 2
    body, head = caught[0].cpu().eval()
    with torch.inference_mode():
        second = head[-1].second(head[:-1](body(model.input(matrices[120:])))).numpy()
    wanted = vectors[120:] - np.nanmean(vectors[:100], axis=0)
    cosine = (second * wanted).sum(axis=1) / np.linalg.norm(second, axis=1) / np.linalg.norm(wanted, axis=1)
    assert np.nanmean(cosine) > 0.8
    with pytest.raises(DatasetError, match="teacher resemblyzer: recipe voice alone"):
        train(replace(dataset, vectors=None), split, "label", how)


def test_vectors_of_clips_are_system_as_with_nan_for_silence(tmp_path, rng):
    pytest.importorskip("resemblyzer")
    (tmp_path / "audio").mkdir()
    demo = sorted((DEMO / "words").rglob("*.ogg"))[:2]
    rows = []
    for name, samples in {"a": audio.read(demo[0]), "b": audio.read(demo[1]), "c": audio.Signal(np.zeros(16_000), 16_000)}.items():
        sf.write(tmp_path / "audio" / f"{name}.wav", samples.samples, samples.rate)
        rows.append({"path": f"{name}.wav", "speaker": name, "label": "x"})
    corpus = make_corpus("two", tmp_path / "audio", rows)
    found = clip_vectors(corpus, "resemblyzer", maps=tmp_path / "maps")
    assert found.shape == (3, 256)
    assert np.isnan(found[2]).all()
    np.testing.assert_allclose(np.linalg.norm(found[:2], axis=1), 1, atol=0.05)

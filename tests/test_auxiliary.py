"""A second label beside the first: both losses count in training, and nothing of the second is left afterwards."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voicecam.config import recipe
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import DatasetError, ModelError
from voicecam.network.auxiliary import _BothLosses, _TwoOutputs, drop_second, joint_numbers
from voicecam.network.learner import TrainConfig, train


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

"""Our Adam against fastai's own: the same weights to the last bit, and torch's AdamW as a second formula."""

import copy

import torch
from fastai.optimizer import Adam
from torch import nn

from voicecam.network.steps import PIECE, adam


def stepped(make, network, slopes, *, frozen=()):
    """The network's weights after some steps of an optimizer; slopes : of each step."""
    weights = list(network.parameters())
    optimizer = make(weights, lr=0.01)
    for place in frozen:
        optimizer.state[weights[place]]["do_wd"] = False  # as a Learner has it for batch norms and biases
    for step, some in enumerate(slopes):
        optimizer.set_hypers(lr=0.01 / (step + 1), mom=0.95 - 0.02 * step)  # as a schedule does
        for weight, slope in zip(weights, some):
            weight.grad = slope.clone(memory_format=torch.preserve_format)
        optimizer.step()
    return weights


def test_the_same_weights_as_fastais_adam_to_the_last_bit():
    torch.manual_seed(0)
    wide = nn.Conv2d(64, PIECE // 128, 3).to(memory_format=torch.channels_last)  # more than one piece, and not a whole number
    network = nn.Sequential(nn.Conv2d(3, 5, 3), wide, nn.BatchNorm2d(PIECE // 128), nn.Linear(300, 301))
    assert wide.weight.numel() > PIECE
    assert wide.weight.numel() % PIECE
    assert not wide.weight.is_contiguous()
    slopes = [[torch.randn_like(weight) for weight in network.parameters()] for _ in range(4)]
    slopes[2][2] = slopes[2][2].contiguous()  # a slope in another order of memory than its weight
    ours, theirs = (stepped(make, copy.deepcopy(network), slopes, frozen=(4, 5)) for make in (adam, Adam))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs))
    assert not torch.equal(ours[2], wide.weight)


def test_one_step_is_that_of_adamw():
    weight, slope = torch.randn(3, PIECE), torch.randn(3, PIECE)
    ours, theirs = (nn.Parameter(weight.clone()) for _ in range(2))
    ours.grad, theirs.grad = slope.clone(), slope.clone()
    adam([ours], lr=0.1).step()
    torch.optim.AdamW([theirs], lr=0.1, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.01).step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert (ours - weight).abs().max() > 0.05

"""A network whose batch norms went into its convolutions answers, and slopes, as it did; it is the trained one that is saved."""

from functools import partial

import pytest
import torch
from torch import nn

from voicecam.network import build, stages_of
from voicecam.network.folded import folded


def spoiled(arch: str) -> nn.Sequential:
    """A network whose batch norms have means, spreads, weights and offsets that matter."""
    torch.manual_seed(0)
    network = build(arch, 3).eval()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            for values in (part.running_mean, part.bias.data):
                values.uniform_(-0.3, 0.3)
            for values in (part.running_var, part.weight.data):
                values.uniform_(0.5, 1.5)
    return network


def keep(heard: list, part: nn.Module, given: tuple, output: torch.Tensor) -> None:
    heard.append(output)


@pytest.mark.parametrize("arch", ["small", "fine", "resnet18", "efficientnet-lite0"])
def test_logits_slopes_and_each_stage_are_those_of_the_network_itself(arch):
    network = spoiled(arch)
    quick, before = folded(network), {name: value.clone() for name, value in network.state_dict().items()}
    left = [part for part in quick[0].modules() if isinstance(part, nn.BatchNorm2d)]
    assert not left, "batch norms that still work"
    inputs, found = torch.randn(2, 3, 64, 64), []
    for one in (network, quick):
        heard, given = [], inputs.clone().requires_grad_()
        with torch.enable_grad():
            for stage in stages_of(arch).values():
                one[0][stage].register_forward_hook(partial(keep, heard))
            logits = one(given)
            slope = torch.autograd.grad(logits[:, 0].sum(), given)[0]
        found.append((logits, slope, *heard))
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(other, own, rtol=1e-3, atol=1e-4 * float(own.abs().max()))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(value.requires_grad for value in network.parameters())
    assert not any(value.requires_grad for value in quick.parameters())

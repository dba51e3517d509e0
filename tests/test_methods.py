"""Attribution methods beside a second formula each, on small networks whose maps can be worked out by hand."""

from itertools import product

import numpy as np
import pytest
import torch
from fastai.torch_core import TensorImage
from torch import nn

from voicecam.commands import cli
from voicecam.config import DEFAULT_MAPS, map_choice
from voicecam.errors import ExplainError
from voicecam.explanation.cams import FORMULAS
from voicecam.explanation.methods import METHODS, attribute, attribute_all
from voicecam.network import IMAGENET_MEAN, IMAGENET_STD

LAYER = [name for name, method in METHODS.items() if method.grid == "layer"]
INPUT = [name for name, method in METHODS.items() if method.grid == "input"]
TARGETS = np.array([0, 1, 1, 0, 1])


class Linear(nn.Module):
    """One convolution, mean over the picture, one linear layer: y = sum_k w[class, k] mean(a_k) + b."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.conv(x).mean(dim=(2, 3)))


class Bent(nn.Module):
    """With what real networks have: batch norm, a ReLU in place, dropout, two layers after the map."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.next = nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), nn.ReLU(inplace=True))
        self.last = nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 3))

    def forward(self, x):
        return self.last(self.next(self.conv(x)).mean(dim=(2, 3)))


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return Linear()


@pytest.fixture
def bent():
    torch.manual_seed(1)
    return Bent().eval()


@pytest.fixture
def inputs():
    return torch.randn(5, 3, 16, 24, generator=torch.Generator().manual_seed(2))


def maps(network, inputs, method, targets=TARGETS, **options):
    return attribute(network, inputs, targets, method=method, layer=network.conv, **options)


def head(network, activations):
    """The logits of given activations of `conv`: the rest of Bent, computed from there."""
    with torch.no_grad():
        return network.last(network.next(activations).mean(dim=(2, 3)))


def activations_of(network, inputs):
    with torch.no_grad():
        return network.conv(inputs)


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "layer-cam"])
def test_maps_of_a_linear_model_are_known_in_advance(linear, inputs, method):
    """dy/da is w / (h w) in every cell: the mean of it, and the cell's own, are the same."""
    found = maps(linear, inputs, method, batch=2)
    weights = linear.last.weight.detach()[TARGETS] / (8 * 12)
    weights = weights.clamp(min=0) if method == "layer-cam" else weights
    expected = torch.einsum("nchw,nc->nhw", activations_of(linear, inputs), weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert (found < 0).any(), "nothing is cut off"
    if METHODS[method].signed:
        logits = linear(inputs).detach()[range(5), TARGETS] - linear.last.bias.detach()[TARGETS]
        np.testing.assert_allclose(found.sum(axis=(1, 2)), logits.numpy(), atol=1e-5)


def test_grad_cam_plus_plus_is_equation_19(bent, inputs):
    """alpha = g2 / (2 g2 + sum(a) g3), weights = sum alpha relu(g), cell by cell."""
    bent = bent.double()
    activations = activations_of(bent, inputs.double()).requires_grad_()
    logits = bent.last(bent.next(activations).mean(dim=(2, 3)))
    g = torch.autograd.grad(logits[range(5), TARGETS].sum(), activations)[0].numpy()
    a, expected = activations.detach().numpy(), np.zeros((5, 8, 12))
    for clip, channel in product(range(5), range(6)):
        weight = 0.0
        for cell in product(range(8), range(12)):
            here = g[clip, channel][cell]
            if here > 0:
                weight += here * here**2 / (2 * here**2 + a[clip, channel].sum() * here**3)
        expected[clip] += weight * a[clip, channel]
    np.testing.assert_allclose(maps(bent, inputs.double(), "grad-cam++"), expected, rtol=1e-5, atol=1e-8)


def test_eigen_cam_is_the_first_component_over_the_cells_with_its_peak_above_zero(bent, inputs):
    found = maps(bent, inputs, "eigen-cam", batch=2)
    for clip, activations in enumerate(activations_of(bent, inputs).double().numpy()):
        cells = activations.reshape(6, -1)
        centred = cells - cells.mean(axis=1, keepdims=True)
        values, vectors = np.linalg.eigh(centred @ centred.T)  # channels' covariance, not the library's SVD of the cells
        expected = (vectors[:, np.argmax(values)] @ centred).reshape(8, 12)
        expected *= 1 if expected.max() > -expected.min() else -1
        np.testing.assert_allclose(found[clip], expected, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 4, 32])
def test_ablation_cam_weighs_channels_by_the_fall_without_them(bent, inputs, batch):
    found = maps(bent, inputs, "ablation-cam", batch=batch)
    activations = activations_of(bent, inputs)
    expected = torch.zeros(5, 8, 12)
    for clip, channel in product(range(5), range(6)):
        without = activations[[clip]].clone()
        without[:, channel] = 0
        fall = head(bent, activations[[clip]]) - head(bent, without)
        expected[clip] += fall[0, TARGETS[clip]] * activations[clip, channel]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_ablation_cam_sets_channels_with_negative_values_to_zero_too(linear, inputs):
    """y is linear in the channels: the fall without one is w mean(a)."""
    activations = activations_of(linear, inputs)
    falls = linear.last.weight.detach()[TARGETS] * activations.mean(dim=(2, 3))
    np.testing.assert_allclose(
        maps(linear, inputs, "ablation-cam"), torch.einsum("nchw,nc->nhw", activations, falls).numpy(), atol=1e-6
    )


def test_score_cam_weighs_channels_by_what_is_seen_through_them(bent, inputs, capfd):
    found = maps(bent, inputs, "score-cam", batch=4)
    assert capfd.readouterr().err == "", "no progress bars unless asked for"
    for clip, activations in enumerate(activations_of(bent, inputs)):
        scores = []
        for channel in activations:
            mask = nn.functional.interpolate(channel[None, None], size=(16, 24), mode="bilinear", align_corners=True)[0]
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            with torch.no_grad():
                scores.append(bent(inputs[[clip]] * mask)[0, TARGETS[clip]].item())
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(found[clip], np.einsum("c,chw->hw", weights, activations.numpy()), atol=1e-5)


GREY = torch.tensor([(0.5 - mean) / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD)])[:, None, None]


def test_integrated_gradients_sum_to_the_logit_difference_from_middle_grey(bent, inputs):
    found = maps(bent, inputs, "integrated-gradients")
    assert found.shape == (5, 16, 24)
    with torch.no_grad():
        rise = (bent(inputs) - bent(GREY.expand(1, 3, 16, 24)))[range(5), TARGETS]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), rise.numpy(), atol=0.02 * rise.abs().max().item())


def test_integrated_gradients_of_a_linear_model_are_weight_times_distance(linear, inputs):
    x = inputs.clone().requires_grad_()
    slope = torch.autograd.grad(linear(x)[range(5), TARGETS].sum(), x)[0]
    expected = (slope * (inputs - GREY)).sum(dim=1)
    np.testing.assert_allclose(maps(linear, inputs, "integrated-gradients"), expected.numpy(), atol=1e-5)


def test_occlusion_is_the_mean_fall_under_the_patches_over_a_cell(bent, inputs):
    """16 x 24 pixels: patches of 2 x 3, moved by 1 and 1."""
    found, sums, counts = maps(bent, inputs, "occlusion"), np.zeros((5, 16, 24)), np.zeros((16, 24))
    with torch.no_grad():
        whole = bent(inputs)[range(5), TARGETS]
        for row, column in product(range(15), range(22)):
            here = (slice(row, row + 2), slice(column, column + 3))
            painted = inputs.clone()
            painted[(..., *here)] = GREY
            sums[(slice(None), *here)] += (whole - bent(painted)[range(5), TARGETS]).numpy()[:, None, None]
            counts[here] += 1
    np.testing.assert_allclose(found, sums / counts, atol=1e-5)


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "ablation-cam", "integrated-gradients", "occlusion"])
def test_the_contrast_of_a_signed_method_is_the_difference_of_its_maps(bent, inputs, method):
    """These are linear in the logit that is explained."""
    contrast = np.array([2, 0, 2, 1, 0])
    found = maps(bent, inputs, method, contrast=contrast)
    np.testing.assert_allclose(found, maps(bent, inputs, method) - maps(bent, inputs, method, targets=contrast), atol=1e-5)


@pytest.mark.parametrize("method", ["grad-cam++", "layer-cam", "score-cam"])
def test_the_contrast_of_the_others_is_the_map_of_a_network_whose_logit_is_the_difference(bent, inputs, method):
    found = maps(bent, inputs, method, targets=np.zeros(5, int), contrast=np.full(5, 2))
    last = bent.last[1]
    with torch.no_grad():
        last.weight[0] -= last.weight[2]
        last.bias[0] -= last.bias[2]
    np.testing.assert_allclose(found, maps(bent, inputs, method, targets=np.zeros(5, int)), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_comes_back_as_it_was(bent, inputs, method):
    bent.train()
    bent.conv[1].eval()  # a frozen batch norm in a network that trains
    bent.conv.requires_grad_(False)
    bent.last[1].weight.grad = torch.ones(3, 5)
    state = {name: value.clone() for name, value in bent.state_dict().items()}
    kept = inputs.clone()
    maps(bent, inputs, method)
    check_untouched(bent, state)
    assert torch.equal(inputs, kept)
    assert not inputs.requires_grad


@pytest.mark.parametrize("method", METHODS)
def test_the_model_comes_back_as_it_was_also_after_an_error(bent, inputs, method):
    bent.train()
    bent.conv[1].eval()
    bent.conv.requires_grad_(False)
    bent.last[1].weight.grad = torch.ones(3, 5)
    state = {name: value.clone() for name, value in bent.state_dict().items()}
    passes = []

    def fail_later(part, given, output):
        passes.append(1)
        if len(passes) == 2:  # the first pass is the look at the shapes
            raise RuntimeError("no memory left")

    trap = bent.last.register_forward_hook(fail_later)
    with pytest.raises(RuntimeError, match="no memory left"):
        maps(bent, inputs, method)
    trap.remove()
    check_untouched(bent, state)


def check_untouched(bent, state):
    assert sum(len(part._forward_hooks) + len(part._backward_hooks) for part in bent.modules()) == 0
    assert [name for name, part in bent.named_modules() if not part.training] == ["conv.1"]
    assert {name for name, weight in bent.named_parameters() if not weight.requires_grad} == {
        name for name, _ in bent.named_parameters() if name.startswith("conv")
    }
    assert {name for name, weight in bent.named_parameters() if weight.grad is not None} == {"last.1.weight"}
    assert torch.equal(bent.last[1].weight.grad, torch.ones(3, 5))
    assert all(torch.equal(value, state[name]) for name, value in bent.state_dict().items()), "batch norm counted on"


@pytest.mark.parametrize("method", METHODS)
def test_one_clip_gives_the_map_it_has_among_others(bent, inputs, method):
    together = maps(bent, TensorImage(inputs), method)
    alone = maps(bent, inputs[3:4], method, targets=TARGETS[3:4])
    np.testing.assert_allclose(alone[0], together[3], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 24), (2, 24), (16, 1)])
def test_pictures_and_grids_of_one_row_or_column_work(bent, method, shape):
    found = maps(bent, torch.randn(2, 3, *shape), method, targets=[0, 2])
    assert found.shape == (2, *(shape if method in INPUT else ((shape[0] + 1) // 2, (shape[1] + 1) // 2)))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_dead_layer_gives_a_blank_map(bent, inputs, method):
    with torch.no_grad():
        bent.conv[1].weight.zero_()
        bent.conv[1].bias.fill_(-1)
    assert (maps(bent, inputs, method) == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_does_not_fit_is_said(bent, inputs, method):
    with pytest.raises(ExplainError, match="classes 0 to 7 asked for; the network has 0 to 2"):
        maps(bent, inputs, method, targets=np.array([0, 1, 1, 0, 7]))
    with pytest.raises(ExplainError, match="classes -1 to 1"):
        maps(bent, inputs, method, contrast=np.array([0, 1, 1, 0, -1]))
    with pytest.raises(ExplainError, match="5 clips and 1 targets in target"):
        maps(bent, inputs, method, targets=np.array([0]))
    with pytest.raises(ExplainError, match="5 clips and 1 targets in contrast"):
        maps(bent, inputs, method, contrast=np.array([0]))
    with pytest.raises(ExplainError, match="0 clips"):
        maps(bent, inputs[:0], method, targets=np.array([], int))
    assert all(part.training is False for part in bent.modules())


@pytest.mark.parametrize("method", LAYER)
def test_a_layer_without_rows_and_columns_has_no_map(bent, inputs, method):
    with pytest.raises(ExplainError, match=r"no map at this layer: it gives an output of shape \(1, 3\)"):
        attribute(bent, inputs, TARGETS, method=method, layer=bent.last)
    with pytest.raises(ExplainError, match="gives 0 outputs"):
        attribute(bent, inputs, TARGETS, method=method, layer=nn.Conv2d(3, 3, 1))
    with pytest.raises(ExplainError, match="give layer"):
        attribute(bent, inputs, TARGETS, method=method)


@pytest.mark.parametrize("method", FORMULAS)
def test_methods_made_together_refuse_the_same(bent, inputs, method):
    asked = {"methods": [method], "layer": bent.conv}
    with pytest.raises(ExplainError, match=r"no map at this layer: it gives an output of shape \(5, 3\)"):
        attribute_all(bent, inputs, TARGETS, methods=[method], layer=bent.last)
    with pytest.raises(ExplainError, match="gives 0 outputs"):
        attribute_all(bent, inputs, TARGETS, methods=[method], layer=nn.Conv2d(3, 3, 1))
    with pytest.raises(ExplainError, match="gives 2 outputs"):
        attribute_all(nn.Sequential(bent.conv, nn.Conv2d(6, 3, 1), bent.conv, nn.Flatten()), inputs, TARGETS, **asked)
    with pytest.raises(ExplainError, match="classes 0 to 7"):
        attribute_all(bent, inputs, np.array([0, 1, 1, 0, 7]), **asked)
    with pytest.raises(ExplainError, match="classes -1 to 1"):
        attribute_all(bent, inputs, TARGETS, contrast=np.array([0, 1, 1, 0, -1]), **asked)
    assert not any(part._forward_hooks for part in bent.modules())


def test_an_unknown_method_is_answered_with_the_known_ones(bent, inputs):
    with pytest.raises(ExplainError, match=r"grad-cam, grad-cam\+\+, .*occlusion"):
        maps(bent, inputs, "saliency")


@pytest.mark.parametrize("method", INPUT)
def test_methods_on_the_picture_need_no_layer(bent, inputs, method):
    np.testing.assert_array_equal(attribute(bent, inputs, TARGETS, method=method), maps(bent, inputs, method))


def test_the_command_line_offers_every_method():
    parser = cli.make_parser("", "")
    cli.add_explain_options(parser)
    assert [parser.parse_args(["--method", name]).method for name in METHODS] == list(METHODS)


def test_the_default_map_follows_from_network_and_features_and_what_is_asked_for_wins():
    assert set(DEFAULT_MAPS) == {
        (network, features) for network in ("small", "fine", "resnet") for features in ("logmel", "mfcc")
    }
    assert all(method in METHODS and layer.startswith("layer") for method, layer in DEFAULT_MAPS.values())
    assert map_choice("resnet34", "mfcc-2020") == DEFAULT_MAPS["resnet", "mfcc"]
    assert map_choice("small", "logmel") == DEFAULT_MAPS["small", "logmel"]
    assert map_choice("small", "logmel", method="eigen-cam") == ("eigen-cam", DEFAULT_MAPS["small", "logmel"][1])
    assert map_choice("small", "logmel", layer="layer1") == (DEFAULT_MAPS["small", "logmel"][0], "layer1")

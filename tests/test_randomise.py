"""Copies are random from the top down and the model is untouched; a map that knows no network must fail."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from scipy.stats import t as student

from voicecam.config import recipe
from voicecam.explanation.randomise import cascade, map_correlation, randomisation_table
from voicecam.features.image import Scale
from voicecam.network import Model, build

SPEAKERS = [f"s{i % 4}" for i in range(12)]


def model_of(arch: str) -> Model:
    torch.manual_seed(5)
    network = build(arch, 2).eval()
    for part in network.modules():  # as after training: not what a new network has
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    config = recipe("logmel", image_rows=32, image_columns=32)
    return Model(network, arch, "cue", ("0", "1"), config, Scale((0.0,) * 64, (1.0,) * 64))


def states(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def equal_parts(a: dict, b: dict) -> set[str]:
    """Names of the weights of convolutions and linear layers that are the same."""
    return {name for name in a if a[name].ndim > 1 and torch.equal(a[name], b[name])}


@pytest.mark.parametrize(
    ("arch", "names"),
    [
        ("small", ["head", "layer4", "layer3", "layer2", "layer1"]),
        ("resnet18", ["head", "layer4", "layer3", "layer2", "layer1", "stem"]),
    ],
)
def test_stages_are_wiped_out_from_the_top_and_the_model_stays_as_it_was(arch, names):
    model = model_of(arch)
    before, seen, torch_state = states(model), [], torch.get_rng_state()
    same = equal_parts(before, before)
    for name, wiped in cascade(model):
        still = equal_parts(before, states(wiped))
        assert still < same, f"{name} changed nothing"
        seen, same = [*seen, name], still
    assert seen == names
    assert not same, "at the last stage no weight is left"
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_what_was_drawn_stays_and_the_running_spread_is_forgotten():
    model = model_of("small")
    stages = dict(cascade(model))
    head = "1.3.weight"
    assert torch.equal(states(stages["head"])[head], states(stages["layer1"])[head])
    norm = stages["layer1"].network[0][2][1]
    assert torch.equal(norm.running_var, torch.ones_like(norm.running_var))
    again = dict(cascade(model))
    assert all(torch.equal(a, b) for a, b in zip(states(stages["layer1"]).values(), states(again["layer1"]).values()))
    other = dict(cascade(model, seed=1))
    assert not torch.equal(states(stages["head"])[head], states(other["head"])[head])


def test_correlations_agree_with_scipy_and_average_per_speaker():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 5))
    b[1] = np.round(b[1])  # ties
    each = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b)]
    found = map_correlation(a, b, ["p", "p", "p", "q"])
    assert found["correlation"] == pytest.approx((np.mean(each[:3]) + each[3]) / 2)
    each = [spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic for x, y in zip(a, b)]
    assert found["absolute"] == pytest.approx((np.mean(each[:3]) + each[3]) / 2)
    assert found["correlation_low"] < found["correlation"] < found["correlation_high"]


def test_the_interval_of_a_correlation_is_fishers_and_never_passes_one():
    rng = np.random.default_rng(3)
    a = rng.normal(size=(4, 4, 4))
    b = a + np.array([0.02, 0.1, 0.3, 1.5])[:, None, None] * rng.normal(size=a.shape)
    found = map_correlation(a, b, list("pqrs"))
    each = np.array([spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b)])
    middle, error = each.mean(), each.std(ddof=1) / 2
    assert middle + student.ppf(0.975, 3) * error > 1  # a plain interval would pass 1
    ends = np.tanh(np.arctanh(middle) + np.array([-1, 1]) * student.ppf(0.975, 3) * error / (1 - middle**2))
    assert [found["correlation_low"], found["correlation_high"]] == pytest.approx(ends)


def test_a_map_is_like_itself_unlike_its_reverse_and_a_flat_one_is_counted():
    maps = np.random.default_rng(1).normal(size=(3, 4, 4))
    assert map_correlation(maps, maps, list("abc"))["correlation"] == pytest.approx(1)
    reverse = map_correlation(maps, -maps, list("abc"))
    assert reverse["correlation"] == pytest.approx(-1)
    assert reverse["absolute"] == pytest.approx(1), "turned maps have the same places"
    flat = maps.copy()
    flat[0] = 2.0
    found = map_correlation(maps, flat, list("abc"))
    assert found["blank"] == 1
    assert found["correlation"] == pytest.approx(1)


def test_the_picture_itself_stays_and_maps_leave_stage_by_stage():
    model, target = model_of("small"), np.ones(12, int)
    inputs = torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    table = randomisation_table(model, inputs, target, SPEAKERS, methods=("grad-cam", "hires-cam"), layer="layer2")
    assert len(table) == 3 * 6
    energy = table[table["method"] == "loudest cell (no network)"]
    np.testing.assert_allclose(energy["absolute"], 1)
    np.testing.assert_allclose(table.loc[table["stage"] == "trained", "absolute"], 1)
    last = table[(table["method"] == "grad-cam") & (table["stage"] == "layer1")].iloc[0]
    assert last["absolute"] < 0.9

"""Predictions over many random networks: what knows no network fails every draw; likeness, chance, smooth and efficient MPRT by a
second formula."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from test_randomise import SPEAKERS, model_of

from voicecam.explanation.draws import NOISE, chance_likeness, draw_likeness, draws_doubt, draws_table, draws_words, map_entropy
from voicecam.explanation.methods import LIGHT, attribute, attribute_all
from voicecam.explanation.randomise import randomised_model

METHODS = ("grad-cam", "hires-cam")


@pytest.fixture(scope="module")
def drawn():
    """A network, its inputs, and the rows of 4 draws."""
    model, inputs = model_of("small"), torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    asked = {"methods": METHODS, "layer": "layer2", "contrast": np.zeros(12, int)}
    found = draw_likeness(model, inputs, np.ones(12, int), SPEAKERS, **asked, draws=4, few=3, noisy=2, seed=7)
    return model, inputs, found


def test_maps_that_know_no_network_fail_every_draw(drawn):
    table = draws_table(drawn[2].assign(fold=1)).set_index("method")
    energy = table.loc["loudest cell (no network)"]
    assert energy["likeness"] == pytest.approx(1)
    assert (energy["passes"], energy["faithful"]) == (0, False)
    assert energy["bar"] < 0.5, "noise moved round is like nothing"
    assert "do not pass" in draws_words(table.reset_index())[-1]
    assert "do not pass the test of random weights" in draws_doubt(table.reset_index(), "loudest cell (no network)")


def test_likeness_of_a_draw_is_that_of_sizes_per_speaker(drawn):
    model, inputs, found = drawn
    twin = randomised_model(model, seed=7 + 2000)
    classes = {"target": np.ones(12, int), "contrast": np.zeros(12, int), "method": "hires-cam"}
    a, b = (attribute(one.network, inputs, layer=one.stage("layer2"), **classes) for one in (model, twin))
    each = [spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic for x, y in zip(a, b)]
    by_hand = pd.Series(each).groupby(SPEAKERS).mean().mean()
    row = found[(found["method"] == "hires-cam") & (found["draw"] == 2)].iloc[0]
    assert row["likeness"] == pytest.approx(by_hand, abs=1e-5)
    assert (row["clips"], row["cells"], row["blank"]) == (12, 64, 0)


def test_random_networks_likeness_to_each_other(drawn):
    model, inputs, found = drawn
    twins = [randomised_model(model, seed=7 + 1000 * i) for i in range(4)]
    classes = {"target": np.ones(12, int), "contrast": np.zeros(12, int), "method": "grad-cam"}
    sizes = [np.abs(attribute(one.network, inputs, layer=one.stage("layer2"), **classes)) for one in twins]
    pairs = [
        [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(sizes[1], other)] for other in (sizes[i] for i in (0, 2, 3))
    ]
    by_hand = pd.Series(np.mean(pairs, axis=0)).groupby(SPEAKERS).mean().mean()
    row = found[(found["method"] == "grad-cam") & (found["draw"] == 1)].iloc[0]
    assert row["random"] == pytest.approx(by_hand, abs=1e-5)


def test_unrelated_maps_are_maps_moved_round():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 4)), rng.random((2, 3, 4))
    by_hand = [
        [spearmanr(x.ravel(), np.roll(y, (i, j), axis=(0, 1)).ravel()).statistic for i in range(3) for j in range(4) if i or j]
        for x, y in zip(a, b)
    ]
    np.testing.assert_allclose(np.sort(chance_likeness(a, b)), np.sort(by_hand), atol=1e-12)


def test_the_bar_rises_with_smoothness():
    rng = np.random.default_rng(1)
    rough = np.abs(rng.standard_normal((2, 40, 8, 8)))
    smooth = np.mean([np.roll(rough, (i, j), axis=(2, 3)) for i in range(3) for j in range(3)], axis=0)
    bars = [np.quantile(chance_likeness(*maps), 0.95) for maps in (rough, smooth)]
    assert bars[0] == pytest.approx(1.645 / np.sqrt(63), abs=0.03), "independent cells: Spearman's own spread"
    assert bars[1] > 1.5 * bars[0]


def test_entropy_and_its_rise_by_a_second_formula(drawn):
    model, inputs, found = drawn
    classes = {"target": np.ones(12, int), "contrast": np.zeros(12, int), "method": "grad-cam"}
    maps = [
        attribute(one.network, inputs, layer=one.stage("layer2"), **classes) for one in (model, randomised_model(model, seed=7))
    ]

    def entropy(values):  # 64 cells: 10 bins, the least there are
        low, high = values.min(), values.max()
        bins = np.minimum(((values - low) / (high - low) * 10).astype(int), 9)
        shares = np.bincount(bins.ravel(), minlength=10) / values.size
        return -sum(share * np.log(share) for share in shares if share > 0)

    before, after = (np.array([entropy(one.astype(float)) for one in some]) for some in maps)
    np.testing.assert_allclose(map_entropy(maps[0]), before, rtol=0.02)
    by_hand = pd.Series((after - before) / before).groupby(SPEAKERS).mean().mean()
    row = found[(found["method"] == "grad-cam") & (found["draw"] == 0)].iloc[0]
    assert row["rise"] == pytest.approx(by_hand, abs=0.01)
    assert map_entropy(np.full((1, 4, 4), 2.0))[0] == 0


def test_smooth_maps_are_means_over_noisy_inputs(drawn):
    model, inputs, found = drawn
    few = inputs[[0, 6, 11]]
    rng = torch.Generator().manual_seed(7)
    noise = torch.randn(few.shape, generator=rng)
    spread = torch.stack([NOISE * (one.max() - one.min()) for one in few])[:, None, None, None]
    classes = {"target": np.ones(3, int), "contrast": np.zeros(3, int), "method": "hires-cam"}
    a, b = (
        sum(attribute(one.network, x, layer=one.stage("layer2"), **classes) for x in (few + spread * noise, few)) / 2
        for one in (model, randomised_model(model, seed=7))
    )
    each = [spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic for x, y in zip(a, b)]
    row = found[(found["method"] == "hires-cam") & (found["draw"] == 0)].iloc[0]
    assert row["smooth"] == pytest.approx(np.mean(each), abs=1e-4)


def rows(likeness, bar=0.3, fold=1):
    known = {"method": "grad-cam", "clips": 8, "cells": 64, "bar": bar, "random": 0.2, "rise": 0.1, "smooth": np.nan, "blank": 0}
    return pd.DataFrame([{**known, "draw": i, "likeness": value, "fold": fold} for i, value in enumerate(likeness)])


def test_the_verdict_needs_nearly_all_draws_of_all_folds():
    one, two = rows([0.1] * 20), rows([0.1] * 18 + [0.4] * 2, fold=2)
    assert draws_table(one)["faithful"].item()
    both = draws_table(pd.concat([one, two])).iloc[0]
    assert (both["draws"], both["folds"], both["clips"]) == (40, 2, 16)
    assert (both["passes"], both["least"]) == (pytest.approx(0.95), pytest.approx(0.9))
    assert both["faithful"]
    assert not draws_table(two)["faithful"].item()
    assert both["likeness_low"] < both["likeness"] < both["likeness_high"]
    assert np.isfinite(both["fold_low"])
    flat = draws_table(rows([np.nan] * 3))
    assert flat["faithful"].item() is None
    assert draws_words(flat) == ["Grad-CAM: every map of the random networks is flat, so nothing is shown."]


def test_methods_made_together_are_those_made_alone():
    model, inputs = model_of("small"), torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    classes = {"target": np.array([0, 1, 0, 1, 1]), "contrast": np.array([1, 0, 1, 0, 0]), "layer": model.stage("layer2")}
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    together = attribute_all(model.network, inputs, methods=LIGHT, batch=2, **classes)
    assert list(together) == list(LIGHT)
    for name, maps in together.items():
        alone = attribute(model.network, inputs, method=name, **classes)
        np.testing.assert_allclose(maps, alone, atol=1e-5 * np.abs(alone).max(), err_msg=name)
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert not any(part._forward_hooks for part in model.network.modules())

"""The heaps of draws: read back from matplotlib and held against the draws."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from voicecam import figures


def test_the_heaps_hold_all_draws_and_a_bar_below_spans_their_interval():
    ax, rng = figures.figure(3)[1], np.random.default_rng(0)
    draws = {"voices": rng.normal(0.5, 0.05, 1000), "clips": rng.normal(0.5, 0.02, 1000)}
    heaps = figures.plot_draws(draws, truth=("chance", 0.5), ax=ax)
    for heap in heaps:
        assert heap.get_data().values.sum() == pytest.approx(1)
    bars = [line for line in ax.collections if isinstance(line, LineCollection)]
    for bar, values in zip(bars, draws.values(), strict=True):
        np.testing.assert_allclose(bar.get_segments()[0][:, 0], np.percentile(values, [2.5, 97.5]))
        assert bar.get_segments()[0][0, 1] < 0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["voices", "clips"]
    assert ax.lines[0].get_xdata()[0] == 0.5
    assert min(ax.get_yticks()) >= 0

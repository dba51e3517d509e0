"""A clip's bands over the ranges of training clips: read back from matplotlib and held against the table."""

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from voicecam import figures


def test_a_dot_outside_its_range_is_hollow_and_each_stands_at_its_value():
    table = pd.DataFrame({"name": ["100 Hz", "1 kHz"], "value": [0.5, 3.0], "mean": [0.4, 1.0], "low": [0, 0], "high": [1, 2]})
    fig, ax = figures.figure(3)
    dots = figures.plot_ranges(table, colour="#0072b2", ax=ax)
    np.testing.assert_allclose(dots.get_offsets(), [[0, 0.5], [1, 3.0]])
    assert [to_hex(colour) for colour in dots.get_facecolors()] == ["#0072b2", "#ffffff"]
    ranges = next(one for one in ax.collections if isinstance(one, LineCollection))
    np.testing.assert_allclose([segment[:, 1] for segment in ranges.get_segments()], [[0, 1], [0, 2]])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["100 Hz", "1 kHz"]
    assert len(figures.png_bytes(fig)) > 3000


def test_without_training_clips_only_dots_are_drawn():
    table = pd.DataFrame({"name": ["100 Hz"], "value": [0.5], "mean": [np.nan], "low": [np.nan], "high": [np.nan]})
    assert len(figures.plot_ranges(table, colour="#0072b2", ax=figures.figure(3)[1]).get_offsets()) == 1

"""Figures of a corpus and of spectra: what is drawn is read back and held against numbers worked out here."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from voicecam import figures


@pytest.fixture
def ax():
    return figures.figure(3)[1]


def test_bars_of_counts_stand_side_by_side_with_their_numbers(ax):
    counts = pd.DataFrame({"female": [1, 9], "male": [18, 0]}, index=["Kino", "vr-room"])
    first, second = figures.plot_counts(counts, unit="speakers", ax=ax)
    assert [bar.get_width() for bar in first] == [1, 9]
    assert [(bar.get_x(), bar.get_width()) for bar in second] == [(1, 18), (9, 0)]
    assert [text.get_text() for text in ax.texts] == ["1", "9", "18", ""]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Kino", "vr-room"]
    assert first[0].get_y() > first[1].get_y(), "the first value stands on top"
    assert to_hex(second[0].get_facecolor()) == figures.class_colours(["female", "male"])["male"].lower()


def test_heights_are_shares_of_the_class_whatever_its_size(ax):
    values = np.array([1.0, 1.0, 2.0, 2.0, 1.0, 2.0, np.nan, -np.inf])
    labels = ["a"] * 4 + ["b"] * 4
    outlines = figures.plot_values(values, labels, ["a", "b"], name="level (dB)", ax=ax)
    for outline in outlines:
        heights, edges, _ = outline.get_data()
        assert heights.sum() == pytest.approx(1)
        assert (heights[0], heights[-1]) == (0.5, 0.5)
        assert (edges[0], edges[-1]) == (1, 2)
    assert [line.get_xdata()[0] for line in ax.lines] == [1.5, 1.5]


def test_a_class_without_clips_has_an_empty_outline(ax):
    _, empty = figures.plot_values(np.array([1.0, 2.0]), ["a", "a"], ["a", "b"], name="s", ax=ax)
    assert empty.get_data()[0].sum() == 0


def test_spectra_keep_their_values_and_end_where_said(ax):
    hz = np.arange(0, 8000, 40.0)  # ends at 7960 Hz
    lines = figures.plot_spectra({"one": (hz, -hz / 100), "two": (hz, -hz / 50)}, ax=ax, deepest=60)
    assert np.array_equal(lines[1].get_ydata(), -hz / 50)
    assert ax.get_ylim() == (-60, 5)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0 Hz", "2 kHz", "4 kHz", "6 kHz"]


def test_octaves_leave_zero_hertz_out(ax):
    hz = np.array([0.0, 100.0, 1000.0, 8000.0])
    (line,) = figures.plot_spectra({"one": (hz, np.zeros(4))}, ax=ax, octaves=True)
    assert list(line.get_xdata()) == [100, 1000, 8000]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [
        "125 Hz",
        "250 Hz",
        "500 Hz",
        "1 kHz",
        "2 kHz",
        "4 kHz",
        "8 kHz",
    ]

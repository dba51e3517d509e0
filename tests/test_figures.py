"""Figures: what is drawn is read back from matplotlib and held against numbers worked out here. Looks are not judged."""

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from voicecam import figures
from voicecam.config import recipe
from voicecam.features import Axis, column_axis, row_axis
from voicecam.figures.canvas import legend_below, percent
from voicecam.figures.pictures import picture_extent, row_ticks
from voicecam.report.pictures import fewer_colours

COEFFICIENTS = Axis("coefficient", np.arange(20), "")
TIMES = Axis("time", np.array([0.0125, 0.0225, 0.0325, 0.0425]), "s")
CLASSES = ("female", "male", "child")


@pytest.fixture
def ax():
    return figures.figure(3)[1]


def bands(**columns) -> pd.DataFrame:
    """Two classes on three bands."""
    shares = [0.5, 0.3, 0.2, 0.1, 0.2, 0.7]
    table = pd.DataFrame({"class": ["female"] * 3 + ["male"] * 3, "band": [0, 1, 2] * 2, "name": ["c0-c1", "c2-c5", "c6-c9"] * 2})
    return table.assign(share=shares, low=np.array(shares) - 0.05, high=np.array(shares) + 0.06).assign(**columns)


def speakers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "speaker": ["a", "b", "c"],
            "true_class": ["male", "mixed", "female"],
            "clips": [5, 10, 20],
            "accuracy": [1.0, 0.5, 0.75],
        }
    )


def history(epochs: int = 3) -> pd.DataFrame:
    losses = np.linspace(0.7, 0.2, epochs)
    return pd.DataFrame(
        {"epoch": np.arange(epochs), "train_loss": losses, "valid_loss": losses + 0.1, "valid_balanced_accuracy": 1 - losses}
    )


def test_a_mel_tick_stands_at_its_hertz():
    rows = row_axis(recipe("logmel"))
    positions, labels = row_ticks(rows)
    centres = list(rows.values)
    hertz = {"125 Hz": 125, "250 Hz": 250, "500 Hz": 500, "1 kHz": 1000, "2 kHz": 2000, "4 kHz": 4000}
    assert {"1 kHz", "4 kHz"} <= set(labels)
    for position, label in zip(positions, labels, strict=True):
        assert centres[int(position)] <= hertz[label] <= centres[int(np.ceil(position))]
        assert np.interp(position, np.arange(len(centres)), centres) == pytest.approx(hertz[label])


def test_ticks_of_coefficients_carry_their_number():
    positions, labels = row_ticks(COEFFICIENTS)
    assert labels == [f"c{position:g}" for position in positions]
    assert positions[0] == 0


def test_two_bands_are_labelled_themselves():
    positions, labels = row_ticks(Axis("frequency", np.array([300.0, 700.0]), "Hz"))
    assert (positions, labels) == ([0.0, 1.0], ["300 Hz", "700 Hz"])


def test_the_picture_spans_the_frames(ax):
    image = figures.plot_matrix(np.ones((20, 4)), COEFFICIENTS, TIMES, ax=ax)
    assert image.get_extent() == pytest.approx([0.0075, 0.0475, -0.5, 19.5])
    assert image.origin == "lower"


def test_the_picture_of_a_real_axis_ends_with_the_clip():
    config = recipe("mfcc")
    left, right, *_ = picture_extent(row_axis(config), column_axis(config, config.n_frames))
    assert 0 <= left < config.window_ms / 1000
    assert right <= config.seconds


def test_signed_values_are_drawn_evenly_around_zero(ax):
    matrix = np.zeros((20, 4))
    matrix[3, 1], matrix[5, 2] = -7, 3
    image = figures.plot_matrix(matrix, COEFFICIENTS, TIMES, ax=ax)
    assert image.get_clim() == (-7, 7)
    assert image.get_cmap().name == "RdBu_r"


def test_a_huge_c0_is_named_and_does_not_hide_the_rest(ax):
    matrix = np.zeros((20, 4))
    matrix[0], matrix[5, 2], matrix[6, 1] = -300, 3, -2
    image = figures.plot_matrix(matrix, COEFFICIENTS, TIMES, ax=ax)
    assert image.get_clim() == (-3, 3)
    assert image.colorbar.extend == "min"
    assert image.colorbar.ax.get_ylabel().startswith("value; c0 is \N{MINUS SIGN}300"), "liftered coefficients are no dB"


def test_levels_are_drawn_dark_to_light_also_where_they_cross_zero_decibel(ax):
    matrix = np.linspace(-60, 5, 80).reshape(20, 4)
    image = figures.plot_matrix(matrix, Axis("frequency", np.linspace(100, 7000, 20), "Hz"), TIMES, ax=ax)
    assert (image.get_cmap().name, image.get_clim()) == ("magma", (-60, 5))
    assert image.colorbar.ax.get_ylabel() == "dB"


def test_bands_with_their_mean_taken_off_are_signed(ax):
    matrix = np.tile([-2.0, 2.0], (20, 2))
    image = figures.plot_matrix(matrix, Axis("frequency", np.linspace(100, 7000, 20), "Hz"), TIMES, ax=ax)
    assert image.get_clim() == (-2, 2)


def test_the_networks_picture_is_drawn_in_spreads_around_middle_grey(ax):
    picture = np.array([[0, 255], [51, 204]], dtype=np.uint8)
    image = figures.plot_picture(picture, Axis("coefficient", np.arange(2), ""), TIMES, spreads=4.0, ax=ax)
    np.testing.assert_allclose(image.get_array(), [[-4, 4], [-2.4, 2.4]])
    assert (image.get_cmap().name, image.get_clim()) == ("RdBu_r", (-4, 4))
    assert image.colorbar.ax.get_ylabel() == "standard deviations"


def test_a_picture_without_spreads_shows_its_grey_levels(ax):
    image = figures.plot_picture(
        np.array([[7, 9]], dtype=np.uint8), Axis("coefficient", np.arange(1), ""), TIMES, spreads=None, ax=ax
    )
    np.testing.assert_array_equal(image.get_array(), [[7, 9]])
    assert (image.get_cmap().name, image.get_clim()) == ("gray", (0, 255))


def test_a_map_keeps_its_blocks_and_lies_over_the_whole_picture(ax):
    cam = np.array([[0.0, 0.2], [0.8, 0.4]])
    image = figures.plot_map(np.ones((20, 4)), cam, COEFFICIENTS, TIMES, ax=ax)
    np.testing.assert_array_equal(image.get_array(), cam)
    left, right, bottom, top = ax.images[0].get_extent()
    assert (*ax.get_xlim(), *ax.get_ylim()) == (left, right, bottom, top)
    x, y = image.get_coordinates()[0, :, 0], image.get_coordinates()[:, 0, 1]
    np.testing.assert_allclose(x, [left, left + 8.5 / 32 * 0.04, right])  # cells around pixels 0 and 16 of 32, which are 4 frames
    np.testing.assert_allclose(y, [-0.5, 8.5 / 32 * 20 - 0.5, 19.5])
    finer = figures.plot_map(np.ones((20, 4)), cam, COEFFICIENTS, TIMES, size=(128, 20), ax=figures.figure(3)[1])
    np.testing.assert_allclose(finer.get_coordinates()[:, 0, 1], [-0.5, 32.5 / 6.4 - 0.5, 19.5])
    np.testing.assert_allclose(finer.get_coordinates()[0, 1, 0], left + 8.5 / 20 * 0.04)  # 2 cells of 20 pixels are 16 apart
    assert [label.get_text() for label in image.colorbar.ax.get_yticklabels()] == ["0", "0.8"]


def test_a_blank_map_says_so(ax):
    image = figures.plot_map(np.ones((20, 4)), np.zeros((2, 2)), COEFFICIENTS, TIMES, ax=ax)
    assert "blank" in image.colorbar.ax.get_ylabel()


def test_mean_maps_share_the_given_maximum(ax):
    assert figures.plot_mean_map(np.full((2, 2), 0.1), COEFFICIENTS, TIMES, ax=ax, vmax=0.5).get_clim() == (0, 0.5)


def test_classes_keep_their_colour_when_others_are_missing(ax):
    colours = figures.class_colours(CLASSES)
    assert len(set(figures.class_colours([str(i) for i in range(12)]).values())) == 12
    female, male = figures.plot_bands(bands(), CLASSES, ax=ax)
    assert [to_hex(bars.patches[0].get_facecolor()).upper() for bars in (female, male)] == [colours["female"], colours["male"]]
    (only,) = figures.plot_bands(bands().query("`class` == 'male'"), CLASSES, ax=figures.figure(3)[1])
    assert to_hex(only.patches[0].get_facecolor()).upper() == colours["male"]


def test_bars_of_the_bands_have_their_shares_and_intervals(ax):
    table = bands()
    table.loc[1, ["low", "high"]] = np.nan
    female, _ = figures.plot_bands(table, CLASSES, ax=ax)
    assert female.datavalues == pytest.approx([0.5, 0.3, 0.2])
    segments = [lines.get_segments() for lines in ax.collections if isinstance(lines, LineCollection)]
    assert [len(lines) for lines in segments] == [2, 3]
    assert segments[0][0][:, 0] == pytest.approx([0.45, 0.56])


def test_a_class_map_has_its_bars_at_the_height_of_its_rows(ax):
    table = pd.DataFrame({"band": [1, 0], "share": [0.7, 0.3], "low": [0.6, np.nan], "high": [0.8, np.nan]})
    look = {"colour": "red", "vmax": 1.0, "widest": 0.8, "title": "$a$"}
    bars = figures.plot_class_map(np.ones((2, 2)), table, COEFFICIENTS, TIMES, **look, ax=ax)
    assert [bar.get_width() for bar in bars] == [0.3, 0.7], "low rows first"
    left, right = ax.figure.axes
    assert left.get_ylim() == right.get_ylim()
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == sorted(bar.get_y() + bar.get_height() / 2 for bar in bars)
    assert left.collections[0].get_clim() == (0, 1)


def test_a_legend_beside_its_axes_goes_under_them(ax):
    figures.plot_bands(bands(), CLASSES, ax=ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    legend_below(ax.figure)
    assert ax.get_legend() is None
    [legend] = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names


def test_fewer_colours_keep_dark_red_red(rng):
    """Among many other colours PIL's median cut gives it twice the blue."""
    picture = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    picture[0, 0] = (0x67, 0x00, 0x1F)
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "PNG")
    red, _, blue = PIL.Image.open(io.BytesIO(fewer_colours(buffer.getvalue()))).convert("RGB").getpixel((0, 0))
    assert red > 2 * blue


def test_the_null_is_drawn_only_where_there_is_one(ax):
    figures.plot_bands(bands(), CLASSES, ax=ax)
    assert "random weights" not in [text.get_text() for text in ax.get_legend().get_texts()]
    other = figures.figure(3)[1]
    figures.plot_bands(bands(null_share=0.31), CLASSES, ax=other)
    assert "random weights" in [text.get_text() for text in other.get_legend().get_texts()]
    assert [patch.get_width() for patch in other.patches].count(0.31) == 6


def test_the_dashed_line_is_an_even_spread(ax):
    figures.plot_bands(bands(), CLASSES, ax=ax)
    assert ax.lines[0].get_xdata() == pytest.approx([1 / 3, 1 / 3])


def test_confusion_prints_counts_and_shares_of_the_true_class(ax):
    image = figures.plot_confusion(np.array([[9, 1], [0, 0]]), ["yes", "no"], ax=ax)
    assert [text.get_text() for text in ax.texts] == ["9\n90 %", "1\n10 %", "0\n0 %", "0\n0 %"]
    assert np.asarray(image.get_array()) == pytest.approx(np.array([[0.9, 0.1], [0, 0]]))


def test_history_marks_the_kept_epoch_on_whole_epochs(ax):
    lines = figures.plot_history(history(), 1, ax=ax)
    left, right = ax.figure.axes
    assert [line.get_xydata().tolist() for line in left.lines if line.get_marker() == "o"] == [[[1, pytest.approx(0.55)]]]
    assert lines[2].axes is right
    assert all(float(tick).is_integer() for tick in right.get_xticks())


def test_history_draws_every_fold(ax):
    both = pd.concat([history().assign(fold=0), history().assign(fold=1)])
    assert len(figures.plot_history(both, [1, 2], ax=ax)) == 6
    with pytest.raises(ValueError, match="zip"):
        figures.plot_history(both, [1], ax=figures.figure(3)[1])


def test_speakers_are_sorted_and_coloured_by_class(ax):
    dots = figures.plot_speakers(speakers(), CLASSES, ax=ax)
    assert dots.get_offsets()[:, 1].tolist() == [0.5, 0.75, 1.0]
    colours = [to_hex(colour).upper() for colour in dots.get_facecolors()]
    assert colours[1:] == [figures.class_colours(CLASSES)["female"], figures.class_colours(CLASSES)["male"]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b", "c", "a"]
    assert "5 to 20 clips" in ax.get_xlabel()


def test_comparison_shows_intervals_and_chance(ax):
    rows = pd.DataFrame({"name": ["network", "majority class"], "value": [0.996, 0.5], "low": [0.9, 0.5], "high": [1.0, 0.5]})
    lines = figures.plot_comparison(rows, chance=0.5, ax=ax)
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[0.9, 1.0], [0.5, 0.5]]
    assert "99.6 %" in [text.get_text() for text in ax.texts]
    assert ax.lines[0].get_xdata() == pytest.approx([0.5, 0.5])


def test_lr_find_has_a_logarithmic_axis_and_names_the_choice(ax):
    figures.plot_lr_find(np.array([1e-5, 1e-4, 1e-3]), np.array([1.0, 0.8, 2.0]), 1e-4, ax=ax)
    assert ax.get_xscale() == "log"
    assert ax.texts[0].get_text() == "chosen: 1.0e-04"


def reliability(accuracy=(0.5, 0.75, 0.9)) -> pd.DataFrame:
    return pd.DataFrame({"clips": [0, 10, 20, 70], "confidence": [np.nan, 0.55, 0.8, 0.97], "accuracy": [np.nan, *accuracy]})


def test_reliability_draws_full_bins_beside_the_diagonal(ax):
    dots = figures.plot_reliability(reliability(), reliability((0.4, 0.5, 0.8)), ax=ax)
    assert dots.get_offsets().tolist() == [[0.55, 0.5], [0.8, 0.75], [0.97, 0.9]]
    assert dots.get_sizes() == pytest.approx(8 + 200 * np.array([10, 20, 70]) / 70)
    assert ax.lines[0].get_xydata().tolist() == [[0, 0], [1, 1]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["before", "with temperature"]
    assert ax.get_xlim()[0] == 0.5


def test_risk_rises_in_steps_and_its_marks_are_named(ax):
    table = pd.DataFrame({"coverage": [0.2, 0.6, 1.0], "error": [0.0, 0.01, 0.04]})
    line = figures.plot_risk_coverage(table, {"all": (1.0, 0.04), "sure": (0.6, 0.01)}, ax=ax)
    assert line.get_xydata().tolist() == table.to_numpy().tolist()
    assert [mark.get_xydata().tolist() for mark in ax.lines[1:]] == [[[1.0, 0.04]], [[0.6, 0.01]]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["all", "sure"]
    assert ax.get_ylim()[1] >= 0.04


def test_waveform_is_in_seconds(ax):
    line = figures.plot_waveform(np.zeros(800), 16_000, ax=ax)
    assert line.get_xdata()[-1] == pytest.approx(799 / 16_000)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: figures.plot_matrix(np.zeros((1, 1)), Axis("frequency", np.array([500.0]), "Hz"), TIMES_OF_ONE, ax=ax),
        lambda ax: figures.plot_map(
            np.zeros((1, 1)), np.ones((1, 1)), Axis("coefficient", np.arange(1), ""), TIMES_OF_ONE, ax=ax
        ),
        lambda ax: figures.plot_speakers(speakers().head(1), CLASSES, ax=ax),
        lambda ax: figures.plot_history(history(1), 0, ax=ax),
        lambda ax: figures.plot_reliability(reliability().head(2), ax=ax),
        lambda ax: figures.plot_risk_coverage(pd.DataFrame({"coverage": [1.0], "error": [0.0]}), {}, ax=ax),
        lambda ax: figures.plot_bands(bands().head(1), CLASSES, ax=ax),
        lambda ax: figures.plot_confusion(np.eye(14, dtype=int), [f"class {i}" for i in range(14)], ax=ax),
    ],
)
def test_one_of_anything_or_many_classes_can_be_drawn(ax, draw):
    draw(ax)
    assert figures.png_bytes(ax.figure, dpi=50).startswith(b"\x89PNG")


TIMES_OF_ONE = Axis("time", np.array([0.0125]), "s")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.966, "97"), (1.0, "100"), (0.996, "99.6"), (0.9999, ">99.9"), (0.0, "0"), (0.002, "0.2"), (0.0001, "<0.1"), (None, "–")],  # noqa: RUF001  # the dash is meant
)
def test_percent_keeps_0_and_100_for_none_and_all(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.0154, "1.5"), (0.0, "0"), (1.0, "100"), (0.0004, "0.04"), (0.99999, ">99.99")])
def test_percent_with_a_digit_after_the_point(share, text):
    assert percent(share, 1) == text


def test_figures_need_no_torch_and_no_pyplot():
    code = "import sys, voicecam.figures, voicecam.report; sys.exit(bool({'torch', 'matplotlib.pyplot'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_mixes_are_drawn_from_the_rest_to_the_evidence_in_the_colours_of_their_classes(ax):
    shares, scores = [1.0, 0.0, 0.5] * 2, np.array([5.0, -1, 2, 3, 1, 2])
    table = pd.DataFrame({"class": ["male"] * 3 + ["female"] * 3, "share": shares, "score": scores})
    lines = figures.plot_mix(table.assign(low=scores - 1, high=scores + 2), CLASSES, ax=ax)
    assert [line.get_label() for line in lines] == ["female", "male"]
    np.testing.assert_array_equal(lines[1].get_xydata(), [[0, -1], [0.5, 2], [1, 5]])
    assert [to_hex(line.get_color()) for line in lines] == [to_hex(figures.class_colours(CLASSES)[n]) for n in ("female", "male")]
    assert {tuple(point) for point in ax.collections[1].get_paths()[0].vertices} >= {(0, -2), (0, 1), (1, 4), (1, 7)}

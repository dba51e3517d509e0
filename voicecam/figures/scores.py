"""How well it works: network beside baselines, confusion, speakers. Computes no metric; see voicecam.evaluation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.image import AxesImage

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, class_colours, per_cent, percent, tidy

BOTH_NUMBERS = 12  # classes up to which a cell holds count and per cent
BACK = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind a number, so that no line crosses it
ALL_NAMES = 32  # speakers up to which each gets its name


def plot_comparison(rows: pd.DataFrame, *, chance: float, ax: Axes) -> LineCollection:
    """Balanced accuracy of the network (first row, in colour) and the baselines, with 95 % intervals.

    rows : columns name, value, low, high (0 to 1); chance : 1 / number of classes, the dotted line
    """
    places = np.arange(len(rows))[::-1]
    colours = [CLASS_COLOURS[0] if i == 0 else GREY for i in range(len(rows))]
    lines = ax.hlines(places, rows["low"].astype(float), rows["high"].astype(float), colors=colours, linewidth=2.5)
    ax.scatter(rows["value"], places, c=colours, s=45, zorder=3)
    for place, value in zip(places, rows["value"]):
        ax.annotate(
            f"{percent(value)} %",
            (value, place),
            (0, 8),
            textcoords="offset points",
            ha="center",
            size=SMALL,
            bbox=BACK,
        )
    ax.axvline(chance, color=INK, linestyle=":", linewidth=1.2)
    ax.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", size=SMALL)
    ax.set_yticks(places, [_wrapped(name) for name in rows["name"]])
    ax.set(xlim=(0, 1.02), ylim=(-0.6, len(rows) - 0.3), xlabel="balanced accuracy")
    ax.xaxis.set_major_formatter(per_cent())
    tidy(ax)
    return lines


def plot_confusion(counts: np.ndarray, classes: Sequence[str], *, ax: Axes) -> AxesImage:
    """Clips by true class (rows) and answer (columns); colour and per cent are of the row, that is of the true class.

    counts : shape (n_classes, n_classes), integers. Above 12 classes a cell holds its count only, and none where it is 0.
    """
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        text = _cell(int(count), share[row, column], len(classes))
        ax.text(column, row, text, ha="center", va="center", size=SMALL, color="white" if share[row, column] > 0.6 else "black")
    ax.set_xticks(
        range(len(classes)), classes, rotation=45 if len(classes) > 5 else 0, ha="right" if len(classes) > 5 else "center"
    )
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="the network's answer", ylabel="true class")
    ax.tick_params(labelsize=SMALL, length=0)
    ax.spines[:].set_visible(False)
    return image


def plot_speakers(per_speaker: pd.DataFrame, classes: Sequence[str], *, ax: Axes) -> PathCollection:
    """Accuracy of each speaker, lowest first; colour is the true class ("mixed" is grey), area goes with the clips.

    per_speaker : columns speaker, true_class, clips, accuracy (0 to 1)
    Names stand below up to 32 speakers.
    """
    table = per_speaker.sort_values(["accuracy", "speaker"])
    colours = class_colours(classes)
    areas = 20 + 100 * table["clips"] / table["clips"].max()
    dots = ax.scatter(
        np.arange(len(table)), table["accuracy"], s=areas, c=[colours.get(name, GREY) for name in table["true_class"]]
    )
    dots.set_clip_on(False)
    shown = [name for name in dict.fromkeys([*classes, "mixed"]) if name in set(table["true_class"])]
    handles = [ax.scatter([], [], color=colours.get(name, GREY), label=name) for name in shown]
    ax.legend(handles=handles, fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.02), ncols=4)
    ax.set(ylabel="clips classified correctly", ylim=(0, 1.03), xlim=(-0.7, len(table) - 0.3))
    ax.set_xlabel(f"speaker ({_span(table['clips'])} each)" if len(table) > 1 else f"speaker ({_span(table['clips'])})")
    ax.yaxis.set_major_formatter(per_cent())
    _name_speakers(table, ax)
    tidy(ax)
    return dots


def _name_speakers(table: pd.DataFrame, ax: Axes) -> None:
    if len(table) > ALL_NAMES:
        ax.set_xticks([])
        return
    steep = len(table) > 8
    names = [name if len(name) <= 16 else f"{name[:15]}\N{HORIZONTAL ELLIPSIS}" for name in map(str, table["speaker"])]
    ax.set_xticks(
        range(len(table)),
        names,
        rotation=60 if steep else 0,
        ha="right" if steep else "center",
        rotation_mode="anchor" if steep else "default",
    )


def _span(clips: pd.Series) -> str:
    low, high = int(clips.min()), int(clips.max())
    if low == high:
        return f"{low} clip" if low == 1 else f"{low} clips"
    return f"{low} to {high} clips"


def _cell(count: int, share: float, n_classes: int) -> str:
    if n_classes > BOTH_NUMBERS:
        return str(count) if count else ""
    return f"{count}\n{percent(share)} %"


def _wrapped(name: str) -> str:
    """The name on two lines where it is long."""
    words, half = str(name).split(), len(str(name)) / 2
    if len(str(name)) <= 26:
        return str(name)
    cut = next(i for i in range(1, len(words) + 1) if len(" ".join(words[:i])) >= half)
    return "\n".join(filter(None, [" ".join(words[:cut]), " ".join(words[cut:])]))

"""Encodings of clips as points in a plane: by class with where the answer changes, and by speaker. Computes nothing."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from voicecam.figures.canvas import PALE, SMALL, class_colours, split

NAMED = 12  # speakers named at most: as many as there are colours
DOTS = 14  # points squared, the size of a dot


def plot_embedding_map(
    points: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    classes: Sequence[str],
    *,
    ax: Axes,
    boundary: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> tuple[Axes, Axes]:
    """Two panels: the points coloured by class, over the regions of each answer, and the same points by speaker.

    points : float (clip, 2), of no unit; classes_of, speakers : of each clip; classes : all of them, in the network's order
    boundary : x (column,), y (row,) and the place in `classes` of the answer there, int (row, column)
    Up to NAMED speakers are named; of more, those with most clips, and the others are grey.
    """
    left, right = split(ax)
    colours = class_colours(classes)
    if boundary is not None:
        x, y, answers = boundary
        for i, name in enumerate(classes):
            inside = np.where(answers == i, 1.0, 0.0)
            if inside.any():
                left.contourf(x, y, inside, levels=[0.5, 1.5], colors=[colours[name]], alpha=0.13)
            if inside.any() and (answers != i).any():
                left.contour(x, y, inside, levels=[0.5], colors=["#333333"], linewidths=0.8)
    truth = np.asarray(classes_of)
    for name in classes:
        left.scatter(points[truth == name, 0], points[truth == name, 1], s=DOTS, color=colours[name], linewidths=0, label=name)
    who = np.asarray(speakers)
    names, counts = np.unique(who, return_counts=True)
    named = sorted(names[np.argsort(-counts, kind="stable")][:NAMED])
    others = ~np.isin(who, named)
    if others.any():
        n = len(names) - len(named)
        label = f"{n} other{'s' * (n != 1)}"
        right.scatter(points[others, 0], points[others, 1], s=DOTS, color=PALE, linewidths=0, label=label)
    for name, colour in class_colours(named).items():
        right.scatter(points[who == name, 0], points[who == name, 1], s=DOTS, color=colour, linewidths=0, label=name)
    for panel, title, columns in ((left, "by class", 2), (right, "by speaker", 3)):
        panel.set_title(title, fontsize=10)
        panel.set(xticks=[], yticks=[])  # the plane's numbers mean nothing
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns, fontsize=SMALL, frameon=False, handletextpad=0.1)
    right.set(xlim=left.get_xlim(), ylim=left.get_ylim())
    return left, right

"""Whether maps rank the cells that count, and whether they change with the weights. Computes no map and no measure."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D

from voicecam.figures.canvas import CLASS_COLOURS, GREY, INK, SMALL, tidy

NULL, PICTURE = "random", "loudest cell (no network)"  # the rows that no network made
SHOWN = {"deletion": "deletion (low is good)", "insertion": "insertion (high is good)", "road": "ROAD (high is good)"}
STYLES = ("-", "--", "-.", ":")


def plot_faithfulness(table: pd.DataFrame, *, ax: Axes) -> list[PathCollection]:
    """Deletion, insertion and ROAD of each method with 95 % intervals, a colour per measure; the lines are those of random cells.

    table : columns method and, for each measure, value, _low and _high ("deletion", "deletion_low", ...); one row is "random"
    """
    rows = table[table["method"] != NULL].reset_index(drop=True)
    null, drawn = table[table["method"] == NULL], []
    for i, (measure, name) in enumerate(SHOWN.items()):
        places = -np.arange(len(rows)) + 0.22 * (1 - i)
        colour = CLASS_COLOURS[i]
        ax.hlines(places, rows[f"{measure}_low"], rows[f"{measure}_high"], color=colour, linewidth=2)
        drawn.append(ax.scatter(rows[measure], places, color=colour, s=26, zorder=3, label=name))
        for value in null[measure]:
            ax.axvline(value, color=colour, linestyle=":", linewidth=1.2, zorder=0)
    ax.set_yticks(-np.arange(len(rows)), rows["method"])
    ax.set(xlabel="area under the probability; ROAD: difference", ylim=(-len(rows) + 0.4, 0.6))
    handles = [*drawn, Line2D([], [], color=INK, linestyle=":", linewidth=1.2, label="random cells")]
    ax.legend(handles=handles, fontsize=SMALL, frameon=False, loc="lower center", bbox_to_anchor=(0.42, 1), ncols=2)
    tidy(ax)
    return drawn


def plot_likeness(each: pd.DataFrame, table: pd.DataFrame, *, ax: Axes) -> list[PathCollection]:
    """Likeness of maps to those of networks with random weights: a row per method, a dot per network; the thick stroke is what
    unrelated maps reach, which dots must stay left of, the cross how alike random networks' maps are to each other.

    each : columns method, likeness; table : method, bar, random; see explanation.draws
    """
    drawn = []
    for i, (_, row) in enumerate(table.iterrows()):
        dots = each.loc[each["method"] == row["method"], "likeness"]
        colour = GREY if row["method"] == PICTURE else CLASS_COLOURS[0]
        drawn.append(ax.scatter(dots, np.full(len(dots), -i), color=colour, s=16, alpha=0.5, linewidth=0))
        ax.vlines(row["bar"], -i - 0.32, -i + 0.32, color=INK, linewidth=2.5)
        ax.scatter([row["random"]], [-i], marker="x", color=INK, s=26, zorder=3)
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.set_yticks(-np.arange(len(table)), table["method"])
    ax.set(xlabel="rank correlation of sizes with random maps", ylim=(-len(table) + 0.4, 0.6), xlim=(None, 1.05))
    tidy(ax)
    return drawn


def plot_randomisation(table: pd.DataFrame, *, ax: Axes) -> list[Line2D]:
    """Likeness in size to the trained network's maps while it is made random from the top down, by one draw: a line per method
    with its 95 % band.

    table : columns method, stage, depth (0, 1, ...), absolute, absolute_low, absolute_high; see explanation.randomise
    """
    stages = table.drop_duplicates("depth").set_index("depth")["stage"].sort_index()
    names, drawn = list(dict.fromkeys(table["method"])), []
    for i, name in enumerate(names):
        rows = table[table["method"] == name].sort_values("depth")
        colour = GREY if name == PICTURE else CLASS_COLOURS[i % len(CLASS_COLOURS)]
        style = STYLES[i % len(STYLES)]
        ax.fill_between(rows["depth"], rows["absolute_low"], rows["absolute_high"], color=colour, alpha=0.12, linewidth=0)
        drawn += ax.plot(rows["depth"], rows["absolute"], color=colour, linestyle=style, marker="o", markersize=4, label=name)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.set_xticks(stages.index, stages)
    ax.set(xlabel="random from the top down to", ylabel="rank correlation of sizes", ylim=(None, 1.05))
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.05, 1))
    tidy(ax)
    return drawn

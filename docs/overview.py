"""Draw docs/overview.png, the picture in the README, from a finished run: a clip, its map, and the shares per band.

usage: python docs/overview.py RUN
"""

import sys
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg

from voicecam import figures, pages, runs
from voicecam.figures.canvas import LiteralFigure
from voicecam.files import write_bytes


def main(run: str) -> None:
    """Write the picture."""
    folder = Path("results") / run
    content = pages.run_content(folder, runs.run_dataset(runs.open_run(folder)))
    explanation = content.explanation
    clip = content.examples[0]
    fig = LiteralFigure(figsize=(9.5, 5.6), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplot_mosaic([["clip", "bands"], ["map", "bands"]], width_ratios=[1, 1.15])
    figures.plot_picture(clip.picture, content.rows, content.columns, spreads=content.spreads, ax=axes["clip"])
    axes["clip"].set_title(f"one clip ({clip.true}): what the network gets", fontsize=10)
    vmax = max(float(mean.max()) for mean in explanation.mean_maps.values())
    figures.plot_mean_map(explanation.mean_maps[clip.true], content.rows, content.columns, ax=axes["map"], vmax=vmax)
    axes["map"].set_title(f"mean {explanation.method} map for {clip.true}", fontsize=10)
    figures.plot_bands(explanation.bands, content.classes, ax=axes["bands"])
    axes["bands"].set_title(f"share of the maps per band, {content.corpus}", fontsize=10)
    write_bytes(Path(__file__).with_name("overview.png"), figures.png_bytes(fig, dpi=110))


if __name__ == "__main__":
    main(sys.argv[1])

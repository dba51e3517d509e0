"""Draw the picture in the README from a finished run: a clip, its map, and the shares per band."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
import _start  # noqa: F401

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python docs/overview.py demo --out docs/overview.png")
    parser.add_argument("run", help="name of a finished run in results/")
    parser.add_argument("--out", type=Path, help="file to write (default: figures/overview.png in the run's folder)")
    args = parser.parse_args(argv)
    return cli.finish(lambda: draw(args), stopped="stopped; nothing was written")


def draw(args: argparse.Namespace) -> str:
    """Draw the picture; returns the last line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from voicecam import figures, runs
    from voicecam.commands import run_report
    from voicecam.figures.canvas import LiteralFigure
    from voicecam.files import write_bytes

    folder = cli.RESULTS / args.run
    content = run_report.run_content(folder, runs.run_dataset(runs.open_run(folder)))
    explanation, clip = content.explanation, content.examples[0]
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
    path = args.out or folder / "figures" / "overview.png"
    write_bytes(path, figures.png_bytes(fig, dpi=110))
    return f"wrote {path}"


if __name__ == "__main__":
    sys.exit(main())

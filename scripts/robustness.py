"""Test an evaluated run again on short, noisy, reverberant and telephoned clips: robustness.csv and its figure in its folder."""

import argparse
import sys
from collections.abc import Sequence

from voicecam import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/robustness.py --run demo --limit 100")
    parser.add_argument("--run", required=True, help="name of an evaluated run in results/")
    parser.add_argument("--limit", type=int, help="clips per class, of as many speakers as can be (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of noise, rooms and the choice of clips")
    args = parser.parse_args(argv)
    return cli.finish(lambda: measure(args))


def measure(args: argparse.Namespace) -> str:
    """Make the table and draw it; returns the last line."""
    from voicecam import figures, robustness  # imports torch: not before the options are known to be good
    from voicecam.files import write_bytes

    folder = cli.RESULTS / args.run
    table = robustness.run_robustness(folder, limit=args.limit, seed=args.seed, say=cli.say, progress=cli.progress)
    fig, ax = figures.figure(5.5)
    figures.plot_robustness(table, ax=ax)
    write_bytes(folder / "figures" / "robustness.png", figures.png_bytes(fig))
    clean, worst = table.iloc[0], table.loc[table["balanced_accuracy"].idxmin()]
    values = f"{clean['balanced_accuracy']:.3f} clean, least with {worst['condition']}: {worst['balanced_accuracy']:.3f}"
    return f"wrote {folder / 'robustness.csv'} and figures/robustness.png: balanced accuracy {values}"


if __name__ == "__main__":
    sys.exit(main())

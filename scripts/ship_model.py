"""Copy the trained network of a run into models/, as float16 with its scores, so that it travels with the project."""

import _start  # noqa: F401  before all that takes time

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from voicecam import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/ship_model.py --run backbone --out models/backbone")
    parser.add_argument("--run", required=True, help="name of a run with one network")
    parser.add_argument("--tested", metavar="RUN", help="run over several folds whose scores it goes by (default: its own)")
    parser.add_argument("--out", required=True, type=Path, help="folder to write; a model that is there is replaced")
    args = parser.parse_args(argv)
    return cli.finish(lambda: ship(args))


def ship(args: argparse.Namespace) -> str:
    """Copy the model; returns the last line."""
    from voicecam import runs  # imports torch: not before the options are known to be good

    path = runs.ship(cli.RESULTS / args.run, args.out, tested=cli.RESULTS / args.tested if args.tested else None)
    return f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())

"""Copy the trained network of a run into models/, as float16 with its scores, so that it travels with the project."""

import _start  # noqa: F401  before all that takes time

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/ship_model.py --run backbone --out models/backbone")
    parser.add_argument("--run", help="name of a run with one network; without it the model in --out gets its scores again")
    parser.add_argument(
        "--tested", metavar="RUN", help="run over several folds whose scores it goes by (default: those of --run)"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder to write; a model that is there is replaced")
    args = parser.parse_args(argv)
    if not args.run and not args.tested:
        parser.error("give --run, --tested or both")
    return cli.finish(lambda: ship(args))


def ship(args: argparse.Namespace) -> str:
    """Copy the model; returns the last line."""
    from voicecam import runs  # imports torch: not before the options are known to be good
    from voicecam.network import load_model
    from voicecam.runs import external  # imports torch: not before the options are known to be good

    run, borrowed = (cli.RESULTS / name if name else None for name in (args.run, args.tested))
    path = runs.ship(run, args.out, tested=borrowed) if run else runs.rescore(args.out, tested=borrowed)
    tested = load_model(args.out).meta.get("tested", {})
    for line in external.corpus_lines(tested) if "by_corpus" in tested else ():
        cli.log(line)
    return f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())

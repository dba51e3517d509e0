"""Explain an evaluated run: maps of every tested clip, evidence per band and class, tests of the maps, and the report."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/explain.py --run digits --layer layer4 --target predicted")
    parser.add_argument("--run", required=True, help="name of an evaluated run in results/")
    cli.add_explain_options(parser)
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.explain_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

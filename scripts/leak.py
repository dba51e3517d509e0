"""Measure what a random split by clip adds to the score: the same clips, network and settings, split by clip and by speaker."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/leak.py --corpus demo --label gender --run demo-leak --epochs 3")
    parser.add_argument("--run", required=True, help="name of a new folder in results/, or of a stopped comparison to go on with")
    cli.add_corpus_options(parser)
    cli.add_run_options(parser)
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.leak_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

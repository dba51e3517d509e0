"""Hold two evaluated runs on the same clips against each other: is one better, or could it be chance?"""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/compare.py --run demo demo-logmel")
    parser.add_argument("--run", nargs=2, required=True, metavar=("A", "B"), help="names of two evaluated runs in results/")
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.compare_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

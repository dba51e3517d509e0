"""Set the explained runs of several trainings side by side: where in Hz does their evidence lie, and does the sign hold?"""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/centroids.py --run baved-seed0 baved-seed1 baved-seed2")
    parser.add_argument("--run", nargs="+", required=True, metavar="RUN", help="names of explained runs in results/")
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.centroids_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

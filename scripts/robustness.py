"""Test an evaluated run again on short, noisy, reverberant and telephoned clips: robustness.csv and its figure in its folder."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/robustness.py --run demo --limit 100")
    parser.add_argument("--run", required=True, help="name of an evaluated run in results/")
    parser.add_argument(
        "--limit", type=cli.whole(1, 1_000_000), help="clips per class, of as many speakers as can be (default: all)"
    )
    parser.add_argument("--seed", type=cli.SEED, default=0, help="of noise, rooms and the choice of clips")
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.robustness_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

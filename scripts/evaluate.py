"""Measure a trained run on the clips it held back: predictions.csv, per_speaker.csv and metrics.json in its folder."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/evaluate.py --run digits")
    parser.add_argument("--run", required=True, help="name of a trained run in results/")
    parser.add_argument(
        "--recalibrate",
        action="store_true",
        help="first choose temperature and threshold again on the validation speakers, as a run of an older program needs",
    )
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.evaluate_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

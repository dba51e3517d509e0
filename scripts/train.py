"""Fine-tune a ResNet on the images of a map, into a new run in results/."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence
from pathlib import Path

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(
        __doc__, "python scripts/train.py --map maps/audiomnist-1a2b3c-0123456789.json --label digit --run digits"
    )
    parser.add_argument("--map", required=True, type=Path, help="map that scripts/make_images.py wrote")
    parser.add_argument("--run", required=True, help="name of the run: a new folder in results/, or a stopped run to go on with")
    cli.add_run_options(parser)
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.train_job(args, args.map)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

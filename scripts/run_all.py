"""The main job: a corpus of recordings becomes images, a trained network, its scores on held-back voices, maps, and a report."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/run_all.py --corpus demo --run demo")
    parser.add_argument("--run", required=True, help="name of the run: a new folder in results/, or a stopped run to go on with")
    cli.add_corpus_options(parser)
    cli.add_run_options(parser)
    cli.add_explain_options(parser)
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return jobs.whole_job(args)

    return cli.finish(work)


if __name__ == "__main__":
    sys.exit(main())

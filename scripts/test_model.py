"""Test a saved model on corpora that it did not learn from: a row of scores for each, and tables in a new folder in results/."""

import _start  # noqa: F401  before all that takes time

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from voicecam.commands import cli
from voicecam.files import VOICE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/test_model.py --corpus cache/EMO-DB --run voice-emodb")
    parser.add_argument("--model", type=Path, default=VOICE, help="folder of a saved model")
    parser.add_argument("--run", required=True, help="name of the test: a new folder in results/")
    cli.add_corpora_option(parser)
    parser.add_argument("--min-age", type=cli.AGE, default=0.0, help="youngest speakers kept, in years; 0 keeps unknown ages too")
    parser.add_argument("--max-age", type=cli.AGE, help="oldest speakers kept, in years")
    args = parser.parse_args(argv)
    return cli.finish(lambda: score(args))


def score(args: argparse.Namespace) -> str:
    """Score the model; returns the last line."""
    from voicecam.commands import jobs  # imports torch: not before the options are known to be good

    return jobs.test_job(args)


if __name__ == "__main__":
    sys.exit(main())

"""Test a saved model on corpora that it did not learn from: a row of scores for each, and tables in a new folder in results/."""

import argparse
from pathlib import Path

from voicecam.commands import cli, job
from voicecam.config import SHIPPED_MODEL

EXAMPLE = "--corpus cache/EMO-DB --run voice-emodb"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="folder of a saved model")
    parser.add_argument("--run", required=True, help="name of the test: a new folder in results/")
    cli.add_corpora_option(parser)
    parser.add_argument("--min-age", type=cli.AGE, default=0.0, help="youngest speakers kept, in years; 0 keeps unknown ages too")
    parser.add_argument("--max-age", type=cli.AGE, help="oldest speakers kept, in years")
    parser.add_argument(
        "--new-speakers", action="store_true", help="leave out speakers whom the model was trained on, instead of stopping there"
    )
    cli.add_engine_option(parser)


work = job("test_job")

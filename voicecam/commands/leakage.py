"""Measure what a random split by clip adds to the score: the same clips, network and settings, split by clip and by speaker."""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--corpus demo --label gender --run demo-leak --epochs 3"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--run", required=True, help="name of a new folder in results/, or of a stopped comparison to go on with")
    cli.add_corpus_options(parser)
    cli.add_run_options(parser)


work = job("leak_job")

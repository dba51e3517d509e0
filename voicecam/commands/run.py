"""The main job: a corpus of recordings becomes images, a trained network, its scores on held-back voices, maps, and a report."""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--corpus demo --run demo"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--run", required=True, help="name of the run: a new folder in results/, or a stopped run to go on with")
    cli.add_corpus_options(parser)
    cli.add_run_options(parser)
    cli.add_explain_options(parser)


work = job("whole_job")

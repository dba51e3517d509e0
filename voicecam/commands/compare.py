"""Hold two evaluated runs on the same clips against each other: is one better, or could it be chance?"""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--run demo demo-logmel"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, nargs=2, metavar=("A", "B"), help="names of two evaluated runs in results/")


work = job("compare_job")

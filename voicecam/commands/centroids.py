"""Set the explained runs of several trainings side by side: where in Hz does their evidence lie, and does the sign hold?"""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--run baved-seed0 baved-seed1 baved-seed2"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, nargs="+", metavar="RUN", help="names of explained runs in results/")


work = job("centroids_job")

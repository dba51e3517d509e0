"""Write the report of an explained run again, with its figures, from what lies in its folder."""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--run demo"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, help="name of an explained run in results/")


work = job("report_job")

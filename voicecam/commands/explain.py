"""Explain an evaluated run: maps of every tested clip, evidence per band and class, tests of the maps, and the report."""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--run digits --layer layer4 --target predicted"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, help="name of an evaluated run in results/")
    cli.add_explain_options(parser)
    cli.add_engine_option(parser)


work = job("explain_job")

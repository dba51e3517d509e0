"""Test an evaluated run again on short, noisy, reverberant and telephoned clips: robustness.csv and its figure in its folder."""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--run demo --limit 100"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, help="name of an evaluated run in results/")
    parser.add_argument(
        "--limit", type=cli.whole(1, 1_000_000), help="clips per class, of as many speakers as can be (default: all)"
    )
    parser.add_argument("--seed", type=cli.SEED, default=0, help="of noise, rooms and the choice of clips")


work = job("robustness_job")

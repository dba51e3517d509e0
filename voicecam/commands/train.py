"""Fine-tune a ResNet on the images of a map, into a new run in results/."""

import argparse
from pathlib import Path

from voicecam.commands import cli

EXAMPLE = "--map maps/audiomnist-1a2b3c-0123456789.json --label digit --run digits"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--map", required=True, type=Path, help="map that `voicecam images` wrote")
    parser.add_argument("--run", required=True, help="name of the run: a new folder in results/, or a stopped run to go on with")
    cli.add_run_options(parser)


def work(args: argparse.Namespace) -> str:
    """Do it; returns the last line."""
    from voicecam.commands import jobs  # imports torch: not before the options are known to be good

    return jobs.train_job(args, args.map)

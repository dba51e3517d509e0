"""Hold two evaluated runs on the same clips against each other: is one better, or could it be chance? Or the maps of several."""

import argparse

from voicecam.commands import cli, job

EXAMPLE = "--run demo demo-logmel"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, nargs="+", metavar="RUN", help="two evaluated runs in results/; with --maps explained ones")
    parser.add_argument(
        "--maps",
        metavar="NAME",
        help="instead, maps of the runs side by side, and how each goes with bands taken out of the sound; into results/NAME",
    )
    parser.add_argument("--clips", type=cli.whole(1, 20), default=4, help="clips in the figure of --maps")


def work(args: argparse.Namespace) -> str:
    """Compare, by scores or by maps; returns the last line."""
    if args.maps is None:
        return job("compare_job")(args)
    from voicecam.commands.compare_maps import compare_maps_job

    return compare_maps_job(args)

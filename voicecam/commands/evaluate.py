"""Measure a trained run on the clips it held back: predictions.csv, per_speaker.csv and metrics.json in its folder."""

import argparse
from pathlib import Path

from voicecam.commands import cli, job

EXAMPLE = "--run digits"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_done_run(parser, help="name of a trained run in results/")
    parser.add_argument(
        "--recalibrate",
        action="store_true",
        help="first choose temperature and threshold again on the validation speakers, as a run of an older program needs",
    )
    parser.add_argument(
        "--mistakes",
        action="store_true",
        help="copy wrongly answered clips to results/RUN/mistakes, with a page to hear them; always done for systems A to D",
    )
    parser.add_argument(
        "--answers",
        type=Path,
        metavar="FILE",
        help="also write the answers as a challenge takes them, a CSV with columns wav_file,label, see docs/CORPORA.md",
    )


work = job("evaluate_job")

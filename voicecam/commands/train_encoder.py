"""Train a speech model on a corpus, into a new run in results/: system A, B, C or D."""

import argparse

from voicecam.commands import cli
from voicecam.errors import VoicecamError

EXAMPLE = "--system A --corpus cache/baved --folds 5 --run embeddings"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--run", required=True, help="name of the run: a new folder in results/, or a stopped run to go on with")
    cli.add_corpus_options(parser)
    cli.add_run_options(parser)


def work(args: argparse.Namespace) -> str:
    """Encode the corpus and train; returns the last line."""
    if args.system is None:
        raise VoicecamError("no system given; give --system A, B, C or D")
    from voicecam.commands import jobs  # imports torch: not before the options are known to be good

    return jobs.train_job(args)

"""Copy the trained network of a run into a folder of its own, as float16 with its scores, so that it travels with the project."""

import argparse
from pathlib import Path

from voicecam.commands import cli
from voicecam.config import RESULTS
from voicecam.errors import VoicecamError

EXAMPLE = "--run backbone --out voicecam/models/backbone"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--run", help="name of a run with one network; without it the model in --out gets its scores again")
    parser.add_argument(
        "--tested", metavar="RUN", help="run over several folds whose scores it goes by (default: those of --run)"
    )
    parser.add_argument("--licence", help="of the weights, as the Hugging Face hub names it: cc-by-nc-sa-4.0, ...")
    parser.add_argument("--out", required=True, type=Path, help="folder to write; a model that is there is replaced")


def work(args: argparse.Namespace) -> str:
    """Copy the model; returns the last line."""
    if not args.run and not args.tested:
        raise VoicecamError("no run given; give --run, --tested or both")
    from voicecam import runs  # imports torch: not before the options are known to be good
    from voicecam.network import load_model
    from voicecam.runs import external  # imports torch: not before the options are known to be good

    if args.run:
        tested = RESULTS / args.tested if args.tested else None
        path = runs.ship(RESULTS / args.run, args.out, tested=tested, licence=args.licence)
    else:
        path = runs.rescore(args.out, tested=RESULTS / args.tested)
    scores = load_model(args.out).meta.get("tested", {})
    for line in external.corpus_lines(scores) if "by_corpus" in scores else ():
        cli.log(line)
    return f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB"

"""Make the espeak corpus: synthetic voices that say digits, in AudioMNIST's layout. Downloads nothing."""

import argparse
from pathlib import Path

from voicecam.commands import cli
from voicecam.config import ESPEAK
from voicecam.files import read_json

EXAMPLE = "--out cache/espeak --voices 40"
STOPPED = "stopped; nothing was written"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--out", type=Path, default=ESPEAK, help="folder to make")
    parser.add_argument("--voices", type=cli.whole(2, 1000), default=40, help="speakers, an even number; half are female")
    parser.add_argument("--digits", type=cli.whole(1, 10), default=10, help="digits that each voice says, from zero on")
    parser.add_argument("--takes", type=cli.whole(1, 1000), default=3, help="clips per voice and digit")
    parser.add_argument("--seed", type=cli.SEED, default=0, help="another seed gives other voices and rooms")


def work(args: argparse.Namespace) -> str:
    """Make it, or say that it is there; returns the last line."""
    from voicecam.corpora.espeak_corpus import make_espeak_corpus

    was_there = (args.out / "demo.json").is_file()
    make_espeak_corpus(args.out, voices=args.voices, digits=args.digits, takes=args.takes, seed=args.seed)
    return summary(args.out, was_there=was_there)


def summary(folder: Path, *, was_there: bool) -> str:
    """One line on the corpus in `folder`."""
    made = read_json(folder / "demo.json")
    voices = made["settings"]["voices"]
    state = f"{folder} is complete:" if was_there else f"wrote {folder}:"
    return (
        f"{state} {made['files']} clips, {voices} voices ({voices // 2} female, {voices // 2} male), "
        f"{made['seconds'] / 60:.1f} min, sha256 {made['sha256'][:12]}"
    )

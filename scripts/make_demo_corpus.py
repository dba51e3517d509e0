"""Make the demo corpus: synthetic voices that say digits, in AudioMNIST's layout. Downloads nothing."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence
from pathlib import Path

from voicecam.commands import cli
from voicecam.corpora.demo import make_demo_corpus
from voicecam.files import read_json


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/make_demo_corpus.py --out cache/demo --voices 40")
    parser.add_argument("--out", type=Path, default=cli.DEMO, help="folder to make")
    parser.add_argument("--voices", type=cli.whole(2, 1000), default=40, help="speakers, an even number; half are female")
    parser.add_argument("--digits", type=cli.whole(1, 10), default=10, help="digits that each voice says, from zero on")
    parser.add_argument("--takes", type=cli.whole(1, 1000), default=3, help="clips per voice and digit")
    parser.add_argument("--seed", type=cli.SEED, default=0, help="another seed gives other voices and rooms")
    args = parser.parse_args(argv)

    def work() -> str:
        was_there = (args.out / "demo.json").is_file()
        make_demo_corpus(args.out, voices=args.voices, digits=args.digits, takes=args.takes, seed=args.seed)
        return summary(args.out, was_there=was_there)

    return cli.finish(work, stopped="stopped; nothing was written")


def summary(folder: Path, *, was_there: bool) -> str:
    """One line on the corpus in `folder`."""
    made = read_json(folder / "demo.json")
    voices = made["settings"]["voices"]
    state = f"{folder} is complete:" if was_there else f"wrote {folder}:"
    return (
        f"{state} {made['files']} clips, {voices} voices ({voices // 2} female, {voices // 2} male), "
        f"{made['seconds'] / 60:.1f} min, sha256 {made['sha256'][:12]}"
    )


if __name__ == "__main__":
    sys.exit(main())

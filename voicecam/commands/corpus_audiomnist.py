"""Fetch the real AudioMNIST (about 1 GB), check every clip and unpack it. A download that broke off starts again."""

import argparse
from pathlib import Path

from voicecam.config import CACHE

EXAMPLE = "--folder cache/AudioMNIST"
STOPPED = "stopped; the same command starts again, without the download if that was done"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    from voicecam.corpora.download import URL

    parser.add_argument(
        "--folder", type=Path, default=CACHE / "AudioMNIST", help="where the corpus goes; needs 3.5 GB free while it works"
    )
    parser.add_argument("--url", default=URL, help="address of the zip archive")


def work(args: argparse.Namespace) -> str:
    """Fetch, check and unpack it; returns the last line."""
    from voicecam.corpora.download import get_audiomnist

    clips = get_audiomnist(args.folder, url=args.url)
    return f"wrote {args.folder}: {clips} clips, every one checked"

"""Turn the clips of a corpus into images (mfc_dataset/) and a map that ties each image to its wav and labels (maps/)."""

import _start  # noqa: F401  before all that takes time

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from voicecam.audio.fingerprints import from_text
from voicecam.commands import cli
from voicecam.data.dataset import make_images
from voicecam.data.duplicates import duplicates_warning, find_duplicates
from voicecam.files import read_json


def make_map(args: argparse.Namespace) -> str:
    """Make the images; returns the last line."""
    corpus = cli.corpus_of(args)
    config = cli.config_of(args, corpus)
    path = make_images(corpus, config, images=cli.IMAGES, maps=cli.MAPS, workers=args.workers, progress=cli.progress)
    entries = read_json(path)["entries"]
    failed = {name: entry["error"] for name, entry in entries.items() if "error" in entry}
    for reason in failed.values():
        print(f"left out: {reason}", file=sys.stderr)
    if warning := _copies(entries):
        print(f"warning: {warning}", file=sys.stderr)
    place = corpus.matrices or cli.IMAGES / path.stem
    return f"wrote {path}: {len(entries) - len(failed)} images in {place}, {len(failed)} clips left out"


def _copies(entries: dict[str, dict[str, Any]]) -> str:
    """Which speakers share recordings, one line; "" where none do."""
    good = {name: entry for name, entry in entries.items() if "fingerprint" in entry}
    if not good:
        return ""
    clips = pd.DataFrame({"path": list(good), "speaker": [entry["speaker"] for entry in good.values()]})
    prints = np.concatenate([from_text(entry["fingerprint"]) for entry in good.values()])
    return duplicates_warning(find_duplicates(clips, prints))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/make_images.py --corpus cache/AudioMNIST --recipe logmel")
    cli.add_corpus_options(parser)
    args = parser.parse_args(argv)
    return cli.finish(lambda: make_map(args))


if __name__ == "__main__":
    sys.exit(main())

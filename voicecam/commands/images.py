"""Turn the clips of a corpus into images (mfc_dataset/) and a map that ties each image to its wav and labels (maps/)."""

import argparse
import sys
from typing import Any

from voicecam.commands import cli
from voicecam.files import read_json

EXAMPLE = "--corpus cache/AudioMNIST --recipe logmel"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_corpus_options(parser)


def work(args: argparse.Namespace) -> str:
    """Make the images; returns the last line."""
    from voicecam.commands.corpus import config_of, corpus_of
    from voicecam.data.dataset import make_images

    corpus = corpus_of(args)
    config = config_of(args, corpus)
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
    import numpy as np
    import pandas as pd

    from voicecam.audio.fingerprints import from_text
    from voicecam.data.duplicates import duplicates_warning, find_duplicates

    clips = pd.DataFrame({"path": list(good), "speaker": [entry["speaker"] for entry in good.values()]})
    prints = np.concatenate([from_text(entry["fingerprint"]) for entry in good.values()])
    return duplicates_warning(find_duplicates(clips, prints))

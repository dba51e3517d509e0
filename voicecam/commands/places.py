"""Whether the corpora, maps, models and runs that a command names are there. Opens none of them; imports nothing heavy."""

import argparse
from pathlib import Path

from voicecam.commands.cli import run_folder
from voicecam.config import CACHE, NO_BACKBONE, SHIPPED_BACKBONE
from voicecam.errors import DatasetError, ModelError


def check_places(args: argparse.Namespace) -> None:
    """Raises DatasetError or ModelError for the first that is not there."""
    for place in getattr(args, "corpus", None) or ():
        if place not in ("demo", "espeak") and not Path(place).exists():
            raise DatasetError(f"{place}: no such folder or CSV file; {_remedy(str(place))}")
    if getattr(args, "map", None) and not args.map.is_file():
        raise DatasetError(f"{args.map}: no such file; make it with voicecam images")
    models = getattr(args, "model", None) or ()
    for place in (models,) if isinstance(models, Path) else models:
        if not (place / "meta.json").is_file():
            raise ModelError(f"{place}: no saved model, which has a meta.json; check the folder's name")
    if getattr(args, "init", None) == "shipped" and not (SHIPPED_BACKBONE / "meta.json").is_file():
        raise ModelError(f"the shipped backbone {NO_BACKBONE}; use --init none or imagenet")
    runs = getattr(args, "run", None) or ()
    for name in (runs,) if isinstance(runs, str) else runs:
        if not (run_folder(name) / "run.json").exists() and getattr(args, "done", False):
            raise ModelError(f"{run_folder(name)}: no such run; train one first, or check the name")


def _remedy(corpus: str) -> str:
    """What to do about a corpus that is not there."""
    from voicecam.corpora.sources import fetching, known_names  # imports pandas

    return f"fetch it with {fetching(corpus)}, then give {CACHE / corpus}" if corpus in known_names() else "check the spelling"

"""Set systems side by side on the same corpora and speakers: train what can be trained here, one table and one figure."""

import argparse
from typing import Any

from voicecam.commands import cli

EXAMPLE = "--corpus cache/BAVED cache/RAVDESS --min-age 14 --run systems"
ROWS: dict[str, dict[str, Any]] = {  # options by name, beside those of the corpora and the split
    "picture": {"recipe": "voice", "arch": "small", "init": "none", "epochs": 30, "patience": 30, "batch": 64, "lr": 0.003,
                "n_augmented": 3, "ema_decay": 0.995, "label_smoothing": 0.05},
    "resemblyzer": {"system": "A"},
    "resemblyzer-logistic": {"system": "A", "arch": "logistic"},
    "whisper-tiny": {"system": "A", "encoder": "whisper-tiny", "arch": "logistic"},
    "d-vector": {"system": "A", "encoder": "d-vector", "arch": "logistic"},
    "ina": {"system": "A", "encoder": "ina", "arch": "logistic"},
    "ecapa": {"system": "A", "encoder": "ecapa"},
    "wav2vec2": {"system": "A", "encoder": "wav2vec2"},
    "B": {"system": "B"},
    "C": {"system": "C"},
    "pitch": {},
}  # fmt: skip
USUAL = ("picture", "resemblyzer", "resemblyzer-logistic", "whisper-tiny", "d-vector", "ina", "pitch")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_corpora_option(parser)
    parser.add_argument("--systems", nargs="+", choices=tuple(ROWS), default=list(USUAL), help="rows of the table")
    parser.add_argument(
        "--run", required=True, help="name: the table goes to results/NAME, each system's run to results/NAME-SYSTEM"
    )
    parser.add_argument("--label", default="gender", help="label to learn")
    parser.add_argument("--folds", type=cli.whole(2, 1000), default=5, help="folds over speakers, where there is one corpus")
    parser.add_argument("--min-age", type=cli.AGE, default=0.0, help="youngest speakers kept, in years; 0 keeps unknown ages too")
    parser.add_argument("--limit", type=cli.whole(1, 1_000_000), default=60, help="clips per class in noise, rooms and so on")
    parser.add_argument("--weights", default="hub", help="of ecapa, wav2vec2, B and C: hub, or a folder in the hub's own format")
    parser.add_argument("--tiny", action="store_true", help="speech models small, with random weights, to try the command")
    parser.add_argument("--seed", type=cli.SEED, default=0, help="of split and weights")


def work(args: argparse.Namespace) -> str:
    """Train, test and compare; returns the last line. A system that cannot be had here is named with the reason."""
    from voicecam.commands.systems_job import systems_job

    return systems_job(args)

"""The option --engine: where a command's work on clips is done. Does none of it."""

import argparse
from typing import Any

from voicecam.engine import ADDRESS


def add_engine_option(parser: Any) -> None:
    """Where the work on clips is done."""
    parser.add_argument(
        "--engine",
        type=engine_address,
        metavar="dask://HOST:PORT",
        help="scheduler of a Dask cluster that makes the images, encodes, classifies or maps the clips (default: this computer)",
    )


def engine_address(text: str) -> str:
    """The type of --engine."""
    if not ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} must be dask://HOST:PORT, the address of a Dask scheduler")
    return text

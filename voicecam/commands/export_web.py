"""Write a saved picture network as an ONNX file that a browser runs: features, network and maps in one graph."""

import argparse
from pathlib import Path

from voicecam.config import SHIPPED_DIGITS

EXAMPLE = "--model voicecam/models/digits --out site/models/digits"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--model",
        type=Path,
        default=SHIPPED_DIGITS,
        help="folder of a saved picture network, or a fold of a run (default: digits)",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder for network.onnx and model.json")
    parser.add_argument("--name", default="", help="what pages call it (default: the folder's name)")


def work(args: argparse.Namespace) -> str:
    """Export; returns the last line."""
    from voicecam.runs.web_export import export_web

    folder = export_web(args.model, args.out, name=args.name)
    return f"wrote {folder}: {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.1f} MB"

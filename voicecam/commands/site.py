"""Make the static site: the live page with its networks, as plain files for any web host."""

import argparse
from pathlib import Path

from voicecam.config import SHIPPED_DIGITS, SHIPPED_MODEL, SITE

EXAMPLE = "--out site"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--out", type=Path, default=SITE, help="folder to write (default: site); the book in it stays")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        help="folder of a saved picture network; give several, the first is offered first (default: digits, and voice)",
    )


def work(args: argparse.Namespace) -> str:
    """Make the site; returns the last line."""
    from voicecam.server.site import make_site

    size = make_site(args.out, args.model or [SHIPPED_DIGITS, SHIPPED_MODEL])
    return f"wrote {args.out}: {size / 1e6:.1f} MB; see it: python -m http.server --directory {args.out}, then http://localhost:8000/"

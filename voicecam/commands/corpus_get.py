"""Fetch a real corpus from where its authors publish it, check every clip and unpack it. A broken download goes on."""

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicecam.config import CACHE

if TYPE_CHECKING:
    from voicecam.corpora.sources import Source

EXAMPLE = "fsdd"
STOPPED = "stopped; the same command goes on with what has arrived, but GitHub sends an archive from its start again"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    from voicecam.corpora.sources import SOURCES

    parser.add_argument("name", choices=tuple(SOURCES), metavar="NAME", help="; ".join(map(_line, SOURCES.items())))
    parser.add_argument("--folder", type=Path, help="where the corpus goes (default: cache/NAME, or cache/NAME-mini)")
    parser.add_argument("--mini", action="store_true", help="audiomnist: one take of each speaker and digit alone (37 MB)")
    parser.add_argument("--url", help="another address of the zip archive; with --mini, of the folder of single files")
    parser.add_argument("--hash", type=_hash, help="hash that the archive must have, md5:HEX or sha256:HEX; none: only record it")


def work(args: argparse.Namespace) -> str:
    """Fetch, check and unpack it; says hash, licence and citation, and returns the last line."""
    from voicecam.corpora.download import get_corpus, get_mini
    from voicecam.corpora.sources import MINI, source_of
    from voicecam.errors import DatasetError

    source = source_of(args.name)
    if args.mini and not source.mini:
        raise DatasetError(f"{args.name}: has no small part; leave --mini out")
    folder = args.folder or CACHE / (args.name + MINI * args.mini)
    found = (get_mini if args.mini else get_corpus)(_asked(source, args), folder)
    print(f"{source.title}; licence: {source.licence}\ncite: {source.citation}\nhash: {found.proof}", flush=True)
    return f"{'wrote' if found.new else 'complete:'} {folder}: {found.clips} clips; use it with --corpus {folder}"


def _line(each: "tuple[str, Source]") -> str:
    """A corpus in the help."""
    name, source = each
    return f"{name} ({source.space / 1e6:.0f} MB free needed; hash {source.proof})"


def _asked(source: "Source", args: argparse.Namespace) -> "Source":
    """The source with another address and another hash, where they are asked for."""
    place = {} if args.url is None else {"single": args.url.rstrip("/") + "/"} if args.mini else {"url": args.url}
    proof = "given by --hash" if args.hash else "recorded at the first fetch, as --hash none asks"
    right = {} if args.hash is None else {"hash": args.hash, "contents": "", "proof": proof}
    return replace(source, **place, **right)


def _hash(text: str) -> str:
    """The value of --hash."""
    if text != "none" and not re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} must be md5:HEX, sha256:HEX or none")
    return text.removeprefix("none")

"""Fetch the real AudioMNIST (about 1 GB), check every clip and unpack it. A second call goes on where the first stopped."""

import _start  # noqa: F401  before all that takes time

import sys
from collections.abc import Sequence

from voicecam.commands import cli
from voicecam.corpora.download import URL, get_audiomnist


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/get_audiomnist.py --folder cache/AudioMNIST")
    parser.add_argument("--folder", default="cache/AudioMNIST", help="where the corpus goes; needs 3.5 GB free while it works")
    parser.add_argument("--url", default=URL, help="address of the zip archive")
    args = parser.parse_args(argv)

    def work() -> str:
        clips = get_audiomnist(args.folder, url=args.url)
        return f"wrote {args.folder}: {clips} clips, every one checked"

    return cli.finish(work, stopped="stopped; the same command goes on from here where the server allows it")


if __name__ == "__main__":
    sys.exit(main())

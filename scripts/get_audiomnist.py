"""Downloads the real AudioMNIST (about 1 GB), checks every clip and unpacks it. A rerun continues where the last one stopped."""

import argparse
import sys
from collections.abc import Sequence

from voicecam.corpora.download import URL, get_audiomnist
from voicecam.errors import VoicecamError


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, keeps the example's line as it is."""


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    example = "example:\n  python scripts/get_audiomnist.py --folder cache/AudioMNIST"
    parser = argparse.ArgumentParser(description=__doc__, epilog=example, formatter_class=_Help)
    parser.add_argument("--folder", default="cache/AudioMNIST", help="where the corpus goes; needs 3.5 GB free while it works")
    parser.add_argument("--url", default=URL, help="address of the zip archive")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status: 0, 2 for bad input or a failed download, 130 after Ctrl-C."""
    arguments = _arguments(argv)
    try:
        clips = get_audiomnist(arguments.folder, url=arguments.url)
    except VoicecamError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; run the same command again: it continues where the server allows that", file=sys.stderr)
        return 130
    print(f"{arguments.folder}: {clips} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())

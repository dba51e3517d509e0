"""Fetch a real corpus from where its authors publish it, check every clip and unpack it. A broken download goes on."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("corpus get", __file__)

if __name__ == "__main__":
    sys.exit(main())

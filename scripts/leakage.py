"""Measure what a random split by clip adds to the score: the same clips, network and settings, split by clip and by speaker."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("leakage", __file__)

if __name__ == "__main__":
    sys.exit(main())

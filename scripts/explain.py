"""Explain an evaluated run: maps of every tested clip, evidence per band and class, tests of the maps, and the report."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("explain", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Copy the trained network of a run into a folder of its own, as float16 with its scores, so that it travels with the project."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("ship", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Hold two evaluated runs on the same clips against each other: is one better, or could it be chance? Or the maps of several."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("compare", __file__)

if __name__ == "__main__":
    sys.exit(main())

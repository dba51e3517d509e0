"""Make the espeak corpus: synthetic voices that say digits, in AudioMNIST's layout. Downloads nothing."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("corpus espeak", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Fetch the real AudioMNIST (about 1 GB), check every clip and unpack it. A download that broke off starts again."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("corpus audiomnist", __file__)

if __name__ == "__main__":
    sys.exit(main())

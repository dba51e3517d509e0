"""Execute notebooks in order, each in a fresh kernel, into results/notebooks/; one that fails is not written."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("notebooks", __file__)

if __name__ == "__main__":
    sys.exit(main())

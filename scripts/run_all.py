"""The main job: a corpus of recordings becomes images, a trained network, its scores on held-back voices, maps, and a report."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("run", __file__)

if __name__ == "__main__":
    sys.exit(main())

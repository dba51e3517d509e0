"""Fine-tune a ResNet on the images of a map, into a new run in results/."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("train", __file__)

if __name__ == "__main__":
    sys.exit(main())

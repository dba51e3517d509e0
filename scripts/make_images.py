"""Turn the clips of a corpus into images (mfc_dataset/) and a map that ties each image to its wav and labels (maps/)."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("images", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Make the demo voices, which come with voicecam, again from Kokoro-82M's packages."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("corpus voices", __file__)

if __name__ == "__main__":
    sys.exit(main())

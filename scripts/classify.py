"""Say of recordings what the model hears in their speech: a class, "uncertain" or "no speech"."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("classify", __file__)

if __name__ == "__main__":
    sys.exit(main())

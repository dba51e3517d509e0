"""Make the static site: the live page with its networks, as plain files for any web host."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("site", __file__)

if __name__ == "__main__":
    sys.exit(main())

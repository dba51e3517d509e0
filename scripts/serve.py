"""Serve the page on this computer: record in the browser or drop a file, and see and hear what the model hears."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("serve", __file__)

if __name__ == "__main__":
    sys.exit(main())

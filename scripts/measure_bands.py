"""Measure what each band of the sound is worth to a saved model on its training clips; the web page lays clips beside that."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("bands", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Set systems side by side on the same corpora and speakers: train what can be trained here, one table and one figure."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("systems", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Set the explained runs of several trainings side by side: where in Hz does their evidence lie, and does the sign hold?"""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("centroids", __file__)

if __name__ == "__main__":
    sys.exit(main())

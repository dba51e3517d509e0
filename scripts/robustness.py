"""Test an evaluated run again on short, noisy, reverberant and telephoned clips: robustness.csv and its figure in its folder."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("robustness", __file__)

if __name__ == "__main__":
    sys.exit(main())

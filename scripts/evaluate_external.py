"""Test a saved model on corpora that it did not learn from: a row of scores for each, and tables in a new folder in results/."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("external", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Train a speech model on a corpus, into a new run in results/: system A, B, C or D."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("train-encoder", __file__)

if __name__ == "__main__":
    sys.exit(main())

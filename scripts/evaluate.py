"""Measure a trained run on the clips it held back: predictions.csv, per_speaker.csv and metrics.json in its folder."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("evaluate", __file__)

if __name__ == "__main__":
    sys.exit(main())

"""Record a word from the microphone into my_wavs/: countdown, level meter, stops by itself when the word is over."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("record", __file__)

if __name__ == "__main__":
    sys.exit(main())

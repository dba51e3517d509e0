"""`python -m voicecam` is the command `voicecam`."""

import sys

from voicecam.commands import console

if __name__ == "__main__":
    sys.exit(console())

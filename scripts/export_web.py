"""Write a saved picture network as an ONNX file that a browser runs: features, network and maps in one graph."""

import _start  # noqa: F401  before all that takes time

import sys

from voicecam.commands import door

main = door("export-web", __file__)

if __name__ == "__main__":
    sys.exit(main())

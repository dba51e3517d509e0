"""docs/RELIABILITY.md from what torture found (results/torture/): what was tried, how often, what happened, and each row's
command. Tries nothing itself."""

import argparse
import sys
from pathlib import Path

from rows import ROOT, Row, kept

from voicecam.files import write_text

PARTS = {
    "sounds": "Odd sound files",
    "kills": "Killed at random moments",
    "surroundings": "Where the computer does not play along",
    "server": "The page's server",
    "fuzz": "Fuzzing",
    "page": "The page's JavaScript",
    "supply": "What is installed",
    "same": "The same again",
}
HEAD = """# Reliability: what was tried to break it, how often, and what happened

Written by `make torture` from `results/torture/`. *Held* means: no traceback, no wrong label, no answer for a file of which
something is missing, one line for every mistake, less than 1.5 GB for any input, no half file, nothing left behind, no process
that lives on. Each row has the command that gives it again; short forms of several are in `make test` (`tests/test_torture.py`).
"""
TAIL = """
## What the zoo of odd files holds

Twenty groups, made on the spot: WAV cut at and beside each chunk boundary; sizes that lie; 0 to 1,024 channels; rates of 1 Hz
to 4 GHz that are claimed and of 2 to 768 kHz that are real; NaN, infinity, offsets, clipping; 0 samples to 5 hours; every
encoding of libsndfile and of FFmpeg's libraries; streams without a length; 64-bit sizes; every format cut anywhere; damaged
bytes; wrong endings; files joined; large tags; small files that hold very much; names of Unicode, emoji, newlines, 255 bytes
and no UTF-8; links in circles and to devices; pipes, sockets and folders called .wav; pictures, texts and archives called
.wav.

## Out of scope

- 45 minutes are the longest recording that is read at once (`classify.py` reads up to 12 hours, part by part), 10 minutes the
  longest clip of a corpus: longer ones are refused in a line, for their memory.
- A file whose format promises no length cannot be seen to be cut: FLAC and MP3 streams without their header's count, AAC, AMR,
  WMA, and a WAV of unknown size.
- libmpg123 writes notes of its own on damaged MP3s to standard error, beside the one line.
- `make_voices.py` is not stopped by Ctrl-C: it fetches 93 MB first.
- A setting of a model that was changed by hand to another possible value, such as its threshold, is believed.
- Windows and macOS are in the workflow file; the rows above are of Linux. Windows has no locks on folders, so two processes
  there may do the same work twice, each whole.
- Training is the same to the byte on one machine with the same packages; on another processor its sums may round otherwise.
- No file system that loses what was written (power failure), no faulty memory, and no attacker who can already write to the
  program's folders: a pickled Learner of the course runs what stands in it, as its cell says.
"""


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "RELIABILITY.md", help="the page to write")
    args = parser.parse_args()
    found = {title: kept(name) for name, title in PARTS.items()}
    write_text(args.out, page(found))
    rows = [row for part in found.values() for row in part]
    fell = [row.what for row in rows if row.falls]
    print(f"wrote {args.out}: {len(rows) - len(fell)} of {len(rows)} rows held, {sum(row.tried for row in rows):,} tries")
    return int(bool(fell))


def page(found: dict[str, list[Row]]) -> str:
    """The page as Markdown."""
    text = HEAD
    for title, rows in found.items():
        if not rows:
            continue
        text += f"\n## {title}\n\n| tried | how often | held | what happened | command |\n|---|---:|---|---|---|\n"
        for row in rows:
            held = "yes" if not row.falls else f"no: {_cell(row.falls[0])[:120]}"
            text += f"| {_cell(row.what)} | {row.tried:,} | {held} | {_cell(row.happened)} | `{row.command}` |\n"
    return text + TAIL


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


if __name__ == "__main__":
    sys.exit(main())

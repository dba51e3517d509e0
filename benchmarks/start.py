"""Processor time of commands from a cold start, beside importing torch alone: medians of several rounds, interleaved."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
ROUNDS = 5
CLASSIFY = [str(ROOT / "scripts" / "classify.py")]
WORK = {
    "import torch": ["-c", "import torch"],
    "classify.py, one recording": [*CLASSIFY, str(ROOT / "tests" / "recordings" / "spoken.flac")],
    "classify.py, no such file": [*CLASSIFY, "nowhere.wav"],
    "classify.py --help": [*CLASSIFY, "--help"],
}


def main() -> None:
    """Measure and print one line per command."""
    took: dict[str, list[float]] = {name: [] for name in WORK}
    for _ in range(ROUNDS):
        for name, words in WORK.items():
            took[name].append(processor_seconds([sys.executable, *words]))
    torch = np.median(took["import torch"])
    for name, values in took.items():
        print(
            f"{name}: {np.median(values):.2f} s ({min(values):.2f} to {max(values):.2f}), {np.median(values) / torch:.2f} of it"
        )


def processor_seconds(command: list[str]) -> float:
    """User and system time of a process and its children, in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()

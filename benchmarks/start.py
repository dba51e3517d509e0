"""Processor time of commands from a cold start, beside importing torch alone: medians of several rounds, interleaved."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from measure import keep, value

ROOT = Path(__file__).parent.parent
ROUNDS = 5
CLASSIFY = [str(ROOT / "scripts" / "classify.py")]
WORK = {
    "import torch": ["-c", "import torch"],
    "classify.py, one recording": [*CLASSIFY, str(ROOT / "tests" / "recordings" / "spoken.flac")],
    "classify.py, no such file": [*CLASSIFY, "nowhere.wav"],
    "classify.py --help": [*CLASSIFY, "--help"],
}

AIMS = {"classify.py, one recording": 1.7, "classify.py, no such file": 0.3, "classify.py --help": 0.3}  # s


def main() -> None:
    """Measure and print one line per command."""
    took: dict[str, list[float]] = {name: [] for name in WORK}
    for _ in range(ROUNDS):
        for name, words in WORK.items():
            took[name].append(processor_seconds([sys.executable, *words]))
    torch = np.median(took["import torch"])
    rows = []
    for name, values in took.items():
        middle = float(np.median(values))
        said = f"{middle:.2f} s of a processor ({min(values):.2f} to {max(values):.2f}), {middle / torch:.2f} of importing torch"
        if name in AIMS:
            rows.append(value(f"cold start: {name}", said, f"under {AIMS[name]:g} s", met=middle < AIMS[name]))
        else:
            print(f"{name}: {middle:.2f} s")
    keep("start", rows)


def processor_seconds(command: list[str]) -> float:
    """User and system time of a process and its children, in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()

"""What `make demo` takes once all is installed, from nothing to its report: seconds on the clock, and of which steps."""

import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from measure import ROOT, keep, run, value

AIM = 120.0  # s
STEPS = {"images": "run.json", "training": "fold1/meta.json", "scores": "metrics.json", "maps": "explanation.json"}


def main() -> None:
    """Measure, print and keep."""
    cores = Path("/proc/cpuinfo")
    known = cores.exists() and "amx_bf16" in cores.read_text()  # as the Makefile
    with tempfile.TemporaryDirectory() as name:
        begun = Path(name).stat().st_mtime
        command = [sys.executable, str(ROOT / "scripts" / "run_all.py"), "--home", name, "--corpus", "demo", "--run", "demo"]
        cpu, seconds, _ = run([*command, *["--bfloat16"] * known])
        folder = Path(name) / "results" / "demo"
        ends = {step: (folder / file).stat().st_mtime for step, file in STEPS.items()}
        made = [file for file in (folder / "checks").glob("*.json") if file.stem != "settings"]
        ends["checks, side by side"] = max(file.stat().st_mtime for file in made)
        ends["report"] = (folder / "report.html").stat().st_mtime
    times = sorted((end, step) for step, end in ends.items())
    took = {step: end - before for (before, _), (end, step) in pairwise([(begun, ""), *times])}
    longest = sorted(took, key=took.get, reverse=True)[:7]
    note = f"{cpu:.0f} s of processors; of the clock " + ", ".join(f"{step} {took[step]:.0f}" for step in longest)
    said = f"{seconds:.0f} s on the clock"
    keep("demo", [value("make demo, installing apart", said, "under 2 min", met=seconds < AIM, note=note)])


if __name__ == "__main__":
    main()

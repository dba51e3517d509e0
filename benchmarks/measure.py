"""What the benchmarks share: ways of doing the same work timed in turn, ratios with their spread, and rows for README.md.

Processor time of this process where the work is done in it; it does not count what others do on the machine meanwhile.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
ROWS = ROOT / "results" / "bench"  # a JSON file for each benchmark
RUN = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = time.perf_counter() - began
print(json.dumps([used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024, done.returncode, done.stderr[-300:]]))
"""


def in_turn(ways: Mapping[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float] = time.process_time) -> dict:
    """Seconds of each way, float (round,), after one round that does not count; called one after another, round by round."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, work in ways.items():
            began = clock()
            work()
            if number:
                took[name].append(clock() - began)
    return {name: np.array(values) for name, values in took.items()}


def row(work: str, against: str, aim: str, slow: np.ndarray, fast: np.ndarray, *, note: str = "", least: float = 0.0) -> dict:
    """A row of the table, printed: how many times as fast, median and range of the rounds' ratios. least : the aim as a number"""
    ratios = np.asarray(slow) / np.asarray(fast)
    middle = float(np.median(ratios))
    found = {
        **{"work": work, "against": against, "aim": aim, "note": note, "met": bool(middle >= least)},
        **{"ratio": middle, "low": float(ratios.min()), "high": float(ratios.max())},
        **{"milliseconds": [1000 * float(np.median(slow)), 1000 * float(np.median(fast))]},
    }
    print(
        f"{work}, against {against}: {middle:.2f} times ({ratios.min():.2f} to {ratios.max():.2f}); aim {aim}. {note}", flush=True
    )
    return found


def value(work: str, said: str, aim: str, *, met: bool, note: str = "") -> dict:
    """A row that is no ratio, printed. said : the value with its unit"""
    print(f"{work}: {said}; aim {aim}. {note}", flush=True)
    return {"work": work, "against": "", "aim": aim, "note": note, "met": bool(met), "said": said}


def keep(name: str, rows: Sequence[dict]) -> None:
    """Write a benchmark's rows to results/bench/NAME.json."""
    ROWS.mkdir(parents=True, exist_ok=True)
    (ROWS / f"{name}.json").write_text(json.dumps(list(rows), indent=1) + "\n")


def run(command: Sequence[str], **how: object) -> tuple[float, float, float]:
    """Processor seconds, seconds, and peak memory in MB (of the largest process) of a command and its children."""
    done = subprocess.run([sys.executable, "-c", RUN, *command], capture_output=True, text=True, check=True, **how)  # type: ignore
    cpu, wall, memory, status, said = json.loads(done.stdout)
    if status:
        raise SystemExit(f"{' '.join(command[:4])} ... ended with {status}: {said}")
    return cpu, wall, memory


def peak_mb() -> float:
    """Peak memory of this process so far, in MB; Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

"""A folder of 1,500 words classified by one process and by one on each core: seconds in turn, and the same answers in the same
order. And one recording of 3 s: milliseconds to its verdict and to its map."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import ROOT, in_turn, keep, row, run, value

from voicecam.config import DEMO

CLIPS, ROUNDS, TIMES = 1_500, 2, 40


def main() -> None:
    """Measure, print and keep."""
    with tempfile.TemporaryDirectory() as place:
        rows = [folder(Path(place))]
    keep("folder", [*rows, *one_recording()])


def folder(place: Path) -> dict:
    """The row on the folder; links of the demo voices."""
    sources = sorted((DEMO / "data").rglob("*.ogg"))
    (place / "words").mkdir()
    for number in range(CLIPS):
        (place / "words" / f"{number:05d}.ogg").symlink_to(sources[number % len(sources)])
    command = [sys.executable, str(ROOT / "scripts" / "classify.py"), str(place / "words"), "--json"]
    cores, cpu = os.cpu_count() or 1, {}

    def work(workers: int) -> None:
        said = str(place / f"{workers}.json")
        cpu[workers] = run([*command, said, "--workers", str(workers)], preexec_fn=one_core if workers == 1 else None)[0]

    took = in_turn({"one": lambda: work(1), "all": lambda: work(cores)}, rounds=ROUNDS, clock=time.perf_counter)
    answers = [json.loads((place / f"{workers}.json").read_text()) for workers in (1, cores)]
    if answers[0] != answers[1] or len(answers[0]) != CLIPS:
        raise SystemExit("one process and several say different things")
    each = {workers: 1000 * seconds / CLIPS for workers, seconds in cpu.items()}
    note = (
        f"{CLIPS / np.median(took['all']):.0f} words a second on {cores} cores; of a processor {each[1]:.1f} ms a word by one, "
        f"{each[cores]:.1f} by {cores}; the same answers in the same order. Seconds on the clock: whatever else runs counts"
    )
    return row(f"a folder of {CLIPS} words, {cores} cores", "one core", "2 times", took["one"], took["all"], note=note, least=1.9)


def one_core() -> None:
    """Keep a process on one core, where the system can: libraries would use all for the passes of a network."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def one_recording() -> list[dict]:
    """Rows on one recording of 3 s of speech: verdict, and verdict and map."""
    import voicecam
    from voicecam.audio import Signal

    sources = sorted((DEMO / "data").rglob("*.ogg"))[:TIMES]
    model, rows = voicecam.load(), []
    signals = [Signal(np.resize(voicecam.audio.read(path).samples, 48_000), 16_000) for path in sources]
    for name, work in (("verdict", model.classify), ("verdict and map", model.explain)):
        work(signals[0])
        took = []
        for signal in signals:
            began = time.process_time()
            work(signal)
            took.append(time.process_time() - began)
        middle, late = 1000 * np.percentile(took, [50, 95])
        said = f"{middle:.0f} ms of a processor, p95 {late:.0f} ms"
        rows.append(value(f"3 s of speech: {name}", said, "p95 under 100 ms", met=late < 100))
    return rows


if __name__ == "__main__":
    main()

"""Commands that are killed (SIGKILL) at random moments, and given again: the same files as of one that was left alone, no half
file, nothing left behind, no process that lives on."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rows import Row, finish
from small import COMMANDS, contents, prepared, small_corpus, start
from watched import bugs, litter

KILLED = {"make_images": 9, "train": 6, "explain": 6, "run_all": 6, "train_encoder": 6, "export_web": 3, "make_site": 4}  # 40


def main() -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", action="store_true", help="one kill of make_images alone: for make test")
    parser.add_argument("--command", nargs="+", choices=list(KILLED), default=list(KILLED), help="which are killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        corpus = small_corpus(Path(folder) / "corpus")
        if args.few:
            return finish("kills-few", [killed("make_images", 1, Path(folder), corpus, moments)], keep=False)
        return finish("kills", (killed(name, KILLED[name], Path(folder), corpus, moments) for name in args.command))


def killed(name: str, times: int, folder: Path, corpus: Path, moments: random.Random) -> Row:
    """Kill a command so many times, each in a fresh home, at moments between its start and its end."""
    ready, whole, beside = folder / f"{name}-ready", folder / f"{name}-whole", folder / f"{name}-whole-tmp"
    prepared(name, ready, corpus)
    shutil.copytree(ready, whole)
    beside.mkdir()
    begun = time.monotonic()
    child = start(name, whole, corpus, TMPDIR=str(beside))
    _, err = child.communicate()
    takes = time.monotonic() - begun
    falls = [] if child.returncode == 0 else [f"left alone: status {child.returncode}: {err[-300:]}"]
    expected, early = contents(whole), 0
    usual = {path.name for path in beside.iterdir()}  # torch's own cache, which it makes in every run
    for n in range(times):
        home, spare = folder / f"{name}-{n}", folder / f"{name}-{n}-tmp"
        shutil.copytree(ready, home)
        spare.mkdir()
        moment = moments.uniform(0.1, 0.95) * takes
        child = start(name, home, corpus, TMPDIR=str(spare))
        time.sleep(moment)
        early += child.poll() is not None
        child.kill()
        child.communicate()
        falls += [f"{moment:.1f} s: {fault}" for fault in _faults(name, home, corpus, child.pid, expected, spare, usual)]
        shutil.rmtree(home)
    how = f"{times - early} killed between 10 and 95 % of {takes:.0f} s, given again: " + (
        "as left alone" if not falls else "not so"
    )
    return Row(f"kill -9 in {name}", times, how, f"python torture/kills.py --command {name}", falls)


def _faults(
    name: str, home: Path, corpus: Path, session: int, expected: dict[str, bytes], spare: Path, usual: set[str]
) -> Iterator[str]:
    """What is wrong after a kill, and after the command was given again."""
    until = time.monotonic() + 10
    while (alive := members(session)) and time.monotonic() < until:
        time.sleep(0.1)
    yield from (f"process {pid} lives on" for pid in alive)
    child = start(name, home, corpus, TMPDIR=str(spare))
    _, err = child.communicate()
    if child.returncode:
        yield f"given again: status {child.returncode}: {err.strip()[-300:]}"
    yield from bugs(err)
    found = contents(home)
    yield from (f"left behind: {path}" for path in litter(home))
    yield from (f"left in TMPDIR: {path.name}" for path in spare.iterdir() if path.name not in usual)
    yield from (f"not there: {path}" for path in sorted(expected.keys() - found.keys()))
    yield from (f"more than there should be: {path}" for path in sorted(found.keys() - expected.keys()))
    yield from (f"other bytes: {path}" for path in sorted(expected.keys() & found.keys()) if found[path] != expected[path])


def members(session: int) -> list[int]:
    """The processes of a session that are no zombies; Linux."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, *rest = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(rest[2]) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


assert set(KILLED) <= set(COMMANDS)

if __name__ == "__main__":
    sys.exit(main())

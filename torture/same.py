"""The same command twice, in two homes: images, maps, weights, predictions and metrics to the byte."""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rows import Row, finish
from small import TIMED, contents, small_corpus, start

COMMAND = "python torture/same.py"
COMMANDS = ("make_images", "run_all", "train_encoder", "export_web", "make_site")
CLOCK = ("seconds", "time")  # columns of history.csv


def main() -> int:
    """Run the script; returns its exit status."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="same-") as folder:
        return finish("same", rows(Path(folder)))


def rows(folder: Path) -> Iterator[Row]:
    """One row a command."""
    corpus = small_corpus(folder / "corpus")
    for name in COMMANDS:
        made, falls, scores = [], [], []
        for n in (1, 2):
            home = folder / f"{name}-{n}"
            home.mkdir()
            child = start(name, home, corpus)
            _, err = child.communicate()
            falls += [f"status {child.returncode}: {err[-300:]}"] * (child.returncode != 0)
            made.append(contents(home))
            scores.append(numbers(home))
        falls += sorted(path for path in made[0].keys() | made[1].keys() if made[0].get(path) != made[1].get(path))
        falls += ["other metrics"] * (scores[0] != scores[1])
        timed = sum(Path(path).name in TIMED for path in made[0])
        how = f"{len(made[0]) - timed} files the same to the byte, {timed} but for their times and the command"
        yield Row(f"{name} twice", 2, how, COMMAND, falls)


def numbers(home: Path) -> dict[str, object]:
    """Metrics of each run, and its history without the columns of times."""
    found: dict[str, object] = {}
    for path in home.glob("results/*/metrics.json"):
        found[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
    for path in home.glob("results/*/fold*/history.csv"):
        with open(path, newline="", encoding="utf-8") as file:
            lines = [{key: value for key, value in row.items() if key not in CLOCK} for row in csv.DictReader(file)]
        found[str(path.relative_to(home))] = lines
    return found


if __name__ == "__main__":
    sys.exit(main())

"""A small corpus and the commands that torture gives with it: 80 clips of ten demo voices, a network that trains in seconds."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from odd import ROOT

TRAINED = ["--arch", "small", "--init", "none", "--epochs", "2"]
IMAGES = ["--image-size", "32", "32", "--seconds", "0.5", "--workers", "2"]
HEAD = ["--arch", "logistic", "--system", "A"]
COMMANDS = {  # name: (script, its words); CORPUS, MAP and OUT are replaced
    "make_images": ("make_images", ["--corpus", "CORPUS", *IMAGES]),
    "train": ("train", ["--map", "MAP", "--run", "x", *TRAINED]),
    "evaluate": ("evaluate", ["--run", "x"]),
    "explain": ("explain", ["--run", "x", "--maps-only"]),
    "run_all": ("run_all", ["--corpus", "CORPUS", "--run", "x", *IMAGES, *TRAINED, "--maps-only"]),
    "train_encoder": ("train_encoder", ["--corpus", "CORPUS", "--run", "e", *HEAD]),
    "export_web": ("export_web", ["--out", "OUT"]),
    "make_site": ("make_site", ["--out", "OUT"]),
}
AFTER = {"train": ("make_images",), "evaluate": ("make_images", "train"), "explain": ("make_images", "train", "evaluate")}
TIMED = {"results.csv", "history.csv", "manifest.json", "report.html", "run.json", "metrics.json"}  # hold times or the command


def small_corpus(root: Path, *, speakers: int = 10, takes: int = 8) -> Path:
    """Copies of demo clips below `root`, and their CSV."""
    from voicecam.config import DEMO
    from voicecam.corpora import open_corpus

    corpus = open_corpus(DEMO)
    few = corpus.clips.groupby("speaker", sort=True).head(takes)
    names = {gender: sorted(rows["speaker"].unique()) for gender, rows in few.groupby("gender")}
    chosen = [name for pair in zip(names["female"], names["male"]) for name in pair][:speakers]
    rows = few[few["speaker"].isin(chosen)][["path", "speaker", "gender"]].to_dict("records")
    for row in rows:
        (root / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corpus.root / row["path"], root / row["path"])
    with open(root / "clips.csv", "w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, ["path", "speaker", "gender"])
        table.writeheader()
        table.writerows(rows)
    return root / "clips.csv"


def words(name: str, home: Path, corpus: Path) -> list[str]:
    """The command line of a command of COMMANDS."""
    script, rest = COMMANDS[name]
    found = {"CORPUS": str(corpus), "OUT": str(home / "out"), "MAP": str(next((home / "maps").glob("*.json"), "none"))}
    return [
        sys.executable,
        str(ROOT / "scripts" / f"{script}.py"),
        "--home",
        str(home),
        *(found.get(word, word) for word in rest),
    ]


def environment(**more: str) -> dict[str, str]:
    """Of a command that is started: one thread, this project."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


def start(name: str, home: Path, corpus: Path, **more: str) -> subprocess.Popen:
    """Start a command in a session of its own, its output read by pipes. Ctrl-C is not ignored, as it is in the background."""
    return subprocess.Popen(
        words(name, home, corpus),
        cwd=home,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
    )


def prepared(name: str, home: Path, corpus: Path) -> None:
    """A home in which what has to be done before a command is done. Raises RuntimeError where it fails."""
    home.mkdir(parents=True, exist_ok=True)
    for step in AFTER.get(name, ()):
        child = start(step, home, corpus)
        _, err = child.communicate()
        if child.returncode:
            raise RuntimeError(f"{step}: {err}")


def contents(home: Path) -> dict[str, bytes]:
    """Every file below a home by its name there; of those that hold times, that they are there."""
    files = [path for path in home.rglob("*") if path.is_file() and "cache" not in path.relative_to(home).parts[:1]]
    return {str(path.relative_to(home)): b"" if path.name in TIMED else path.read_bytes() for path in files}

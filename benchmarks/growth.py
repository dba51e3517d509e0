"""How time and memory grow with the number of clips, a recording's length, the picture's size and the number of workers:
processor seconds and peak memory of commands of their own, and the exponents of their growth. Writes benchmarks/growth.png.

A data set of up to 300,000 clips is opened in any case: its map and the array of its matrices are made up, from 300 images.
Exponents are slopes over all points on double logarithmic axes, of what is beyond the start: the same command with next to
nothing to do.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf
from matplotlib.ticker import NullFormatter
from measure import ROOT, ROWS, keep, run, value

from voicecam import audio, figures
from voicecam.audio.fingerprints import BYTES, to_text
from voicecam.config import DEMO
from voicecam.data import matrix_file
from voicecam.features.image import load_matrix

RATE = 16_000
CLIPS = (300, 1_000, 3_000, 30_000, 300_000)
OPENED = (300, 3_000, 30_000, 300_000)
LENGTHS = (0.5, 5.0, 60.0, 300.0, 600.0, 1_080.0, 3_600.0, 10_800.0)  # s
SIZES = (32, 64, 128, 256)  # pixels a side
NAMES = {
    "clips": "clips",
    "opened": "clips",
    "length": "length of a recording, s",
    "size": "picture, pixels a side",
    "workers": "workers",
}
SCRIPTS = ROOT / "scripts"
LEAST = {"size": 0, "length": 0.5, "clips": 10, "opened": 10}  # next to nothing to do
NOISE = 0.6  # s; how far two starts differ where other programs run
PASSES = """
import sys, numpy as np, torch
from voicecam.explanation.methods import attribute_all
from voicecam.network import build, stages_of
torch.set_num_threads(1)
size, n = int(sys.argv[1]), 240
network = build("resnet18", 2).eval()
layer = network[0].get_submodule(str(stages_of("resnet18")["layer3"]))
if size:
    for pictures in torch.randn(n, 3, size, size).split(24):
        attribute_all(network, pictures, np.zeros(24, int), methods=["hires-cam"], layer=layer)
"""
OPEN = """
import sys
from pathlib import Path
from voicecam.data.dataset import read_dataset
from voicecam.data.duplicates import find_duplicates
from voicecam.data.splits import make_splits
for path in sys.argv[1:]:
    dataset = read_dataset(Path(path))
    dataset = dataset.keep(dataset.corpus)
    split = make_splits(dataset.corpus, "label")[0]
    find_duplicates(dataset.clips, dataset.fingerprints, [split])
"""


def main() -> None:
    """Measure, print, draw and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="up to 300,000 images and 3 hours; else 3,000 and 1 hour")
    parser.add_argument(
        "--part", nargs="+", choices=list(NAMES), default=list(NAMES), help="these alone; others stay as they are"
    )
    args = parser.parse_args()
    kept = ROWS / "growth-points.json"
    points: dict[str, dict[str, list]] = json.loads(kept.read_text()) if kept.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        ways: dict[str, tuple[Callable, tuple]] = {
            "size": (sizes, SIZES),
            "length": (partial(lengths, place), LENGTHS if args.full else LENGTHS[:7]),
            "clips": (partial(clips, place), CLIPS if args.full else CLIPS[:3]),
            "opened": (partial(opened, place / "opened"), OPENED),
            "workers": (partial(workers, place), tuple(sorted({1, os.cpu_count() or 1}))),
        }
        for kind in args.part:
            work, values = ways[kind]
            least = work((LEAST[kind],))[0] if kind in LEAST else []
            points[kind] = {"start": least, "points": work(values)}
            print(kind, points[kind], flush=True)
            ROWS.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(points, indent=1) + "\n")
    keep("growth", rows(points))
    draw(points)


def sizes(pixels: tuple[int, ...]) -> list[list[float]]:
    """Maps of 240 pictures of so many pixels a side; 0 makes none."""
    return [[size, *run([sys.executable, "-W", "ignore", "-c", PASSES, str(size)])] for size in pixels]


def opened(place: Path, counts: tuple[int, ...]) -> list[list[float]]:
    """Opening a data set of so many clips, its table, fingerprints and splits, with the matrices in an array on disk. The map is
    that of 300 images, said again; the array has its size but no content, and each clip another fingerprint."""
    if not place.exists():
        place.mkdir()
        clips(place, (300,))
    known = next(path for path in (place / "work300" / "maps").glob("*.json") if not path.stem.startswith("opened"))
    values, rng, found = json.loads(known.read_text()), np.random.default_rng(0), []
    entries, home = list(values["entries"].values()), known.parent.parent
    shape = load_matrix(home / "mfc_dataset" / known.stem / entries[0]["image"], entries[0]["low"], entries[0]["high"]).shape
    for n in counts:
        said = {}
        for i in range(n):
            print_ = to_text(rng.integers(0, 256, (1, BYTES), dtype=np.uint8))
            said[f"{i:06d}.ogg"] = {**entries[i % len(entries)], "speaker": f"s{i % 1000:03d}", "fingerprint": print_}
            said[f"{i:06d}.ogg"]["labels"] = {"label": "a" if i % 2 else "b"}
        path = home / "maps" / f"opened{n}.json"
        path.write_text(json.dumps({**values, "entries": said}))
        pictures = home / "mfc_dataset" / path.stem
        pictures.symlink_to(known.stem)
        array = home / matrix_file.FOLDER / f"{path.stem}-{matrix_file.array_key(said, pictures)}.npy"
        array.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(array, "w+", np.float32, (n, *shape)).flush()
        found.append([n, *run([sys.executable, "-c", OPEN, str(path)])])
    return found


def clips(place: Path, counts: tuple[int, ...]) -> list[list[float]]:
    """Making images of so many clips by one process: [clips, processor s, s, MB] of each; links of the demo voices."""
    return [[n, *images(place / f"corpus{n}", place / f"work{n}", n, 1)] for n in counts]


def images(corpus: Path, work: Path, n: int, count: int) -> tuple[float, float, float]:
    """What `make_images` takes for n clips."""
    sources = sorted((DEMO / "data").rglob("*.ogg"))
    for number in range(n if not corpus.exists() else 0):
        source = sources[number % len(sources)]
        folder = corpus / ("a" if number % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"s{number % min(50, n // 4 * 2):02d}_{number}.ogg").symlink_to(source)
    work.mkdir()
    command = [sys.executable, str(SCRIPTS / "make_images.py"), "--corpus", str(corpus), "--workers", str(count)]
    return run([*command, "--recipe", "logmel", "--home", str(work)])


def lengths(place: Path, seconds: tuple[float, ...]) -> list[list[float]]:
    """Classifying one recording so long: words of the demo voices with pauses between."""
    rng, found = np.random.default_rng(0), []
    words = [audio.read(path).samples for path in sorted((DEMO / "data").rglob("*.ogg"))[:200]]
    said = np.concatenate([part for word in words for part in (word, 3e-4 * rng.standard_normal(RATE // 2).astype(np.float32))])
    for length in seconds:
        path = place / "long.wav"
        with sf.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            left = round(length * RATE)
            while left:
                file.write(said[:left])
                left -= min(left, len(said))
        found.append([length, *run([sys.executable, str(SCRIPTS / "classify.py"), str(path)])])
    return found


def workers(place: Path, counts: tuple[int, ...]) -> list[list[float]]:
    """Making images of 3,000 clips by so many processes."""
    return [[n, *images(place / "corpus3000", place / f"by{n}", 3_000, n)] for n in counts]


def exponent(points: list[list[float]], column: int, *, start: float = 0.0, least: float = 0.0) -> float:
    """The slope of all points on double logarithmic axes, of what is beyond the start and not under `least`."""
    table = np.array(points)[:, [0, column]] - [0, start]
    table = np.log(table[table[:, 1] > least])
    return float(np.polyfit(table[:, 0], table[:, 1], 1)[0])


def rows(points: dict[str, dict[str, list]]) -> list[dict]:
    """A row for each kind of growth that was measured."""
    found = []
    for name, what in (
        ("clips", "make_images"),
        ("opened", "open a data set"),
        ("length", "classify one recording"),
        ("size", "240 HiRes-CAM maps, ResNet-18"),
    ):
        if name not in points:
            continue
        start, table = points[name]["start"][1], points[name]["points"]
        time, memory = exponent(table, 1, start=start, least=NOISE), exponent(table, 3)
        ends = f"{table[0][0]:g} to {table[-1][0]:g}"
        said = f"time ~ n^{time:.2f}, memory ~ n^{memory:.2f} ({table[0][3]:.0f} to {table[-1][3]:.0f} MB)"
        aim = "time n^1, memory flat" if name != "size" else "time n^2 at most (pixels)"
        met = time < (2.2 if name == "size" else 1.1) and (name == "size" or memory < 0.1)
        note = f"slopes over all points; of the times without the start, {start:.2f} s, where {NOISE:g} s or more are left"
        if name == "opened":
            (least, *_, few), (most, *_, many) = table[0], table[-1]
            note += f"; {1000 * (many - few) / (most - least):.1f} kB a clip: the table, no picture and no matrix"
        found.append(value(f"growth: {what}, {NAMES[name]} {ends}", said, aim, met=met, note=note))
    if "workers" not in points:
        return found
    one, many = points["workers"]["points"][0], points["workers"]["points"][-1]
    said = f"{one[2] / many[2]:.2f} times on the clock, processor time {many[1] / one[1]:.2f} times"
    work, met = f"growth: make_images, workers 1 to {many[0]}", one[2] / many[2] > 0.9 * many[0]
    return [*found, value(work, said, "as many times as workers", met=met)]


def draw(points: dict[str, dict[str, list]]) -> None:
    """benchmarks/growth.png: processor seconds and peak memory."""
    kinds = [name for name in NAMES if name in points]
    fig, axes = figures.grid(2, len(kinds), width=4 * len(kinds), height=5)
    for column, (name, table) in enumerate((name, points[name]["points"]) for name in kinds):
        n = np.array(table)
        on_clock = name == "workers"
        for ax, at in ((axes[0, column], 2 if on_clock else 1), (axes[1, column], 3)):
            ax.loglog(n[:, 0], n[:, at], "o-", color="#1f5aa6")
            ax.set(
                xlabel=f"{NAMES[name]} of a data set that is opened" if name == "opened" else NAMES[name],
                ylabel={1: "processor time, s", 2: "s on the clock", 3: "peak memory, MB"}[at],
            )
            ax.set_ylim((50, 5_000) if at == 3 else (0.1, max(100, 2 * n[:, at].max())))
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter(NullFormatter())
            ax.set_xticks([60 * k for k in (0.01, 0.1, 1, 10, 60)] if name == "length" else n[:, 0])
    (ROOT / "benchmarks" / "growth.png").write_bytes(figures.png_bytes(fig))


if __name__ == "__main__":
    main()

"""The fine-tuning of 2020 on a GPU: 24,000 MFCC pictures, ResNet-34, 3 epochs, which took 10 min 14 s. Seconds on the clock of
the whole command, and images a second in its epochs beside the same network fed from the GPU's memory by a bare loop of torch.

usage: python benchmarks/gpu.py [FOLDER]     FOLDER: AudioMNIST's 30,000 matrices of 12 x 98, see voicecam/corpora/matrices.py

Without a folder the matrices are made up, whose speed is the same and whose scores mean nothing. Where there is no GPU nothing is
measured. The rows stay in benchmarks/gpu.json, as most machines cannot make them.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from measure import ROOT, row, run, value

from voicecam.config import Config
from voicecam.data.dataset import read_dataset
from voicecam.network import build, to_input

ARCH, EPOCHS, BATCH, ROUNDS = "resnet34", 3, 64, 2
SPEAKERS, TAKES, ROWS, FRAMES = 60, 500, 12, 98
OLD = 614.0  # s; the project of 2020, its own figure
AIM = 45.0  # s
KEPT = ROOT / "benchmarks" / "gpu.json"
SIZES = ((24, 98), (224, 224))  # pixels; the program's own for such matrices, and that of 2020


def main(argv: Sequence[str]) -> None:
    """Measure, print and keep."""
    if not torch.cuda.is_available():
        print("no GPU here: nothing measured")
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        corpus = folder_of(place / "corpus", Path(argv[0]) if argv else None)
        rows = [row for size in SIZES for row in measured(place, corpus, size, real=bool(argv))]
    what = f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {date.today()}"
    KEPT.write_text(json.dumps([{**row, "note": f"{row['note']}; {what}"} for row in rows], indent=1) + "\n")
    print(f"wrote {KEPT.relative_to(ROOT)}: {len(rows)} rows")


def folder_of(place: Path, source: Path | None) -> Path:
    """A folder of matrices with one fold: 48 speakers train, 6 validate, 6 wait, both genders in each."""
    place.mkdir()
    if source:
        file = next(source.glob("*.npz"))
        (place / file.name).symlink_to(file.resolve())
        stored = np.load(file)
        speakers, female = stored["speaker"], stored["female"]
    else:
        rng, n = np.random.default_rng(0), SPEAKERS * TAKES
        speakers = np.repeat(np.arange(1, SPEAKERS + 1), TAKES)
        female = (speakers % 5 == 0).astype(int)
        pictures = rng.integers(0, 200, (n, ROWS, FRAMES), dtype=np.uint8) + 40 * female[:, None, None].astype(np.uint8)
        np.savez(place / "made-up.npz", mfc=pictures, name=[f"clip{i:05d}" for i in range(n)], speaker=speakers, female=female)
    women, men = (np.unique(speakers[female == sex]).tolist() for sex in (1, 0))
    parts = {"validate": women[:2] + men[:4], "test": women[2:4] + men[4:8], "train": women[4:] + men[8:]}
    (place / "folds.json").write_text(json.dumps({"gender": [parts]}))
    return place


def measured(place: Path, corpus: Path, size: tuple[int, int], *, real: bool) -> list[dict]:
    """The rows of one picture size."""
    called = f"{size[0]} x {size[1]} px"
    home = place / f"work{size[0]}"
    home.mkdir()
    script = [sys.executable, "-W", "ignore", str(ROOT / "scripts" / "make_images.py"), "--corpus", str(corpus)]
    run([*script, "--image-size", *map(str, size), "--home", str(home)])
    map_file = next((home / "maps").glob("*.json"))
    config = read_dataset(map_file).config
    whole, ours, bare, scores = [], [], [], []
    for number in range(ROUNDS):
        seconds, history = trained(home, map_file, f"round{number}")
        whole.append(seconds)
        ours.append(float(history["seconds"].iloc[1:].median()))
        scores.append(float(history["valid_balanced_accuracy"].iloc[-1]))
        bare.append(from_memory(config))
    n = (SPEAKERS - 12) * TAKES
    work = f"{n:,} pictures of {called}, ResNet-34, {EPOCHS} epochs on a GPU"
    took = f"{np.median(whole):.1f} s ({min(whole):.1f} to {max(whole):.1f}) on the clock"
    said = f"{took}, {OLD / np.median(whole):.0f} times as fast"
    score = f"; balanced accuracy {np.median(scores):.3f} on 6 validation speakers, from random weights" if real else ""
    note = f"the whole command, imports and validation included: epochs of {np.median(ours):.1f} s{score}"
    speed = f"{n / np.median(ours):,.0f} images a second, {n / np.median(bare):,.0f} from memory; batch {BATCH}, bfloat16"
    return [
        {**value(work, said, f"under {AIM:.0f} s", met=np.median(whole) < AIM, note=note), "against": "10 min 14 s in 2020"},
        row(f"training on a GPU, {called}", "fed from memory", "1", np.array(bare), np.array(ours), note=speed, least=1),
    ]


def trained(home: Path, map_file: Path, name: str) -> tuple[float, pd.DataFrame]:
    """Seconds of scripts/train.py, and its history: a row per epoch."""
    script = [sys.executable, "-W", "ignore", str(ROOT / "scripts" / "train.py"), "--home", str(home), "--map", str(map_file)]
    how = ["--label", "gender", "--split", "published", "--arch", ARCH, "--init", "none", "--bfloat16"]
    _, seconds, _ = run([*script, *how, "--epochs", str(EPOCHS), "--batch", str(BATCH), "--run", name])
    return seconds, pd.read_csv(home / "results" / name / "fold1" / "history.csv")


def from_memory(config: Config) -> float:
    """Seconds of an epoch of the same network in the same arithmetic, its pictures in the GPU's memory, with torch alone."""
    pictures = torch.randint(0, 256, ((SPEAKERS - 12) * TAKES, ROWS, FRAMES), dtype=torch.uint8, device="cuda")
    targets = torch.randint(0, 2, (len(pictures),), device="cuda")
    network = build(ARCH, 2).cuda().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(2):  # the first one does not count
        torch.cuda.synchronize()
        began = time.perf_counter()
        for chosen in torch.randperm(len(pictures), device="cuda").split(BATCH):
            with torch.autocast("cuda", torch.bfloat16):
                logits = network(to_input(pictures[chosen], config).contiguous(memory_format=torch.channels_last))
            F.cross_entropy(logits.float(), targets[chosen]).backward()
            optimiser.step()
            optimiser.zero_grad()
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1:])

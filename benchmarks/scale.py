"""results/bench/growth-points.json -> docs/SCALE.md: clips an hour, and what to expect of large corpora on 1, 8 and 64 machines."""

import json
import os

import numpy as np
from measure import ROOT, ROWS

CORPORA = {  # name: (clips, s of a clip); rounded, from the corpora's own pages
    "Common Voice, all languages (about 20,000 h)": (14_000_000, 5.1),
    "VoxCeleb2 (about 2,440 h)": (1_130_000, 7.8),
}
MACHINES, CORES = (1, 8, 64), 8
LOSS = 0.85  # of the ideal, on several machines: what reading over a network and the last pieces cost; assumed, not measured


def main() -> None:
    """Write the page."""
    points = json.loads((ROWS / "growth-points.json").read_text())
    clips, lengths, opened = (np.array(points[part]["points"]) for part in ("clips", "length", "opened"))
    per_clip = float(np.polyfit(clips[:, 0], clips[:, 1], 1)[0])  # processor s a clip of a word
    per_second = float(np.polyfit(lengths[:, 0], lengths[:, 1], 1)[0])  # processor s for a s of recording, classified
    memory = float(lengths[:, 3].max())
    table = float(np.polyfit(clips[:, 0], clips[:, 3], 1)[0]) * 1000  # kB a clip, of the process that keeps the map
    most, hours = int(clips[-1, 0]), float(lengths[-1, 0]) / 3600
    (ROOT / "docs" / "SCALE.md").write_text(page(per_clip, per_second, memory, table, most, hours, opened[-1]))
    print("wrote docs/SCALE.md")


def page(per_clip: float, per_second: float, memory: float, table: float, most: int, hours: float, opened: np.ndarray) -> str:
    """The page. memory : MB, of the longest recording; table : kB that a clip takes in the process that keeps the map; opened : clips
    of the largest data set that was opened, processor s, s, MB"""
    rows = []
    for name, (clips, seconds) in CORPORA.items():
        for machines in MACHINES:
            speed = machines * CORES * (1 if machines == 1 else LOSS)
            made, heard = clips * per_clip / speed, clips * seconds * per_second / speed
            rows.append(f"| {name} | {machines} | {span(made)} | {span(heard)} |")
    return "\n".join(
        [
            "# Scale: clips an hour, and more than one machine",
            "",
            "Written by `python benchmarks/scale.py` from what `benchmarks/growth.py` measured; do not edit.",
            "",
            f"One core makes {3600 / per_clip:,.0f} images an hour of words ({1000 * per_clip:.1f} ms of a processor each), and classifies "
            f"{1 / per_second:,.0f} h of recordings an hour, speech found, cut and mapped to windows. Time grows in proportion (measured "
            f"to {most:,} clips and {hours:g} h). A recording takes at most {np.ceil(memory):.0f} MB however long it is; a corpus takes {table:.1f} kB "
            f"a clip in the process that keeps its map, so that millions are better taken as several corpora, such as a language each. "
            f"Measured on {os.cpu_count()} cores, in processor time. A data set of {opened[0]:,.0f} clips opens in {opened[1]:.0f} s and "
            f"{opened[3]:.0f} MB, copies of recordings looked for: the matrices stay on disk until they are used.",
            "",
            f"| corpus | machines of {CORES} cores | images | classified |",
            "|---|---|---|---|",
            *rows,
            "",
            f"These are proportions, not measurements: {CORES} cores as {CORES} times one, several machines at {LOSS:.0%} of that. An image "
            "is of a clip's window, so it is counted at a word's price; longer clips take longer to read. Disks must keep up: 64 "
            "machines read what 512 cores hear.",
            "",
            "## A cluster",
            "",
            "`--engine dask://HOST:PORT` gives the same work to a Dask cluster that is there: making images, encoding speech, maps, "
            "`classify` and `external`. Workers need the same voicecam and must see the same folders under the same names (a shared "
            "disk); they write the images themselves. A worker that is lost is done without, and the results are those of one process.",
            "",
            "```sh",
            "pip install -c constraints.txt -e '.[cluster]'          # on every machine",
            "dask scheduler --port 8786                              # on one",
            "dask worker tcp://HOST:8786 --nworkers 8 --nthreads 1   # on each",
            "voicecam images --corpus /shared/voices --engine dask://HOST:8786",
            "```",
            "",
            'In Python: `with voicecam.engine.on("dask://HOST:8786"): ...`. The checks of maps stay on the machine that asks.',
            "",
            "## Training on several GPUs",
            "",
            "torchrun starts a process for each GPU (NCCL) or, where there is none, for each share of the processor (gloo); fastai and "
            "accelerate make them one training. Several GPUs were not at hand: what is held by tests is of gloo.",
            "",
            "```sh",
            "pip install -c constraints.txt -e '.[torchrun]'",
            "torchrun --standalone --nproc_per_node 2 -- scripts/train.py --map maps/NAME.json --run big --batch 64",
            "torchrun --standalone --nproc_per_node 2 -- scripts/run_all.py --corpus /shared/voices --run big",
            "```",
            "",
            "The `--` must stand there: older Pythons take `--run` for an option of torchrun. Several machines need torchrun's "
            "`--nnodes`, `--rdzv-endpoint` and the same folders under the same names. `--batch` is that of each process: n processes "
            "with a batch of B take the steps of one with n x B, of the same clips in the same order, class weights included. "
            "`tests/test_torchrun.py` holds two gloo processes to that: losses, balanced accuracies and weights of two trainings "
            "agree to 1 in 10,000 (by 1 in 100,000 when it was written). That is of a network without batch norm, dropout and "
            "augmentation. Otherwise chance is another in each process; batch norm takes its means over all GPUs, as one process with "
            "n x B would, but on processors over a process's own batch, and what is kept are the first process's running means.",
            "",
            "The first process alone makes images, writes, prints, evaluates and explains. Every process validates on all validation "
            "clips, so that all choose the same epoch; that part gets no quicker. A process that is lost ends the others; the same "
            "command, with or without torchrun, goes on with the next fold that is not finished. Speech models, `--find-lr`, "
            "`voicecam.train` and every other command are of one process, and say so in a line.",
            "",
        ]
    )


def span(seconds: float) -> str:
    """ "3 min", "5.2 h", "12 days" """
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    main()

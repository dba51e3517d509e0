"""results/bench/*.json -> benchmarks/README.md: machine, versions, date, and the table of ratios with their spread."""

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from measure import ROOT, ROWS

PACKAGES = (
    "torch",
    "onnxruntime",
    "numpy",
    "scipy",
    "librosa",
    "scikit-image",
    "pillow",
    "soundfile",
    "soxr",
    "fastai",
    "grad-cam",
)
ORDER = ("pictures", "maps", "bands", "head", "finetune", "demo", "start", "folder", "growth")


def main() -> None:
    """Write the page."""
    files = [*(ROWS / f"{name}.json" for name in ORDER), ROOT / "benchmarks" / "gpu.json"]  # the last is of another machine
    rows = [row for file in files if file.exists() for row in json.loads(file.read_text())]
    (ROOT / "benchmarks" / "README.md").write_text(page(rows))
    print(f"wrote benchmarks/README.md: {len(rows)} rows, {sum(not row['met'] for row in rows)} of them below their aim")


def page(rows: list[dict]) -> str:
    """The page of these rows."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Each comparison runs side by side in one process, way after way, round by round; a "
        "ratio is how many times as fast, the median of the rounds, with the lowest and the highest in brackets. Times are of the "
        "processor where nothing else is said. The same run checks first that the answers are the same.",
        "",
        f"{datetime.date.today()}; {processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {packages}.",
        "",
        "| work | against | aim | measured | |",
        "|---|---|---|---|---|",
        *(
            f"| {row['work']} | {row['against']} | {row['aim']} | {measured(row)} | {'' if row['met'] else 'below'} |"
            for row in rows
        ),
        "",
        "## Where the time goes",
        "",
        *dict.fromkeys(f"- {row['work']}: {row['note']}." for row in rows if row["note"]),
        "",
        "## Growth",
        "",
        "![time and memory against clips, length, picture size and workers](growth.png)",
        "",
    ]
    why = dict.fromkeys(
        line for name, line in WHY.items() if any(not row["met"] and row["work"].startswith(name) for row in rows)
    )
    return "\n".join([*lines, "## What misses its aim, and why", "", *why, ""])


WHY = {
    "wav -> stored": "- A stored picture does more than the recipe of 2020 did: it is a PNG without loss (JPEG is quicker and blurs "
    "it), its file appears whole or not at all, the sound is checked, levelled and fingerprinted so that copies are found. The "
    "stretch is two products of matrices, a PNG's rows get one filter, and libsndfile reads the file by itself. 12 times would be "
    "about what reading the file takes, 20 times less than it; spectra and the fingerprint's resampling are soxr's and NumPy's.",
    "a corpus of": "- A corpus by one command: what is true of a clip, shared by the cores, and a second to start each process.",
    "Grad-CAM": "- Grad-CAM is one pass up to the end and the gradient of what lies above the layer alone: layer2 has half of a ResNet "
    "above it, layer4 next to nothing. One picture at a time with hooks is no ten times as slow on one core, whose passes do "
    "not grow much quicker in batches.",
    "band-stop": "- Band-stop asks the network once for each band and clip, of another sound each time. These passes are a large part "
    "of what is left, and the inverse transforms most of the rest; bands in one batch of spectra were tried and are slower, as they "
    "leave the processor's cache.",
    "deletion": "- Deletion and insertion are passes of the network on pictures that all differ.",
    "growth: make_images, clips": "- Making images keeps no image: what grows is the table of clips, their bytes' digests and what the "
    "map says of each, 2 kB a clip; it is also written, and read again, whenever the unfinished map is saved.",
    "growth: make_images, workers": "- Each process takes a second of a processor to start, and two share one processor's caches.",
    "growth: classify": "- A long recording is heard in parts of 5 minutes: memory rises to what one of them takes, and stays there.",
    "growth: open a data set": "- A data set that is opened has its table in memory, 2 kB a clip, and no picture or matrix. Up to "
    "30,000 clips the start takes most of its time; at 300,000 half goes to the search for copies, which compares fingerprints "
    "alike in one of 16 words.",
    "a folder": "- A folder: two processes start, and a word takes a tenth more of a processor when both cores are busy.",
    "make demo": "- `make demo` is bound by passes of a ResNet-18, forward and back: training, the null network on shuffled labels, a "
    "network that learns tones, one that learns planted cues, and thousands of passes for occlusion, deletion and networks made "
    "random. The checks are made by two processes of one thread each. Nothing was left out to make it shorter. The checks' own trainings in bfloat16 were tried: half a minute less of a "
    "processor, and planted cues turned the answer in 56 and 53 % of pairs, not in 66 and 62.",
}


def measured(row: dict) -> str:
    """The value of a row."""
    return row.get("said") or f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def processor() -> str:
    """The processor's name; Linux."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()

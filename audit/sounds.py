"""Does the evidence alone keep a clip's class, and the rest lose it? Of a run with log-mel pictures: mel gradients beside maps of
layers, and each beside maps that know no network; and how sharp the mask should be, on the run's validation speakers."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import runs
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.audible import FULL_PERCENTILE, split_by_maps
from voicecam.explanation.sound_scores import MEASURES, loudest, measures, part_probabilities, shifted, sound_probabilities
from voicecam.files import write_text
from voicecam.runs.fold_clips import FoldClips, clips_of_run, fold_clips
from voicecam.runs.sample import sample_clips

LAYERS = {"HiRes-CAM, layer1": "layer1", "HiRes-CAM, layer3": "layer3"}
SHOWN = ("average_increase", "average_drop", "average_gain", "fidelity_in", "rest_kept", "faithfulness")
Maps = Callable[[FoldClips], Iterator[tuple[str, list[list[np.ndarray]]]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python audit/sounds.py --run baved --clips 240")
    parser.add_argument("--run", default="espeak", help="name of an evaluated run in results/")
    parser.add_argument("--clips", type=int, default=96, help="how many clips are asked about")
    parser.add_argument("--out", type=Path, default=Path("results/audit/sounds.csv"), help="where the table goes")
    args = parser.parse_args(argv)
    folder = Path("results") / args.run
    dataset = runs.run_dataset(runs.open_run(folder))
    tested = clips_of_run(folder, dataset, args.clips, "true")
    made = [asked(tested, maps_of).assign(clips_of="test")]
    made += [
        asked(_validation(folder, dataset, args.clips), lambda clips, full=full: _own(clips, full), full=full).assign(
            clips_of="validation"
        )
        for full in (95.0, 75.0, 50.0, 25.0)
    ]
    table = pd.concat(made, ignore_index=True)
    write_text(args.out, table.to_csv(index=False, float_format="%.6g"))
    print(table[["clips_of", "map", "clips", "speakers", *SHOWN]].to_string(index=False, float_format="{:.3f}".format))
    print(f"wrote {args.out}")
    return 0


def maps_of(clips: FoldClips) -> Iterator[tuple[str, list[list[np.ndarray]]]]:
    """Name of each kind of map, and its maps of each clip (several where chance makes them)."""
    kinds = {"mel gradients": clips.mel_weight}
    if clips.model.config.features == "logmel":
        kinds |= {name: clips.maps("hires-cam", layer) for name, layer in LAYERS.items()}
    rng = np.random.default_rng(0)
    for name, maps in kinds.items():
        yield name, [[one] for one in maps]
        yield f"{name}, shifted", [shifted(one, seed=i) for i, one in enumerate(maps)]
        yield f"{name}, cells in random order", [[rng.permuted(one.ravel()).reshape(one.shape) for _ in range(3)] for one in maps]
    yield "the loudest cells", [[loudest(one, level)] for one, level in zip(clips.mel_weight, clips.log_mel)]


def _own(clips: FoldClips, full: float) -> Iterator[tuple[str, list[list[np.ndarray]]]]:
    yield f"mel gradients, wholly evidence from the {full:.0f}th percentile up", [[one] for one in clips.mel_weight]


def asked(folds: Sequence[FoldClips], maps: Maps, *, full: float = FULL_PERCENTILE) -> pd.DataFrame:
    """One row per kind of map: MEASURES over the clips that the network of their fold names rightly, means over speakers."""
    rows = []
    for clips in folds:
        ask = sound_probabilities(clips.model)
        whole = ask(clips.signals)
        for name, made in maps(clips):
            for i in np.flatnonzero(whole.argmax(axis=1) == clips.target):
                if not (made[i][0] > 0).any():
                    continue
                parts = part_probabilities(ask, split_by_maps(clips.signals[i], made[i], clips.model.config, full=full))
                found = pd.DataFrame(measures(np.repeat(whole[[i]], len(parts), axis=0), parts)).mean()
                rows.append({"map": name, "speaker": clips.speakers[i], **found})
    table = pd.DataFrame(rows)
    return pd.DataFrame([_row(str(name), part) for name, part in table.groupby("map", sort=False)])


def _row(name: str, part: pd.DataFrame) -> dict[str, float | str]:
    row: dict[str, float | str] = {"map": name, "clips": len(part), "speakers": part["speaker"].nunique()}
    for measure, share in MEASURES.items():
        found = over_speakers(part[measure], part["speaker"], share=share)
        row |= {measure: found["value"], f"{measure}_low": found["low"], f"{measure}_high": found["high"]}
    return row


def _validation(folder: Path, dataset, n: int) -> list[FoldClips]:
    """About n clips of speakers that chose each fold's epoch, fold by fold, in the form of tested ones."""
    tables, label = [], runs.open_run(folder).label
    for number, place in enumerate(runs.fold_places(folder), start=1):
        clips = dataset.clips.iloc[runs.read_split(place, dataset).valid]
        tables.append(pd.DataFrame({"path": clips["path"], "speaker": clips["speaker"], "true": clips[label], "fold": number}))
    table = pd.concat(tables, ignore_index=True).astype({"path": str, "speaker": str, "true": str})
    return fold_clips(folder, dataset, table.iloc[sample_clips(table, n)], "true")


if __name__ == "__main__":
    sys.exit(main())

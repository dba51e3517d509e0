"""Which methods find planted cues in networks of a run's architecture and features: all cues, several seeds, intervals
over seeds. Trains a network per seed, kept in cache/planted-networks; changes no run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from voicecam import runs
from voicecam.checks.planted import SEEDS, carriers
from voicecam.commands import cli
from voicecam.explanation.methods import LIGHT
from voicecam.explanation.planted import NETWORKS, planted_training, run_planted
from voicecam.explanation.planted_sounds import CUES
from voicecam.files import write_text

SHOWN = [
    "run",
    "cue",
    "layer",
    "method",
    "grid",
    "chance",
    "turned",
    "seeds",
    "clips",
    "pointing",
    "pointing_low",
    "pointing_high",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Print where maps point in each run's planted networks and write it; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="+", default=["demo"], help="runs in results/ (default: demo)")
    parser.add_argument("--layer", nargs="+", help="stages of the network (default: that of the run's maps)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"networks (default: {SEEDS})")
    parser.add_argument("--cues", nargs="+", default=list(CUES), choices=list(CUES), help="what is planted")
    args = parser.parse_args(argv)
    table = pd.concat([of_run(Path("results") / name, args) for name in args.run], ignore_index=True)
    print(table[[*SHOWN, "over", "over_low", "best", "found"]].round(2).to_string(index=False))
    write_text(Path("results") / "audit" / "planted.csv", table.to_csv(index=False, float_format="%.4g"))
    return 0


def of_run(folder: Path, args: argparse.Namespace) -> pd.DataFrame:
    """The table of one run."""
    settings = runs.open_run(folder)
    dataset = runs.run_dataset(settings)
    table = run_planted(
        args.cues,
        LIGHT,
        speech=carriers(dataset),
        config=dataset.config,
        training=planted_training(settings.training, full=True),
        layers=tuple(args.layer or [runs.run_maps(folder)["layer"]]),
        seeds=range(args.seeds),
        few=16,
        networks=NETWORKS,
        progress=cli.log,
    )
    return table.assign(run=folder.name)


if __name__ == "__main__":
    sys.exit(main())

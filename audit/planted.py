"""Which methods find planted cues: all cues, several seeds, intervals over seeds. In small networks on synthetic voices, or in
networks of a run's architecture, features and recordings (--run; hours for a ResNet). Trains a network per seed, kept in
cache/planted-networks; changes no run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import runs
from voicecam.checks.planted import SEEDS, carriers
from voicecam.commands import cli
from voicecam.explanation.methods import LIGHT
from voicecam.explanation.planted import NETWORKS, SMALL_TRAINING, planted_training, run_planted
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
    parser.add_argument("--run", nargs="+", default=[""], help="runs in results/ (default: synthetic voices)")
    parser.add_argument("--layer", nargs="+", help="stages of the network (default: layer3, or that of the run's maps)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"networks (default: {SEEDS})")
    parser.add_argument("--cues", nargs="+", default=list(CUES), choices=list(CUES), help="what is planted")
    args = parser.parse_args(argv)
    table = pd.concat([of_run(name, args) for name in args.run], ignore_index=True)
    print(table[[*SHOWN, "over", "over_low", "best", "found"]].round(2).to_string(index=False))
    write_text(Path("results") / "audit" / "planted.csv", table.to_csv(index=False, float_format="%.4g"))
    return 0


def of_run(name: str, args: argparse.Namespace) -> pd.DataFrame:
    """The table of one run; of synthetic voices and small networks where it has no name."""
    how: dict[str, Any] = {"seeds": range(args.seeds), "few": 16, "networks": NETWORKS, "progress": cli.log}
    if not name:
        return run_planted(args.cues, LIGHT, training=SMALL_TRAINING, layers=tuple(args.layer or ["layer3"]), **how).assign(
            run=""
        )
    folder = Path("results") / name
    settings = runs.open_run(folder)
    dataset, layers = runs.run_dataset(settings), tuple(args.layer or [runs.run_maps(folder)["layer"]])
    own = {"speech": carriers(dataset), "config": dataset.config, "training": planted_training(settings.training, full=True)}
    return run_planted(args.cues, LIGHT, layers=layers, **own, **how).assign(run=name)


if __name__ == "__main__":
    sys.exit(main())

"""Which method and layer draw a network's maps: chosen on one run, to be reported on another. Trains planted networks; changes no
run.

The rule, in this order: the method passes the test of random weights (draws.py); of those, the most planted cues found; then the
most over the best baseline, averaged over the learned cues, in whole per cent; then the best mean rank in deletion, insertion and
ROAD. Methods on the picture's pixels compete with every layer. The choice is written by hand into config.DEFAULT_MAPS.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from voicecam import runs
from voicecam.checks.planted import FEW_WORDS, carriers
from voicecam.explanation.draws import SURE, draw_likeness, draws_table
from voicecam.explanation.faithful import faithfulness, faithfulness_table
from voicecam.explanation.methods import LIGHT, METHODS
from voicecam.explanation.planted import NETWORKS, WORDS, planted_training, run_planted
from voicecam.explanation.planted_sounds import QUICK, USUAL
from voicecam.explanation.pointing import PICTURE
from voicecam.files import write_text
from voicecam.runs.fold_clips import clips_of_run

LAYERS = ("layer2", "layer3")
MEASURES = ("deletion", "insertion", "road")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of candidates of each run and write it; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="+", default=["espeak"], help="evaluated runs in results/ (default: espeak)")
    parser.add_argument("--clips", type=int, default=16, help="of each fold (default: 16)")
    parser.add_argument("--draws", type=int, default=20, help="networks with random weights a fold (default: 20)")
    parser.add_argument("--seeds", type=int, default=5, help="planted networks (default: 5)")
    parser.add_argument("--quick", action="store_true", help="plant as a report does by default: fewer clips, epochs and cues")
    args = parser.parse_args(argv)
    found = [candidates(Path("results") / name, args.clips, args.draws, args.seeds, args.quick) for name in args.run]
    table = pd.concat(found, ignore_index=True)
    print(table.round(2).to_string(index=False))
    for run, rows in table.groupby("run", sort=False):
        best = rows.iloc[0]
        prediction = "passes" if best["passes"] >= SURE else "does not pass"
        print(f"{run}: {best['method']} at {best['layer']}, {prediction} random weights")
    write_text(Path("results") / "audit" / "defaults.csv", table.to_csv(index=False, float_format="%.4g"))
    return 0


def candidates(folder: Path, clips: int, draws: int, seeds: int, quick: bool) -> pd.DataFrame:
    """One row per method and layer of a run, the best first by the rule."""
    settings = runs.open_run(folder)
    dataset = runs.run_dataset(settings)
    planted = run_planted(
        QUICK if quick else USUAL,
        LIGHT,
        speech=carriers(dataset, words=FEW_WORDS if quick else WORDS),
        config=dataset.config,
        training=planted_training(settings.training, full=not quick),
        layers=LAYERS,
        seeds=range(seeds),
        few=clips,
        networks=NETWORKS,
    )
    write_text(Path("results") / "audit" / f"planted-{folder.name}.csv", planted.to_csv(index=False, float_format="%.4g"))
    rows = [row for layer in LAYERS for row in _rows(folder, dataset, layer, planted, clips, draws)]
    table = pd.DataFrame(rows).drop_duplicates(["method", "layer"]).assign(run=folder.name)
    for name in MEASURES:
        table[f"{name} rank"] = table[name].rank(ascending=name == "deletion")
    table["rank"] = table[[f"{name} rank" for name in MEASURES]].mean(axis=1)
    order = ["sure", "found", "per cent", "rank"]
    table["per cent"] = (100 * table["over"]).round()
    return table.sort_values(order, ascending=[False, False, False, True], ignore_index=True).drop(columns=["sure", "per cent"])


def _rows(folder: Path, dataset, layer: str, planted: pd.DataFrame, n: int, draws: int) -> list[dict]:
    folds = clips_of_run(folder, dataset, n * len(runs.fold_places(folder)), "true")
    likeness, deleted, first = [], [], 0
    for clips in folds:
        given = (clips.inputs, clips.target, clips.speakers)
        asked = {"methods": LIGHT, "contrast": clips.contrast}
        how = {"draws": draws, "few": max(2, n // 4), "seed": clips.number}
        likeness.append(draw_likeness(clips.model, *given, **asked, layer=layer, **how).assign(fold=clips.number))
        part = faithfulness(clips.model.network, *given, **asked, layer=clips.model.stage(layer), road_clips=max(2, n // 2))
        deleted.append(part.assign(clip=part["clip"] + first))
        first += len(clips.table)
    passed = draws_table(pd.concat(likeness, ignore_index=True)).set_index("method")
    faithful = faithfulness_table(pd.concat(deleted, ignore_index=True)).set_index("method")
    rows = []
    for method in LIGHT:
        place = PICTURE if METHODS[method].grid == "input" else layer
        cues = planted[(planted["method"] == method) & (planted["layer"] == layer) & planted["learned"].astype(bool)]
        row = {"method": method, "layer": place, "likeness": passed.loc[method, "likeness"], "bar": passed.loc[method, "bar"]}
        row |= {"passes": passed.loc[method, "passes"], "sure": bool(passed.loc[method, "faithful"])}
        row |= {
            "cues": len(cues),
            "found": int(cues["found"].sum()),
            "pointing": cues["pointing"].mean(),
            "over": cues["over"].mean(),
        }
        rows.append(row | {name: faithful.loc[method, name] for name in MEASURES})
    return rows


if __name__ == "__main__":
    sys.exit(main())

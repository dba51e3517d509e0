"""All evaluated runs in one table, results.csv, made again from the runs' own files; and two runs held against each other.

Computes no score of a run: those are in its metrics.json, see runs.evaluate_run.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import evaluation, runs
from voicecam.data.map_file import old_map
from voicecam.errors import ExplainError, ModelError
from voicecam.explanation.centroids import over_trainings
from voicecam.files import read_json, write_json, write_text
from voicecam.progress import Log

# what reading a run of another version ends in
UNREADABLE = (ModelError, OSError, LookupError, AttributeError, TypeError, ValueError)
COLUMNS = (
    "run",
    "corpus",
    "label",
    "split",
    "features",
    "arch",
    "init",
    "clips",
    "speakers",
    "effective_speakers",
    "balanced_accuracy",
    "low",
    "high",
    "fold_mean",
    "fold_mean_low",
    "fold_mean_high",
    "macro_f1",
    "ece",
    "ece_fold_mean",
    "share_uncertain",
    "error_answered",
    "command",
    "finished",
)


def write_results(results: Path, *, log: Log = print) -> Path:
    """Write results.csv, one row per evaluated run directly in `results`, by name; returns its path. See results/README.md.

    log : called with a line for each run that cannot be read, such as one of another version; it gets no row
    """
    places = sorted(path.parent for path in Path(results).glob("*/metrics.json"))
    rows = []
    for place in places:
        if (place / "run.json").exists() and (place / "fold1" / "meta.json").exists():
            try:
                rows.append(_row(place))
            except UNREADABLE as reason:
                log(f"{place}: left out of results.csv, not a run of this version ({reason!r}); move it away, or train it again")
    path = Path(results) / "results.csv"
    write_text(path, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, float_format="%.6g"))
    return path


def compare_runs(first: Path, second: Path) -> tuple[dict[str, Any], Path]:
    """Compare two evaluated runs on the same clips; writes compare-SECOND.json into the first's folder.

    Clips that one of them could not use, such as those without speech for a speech model, are left out of both. Returns what
    evaluation.compare gives, with both names and left_out, the number of these, and the file's path. Raises ModelError for a
    run that was not evaluated, DatasetError when they tested other clips.
    """
    labels = [runs.open_run(folder).label for folder in (first, second)]
    if len(set(labels)) > 1:
        raise ModelError(f"{first} learned {labels[0]}, {second} learned {labels[1]}; compare runs of the same label")
    tables, left_out = _usable_by_both(first, second)
    found = {**evaluation.compare(*tables), "left_out": left_out}
    path = first / f"compare-{second.name}.json"
    write_json(path, {"first": first.name, "second": second.name, **found})
    return found, path


def _usable_by_both(first: Path, second: Path) -> tuple[list[pd.DataFrame], int]:
    """Predictions of both runs without the clips that only one could use, as the other's map says; and how many these are."""
    tables = [runs.read_predictions(folder) for folder in (first, second)]
    unusable: set[str] = set()
    for folder, other in ((first, tables[1]), (second, tables[0])):
        entries = old_map(Path(runs.open_run(folder).map))["entries"]
        unusable |= {name for name in other["path"] if "error" in entries.get(name, {})}
    return [table[~table["path"].isin(unusable)].reset_index(drop=True) for table in tables], len(unusable)


def compare_trainings(folders: Sequence[Path]) -> tuple[pd.DataFrame, Path]:
    """Where the evidence lies by several trainings of a network, side by side; writes trainings.csv into the first's folder.

    Returns the table of centroids.over_trainings and the file's path. Raises ExplainError for a run whose checks hold no
    centroids, or other classes or methods than the first's.
    """
    tables = []
    for folder in folders:
        if runs.read_summary(folder, "centroid") is None:
            raise ExplainError(f"{folder}: no check of where the evidence lies; run voicecam explain --run {folder.name} first")
        runs.check_version(folder)
        tables.append(runs.read_table(folder, "centroids"))
        rows = [set(table[["method", "target"]].itertuples(index=False, name=None)) for table in (tables[0], tables[-1])]
        if rows[0] != rows[1]:
            raise ExplainError(f"{folder}: other classes or methods than {folders[0].name}; give trainings of the same network")
    found = over_trainings(tables, [runs.read_table(folder, "random_centroids") for folder in folders])
    path = folders[0] / "trainings.csv"
    write_text(path, found.to_csv(index=False, float_format="%.6g"))
    return found, path


def _row(folder: Path) -> dict[str, Any]:
    """One run's line of results.csv."""
    run, metrics = read_json(folder / "run.json", error=ModelError), read_json(folder / "metrics.json", error=ModelError)
    model = read_json(folder / "fold1" / "meta.json", error=ModelError)
    score, mean = metrics["network"]["balanced_accuracy"], metrics["fold_mean"]
    calibration, abstention = metrics["calibration"], metrics["abstention"]
    return {
        "run": folder.name,
        "corpus": " + ".join(model["meta"]["corpora"]),
        "label": model["label"],
        "split": run["settings"]["split"],
        "features": model["config"]["features"],
        "arch": model["arch"],
        "init": model["meta"]["init"],
        "clips": sum(fold["clips"] for fold in metrics["folds"]),
        "speakers": runs.read_predictions(folder)["speaker"].nunique(),
        "effective_speakers": metrics["network"]["effective_speakers"],
        "balanced_accuracy": score["value"],
        "low": score["low"],
        "high": score["high"],
        "fold_mean": mean["value"],
        "fold_mean_low": mean["low"],
        "fold_mean_high": mean["high"],
        "macro_f1": metrics["network"]["macro_f1"]["value"],
        "ece": calibration["ece"]["value"],
        "ece_fold_mean": calibration["ece_fold_mean"],
        "share_uncertain": abstention["uncertain"]["value"],
        "error_answered": abstention["error_answered"]["value"],
        "command": run["command"],
        "finished": datetime.fromtimestamp((folder / "metrics.json").stat().st_mtime, UTC).isoformat(timespec="seconds"),
    }

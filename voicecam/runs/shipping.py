"""A run's network -> models/, with the scores it goes by."""

from dataclasses import replace
from pathlib import Path

from voicecam.errors import ModelError
from voicecam.files import read_json
from voicecam.network import load_model, save_model
from voicecam.runs.folder import fold_places, read_predictions


def ship(folder: Path, out: Path) -> Path:
    """Write the network of an evaluated run with one split to `out`, as float16, with its metrics; returns the weights' path."""
    places = fold_places(folder)
    if len(places) > 1:
        raise ModelError(f"{folder}: has {len(places)} networks, one per fold; ship a run with --split speakers")
    read_predictions(folder)
    model = load_model(places[0])
    metrics = read_json(folder / "metrics.json", error=ModelError)["network"]
    shipped = replace(model, meta={**model.meta, "command": read_json(folder / "run.json")["command"], "test": metrics})
    save_model(out, shipped, half=True)
    return out / "model.safetensors"

"""An evaluated run -> maps of its test clips, beside those of random weights, and their shares per band."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from voicecam.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_shares, bands_by_class
from voicecam.explanation.methods import attribute
from voicecam.files import read_json, write_bytes, write_json, write_text
from voicecam.network import Model, build, load_model
from voicecam.runs.folder import differences, fold_places, read_predictions, read_split


def explain_run(
    folder: Path, dataset: Dataset, *, layer: str = "layer3", target: str = "true", bar: bool = False
) -> dict[str, Any]:
    """Grad-CAM of every tested clip: cams.npz (raw maps with their index), bands_by_class.csv and, last, explanation.json.

    layer : stage of the ResNet, "layer1" to "layer4"
    target : the class each map is for: "true", "predicted" or a class name
    Beside each map stands its null: the map of the same network with random weights.
    Raises ExplainError when the run was explained with another layer or target.
    """
    path, wanted = folder / "explanation.json", {"method": "Grad-CAM", "layer": layer, "target": target}
    if path.exists():
        facts = read_json(path, error=ExplainError)
        if differing := differences({key: facts[key] for key in wanted}, wanted):
            raise ExplainError(
                f"{folder}: was explained with another setting ({differing}); use a new run, or delete {path} first"
            )
        return facts
    predictions = read_predictions(folder)
    maps, nulls = _all_maps(folder, dataset, predictions, layer, target, bar=bar)
    shares, null_shares = band_shares(maps), band_shares(nulls)
    bands = bands_by_class(shares, null_shares, predictions["true"], predictions["speaker"], dataset.config)
    arrays = {name: predictions[name].to_numpy(dtype=str) for name in ("path", "speaker", "true", "predicted")}
    buffer = BytesIO()
    np.savez_compressed(buffer, maps=maps, random_weights_maps=nulls, fold=predictions["fold"].to_numpy(), **arrays)
    write_bytes(folder / "cams.npz", buffer.getvalue())
    write_text(folder / "bands_by_class.csv", bands.to_csv(index=False, float_format="%.6g"))
    blank = np.isnan(shares[:, 0])
    facts = {
        **wanted,
        "grid": list(maps.shape[1:]),
        "clips": len(maps),
        "blank": {name: int(blank[predictions["true"] == name].sum()) for name in sorted(predictions["true"].unique())},
        "random_weights_blank": int(np.isnan(null_shares[:, 0]).sum()),
    }
    write_json(path, facts)
    return facts


def _all_maps(
    folder: Path, dataset: Dataset, predictions: pd.DataFrame, layer: str, target: str, *, bar: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of every predicted clip, and of the same network with random weights; in the order of `predictions`."""
    maps, nulls = [], []
    for number, place in enumerate(fold_places(folder), start=1):
        model, rows = load_model(place), read_split(place, dataset).test
        targets = _targets(predictions[predictions["fold"] == number], target, model)
        inputs = model.input(dataset.matrices[rows])
        maps.append(attribute(model.network, inputs, targets, method="grad-cam", layer=model.stage(layer), bar=bar))
        null = random_twin(model, seed=number)
        nulls.append(attribute(null.network, inputs, targets, method="grad-cam", layer=null.stage(layer), bar=bar))
    return np.concatenate(maps), np.concatenate(nulls)


def _targets(predictions: pd.DataFrame, target: str, model: Model) -> np.ndarray:
    """Class number that each clip's map is for."""
    if target in ("true", "predicted"):
        return predictions[target].map({name: i for i, name in enumerate(model.classes)}).to_numpy(dtype=int)
    if target not in model.classes:
        raise ExplainError(f"target {target!r}: not known; use true, predicted or one of {', '.join(model.classes)}")
    return np.full(len(predictions), model.classes.index(target))


def random_twin(model: Model, *, seed: int) -> Model:
    """The same network with random weights: what a map shows that learned nothing."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = build(model.arch, len(model.classes)).eval()
    torch.set_rng_state(state)
    return replace(model, network=network)

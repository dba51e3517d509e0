"""An evaluated run -> maps of its test clips beside those of two controls, and their shares per band.

The controls are the same network with random weights, and one trained on shuffled labels (runs/controls.py). A run's first
explanation lies in its folder, others below it in explanations/.
"""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam.config import AUTO, from_dict, map_choice
from voicecam.data.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_shares, bands_by_class
from voicecam.explanation.listening import sound_maps
from voicecam.explanation.methods import METHODS
from voicecam.files import digest, read_json, write_bytes, write_json, write_text
from voicecam.progress import Log, Progress
from voicecam.runs.check_files import BANDS, CHECKS_FOLDER, FULL, CheckSizes, check_settings
from voicecam.runs.controls import label_shuffled_model, randomised_model
from voicecam.runs.fold_clips import fold_clips
from voicecam.runs.folder import differences, fold_places, open_run, read_predictions
from voicecam.runs.sound_maps import explain_sound_run

EXPLANATIONS = "explanations"  # folder of a run


def explanation_place(
    folder: Path, *, method: str, layer: str, target: str, bands: str = BANDS, full: bool = False, maps_only: bool = False
) -> Path:
    """Where an explanation of a run lies: in its folder where there is none yet or the same one, else in a folder below it.

    method, layer, target, full : as for `explain_run`; bands : as for `check_run`; maps_only : its maps are not to be tested
    """
    facts, checked = folder / "explanation.json", folder / CHECKS_FOLDER / "settings.json"
    same = not facts.exists() or not _differing(facts, _settings(method, layer, target))
    if same and checked.exists() and not maps_only:
        sizes = FULL if full else CheckSizes()
        wanted, there = (
            check_settings(method=method, layer=layer, bands=bands, sizes=sizes),
            read_json(checked, error=ExplainError, needs={}),
        )
        same = {**there, "version": wanted["version"]} == wanted  # those of another version are refused when they are opened
    name = "-".join([method, layer, target, *[bands] * (bands != BANDS), *["full"] * full])
    plain = re.sub(r"[^\w.+-]", "_", name)[:100]
    return folder if same else folder / EXPLANATIONS / (plain if plain == name else f"{plain}-{digest(name, length=6)}")


def explanation_places(folder: Path) -> list[Path]:
    """Folders of all explanations of a run: its own first, then those beside it by name."""
    return [
        path.parent
        for path in (folder / "explanation.json", *sorted(folder.glob(f"{EXPLANATIONS}/*/explanation.json")))
        if path.exists()
    ]


def run_maps(folder: Path, *, method: str = AUTO, layer: str = AUTO) -> dict[str, str]:
    """Method and layer of a run's maps; in place of "auto" what config.DEFAULT_MAPS has for its network and features."""
    meta = read_json(fold_places(folder)[0] / "meta.json", error=ExplainError, needs={"config": dict, "arch": str})
    config = from_dict(meta["config"])
    if config.of_sound:
        return dict(zip(("method", "layer"), sound_maps(method, layer)))
    method, layer = map_choice(meta["arch"], config.features, method=method, layer=layer)
    return {"method": method, "layer": layer}


def _settings(method: str, layer: str, target: str) -> dict[str, str]:
    return {"method": METHODS[method].title, "layer": layer, "target": target}


def read_explanation(folder: Path) -> dict[str, Any]:
    """What an explanation's explanation.json says. Raises ExplainError where it does not say how the maps were made."""
    return read_json(folder / "explanation.json", error=ExplainError, needs={"method": str, "layer": str, "target": str})


def _differing(path: Path, wanted: dict[str, str]) -> str:
    facts = read_explanation(path.parent)
    return differences({key: facts[key] for key in wanted}, wanted)


def explain_run(
    folder: Path,
    dataset: Dataset,
    *,
    place: Path | None = None,
    method: str = AUTO,
    layer: str = AUTO,
    target: str = "true",
    full: bool = False,
    log: Log = print,
    bar: bool = False,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Maps of every tested clip: cams.npz (raw maps with their index), bands_by_class.csv and, last, explanation.json. Of a
    speech model maps of some clips, see sound_maps.explain_sound_run.

    place : folder they go to; by default the run's own or, where that holds another explanation, one beside it, see
        `explanation_place`
    method : one of explanation.METHODS; layer : stage of the network, "layer1" to "layer4"; "auto" : see `run_maps`
    target : what each map is for, see material.targets
    full : train the network on shuffled labels in every fold, not in the first alone
    Raises ExplainError when `place` holds an explanation by another method, layer or target.
    """
    method, layer = run_maps(folder, method=method, layer=layer).values()
    place = place or explanation_place(folder, method=method, layer=layer, target=target, maps_only=True)
    wanted = _settings(method, layer, target)
    path = place / "explanation.json"
    if path.exists():
        if differing := _differing(path, wanted):
            raise ExplainError(f"{place}: holds an explanation with other settings ({differing}); give another place")
        return read_explanation(place)
    if dataset.config.of_sound:
        how: dict[str, Any] = {"method": method, "target": target, "full": full}
        return explain_sound_run(folder, dataset, wanted, place=place, **how, log=log, progress=progress)
    predictions, settings = read_predictions(folder), open_run(folder)
    folds = fold_clips(folder, dataset, predictions, target)
    maps, controls, shuffled = [], [], []
    for clips in folds:
        maps.append(clips.maps(method, layer, bar=bar))
        controls.append(clips.maps(method, layer, model=randomised_model(clips.model, seed=clips.number), bar=bar))
        if full or clips is folds[0]:
            log(f"fold {clips.number}: the same network on shuffled labels, as a null")
            twin = label_shuffled_model(clips.place, dataset, settings.label, settings.training, log=lambda line: None)
            shuffled.append(clips.maps(method, layer, model=twin, bar=bar))
    joined = {
        "maps": np.concatenate(maps),
        "random_weights_maps": np.concatenate(controls),
        "shuffled_labels_maps": np.concatenate(shuffled),  # of the first folds: as many as there are
    }
    predictions = pd.concat([clips.table for clips in folds])
    shares = {name: band_shares(found) for name, found in joined.items()}
    _write(place, joined, shares, predictions, dataset)
    blank = np.isnan(shares["maps"][:, 0])
    facts = {
        **wanted,
        "grid": list(joined["maps"].shape[1:]),
        "clips": len(blank),
        "blank": {name: int(blank[predictions["true"] == name].sum()) for name in sorted(predictions["true"].unique())},
        "random_weights_blank": int(np.isnan(shares["random_weights_maps"][:, 0]).sum()),
        "shuffled_labels_clips": len(joined["shuffled_labels_maps"]),
    }
    write_json(path, facts)
    return facts


def _write(place: Path, maps: dict[str, Any], shares: dict[str, np.ndarray], predictions: pd.DataFrame, dataset: Dataset) -> None:
    """cams.npz and bands_by_class.csv."""
    arrays = {name: predictions[name].to_numpy(dtype=str) for name in ("path", "speaker", "true", "predicted")}
    buffer = BytesIO()
    np.savez_compressed(buffer, **maps, fold=predictions["fold"].to_numpy(), **arrays)
    write_bytes(place / "cams.npz", buffer.getvalue())
    labels = np.full(shares["maps"].shape, np.nan)  # clips of folds without such a network count as without a map
    labels[: len(shares["shuffled_labels_maps"])] = shares["shuffled_labels_maps"]
    bands = bands_by_class(
        shares["maps"],
        shares["random_weights_maps"],
        list(predictions["true"]),
        list(predictions["speaker"]),
        dataset.config,
        shuffled_shares=labels,
        right=(predictions["true"] == predictions["predicted"]).to_numpy(),
    )
    write_text(place / "bands_by_class.csv", bands.to_csv(index=False, float_format="%.6g"))

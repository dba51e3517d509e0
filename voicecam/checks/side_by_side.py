"""Several explained runs side by side: how each one's maps go with what stopping bands costs, and its map of a clip over common
mel bands. Takes what explanations and checks have on disk; only where a picture's map has no frequencies a network is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import runs
from voicecam.checks.band_profiles import MEL_GRADIENTS, map_profile
from voicecam.checks.sound_bands import RANDOM
from voicecam.config import Config, from_dict
from voicecam.data.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation import bandstop
from voicecam.explanation.bands import Bands, band_limits, band_set
from voicecam.explanation.listening import GRADIENTS, N_BANDS, OCCLUSION
from voicecam.explanation.methods import METHODS
from voicecam.explanation.waveform import mel_bands
from voicecam.files import read_json
from voicecam.runs.check_files import CHECKS_FOLDER
from voicecam.runs.explaining import read_explanation
from voicecam.runs.fold_clips import fold_clips
from voicecam.runs.folder import fold_places, read_predictions

COLUMNS = ("system", "method", "bands", "spearman", "low", "high", "random", "random_low", "random_high", "clips", "speakers")
RATE = 16_000  # Hz; the common bands go up to half of it


@dataclass(frozen=True)
class BandMap:
    """matrix : float (N_BANDS, step), lowest band first, above 0 speaks for the class; seconds : of its window
    title : how it was made
    """

    matrix: np.ndarray
    seconds: float
    title: str


def common_bands() -> Bands:
    """The bands that maps are drawn on: those of speech models."""
    return mel_bands(N_BANDS, RATE)


def agreement_rows(folder: Path) -> pd.DataFrame:
    """How a run's maps go with the score lost without each band, as its checks found it; columns COLUMNS.

    A row for the method of the run's maps, where they have frequencies, and one for gradients on the sound or on its mel
    energies, where they were made. random : the same rank correlation for maps of random weights. Of a speech model it is that of
    its check. Of a network on pictures: the maps of random weights that its explanation holds, on average over speakers, with
    the mean drops of the check; without an interval, as single clips' drops are not kept. NaN where there is no such map.
    Raises ExplainError for a run whose maps were not tested by stopping bands.
    """
    runs.check_version(folder)
    if not (folder / CHECKS_FOLDER / "agreement.csv").exists():
        raise ExplainError(f"{folder}: its maps were not tested by stopping bands; run scripts/explain.py --run {folder.name}")
    table, drops = (runs.read_table(folder, name) for name in ("agreement", "band_drops"))
    table, own = table.set_index("method"), _method(folder)
    rows = []
    for name in dict.fromkeys((own, GRADIENTS, MEL_GRADIENTS)):
        if name in table.index:
            null = _null(folder, table, drops) if name == own else dict.fromkeys(("spearman", "low", "high"), np.nan)
            row = {"system": folder.name, "method": METHODS[name].title if name in METHODS else name.capitalize()}
            row |= {"bands": drops["band"].nunique(), **table.loc[name, ["spearman", "low", "high", "clips", "speakers"]]}
            rows.append(row | {"random": null["spearman"], "random_low": null["low"], "random_high": null["high"]})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _null(folder: Path, table: pd.DataFrame, drops: pd.DataFrame) -> dict[str, float]:
    """spearman, low and high of maps of random weights by the run's own method."""
    config = run_config(folder)
    if config.of_sound:
        there = RANDOM in table.index and _method(folder) == OCCLUSION
        return {name: float(table.loc[RANDOM, name]) if there else np.nan for name in ("spearman", "low", "high")}
    found = {"spearman": np.nan, "low": np.nan, "high": np.nan}
    if config.features != "logmel":
        return found
    places = drops.drop_duplicates("band").sort_values("band")
    bands = Bands(tuple(places["name"]), tuple(zip(places["from"], places["to"])))
    with np.load(folder / "cams.npz", allow_pickle=False) as arrays:
        profile = map_profile(arrays["random_weights_maps"], config, bands)
        classes_of, speakers = arrays["true"], arrays["speaker"]
    known = {name: part.sort_values("band")["drop"].to_numpy() for name, part in drops.groupby("class")}
    kept = np.isin(classes_of, list(known))
    lost = np.stack([known[name] for name in classes_of[kept]])  # each clip's class in the mean
    told = bandstop.agreement({RANDOM: profile[kept]}, lost, list(classes_of[kept]), list(speakers[kept]))
    return {**found, "spearman": float(told["spearman"].iloc[0])}


def common_clips(folders: Sequence[Path], n: int) -> pd.DataFrame:
    """At most n clips that every run has a map of: path, speaker, true; classes in turn, and another speaker while there is one.

    Raises ExplainError where there is none.
    """
    tables = [_explained(folder) for folder in folders]
    paths = set.intersection(*(set(table["path"]) for table in tables))
    shared = tables[0][tables[0]["path"].isin(paths)].sort_values("path")
    for folder, table in zip(folders[1:], tables[1:]):
        if len(differing := shared.merge(table, on="path").query("true_x != true_y")):
            raise ExplainError(f"{folder}: {differing['path'].iloc[0]} has another class there; compare runs of one label")
    if shared.empty:
        names = ", ".join(folder.name for folder in folders)
        raise ExplainError(f"{names}: no clip has a map in all of them; take runs on the same corpus, with the same split")
    turn = shared.groupby("speaker").cumcount()
    order = shared.assign(turn=turn).sort_values(["turn", "path"], kind="stable")
    place = order.groupby("true").cumcount()
    return order.assign(place=place).sort_values(["place", "true"]).head(n)[["path", "speaker", "true"]].reset_index(drop=True)


def _explained(folder: Path) -> pd.DataFrame:
    if not (folder / "explanation.json").exists():
        raise ExplainError(f"{folder}: not explained yet; run scripts/explain.py --run {folder.name}")
    with np.load(folder / "cams.npz", allow_pickle=False) as arrays:
        return pd.DataFrame({name: arrays[name] for name in ("path", "speaker", "true")})


def band_map(folder: Path, dataset: Dataset, path: str) -> BandMap:
    """The run's map of a clip on `common_bands`: a band has the mean of the cells that lie in it, and 0 where there is none.

    path : one of `common_clips`. A network on coefficients, whose maps have no frequencies, is asked for gradients of the mel
    energies in place of the map.
    """
    config, facts = run_config(folder), read_explanation(folder)
    title = f"{facts['method']}, {facts['layer']}"
    with np.load(folder / "cams.npz", allow_pickle=False) as arrays:
        found = arrays["maps"][int(np.flatnonzero(arrays["path"] == path)[0])]  # (band or row, step)
    if config.of_sound:
        return BandMap(found.astype(float), config.seconds, title)
    limits = band_limits(len(found), config)
    if config.features != "logmel":
        predictions = read_predictions(folder)
        clips = fold_clips(folder, dataset, predictions[predictions["path"] == path], facts["target"])[0]
        found, limits, title = clips.mel_weight[0], list(band_set("mel", config).limits), MEL_GRADIENTS.capitalize()
    return BandMap(_on_common_bands(found, limits), config.seconds, title)


def _on_common_bands(found: np.ndarray, limits: Sequence[tuple[float, float]]) -> np.ndarray:
    """A map (row, step) on the common bands, (N_BANDS, step). limits : low and high end of each row in Hz"""
    edges = [0.0, *(high for _, high in common_bands().limits)]
    low, high = np.interp(np.array(limits), edges, np.arange(N_BANDS + 1)).T  # where rows begin and end, counted in bands
    bands = np.arange(N_BANDS)[:, None]
    return np.maximum(0.0, np.minimum(high, bands + 1) - np.maximum(low, bands)) @ found


def run_config(folder: Path) -> Config:
    """The settings of a run's networks."""
    return from_dict(read_json(fold_places(folder)[0] / "meta.json", error=ExplainError, needs={"config": dict})["config"])


def _method(folder: Path) -> str:
    """The key of the method of the run's maps."""
    title = read_explanation(folder)["method"]
    return next((key for key, known in METHODS.items() if known.title == title), title)

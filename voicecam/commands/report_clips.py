"""The clips that a run's report shows: which, how they sound and look to the network, and their maps. Computes no map."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio, evaluation
from voicecam.config import Config
from voicecam.data.dataset import Dataset
from voicecam.explanation.audible import wav_bytes
from voicecam.explanation.listening import heard_window, shown_config
from voicecam.features import Axis, column_axis, log_mel_energies, row_axis
from voicecam.features.image import Scale
from voicecam.files import read_json
from voicecam.report import ReportClip

MISTAKES = 6  # shown in the report: enough to see a pattern, few enough to listen to all


def picture_axes(dataset: Dataset) -> tuple[Axis, Axis]:
    """What the rows and columns of the run's matrices are; the pictures of mfcc-2020 have more of both than its features."""
    config, (_, n_rows, n_columns) = dataset.config, dataset.matrices.shape
    if config.of_sound:  # the picture shown is of the speech that was heard, in mel bands
        shown = shown_config(config)
        return row_axis(shown), column_axis(shown, shown.n_frames)
    return _stretched(row_axis(config), n_rows), _stretched(column_axis(config, config.n_frames), n_columns)


def _stretched(axis: Axis, n: int) -> Axis:
    return axis if len(axis.values) == n else Axis(axis.kind, np.linspace(axis.values[0], axis.values[-1], n), axis.unit)


def example_rows(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each class the right answer of middling sureness: neither the best nor the worst the network can do."""
    found = []
    for name, group in predictions[predictions["true"] == predictions["predicted"]].groupby("true"):
        order = group.assign(p=group[f"p_{name}"]).sort_values(["p", "path"])
        found.append(order.iloc[len(order) // 2].to_dict())
    return found


def mistake_rows(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    return evaluation.worst_mistakes(predictions, MISTAKES).to_dict("records")


def report_clip(row: dict[str, Any], folder: Path, dataset: Dataset, place: Path) -> ReportClip:
    """A clip as the network of its fold got it: the fitted sound, not the whole file, and its picture."""
    heard = _heard(row, dataset) if dataset.config.of_sound else None
    scale = Scale.from_dict(read_json(folder / f"fold{row['fold']}" / "meta.json")["scale"])
    index = int(np.flatnonzero(dataset.clips["path"] == row["path"])[0])
    return ReportClip(
        path=row["path"],
        speaker=row["speaker"],
        true=row["true"],
        predicted=row["predicted"],
        probability=row[f"p_{row['predicted']}"],
        wav=None
        if dataset.corpus.matrices
        else wav_bytes(heard or audio.load(dataset.corpus.root / row["path"], dataset.config)),
        picture=scale.to_gray(dataset.matrices[index]) if heard is None else _grey(heard, dataset.config),
        cam=_cam_of(place, row),
    )


def _heard(row: dict[str, Any], dataset: Dataset) -> audio.Signal:
    """The window of a clip's speech that a speech model heard."""
    return audio.Signal(heard_window(dataset.corpus.root / row["path"], dataset.config), dataset.config.sample_rate)


def _grey(heard: audio.Signal, config: Config) -> np.ndarray:
    """Mel energies of the window as grey levels, uint8 (band, frame), from the softest to the loudest cell."""
    levels = log_mel_energies(heard.samples, shown_config(config)).T
    return np.rint((levels - levels.min()) / max(np.ptp(levels), 1e-9) * 255).astype(np.uint8)


def _cam_of(place: Path, row: dict[str, Any]) -> np.ndarray | None:
    """The stored map of a clip, its positive part, where it is for the predicted class."""
    target = read_json(place / "explanation.json")["target"]
    if row["predicted"] != {"true": row["true"], "predicted": row["predicted"]}.get(target, target):
        return None
    with np.load(place / "cams.npz", allow_pickle=False) as arrays:
        here = np.flatnonzero(arrays["path"] == row["path"])
        return np.maximum(arrays["maps"][here[0]], 0) if len(here) else None

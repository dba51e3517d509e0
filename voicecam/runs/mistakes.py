"""An evaluated run -> copies of the clips that its networks answered wrongly, by name, with a table. Draws no page.

A clip is found by its path in the corpus, the one that its prediction stands under, never by its place in a batch.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import evaluation
from voicecam.data.dataset import Dataset
from voicecam.errors import DatasetError
from voicecam.files import atomic_path, cut_bytes, free_path, read_table, safe_name, write_text
from voicecam.network import load_model
from voicecam.runs.folder import PARTS, fold_places, open_run, read_predictions, read_split
from voicecam.runs.training import predict

FOLDER, TABLE = "mistakes", "mistakes.csv"  # folder of a run, and the table in it, which is written last
MOST = 200  # files copied of a part, the surest first: enough to listen to, and no second corpus on the disk


def copy_mistakes(folder: Path, dataset: Dataset) -> pd.DataFrame:
    """Copy wrongly answered clips into folder/mistakes/train, valid and test, byte by byte; returns mistakes.csv.

    A clip of a fold is wrong where its likeliest class is not the true one, whether or not the answer is "uncertain". Columns:
    part, file (of the copy below mistakes/; "" beyond the MOST surest of a part and where the sound is gone), path, speaker,
    fold, true, predicted, decision, p (of the predicted class). The surest come first in each part.
    What is there is kept. Raises DatasetError for a corpus without sound, ModelError for a run that was not evaluated.
    """
    place = folder / FOLDER
    if (place / TABLE).exists():
        return read_table(place / TABLE, text=("part", "file"))
    if dataset.corpus.matrices is not None:
        raise DatasetError(f"{dataset.corpus.root}: has matrices but no recordings, so no clip can be copied")
    read_predictions(folder)  # refuses one without
    table = _wrong(folder, dataset)
    shutil.rmtree(place, ignore_errors=True)  # of one that was stopped
    found = [_copied(dataset.corpus.root, part, rows, place) for part, rows in table.groupby("part", sort=False)]
    table = pd.concat(found, ignore_index=True) if found else table.assign(file="")
    columns = ["part", "file", "path", "speaker", "fold", "true", "predicted", "decision", "p"]
    write_text(place / TABLE, table[columns].to_csv(index=False, float_format="%.6g"))
    return table[columns]


def _wrong(folder: Path, dataset: Dataset) -> pd.DataFrame:
    """The wrong answers of each fold's network, part by part, the surest first."""
    label, tables = open_run(folder).label, []
    for number, place in enumerate(fold_places(folder), start=1):
        model, split = load_model(place), read_split(place, dataset)
        threshold = model.meta.get("threshold", 0.0)
        for part in PARTS:
            rows = getattr(split, part)
            p = predict(model, dataset, rows) if len(rows) else np.zeros((0, len(model.classes)))
            told = evaluation.prediction_table(dataset.clips, label, rows, p, model.classes, fold=number, threshold=threshold)
            tables.append(told.assign(part=part, p=p.max(axis=1, initial=0)))
    table = pd.concat(tables, ignore_index=True)
    wrong = table[table["true"] != table["predicted"]]
    order = wrong.assign(order=wrong["part"].map(PARTS.index)).sort_values(["order", "p"], ascending=[True, False], kind="stable")
    return order.drop(columns="order")


def _copied(root: Path, part: str, rows: pd.DataFrame, place: Path) -> pd.DataFrame:
    """The rows of a part with the file of each one's copy."""
    files = [_copy(root, row, place / part) for _, row in rows.head(MOST).iterrows()]
    return rows.assign(file=[f"{part}/{name}" if name else "" for name in files] + [""] * (len(rows) - len(files)))


def _copy(root: Path, row: pd.Series, place: Path) -> str:
    """Copy a clip; returns the copy's name, "" where the sound is gone."""
    source = root / row["path"]
    told = [safe_name(row["true"]), "as", safe_name(row["predicted"]), f"{row['p']:.3f}", safe_name(row["speaker"])]
    stem = "-".join([*(cut_bytes(text, 40) for text in told), safe_name(source.stem, longest=80)])
    path = free_path(place, stem, source.suffix)
    try:
        with atomic_path(path) as temporary:
            shutil.copyfile(source, temporary)
    except FileNotFoundError:
        return ""
    return path.name

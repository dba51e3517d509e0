"""The page to listen to a run's mistakes: index.html beside their copies. Copies and predicts nothing."""

from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from voicecam.files import write_text

TITLES = {"train": "Training clips", "valid": "Validation clips", "test": "Test clips"}


def write_mistakes_page(path: Path, table: pd.DataFrame, *, run: str, most: int) -> None:
    """Write the page, whose players name the copies beside it.

    table : as runs.mistakes.copy_mistakes gives it; run : name of the run; most : copies of each part at most
    """
    environment = Environment(
        loader=PackageLoader("voicecam.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    parts = [_part(name, table[table["part"] == name]) for name in reversed(TITLES)]  # the test first: what counts
    folds = len(table["fold"].unique()) > 1
    write_text(path, environment.get_template("mistakes.html").render(run=run, parts=parts, most=most, folds=folds))


def _part(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    copied = rows[rows["file"] != ""]
    return {"name": name, "title": TITLES[name], "wrong": len(rows), "clips": copied.to_dict("records")}

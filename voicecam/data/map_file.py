"""Maps on disk: where the map of a corpus lies, what it holds, and the project whose folder its paths start from.

Makes no images and reads none; see dataset.py.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam.config import Config
from voicecam.corpora.table import Corpus
from voicecam.errors import DatasetError
from voicecam.files import contents, digest, portable, read_json, safe_name

FORMAT = 3  # of the map; raised when an older program could misread it
LISTINGS = "cache/listings"  # folder of a project where the digests of the corpora's files are remembered


def map_path(corpus: Corpus, config: Config, maps: Path) -> Path:
    """Where the map of this corpus under these settings lies: maps/NAME-CLIPS-SETTINGS.json.

    CLIPS stands for the clips' names and bytes: a copy of the corpus has the same map, and one with another clip has another.
    """
    return named_map(corpus, config, maps, clip_contents(corpus, maps))


def named_map(corpus: Corpus, config: Config, maps: Path, seen: dict[str, str]) -> Path:
    """The same; seen : what `clip_contents` gives."""
    return Path(maps) / f"{short_name(corpus)}-{digest([corpus.name, list(seen.items())])}-{config.hash}.json"


def short_name(corpus: Corpus) -> str:
    """The corpus's name as the names of its maps begin."""
    return safe_name(corpus.name.lower(), longest=100)


def clip_contents(corpus: Corpus, maps: Path) -> dict[str, str]:
    """What each clip is known by, see files.contents; of ready-made matrices the file that holds them."""
    memory, ready_made = home_of(maps) / LISTINGS, corpus.matrices
    if ready_made is not None:
        return contents(ready_made.parent, [ready_made.name], memory=memory)
    return contents(corpus.root, corpus.clips["path"], memory=memory)


def home_of(maps: Path) -> Path:
    """The project's folder, which holds maps/, as an absolute path."""
    return Path(os.path.abspath(maps)).parent


def map_values(corpus: Corpus, config: Config, ready: dict[str, dict[str, Any]], *, home: Path, complete: bool) -> dict[str, Any]:
    """All that the map file of a corpus holds. Its paths start from `home`, where they lie below it."""
    entries = {}
    for row in corpus.clips.to_dict("records"):
        name, speaker = row.pop("path"), row.pop("speaker")
        if name in ready:
            labels = {key: None if pd.isna(value) else value for key, value in row.items()}
            entries[name] = {**ready[name], "speaker": speaker, "labels": labels}
    return {
        "format": FORMAT,
        "corpus": corpus.name,
        "root": portable(corpus.root, home),
        "matrices": corpus.matrices and portable(corpus.matrices, home),
        "note": corpus.note,
        "repairs": list(corpus.repairs),
        "folds": {
            label: [{part: list(who) for part, who in vars(fold).items()} for fold in many]
            for label, many in corpus.folds.items()
        },
        "config": config.to_dict(),
        "config_hash": config.hash,
        "complete": complete,
        "entries": entries,
    }


def old_map(path: Path) -> dict[str, Any]:
    """The map at `path`, finished or not; an empty one where there is none of this format."""
    values = read_json(path, error=DatasetError) if path.exists() else {}
    return values if values.get("format") == FORMAT else {"entries": {}}

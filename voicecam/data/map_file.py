"""Maps on disk: where the map of a corpus lies, what it holds, and the project whose folder its paths start from.

Makes no images and reads none; see dataset.py.
"""

import os
from pathlib import Path
from typing import Any

from voicecam.config import SOUND_RECIPES, Config
from voicecam.corpora.table import Corpus
from voicecam.errors import DatasetError
from voicecam.files import contents, digest, portable, read_json, safe_name
from voicecam.setting_checks import number_between

FORMAT = 3  # of the map; raised when an older program could misread it
KINDS = {  # of a map's values
    **dict.fromkeys(("corpus", "root", "note"), str),
    **dict.fromkeys(("folds", "config", "entries"), dict),
    "repairs": list,
    "complete": bool,
    "matrices": str | None,
}
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
    labels = corpus.clips.columns.drop(["path", "speaker"])
    columns = [corpus.clips[label].astype(object).where(corpus.clips[label].notna(), None) for label in labels]
    for name, speaker, *values in zip(corpus.clips["path"], corpus.clips["speaker"], *columns):
        if name in ready:
            entries[name] = {**ready[name], "speaker": speaker, "labels": dict(zip(labels, values))}
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


def read_map(path: Path) -> dict[str, Any]:
    """What the finished map at `path` says, its kinds checked. Raises DatasetError where it is missing, unfinished, of another
    version, or says what cannot be."""
    values = read_json(path, error=DatasetError)
    if not isinstance(values, dict) or isinstance(values.get("format"), bool) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else "none"
        which = "made by a newer voicecam" if isinstance(found, int) and found > FORMAT else "of an earlier version"
        raise DatasetError(f"{path}: {which} (format {found!s:.40}, this one reads {FORMAT}); make images and run again")
    wrong = next((name for name, kind in KINDS.items() if name not in values or not isinstance(values[name], kind)), None)
    if wrong is None:
        pictures = not values["matrices"] and values["config"].get("features") not in SOUND_RECIPES
        wrong = next((name for name, entry in values["entries"].items() if not _is_entry(entry, pictures=pictures)), None)
    if wrong is not None:
        raise DatasetError(f"{path}: what it says of {wrong} cannot be read; delete the map, make images and run again")
    if all("error" in entry for entry in values["entries"].values()):
        raise DatasetError(f"{path}: holds no image; make images again")
    if not values["complete"]:
        raise DatasetError(f"{path}: making these images was stopped half way; run make_images again, it goes on where it was")
    return values


def _is_entry(entry: Any, *, pictures: bool) -> bool:
    """Whether a clip's entry is whole: who speaks, labels of text, and an error or, where there are pictures, which one."""
    if not isinstance(entry, dict) or not isinstance(entry.get("speaker"), str) or not isinstance(entry.get("labels"), dict):
        return False
    texts = [entry.get(name, "") for name in ("error", "image", "fingerprint")] + [
        v for v in entry["labels"].values() if v is not None
    ]
    if not all(isinstance(value, str) for value in texts):
        return False
    if "error" in entry or not pictures:
        return True
    low: Any = entry.get("low")
    high: Any = entry.get("high")
    return bool(entry.get("image")) and number_between(low, -1e9, 1e9) and number_between(high, low, 1e9)


def old_map(path: Path) -> dict[str, Any]:
    """The map at `path`, finished or not; an empty one where there is none of this format."""
    values = read_json(path, error=DatasetError) if path.exists() else {}
    return values if isinstance(values, dict) and values.get("format") == FORMAT else {"entries": {}}

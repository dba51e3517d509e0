"""Clips -> images on disk, and a map that ties each image to its wav, speaker, labels and settings; and back again.

Ready-made matrices (corpora/matrices.py) get a map and no images: their file holds all that is needed.
Does not split (splits.py), fit a scale or train.
"""

import os
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.audio.fingerprints import fingerprint, from_text, to_text
from voicecam.config import IMAGES, MAPS, Config, from_dict
from voicecam.corpora.matrices import load_matrices
from voicecam.corpora.table import Corpus, Fold
from voicecam.data.augmented import AugmentedClips
from voicecam.data.encodings import make_encodings, store_path, stored_encodings
from voicecam.data.map_file import clip_contents, home_of, map_values, named_map, old_map, read_map, short_name
from voicecam.data.matrix_file import stored_matrices
from voicecam.data.network_input import clip_matrix, signal_matrix, window_input  # noqa: F401  handed on
from voicecam.engine import HERE, PROCESSES, spread
from voicecam.errors import AudioError, DatasetError
from voicecam.features.image import save_matrix, save_picture
from voicecam.files import alone_in, write_bytes, write_json, writing
from voicecam.progress import Progress

SAVE_EVERY_S = 5.0  # s between saves of an unfinished map at least: what a kill can cost


@dataclass(frozen=True)
class Dataset:
    """Images of one corpus, ready to split.

    corpus : as the adapter gave it; its clips table has one row per image, in the order of `matrices`
    matrices : float32, shape (n_clips, n_rows, n_frames); for mfcc-2020 the grey levels, (n_clips, 224, 224); for a speech model
        what data.encodings made
    config : the settings that made them
    failed : (wav, error) of each clip that could not be used
    fingerprints : uint8 (n_clips, fingerprints.BYTES), by which copies are known; None for ready-made matrices
    augmented_clips : the whole clips, where config.windows is "all"; `matrices` then hold each clip's loudest window
    """

    corpus: Corpus
    matrices: np.ndarray
    config: Config
    failed: tuple[tuple[str, str], ...] = ()
    fingerprints: np.ndarray | None = None
    augmented_clips: AugmentedClips | None = None

    @property
    def clips(self) -> pd.DataFrame:
        """The corpus's table: path, speaker and labels, one row per image."""
        return self.corpus.clips

    def keep(self, chosen: Corpus) -> "Dataset":
        """Only the images of the clips that `chosen`, a part of this corpus, still holds."""
        rows = pd.Index(self.clips["path"]).get_indexer(pd.Index(chosen.clips["path"]))
        if np.array_equal(rows, np.arange(len(self.clips))):
            return replace(self, corpus=chosen)  # all: the matrices stay on disk, where they lie there
        kept = None if self.augmented_clips is None else self.augmented_clips.keep(rows)
        prints = None if self.fingerprints is None else self.fingerprints[rows]
        return replace(self, corpus=chosen, matrices=self.matrices[rows], fingerprints=prints, augmented_clips=kept)


def make_images(
    corpus: Corpus,
    config: Config,
    *,
    images: Path = IMAGES,
    maps: Path = MAPS,
    workers: int | None = None,
    progress: Progress = lambda items, total: items,
) -> Path:
    """Write one image per clip and the map; return the map's path. For a speech model encodings, see data.encodings.

    workers : processes; None is one per core, 1 works in this process
    progress : called as progress(iterable, total); gives the iterable back
    Images whose wav has the bytes that the map says are kept, so a second run does nothing and a stopped one goes on where it
    was; several at a time share their work. Of a corpus that has changed, the images of clips that have not are taken from its
    other maps. Each file appears whole or not at all. A clip that cannot be used is listed in the map with the reason as its
    "error"; one that could not be read is tried again by the next run. Ready-made matrices get the map alone.
    Raises DatasetError when no clip can be used, OSError when images cannot be written.
    """
    if config.of_sound:
        return make_encodings(corpus, config, maps=maps, workers=workers, progress=progress)
    seen = clip_contents(corpus, maps)
    path = named_map(corpus, config, maps, seen)
    if corpus.matrices is not None:
        write_json(
            path, map_values(corpus, config, {name: {} for name in corpus.clips["path"]}, home=home_of(maps), complete=True)
        )
        return path
    folder = Path(images) / path.stem
    with writing(folder):
        work = _Work(corpus, config, folder, path, seen)
        _make(work, workers, progress)
    if all("error" in entry for entry in work.ready.values()):
        first = next(iter(work.ready.values()))["error"]
        raise DatasetError(f"{corpus.root}: none of {len(work.ready)} clips can be used; the first: {first}")
    return path


def _make(work: "_Work", workers: int | None, progress: Progress) -> None:
    """Make what waits; whatever stops it, what is done is kept."""
    with closing(work.convert(workers)) as results:
        saved, took = time.monotonic(), 0.0
        try:
            for name, result in progress(results, len(work.waiting)):
                work.ready[name] = result
                if time.monotonic() - saved > max(SAVE_EVERY_S, 10 * took):  # a large map takes its time
                    began = time.monotonic()
                    work.save()
                    saved = time.monotonic()
                    took = saved - began
        finally:
            work.save()


def read_dataset(path: Path, *, images: Path | None = None) -> Dataset:
    """Read the map at `path` and its images, by default those in mfc_dataset/ beside the map's folder.

    Raises DatasetError when either is missing, unfinished or of another format.
    """
    values, home = read_map(Path(path)), home_of(Path(path).parent)
    good = {name: entry for name, entry in values["entries"].items() if "error" not in entry}
    ready_made = home / values["matrices"] if values.get("matrices") else None
    labels = dict.fromkeys(label for entry in good.values() for label in entry["labels"])
    columns = {label: [entry["labels"].get(label) for entry in good.values()] for label in labels}
    columns = {"path": list(good), "speaker": [entry["speaker"] for entry in good.values()], **columns}
    folds = {
        label: tuple(Fold(**{part: tuple(who) for part, who in fold.items()}) for fold in many)
        for label, many in values["folds"].items()
    }
    clips = pd.DataFrame(columns).astype("string")
    corpus = Corpus(values["corpus"], home / values["root"], clips, tuple(values["repairs"]), folds, values["note"], ready_made)
    failed = tuple((name, entry["error"]) for name, entry in values["entries"].items() if "error" in entry)
    config, known_by = from_dict(values["config"]), [from_text(e["fingerprint"])[0] for e in good.values() if "fingerprint" in e]
    prints = None if ready_made else np.stack(known_by)
    if config.of_sound:
        matrices = stored_encodings(store_path(corpus, config, home), [entry["content"] for entry in good.values()])
    elif ready_made is None:
        folder = (home / "mfc_dataset" if images is None else Path(images)) / Path(path).stem
        matrices = stored_matrices(good, folder, name=Path(path).stem, home=home)
    else:
        matrices = load_matrices(ready_made, clips["path"]).astype(np.float32)
    return Dataset(corpus, matrices, config, failed, prints)


class _Work:
    """The images of one corpus that are there and that are to be made.

    names : clip -> image; seen : clip -> what its bytes are known by, see files.contents
    ready : clip -> its entry in the map; waiting : clips whose image is not there or no longer true
    """

    def __init__(self, corpus: Corpus, config: Config, folder: Path, path: Path, seen: dict[str, str]):
        self.corpus, self.config, self.folder, self.path, self.seen = corpus, config, folder, path, seen
        self.names = _image_names(corpus)
        own = _still_good(old_map(path)["entries"], seen, folder)
        self.ready = {**self._taken_over(set(self.names) - set(own)), **own}
        self.waiting = [name for name in self.names if self.ready.get(name, {}).get("content") is None]

    def _taken_over(self, missing: set[str]) -> dict[str, dict[str, Any]]:
        """Entries of `missing` clips that another map of this corpus has with the same bytes; their images are copied."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(self.path.parent.glob(f"{short_name(self.corpus)}-*-{self.config.hash}.json")) if missing else ():
            place = self.folder.parent / path.stem
            for name, entry in _still_good(old_map(path)["entries"], self.seen, place).items():
                if name in missing and name not in found and "image" in entry and entry["content"]:
                    write_bytes(self.folder / entry["image"], (place / entry["image"]).read_bytes())
                    found[name] = entry
        return found

    def save(self) -> None:
        """Write the map of what is ready, here or by another run that makes the same images now."""
        with alone_in(self.path.parent):
            old = old_map(self.path)
            there = _still_good(old["entries"], self.seen, self.folder)
            ready = {**there, **self.ready}
            complete = len(ready) == len(self.names) and any("image" in entry for entry in ready.values())
            new = map_values(self.corpus, self.config, ready, home=home_of(self.path.parent), complete=complete)
            if new != old and (ready or old["entries"]):
                write_json(self.path, new)

    def convert(self, workers: int | None) -> Generator[tuple[str, dict[str, Any]]]:
        """(clip, entry) of each that waits, in order; over processes where there is enough to do."""
        root, names = self.corpus.root, self.waiting
        jobs = ((root / name, self.folder / self.names[name], self.config) for name in names)
        by = HERE if workers == 1 or len(names) < 64 else PROCESSES  # starting processes costs more than 64 clips
        with closing(spread(_convert, jobs, workers=workers, by=by, chunk=16)) as results:
            for name, result in zip(names, results):
                yield name, self._entry(name, result)

    def _entry(self, name: str, result: dict[str, Any]) -> dict[str, Any]:
        """A clip's entry in the map; without its content where the reason may go away while the file stays as it is."""
        if "error" in result:
            said = result["error"].replace(f"{self.corpus.root}{os.sep}", "")  # it holds in a copy of the corpus too
            return {"error": said, "content": None if result["passing"] else self.seen[name]}
        return {"image": self.names[name], **result, "content": self.seen[name]}


def _convert(path: Path, image: Path, config: Config) -> dict[str, Any]:
    """Write the image of one clip; returns what its black and white stand for.

    Where it has none, returns the "error", and whether it is "passing": the same file may do next time. One file never ends the
    work on the others. Raises OSError when the image cannot be written.
    """
    try:
        recording = audio.read(path, limits=audio.CLIP)
        matrix, known_by = signal_matrix(recording, config), fingerprint(recording)
    except AudioError as reason:
        return {"error": str(reason), "passing": not os.access(path, os.R_OK)}
    except OSError as reason:
        return {"error": f"{path}: not readable ({reason.strerror}); check its permissions", "passing": True}
    except MemoryError:
        return {"error": f"{path}: no memory left to read it; close other programs, or cut it", "passing": True}
    except Exception as reason:  # whatever a broken file does to a decoder
        said = " ".join(f"{type(reason).__name__}: {reason}".split())
        return {"error": f"{path}: cannot be used ({said}); export it again as WAV", "passing": False}
    if config.features == "mfcc-2020":
        low, high = save_picture(image, matrix.astype(np.uint8))
    else:
        low, high = save_matrix(image, matrix)
    return {"low": low, "high": high, "fingerprint": to_text(known_by[None])}


def _image_names(corpus: Corpus) -> dict[str, str]:
    """Image of each clip: the wav's path with .png. Raises DatasetError where two clips would share one."""
    names = {name: Path(name).with_suffix(".png").as_posix() for name in corpus.clips["path"]}
    owner: dict[str, str] = {}
    for name, image in names.items():
        if image in owner:
            raise DatasetError(f"{corpus.root}: {owner[image]} and {name} differ only in their ending; keep one of them")
        owner[image] = name
    return names


def _still_good(entries: dict[str, Any], seen: dict[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """Entries of an old map that are true: the wav has the same bytes, and the image is there. Those without a content, whose
    clips could not be read, count until they are made again."""
    on_disk = {
        os.path.join(place, name)[len(str(folder)) + 1 :].replace(os.sep, "/")
        for place, _, names in os.walk(folder)
        for name in names
    }
    kept = {}
    for name, entry in entries.items():
        same = name in seen and entry["content"] in (None, seen[name])
        if same and ("error" in entry or entry["image"] in on_disk):
            kept[name] = {key: entry[key] for key in ("image", "low", "high", "fingerprint", "error", "content") if key in entry}
    return kept

"""Recordings -> what a speech model's network is shown: the speech in them, cut out, as an encoder's output or as samples.

Where pictures are files in mfc_dataset/, encodings are one array per corpus and encoder in cache/encodings/, each clip under what
its bytes are known by. Trains nothing.
"""

import os
import time
import zipfile
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from voicecam import audio
from voicecam.audio.fingerprints import fingerprint, to_text
from voicecam.config import Config
from voicecam.corpora.table import Corpus
from voicecam.data.map_file import clip_contents, home_of, map_values, named_map, old_map, short_name
from voicecam.data.network_input import (  # noqa: F401  handed on
    NOBODY_SPEAKS,
    clip_encoding,
    sample_starts,
    speech_of,
    window_encodings,
)
from voicecam.encoders import load_encoder
from voicecam.engine import THREADS, spread
from voicecam.errors import AudioError, DatasetError
from voicecam.files import alone_in, atomic_path, write_json, writing
from voicecam.progress import Progress

FOLDER = "cache/encodings"  # of a project
SAVE_EVERY_S = 20.0  # s between saves at least: what a kill can cost


def make_encodings(
    corpus: Corpus,
    config: Config,
    *,
    maps: Path,
    workers: int | None = None,
    progress: Progress = lambda items, total: items,
) -> Path:
    """Encode every clip and write the map; returns the map's path. As data.dataset.make_images does for pictures: what is there
    is kept, a stopped one goes on, a clip that cannot be used is listed with the reason.

    workers : clips read at a time
    Raises DatasetError when no clip can be used, ModelError where the encoder cannot be had.
    """
    if corpus.matrices is not None:
        raise DatasetError(f"{corpus.root}: has matrices but no recordings; use a corpus with sound files")
    seen = clip_contents(corpus, maps)
    path = named_map(corpus, config, maps, seen)
    store = _Store(store_path(corpus, config, home_of(maps)))
    old = old_map(path)["entries"]
    ready = {
        name: entry for name, entry in old.items() if name in seen and entry.get("content") == seen[name] and "error" in entry
    }
    store.take_over(seen.values())
    known = {name: content for name, content in seen.items() if content in store.row}
    ready |= {name: {"fingerprint": store.row[content][0], "content": content} for name, content in known.items()}
    waiting = [name for name in seen if name not in ready]
    with writing(store.path.parent):
        _encode(corpus, config, seen, waiting, ready, store, path, workers, progress)
    if all("error" in entry for entry in ready.values()):
        first = next(iter(ready.values()))["error"]
        raise DatasetError(f"{corpus.root}: none of {len(ready)} clips can be used; the first: {first}")
    return path


def _encode(
    corpus: Corpus,
    config: Config,
    seen: dict[str, str],
    waiting: list[str],
    ready: dict[str, dict[str, Any]],
    store: "_Store",
    path: Path,
    workers: int | None,
    progress: Progress,
) -> None:
    """Encode what waits; whatever stops it, what is done is kept."""

    def save() -> float:
        began = time.monotonic()
        store.save(path.parent)
        complete = len(ready) == len(seen) and any("error" not in entry for entry in ready.values())
        write_json(path, map_values(corpus, config, ready, home=home_of(path.parent), complete=complete))
        return time.monotonic() - began

    with closing(_results(corpus, config, waiting, workers)) as results:
        saved, took = time.monotonic(), 0.0
        try:
            for name, (encoding, entry) in progress(results, len(waiting)):
                if encoding is not None and seen[name]:
                    store.add(seen[name], entry["fingerprint"], encoding)
                if encoding is None or seen[name]:
                    ready[name] = {**entry, "content": seen[name] or None}
                if time.monotonic() - saved > max(SAVE_EVERY_S, 10 * took):
                    took, saved = save(), time.monotonic()
        finally:
            save()


def _results(
    corpus: Corpus, config: Config, waiting: list[str], workers: int | None
) -> Generator[tuple[str, tuple[np.ndarray | None, dict[str, Any]]]]:
    """(clip, its encoding and entry) in order, several at a time. Threads: detector and encoder leave Python's lock."""
    if waiting and config.features == "encoder":
        load_encoder(config.encoder, config.encoder_weights, config.encoder_output)  # a missing one is no clip's error
    jobs = ((name,) for name in waiting)
    with closing(spread(_encode_clip, jobs, shared=(corpus.root, config), workers=workers, by=THREADS)) as results:
        yield from zip(waiting, results)


def _encode_clip(root: Path, config: Config, name: str) -> tuple[np.ndarray | None, dict[str, Any]]:
    """A clip's encoding and what the map says of it; or None and why there is none."""
    try:
        recording = audio.read(root / name, limits=audio.CLIP)
        return clip_encoding(recording, config), {"fingerprint": to_text(fingerprint(recording)[None])}
    except AudioError as reason:
        said = str(reason).replace(f"{root}{os.sep}", "")
        return None, {"error": said if name in said else f"{name}: {said}"}
    except OSError as reason:
        return None, {"error": f"{name}: not readable ({reason.strerror}); check its permissions"}


def store_path(corpus: Corpus, config: Config, home: Path) -> Path:
    """Where the encodings of a corpus lie: cache/encodings/CORPUS-SETTINGS-WEIGHTS.npz."""
    weights = ""
    if config.features == "encoder":
        weights = load_encoder(config.encoder, config.encoder_weights, config.encoder_output).weights
    return home / FOLDER / f"{short_name(corpus)}-{config.hash}-{weights or 'samples'}.npz"


def stored_encodings(path: Path, contents: list[str]) -> np.ndarray:
    """Encodings of clips, float32 (clip, row, frame), by what their bytes are known by. Raises DatasetError for a missing one."""
    store = _Store(path)
    missing = sum(content not in store.row for content in contents)
    if missing:
        raise DatasetError(f"{path}: lacks {missing} of {len(contents)} clips; make the encodings again, it adds what is missing")
    return np.stack([store.row[content][1] for content in contents])


class _Store:
    """One .npz: `content` (clip,), `fingerprint` (clip,) and `encodings` (clip, row, frame). A damaged one counts as empty.

    row : content -> (fingerprint, encoding)
    """

    def __init__(self, path: Path):
        self.path, self.new = path, False
        self.row = _stored_rows(path)

    def take_over(self, wanted: Iterable[str]) -> None:
        """Add clips that the stores of other corpora hold, made with the same settings and weights."""
        missing = {content for content in wanted if content} - set(self.row)
        settings = "-".join(self.path.stem.split("-")[-2:])
        for other in sorted(self.path.parent.glob(f"*-{settings}.npz")) if missing else ():
            found = _stored_rows(other, only=missing) if other != self.path else {}
            self.row |= found
            self.new |= bool(found)

    def add(self, content: str, fingerprint: str, encoding: np.ndarray) -> None:
        """Keep a clip's encoding."""
        self.row[content], self.new = (fingerprint, encoding.astype(np.float32)), True

    def save(self, maps: Path) -> None:
        """Write the file anew where something was added, with what another process added meanwhile; maps : folder that is locked
        for it."""
        if not self.new:
            return
        with alone_in(maps):
            self.row = {**_stored_rows(self.path), **self.row}
            prints, encodings = zip(*self.row.values())
            with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
                np.savez(file, content=np.array(list(self.row)), fingerprint=np.array(prints), encodings=np.stack(encodings))
        self.new = False


def _stored_rows(path: Path, *, only: set[str] | None = None) -> dict[str, tuple[str, np.ndarray]]:
    """content -> (fingerprint, encoding); the encodings are read where one of `only` is among them."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            content = stored["content"].tolist()
            if only is not None and not only & set(content):
                return {}
            rows = dict(zip(content, zip(stored["fingerprint"].tolist(), stored["encodings"])))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    return rows if only is None else {name: rows[name] for name in content if name in only}

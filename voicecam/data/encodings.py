"""Recordings -> what a speech model's network is shown: the speech in them, cut out, as an encoder's output or as samples.

Where pictures are files in mfc_dataset/, encodings are one array per corpus and encoder in cache/encodings/, each clip under what
its bytes are known by. Trains nothing.
"""

import os
import time
import zipfile
import zlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.fingerprints import BYTES, fingerprint, to_text
from voicecam.audio.speech import cut, find_speech
from voicecam.config import Config
from voicecam.corpora.table import Corpus
from voicecam.data.map_file import clip_contents, home_of, map_values, named_map, old_map, short_name
from voicecam.encoders import load_encoder
from voicecam.errors import AudioError, DatasetError, SilentError
from voicecam.files import alone_in, atomic_path, write_json, writing
from voicecam.progress import Progress

FOLDER = "cache/encodings"  # of a project
SAVE_EVERY_S = 20.0  # s between saves at least: what a kill can cost


def speech_of(signal: Signal) -> Signal:
    """The speech of a recording without the rest, see audio.speech. Raises SilentError where there is none."""
    speech = find_speech(signal)
    if not speech:
        raise SilentError("no speech found; record closer to the microphone")
    return cut(signal, speech).signal


def window_encodings(samples: np.ndarray, starts: list[int], config: Config) -> np.ndarray:
    """Encodings of the windows of prepared samples that begin there, float32 (window, row, frame); of features "waveform" the
    samples themselves, (window, 1, config.n_samples)."""
    windows = np.stack([_window(samples, start, config.n_samples) for start in starts])
    if config.features == "waveform":
        return windows[:, None, :]
    return load_encoder(config.encoder, config.encoder_weights, config.encoder_output)(windows)


def clip_encoding(signal: Signal, config: Config) -> np.ndarray:
    """What a clip is trained on, float32 (row, frame): of its speech the loudest window or, where config.windows is "all", the
    mean over all windows. Raises AudioError, SilentError where nobody speaks."""
    spoken = speech_of(signal)
    if config.windows == "loudest":
        return window_encodings(audio.prepare(spoken, config).samples, [0], config)[0]
    prepared = audio.prepare_whole(spoken, config).samples
    return window_encodings(prepared, sample_starts(len(prepared), config), config).mean(axis=0)


def sample_starts(n: int, config: Config) -> list[int]:
    """First samples of the windows of `n` samples: one every config.window_step of a window, the last ends with them."""
    last = max(0, n - config.n_samples)
    return sorted({*range(0, last, max(1, round(config.window_step * config.n_samples))), last})


def _window(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    found = samples[start : start + length]
    return np.pad(found, (0, length - len(found)))


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
    store.take_over(set(seen.values()), like=f"*{store.path.name.removeprefix(short_name(corpus))}")
    ready = {name: entry for name, content in seen.items() if (entry := _ready(old.get(name, {}), content, store))}
    waiting = [name for name in seen if name not in ready]
    with writing(store.path.parent):
        _encode(corpus, config, seen, waiting, ready, store, path, workers, progress)
    if all("error" in entry for entry in ready.values()):
        first = next(iter(ready.values()))["error"]
        raise DatasetError(f"{corpus.root}: none of {len(ready)} clips can be used; the first: {first}")
    return path


def _ready(entry: dict[str, Any], content: str, store: "_Store") -> dict[str, Any]:
    """The entry of a clip that needs no work: the old map's, or that of an encoding that any corpus has of it; else {}."""
    if content and entry.get("content") == content and ("error" in entry or content in store.row):
        return entry
    known_by = store.row[content][1] if content in store.row else None
    return {} if known_by is None else {"fingerprint": to_text(known_by[None]), "content": content}


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
            for name, (found, entry) in progress(results, len(waiting)):
                if found is not None and seen[name]:
                    store.add(seen[name], *found)
                if found is None or seen[name]:
                    ready[name] = {**entry, "content": seen[name] or None}
                if time.monotonic() - saved > max(SAVE_EVERY_S, 10 * took):
                    took, saved = save(), time.monotonic()
        finally:
            save()


def _results(
    corpus: Corpus, config: Config, waiting: list[str], workers: int | None
) -> Generator[tuple[str, tuple["_Row | None", dict[str, Any]]]]:
    """(clip, what the store keeps, its entry) in order, several at a time. Threads: detector and encoder leave Python's lock."""
    if waiting and config.features == "encoder":
        load_encoder(config.encoder, config.encoder_weights, config.encoder_output)  # a missing one is no clip's error
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        yield from zip(waiting, pool.map(partial(_encode_clip, corpus.root, config), waiting))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _encode_clip(root: Path, config: Config, name: str) -> tuple["_Row | None", dict[str, Any]]:
    """A clip's encoding with its fingerprint, and what the map says of it; or None and why there is none."""
    try:
        recording = audio.read(root / name)
        known_by = fingerprint(recording)
        return (clip_encoding(recording, config), known_by), {"fingerprint": to_text(known_by[None])}
    except AudioError as reason:
        said = str(reason).replace(f"{root}{os.sep}", "")
        return None, {"error": said if name in said else f"{name}: {said}"}
    except OSError as reason:
        return None, {"error": f"{name}: not readable ({reason.strerror}); check its permissions"}


def store_path(corpus: Corpus, config: Config, home: Path) -> Path:
    """Where the encodings of a corpus lie: cache/encodings/CORPUS-SETTINGS-WEIGHTS.npz."""
    weights = ""
    if config.features == "encoder":
        weights = f"-{load_encoder(config.encoder, config.encoder_weights, config.encoder_output).weights}"
    return home / FOLDER / f"{short_name(corpus)}-{config.hash}{weights}.npz"


def stored_encodings(path: Path, contents: list[str]) -> np.ndarray:
    """Encodings of clips, float32 (clip, row, frame), by what their bytes are known by. Raises DatasetError for a missing one."""
    store = _Store(path)
    missing = sum(content not in store.row for content in contents)
    if missing:
        raise DatasetError(f"{path}: lacks {missing} of {len(contents)} clips; make the encodings again, it adds what is missing")
    return np.stack([store.row[content][0] for content in contents])


_Row = tuple[np.ndarray, np.ndarray | None]  # a clip's encoding and fingerprint


class _Store:
    """One .npz: `content` (clip,), `encodings` (clip, row, frame) and `fingerprints`, uint8 (clip, BYTES), all zero where none is
    known. A damaged one counts as empty."""

    def __init__(self, path: Path):
        self.path, self.new = path, False
        self.row = _stored_rows(path)

    def add(self, content: str, encoding: np.ndarray, known_by: np.ndarray | None) -> None:
        """Keep a clip's encoding."""
        self.row[content], self.new = (encoding.astype(np.float32), known_by), True

    def take_over(self, contents: set[str], *, like: str) -> None:
        """Add what the stores of other corpora have of these clips; like : names of stores by the same settings and weights."""
        for path in sorted(self.path.parent.glob(like)):
            missing = contents - set(self.row)
            if path == self.path or not missing & set(_stored_contents(path)):
                continue
            for content, row in _stored_rows(path).items():
                if content in missing and row[1] is not None:
                    self.add(content, *row)

    def save(self, maps: Path) -> None:
        """Write the file anew where something was added, with what another process added meanwhile; maps : folder that is locked
        for it."""
        if not self.new:
            return
        with alone_in(maps):
            self.row = {**_stored_rows(self.path), **self.row}
            with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
                encodings, prints = zip(*self.row.values())
                known = [np.zeros(BYTES, np.uint8) if one is None else one for one in prints]
                np.savez(file, content=np.array(list(self.row)), encodings=np.stack(encodings), fingerprints=np.stack(known))
        self.new = False


UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)  # a damaged store


def _stored_rows(path: Path) -> dict[str, _Row]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            contents = stored["content"].tolist()
            prints = stored["fingerprints"] if "fingerprints" in stored else np.zeros((len(contents), BYTES), np.uint8)
            return {name: (row, one if one.any() else None) for name, row, one in zip(contents, stored["encodings"], prints)}
    except UNREADABLE:
        return {}


def _stored_contents(path: Path) -> list[str]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["content"].tolist()
    except UNREADABLE:
        return []

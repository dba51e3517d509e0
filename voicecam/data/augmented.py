"""Clips -> mel energies of the whole clip, as recorded and as other microphones, rooms and lines would have carried it.

What training by windows reads: windows are cut from them at random. Cuts no windows and trains nothing itself.
"""

from contextlib import closing
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from voicecam import audio
from voicecam.audio import Signal, degrade
from voicecam.audio.degrade import STANDARD, Degradation
from voicecam.config import CACHE, Config
from voicecam.corpora.table import Corpus
from voicecam.engine import spread
from voicecam.errors import DatasetError
from voicecam.features import mel_decibels, window_matrix, window_starts
from voicecam.files import atomic_path, contents, digest, read_json, write_json, writing
from voicecam.progress import Progress

POOL = 8  # clips of the same speaker that babble is made of: nobody else's voice may stand in a clip, or splits would leak
VERSION = 2  # of the stored form; raised when older files must not be read


@dataclass(frozen=True)
class AugmentedClips:
    """Mel energies of every clip, `n_augmented` degraded ones beside the clean one.

    decibels : float16 (all frames, n_mels), all copies one after the other
    bounds : int64 (n_clips, 1 + n_augmented, 2), first frame and end of each; [:, 0] are the clean ones
    config : the settings that made them
    """

    decibels: np.ndarray
    bounds: np.ndarray
    config: Config

    def whole(self, clip: int, copy: int) -> np.ndarray:
        """A rendering, float16 (n_frames, n_mels); copy 0 is clean."""
        start, end = self.bounds[clip, copy]
        return self.decibels[start:end]

    def windows(self, clip: int) -> np.ndarray:
        """All windows of a clean clip, float32 (n_windows, n_rows, config.n_frames), as a Classifier would see them."""
        whole = self.whole(clip, 0).astype(np.float32)
        n = self.config.n_frames
        starts = window_starts(len(whole), self.config)
        return np.stack([window_matrix(whole[start : start + n], self.config) for start in starts])

    def keep(self, clips: np.ndarray) -> "AugmentedClips":
        """Only those clips, by their numbers."""
        return AugmentedClips(self.decibels, self.bounds[clips], self.config)


def render(
    corpus: Corpus,
    config: Config,
    *,
    n_augmented: int,
    seed: int = 0,
    how: Degradation = STANDARD,
    cache: Path = CACHE / "augmented",
    workers: int | None = None,
    progress: Progress = lambda items, total: items,
) -> AugmentedClips:
    """Renderings of all clips of a corpus, kept in `cache` and read from there the next time; damaged ones are made again.

    n_augmented : degraded copies of each clip, see degrade.augment; 0 gives the clean ones only
    how : how often and how far clips are degraded
    seed : of the degradations; each clip has its own generator, so the number of workers does not matter
    workers : processes; None is one per core
    Raises AudioError for a clip that cannot be used, DatasetError for a negative number of copies.
    """
    if n_augmented < 0:
        raise DatasetError(f"n_augmented={n_augmented}: must be 0 or more")
    key = _key(corpus, config, n_augmented, seed, how, memory=Path(cache).parent / "listings")
    folder = Path(cache) / digest(key)
    found = _stored(folder, config)
    if found is None:
        _write(folder, key, _jobs(corpus, config, n_augmented, seed, how), workers, progress)
        found = _stored(folder, config)
    if found is None:
        raise DatasetError(f"{folder}: what was just written there reads otherwise; check the disk")
    return found


def _stored(folder: Path, config: Config) -> AugmentedClips | None:
    """The augmented copies in a folder; None where there are none, or damaged ones."""
    try:
        promised = read_json(folder / "augmented.json", error=DatasetError, needs={"frames": int})["frames"]
        bounds = np.load(folder / "bounds.npy", allow_pickle=False)
        decibels = np.load(folder / "decibels.npy", mmap_mode="r", allow_pickle=False)
    except (DatasetError, OSError, ValueError):
        return None
    return AugmentedClips(decibels, bounds, config) if len(decibels) == promised else None


@dataclass(frozen=True)
class _Job:
    """One clip to render, with clips of the same speaker and the seed of its degradations."""

    path: str
    mates: tuple[str, ...]
    config: Config
    n_augmented: int
    seed: tuple[int, int]
    how: Degradation


def _jobs(corpus: Corpus, config: Config, n_augmented: int, seed: int, how: Degradation) -> list[_Job]:
    """One job per clip; its mates are the first POOL clips of its speaker."""
    paths, speakers = [str(corpus.root / name) for name in corpus.clips["path"]], corpus.clips["speaker"].to_numpy()
    first: dict[str, list[str]] = {}
    for path, speaker in zip(paths, speakers):
        if len(first.setdefault(speaker, [])) < POOL:
            first[speaker].append(path)
    return [
        _Job(path, tuple(first[speaker]), config, n_augmented, (seed, number), how)
        for number, (path, speaker) in enumerate(zip(paths, speakers))
    ]


def _write(folder: Path, key: dict[str, Any], jobs: list[_Job], workers: int | None, progress: Progress) -> None:
    """Render all clips into `folder`; augmented.json is written last and marks it as complete."""
    with writing(folder), closing(spread(_render, ((job,) for job in jobs), workers=workers, chunk=8)) as results:
        parts = list(progress(results, len(jobs)))  # per clip: 1 + n_augmented arrays
        lengths = np.array([[len(part) for part in clip] for clip in parts])
        ends = lengths.cumsum().reshape(lengths.shape)
        bounds = np.stack([ends - lengths, ends], axis=2)
        arrays = {"bounds": bounds, "decibels": np.concatenate([part for clip in parts for part in clip])}
        for name, array in arrays.items():
            with atomic_path(folder / f"{name}.npy") as temporary, open(temporary, "wb") as file:
                np.save(file, array)
        write_json(folder / "augmented.json", {"frames": int(lengths.sum()), **key})


def _render(job: _Job) -> list[np.ndarray]:
    """Mel energies, float16 (frame, band), of one clip: clean, then degraded."""
    config, rng = job.config, np.random.default_rng(job.seed)
    signal = _read(job.path, config)
    pool = [_read(mate, config).samples for mate in job.mates] if job.n_augmented else []
    degraded = [degrade.augment(signal.samples, signal.rate, pool, rng, how=job.how) for _ in range(job.n_augmented)]
    sounds = [signal, *(Signal(samples, signal.rate) for samples in degraded)]
    return [mel_decibels(audio.prepare_whole(sound, config).samples, config).astype(np.float16) for sound in sounds]


@lru_cache(maxsize=64)  # a speaker's clips follow one another, and each is the others' babble
def _read(path: str, config: Config) -> Signal:
    return audio.resample(audio.read(Path(path)), config.sample_rate)


def _key(corpus: Corpus, config: Config, n_augmented: int, seed: int, how: Degradation, *, memory: Path) -> dict[str, Any]:
    """All that decides the augmented copies: which clips (by name and bytes, see files.contents), settings and degradations."""
    seen = contents(corpus.root, corpus.clips["path"], memory=memory)
    for name, content in seen.items():
        if not content:
            raise DatasetError(
                f"{corpus.root / name}: cannot be read, though the map names it; put it back, or run make_images where it is"
            )
    return {
        "version": VERSION,
        "clips": digest(list(seen.items())),
        "speakers": digest(list(corpus.clips["speaker"])),  # babble is made of the same speaker's clips
        "config": config.to_dict(),
        "n_augmented": n_augmented,
        "seed": seed,
        "degradation": asdict(how),
    }

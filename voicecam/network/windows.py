"""Windows that training draws by chance: how often each clip, and a whole batch of windows of their augmented copies at once, on
the device that trains. Makes no copies (data/augmented.py) and no batches of fastai's (loaders.py)."""

import warnings

import numpy as np
import pandas as pd
import torch

from voicecam.config import Config
from voicecam.data.augmented import AugmentedClips
from voicecam.features.image import Scale
from voicecam.features.mfcc import SMALLEST_SPREAD, cepstrum

SHORT = {"voice": 0.2, "word": 0.0}  # share of training windows that are a part of it said again: not where the word counts
NO_CLASS_SHARE = 0.1  # of the windows drawn, those of clips of no class


class Windows:
    """Windows cut by chance from the training clips' augmented copies, as often as `shares` says.

    train : rows of the training clips, and shares, float, of each; targets : class number of every clip, int64
    short : share of windows that are cut to 0.3 to 1 of their length and said again to fill it, as a short recording would be
    no_class : bool (clip,), clips that are of no class: their target is drawn anew each time, so that the network learns to be
        undecided about them (in the mean over draws the cross-entropy with equal shares of all classes)
    device : where windows are cut and normalised; the copies lie there: 45 kB for 1 s with 6 copies (recipe voice-fine)
    """

    def __init__(
        self,
        augmented_clips: AugmentedClips,
        targets: np.ndarray,
        train: np.ndarray,
        shares: np.ndarray,
        scale: Scale,
        *,
        seed: int,
        short: float = SHORT["voice"],
        no_class: np.ndarray | None = None,
        device: torch.device | str = "cpu",
    ):
        self.bounds, self.config = augmented_clips.bounds, augmented_clips.config
        with warnings.catch_warnings():  # the copies are a file's memory map, which is read alone
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self.decibels = torch.from_numpy(augmented_clips.decibels).to(device)
        self.targets, self.train, self.scale, self.short = targets, train, scale, short
        self.rng, self.ends = np.random.default_rng(seed), np.cumsum(shares) / np.sum(shares)
        self.no_class = np.zeros(len(targets), dtype=bool) if no_class is None else no_class
        self.n_classes = int(targets.max()) + 1

    def draw(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Class numbers, int64 (n,), and the pictures of windows of clips of them, uint8 (n, row, frame)."""
        clips = self.train[np.searchsorted(self.ends, self.rng.random(n), side="right")]
        drawn = self.rng.integers(self.n_classes, size=n)
        targets = np.where(self.no_class[clips], drawn, self.targets[clips])
        return torch.from_numpy(targets).to(self.decibels.device), self._pictures(clips)

    def _pictures(self, clips: np.ndarray) -> torch.Tensor:
        """One window of one of each clip's copies, both by chance."""
        frames = self.config.n_frames
        start, end = self.bounds[clips, self.rng.integers(self.bounds.shape[1], size=len(clips))].T
        part = (self.rng.uniform(0.3, 1, len(clips)) * frames).astype(int)
        length = np.minimum(np.where(self.rng.random(len(clips)) < self.short, part, frames), end - start)
        first = start + (self.rng.random(len(clips)) * (end - start - length + 1)).astype(int)
        places = first[:, None] + np.arange(frames) % length[:, None]  # (window, frame)
        cut = self.decibels[torch.from_numpy(places).to(self.decibels.device)]  # (window, frame, band)
        return gray(window_matrices(cut.float(), self.config), self.scale)


def window_matrices(decibels: torch.Tensor, config: Config) -> torch.Tensor:
    """features.window_matrix of many windows, on any device: mel energies in dB (window, frame, band) -> (window, row, frame)."""
    matrix = torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - config.floor_db)
    if config.features != "logmel":
        matrix = matrix @ torch.from_numpy(cepstrum(np.eye(config.n_mels, dtype=np.float32), config)).to(matrix)
    if config.normalise == "mean":
        matrix = matrix - matrix.mean(dim=1, keepdim=True)
    elif config.normalise == "window":
        spread = matrix.std(dim=(1, 2), keepdim=True, correction=0).clamp_min(SMALLEST_SPREAD)
        matrix = (matrix - matrix.mean(dim=(1, 2), keepdim=True)) / spread
    return matrix.transpose(1, 2)


def gray(matrices: torch.Tensor, scale: Scale) -> torch.Tensor:
    """Scale.to_gray on any device."""
    low, high = (torch.tensor(values, dtype=torch.float32, device=matrices.device)[:, None] for values in (scale.low, scale.high))
    return ((matrices - low) / (high - low) * 255).round().clamp(0, 255).to(torch.uint8)


def even_shares(clips: pd.DataFrame, targets: np.ndarray, no_class: np.ndarray) -> np.ndarray:
    """How often each clip is drawn so that no corpus, style or speaker crowds out the others, float (clip,), adding up to 1.

    A corpus counts like the square root of the number of its speakers, twice where it has several styles (column `emotion`);
    inside it classes count alike, inside a class styles, inside a style speakers, inside a speaker clips. Then classes are made
    equal over all corpora, and clips of no class get NO_CLASS_SHARE.

    clips : with `speaker`, and `corpus` and `emotion` where they are known; targets : class numbers (clip,)
    """
    names = {name: clips[name].astype("string").fillna("") if name in clips else "" for name in ("corpus", "emotion")}
    table = pd.DataFrame({**names, "speaker": clips["speaker"], "target": np.where(no_class, -1, targets)}, index=clips.index)
    corpora, levels = table.groupby("corpus"), ["corpus", "target", "emotion", "speaker"]
    share = corpora["speaker"].transform("nunique").pow(0.5) * corpora["emotion"].transform("nunique").gt(1).add(1)
    for depth in range(1, len(levels)):
        share /= table.groupby(levels[:depth])[levels[depth]].transform("nunique")
    share /= table.groupby(levels)["target"].transform("size")
    wanted = np.where(no_class, NO_CLASS_SHARE, (1 - NO_CLASS_SHARE * no_class.any()) / table.loc[~no_class, "target"].nunique())
    return (share / share.groupby(table["target"]).transform("sum") * wanted).to_numpy()


def clip_shares(targets: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """How often each clip is drawn, float (clip,), adding up to 1: 1 / sqrt(clips of its speaker), so that the few who recorded
    much do not crowd out the many who recorded little; then classes made equal."""
    _, who, clips = np.unique(speakers, return_inverse=True, return_counts=True)
    shares = 1 / np.sqrt(clips[who])
    per_class = np.bincount(targets, weights=shares)
    return shares / per_class[targets] / np.count_nonzero(per_class)

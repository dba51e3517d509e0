"""Pictures, or windows cut at random from augmented clips -> fastai DataLoaders with augmentation in training only."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from fastai.data.core import DataLoaders, Datasets
from fastai.data.transforms import Categorize
from fastai.torch_core import TensorImage, default_device
from fasttransform import Transform

from voicecam.config import Config
from voicecam.data.augmented import AugmentedClips
from voicecam.data.splits import Split
from voicecam.features.image import Scale
from voicecam.network import IMAGENET_MEAN, IMAGENET_STD, to_input

TEMPO = 0.15  # largest change of speed; people vary more, but vowels then change too
FILTER = 8.0  # grey levels, spread of a row's constant; a quarter of the spread over training clips
SHORT = {"voice": 0.2, "word": 0.0}  # share of training windows that are a part of it said again: not where the word counts
NO_CLASS_SHARE = 0.1  # of the windows drawn, those of clips of no class
TRAIN = 0  # fastai's split_idx of each part; it reads the data set's to know whether a transform for one part runs
MIDDLE_GREY = 127.5  # each row's mean over the training clips: what a mask puts in place of what it hides


def make_loaders(
    pictures: np.ndarray,
    targets: np.ndarray,
    split: Split,
    config: Config,
    *,
    batch: int,
    augmented: bool,
    seed: int,
    windows: "Windows | None" = None,
    vocab: Sequence[str] | None = None,
) -> DataLoaders:
    """fastai DataLoaders of a split's training and validation part, on fastai's own Datasets: show_batch, predict, show_results,
    plot_top_losses and export of a Learner on them work. Their items are row numbers of `pictures`.

    pictures : uint8 (clip, row, frame); targets : class numbers, int64 (clip,)
    batch : clips per step; augmented : whether training pictures go through `augment`, or windows through `hide`; seed : of that
    windows : what training reads instead of the training part's pictures
    vocab : names of the classes; their numbers by default
    """
    names = list(map(str, range(int(targets.max()) + 1))) if vocab is None else list(vocab)
    picture = _Picture(pictures)
    parts = [list(map(int, rows)) for rows in (split.train, split.valid)]
    transforms = [[picture], [_Name(targets, names, picture), Categorize(vocab=names, sort=False)]]
    datasets = Datasets(list(range(len(pictures))), transforms, splits=parts)
    batch_transforms = [_SpeechAugment(augment if windows is None else hide, seed)] * augmented + [_ToInput(config)]
    picture.draw_for(split.train, windows)  # not before: fastai tries its transforms on a first item
    train, valid = datasets.train, datasets.valid
    del train.n_inp, valid.n_inp  # fastai counts them on a first item, whose augmentation is part of every published figure
    return DataLoaders.from_dsets(  # not datasets.dataloaders, which makes one more trial pass
        train,
        valid,
        bs=min(batch, len(split.train)),
        after_batch=batch_transforms,
        num_workers=0,
        device=default_device(),
    )


class _Picture:
    """Item -> picture. Where windows are drawn, a training clip's item is whichever window comes next."""

    def __init__(self, pictures: np.ndarray):
        self.pictures, self.drawn = pictures, 0
        self.random: set[int] = set()

    def draw_for(self, train: np.ndarray, windows: "Windows | None") -> None:
        """From now on training clips are windows."""
        self.windows, self.random = windows, set() if windows is None else set(map(int, train))

    def __call__(self, item: int) -> TensorImage:
        if item not in self.random or self.windows is None:
            return TensorImage(torch.from_numpy(self.pictures[item]))
        self.drawn, picture = self.windows.draw()  # class number, and one of its windows
        return TensorImage(torch.from_numpy(picture))


class _Name:
    """Item -> class name of the picture that was given last: fastai asks for an item's picture first, then for its name."""

    def __init__(self, targets: np.ndarray, names: Sequence[str], picture: _Picture):
        self.targets, self.names, self.picture = targets, names, picture

    def __call__(self, item: int) -> str:
        return self.names[self.picture.drawn if item in self.picture.random else int(self.targets[item])]


class Windows:
    """Windows cut by chance from the training clips' augmented copies, as often as `shares` says.

    train : rows of the training clips, and shares, float, of each; targets : class number of every clip, int64
    short : see AugmentedClips.random_window
    no_class : bool (clip,), clips that are of no class: their target is drawn anew each time, so that the network learns to be
        undecided about them (in the mean over draws the cross-entropy with equal shares of all classes)
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
    ):
        self.augmented_clips, self.targets, self.train, self.scale = augmented_clips, targets, train, scale
        self.short = short
        self.rng = np.random.default_rng(seed)
        self.p, self.no_class = shares, np.zeros(len(targets), dtype=bool) if no_class is None else no_class
        self.n_classes = int(targets.max()) + 1

    def draw(self) -> tuple[int, np.ndarray]:
        """A class number and the picture of a window of a clip of it, uint8 (row, frame)."""
        clip = int(self.rng.choice(self.train, p=self.p))
        target = int(self.rng.integers(self.n_classes)) if self.no_class[clip] else int(self.targets[clip])
        return target, self.scale.to_gray(self.augmented_clips.random_window(clip, self.rng, short=self.short))


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


def augment(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Pictures as other takes through other microphones might look.

    pictures : float, shape (clip, row, frame), grey levels
    Each clip is spoken up to 15 % faster or slower and moved in time by up to an eighth of its width (edges repeat); each of its
    rows becomes lighter or darker as a whole, as another microphone or room would make it (a filter adds a constant to each
    cepstral coefficient and to each log-mel band); and stretches are hidden, see `hide`. No flips, crops or warps: they would
    reverse time or move frequencies.
    """
    n, rows, frames = pictures.shape
    middle = (frames - 1) / 2
    shift = (torch.rand((n, 1), generator=generator) * 2 - 1) * (frames // 8)
    tempo = 1 + (torch.rand((n, 1), generator=generator) * 2 - 1) * TEMPO
    index = ((torch.arange(frames) - middle) * tempo + middle + shift).round().long().clamp(0, frames - 1)  # (clip, frame)
    moved = pictures.gather(2, index.to(pictures.device)[:, None].expand(n, rows, frames))
    filtered = moved + torch.randn((n, rows, 1), generator=generator).to(pictures.device) * FILTER
    return hide(filtered, generator)


def hide(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Pictures with one stretch of time (up to an eighth) and one of rows (up to a sixth) behind middle grey.

    SpecAugment (Park et al. 2019). All that windows need: their augmented copies went through other tempos and microphones.

    pictures : float, shape (clip, row, frame), grey levels
    """
    n, rows, frames = pictures.shape
    hidden = _stripes(n, frames, frames // 8, generator)[:, None] | _stripes(n, rows, rows // 6, generator)[:, :, None]
    return pictures.masked_fill(hidden.to(pictures.device), MIDDLE_GREY)  # (clip, 1, frame) | (clip, row, 1)


def _stripes(n: int, length: int, widest: int, generator: torch.Generator) -> torch.Tensor:
    """One random stretch of 0 to `widest` True in each of `n` rows of `length`."""
    width = torch.randint(0, widest + 1, (n, 1), generator=generator)
    start = (torch.rand((n, 1), generator=generator) * (length - width + 1)).long()
    place = torch.arange(length)
    return (place >= start) & (place < start + width)


class _SpeechAugment(Transform):
    """`augment` or `hide` as a fastai transform of training batches."""

    split_idx, order = TRAIN, 10  # training part only; before _ToInput

    def __init__(self, change: Callable[[torch.Tensor, torch.Generator], torch.Tensor], seed: int):
        self.change, self.generator = change, torch.Generator().manual_seed(seed)

    def encodes(self, x: TensorImage) -> TensorImage:
        return TensorImage(self.change(x.as_subclass(torch.Tensor).float(), self.generator))


class _ToInput(Transform):
    """`to_input` as a fastai transform of all batches."""

    order = 20

    def __init__(self, config: Config):
        self.config = config

    def encodes(self, x: TensorImage) -> TensorImage:
        return TensorImage(to_input(x.as_subclass(torch.Tensor), self.config))

    def decodes(self, x: TensorImage) -> TensorImage:
        """Grey levels 0..1 for fastai's pictures, row 0 at the bottom."""
        mean, spread = (torch.tensor(values, device=x.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
        return TensorImage((x.as_subclass(torch.Tensor) * spread + mean).clamp(0, 1).flip(-2))

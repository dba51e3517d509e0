"""Pictures, or windows cut at random from renderings -> fastai DataLoaders with augmentation in training only. Trains nothing."""

from collections.abc import Callable

import numpy as np
import torch
from fastai.data.core import DataLoaders
from fastai.torch_core import TensorCategory, TensorImage, default_device
from fasttransform import Transform
from torch.utils.data import Dataset as TorchDataset

from voicecam.config import Config
from voicecam.image import Scale
from voicecam.network import to_input
from voicecam.renderings import Renderings
from voicecam.splits import Split

TEMPO = 0.15  # largest change of speed; people vary more, but vowels then change too
FILTER = 8.0  # grey levels, spread of a row's constant; a quarter of the spread over training clips
SHORT = 0.2  # share of training windows that are a short recording said again; longer ones are what most people bring
TRAIN, VALID = 0, 1  # fastai's split_idx of each part; it reads the data set's to know whether a transform for one part runs
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
) -> DataLoaders:
    """fastai DataLoaders of a split's training and validation part.

    pictures : uint8 (clip, row, frame); targets : class numbers, int64 (clip,)
    batch : clips per step; augmented : whether training pictures go through `augment`, or windows through `hide`; seed : of that
    windows : what training reads instead of the training part's pictures
    """
    train = _Pictures(pictures[split.train], targets[split.train], TRAIN) if windows is None else windows
    valid = _Pictures(pictures[split.valid], targets[split.valid], VALID)
    batch_transforms = [_SpeechAugment(augment if windows is None else hide, seed)] * augmented + [_ToInput(config)]
    return DataLoaders.from_dsets(
        train, valid, bs=min(batch, len(split.train)), after_batch=batch_transforms, num_workers=0, device=default_device()
    )


class Windows(TorchDataset):
    """(picture, class) pairs of windows cut by chance from the training clips' renderings; as many per epoch as there are clips.

    Classes come equally often; a speaker of n clips comes in proportion to the square root of n, so that the few who recorded
    much do not crowd out the many who recorded little.
    """

    split_idx = TRAIN

    def __init__(
        self, renderings: Renderings, targets: np.ndarray, speakers: np.ndarray, train: np.ndarray, scale: Scale, *, seed: int
    ):
        self.renderings, self.targets, self.train, self.scale = renderings, targets, train, scale
        self.rng = np.random.default_rng(seed)
        self.p = clip_shares(targets[train], speakers[train])

    def __len__(self) -> int:
        return len(self.train)

    def __getitem__(self, i: int):
        clip = int(self.rng.choice(self.train, p=self.p))
        window = self.renderings.random_window(clip, self.rng, short=SHORT)
        return TensorImage(torch.from_numpy(self.scale.picture(window))), TensorCategory(torch.tensor(self.targets[clip]))


def clip_shares(targets: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """How often each clip is drawn, float (clip,), adding up to 1: 1 / sqrt(clips of its speaker), then classes made equal."""
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

    SpecAugment (Park et al. 2019). All that windows need: their renderings went through other tempos and microphones.

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


class _Pictures(TorchDataset):
    """(picture, class) pairs as fastai types."""

    def __init__(self, pictures: np.ndarray, targets: np.ndarray, split_idx: int):
        self.pictures, self.targets, self.split_idx = torch.from_numpy(pictures), torch.from_numpy(targets), split_idx

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int):
        return TensorImage(self.pictures[i]), TensorCategory(self.targets[i])


class _SpeechAugment(Transform):
    """`augment` or `hide` as a fastai transform of training batches."""

    split_idx, order = TRAIN, 10  # training part only; before _ToInput

    def __init__(self, change: Callable[[torch.Tensor, torch.Generator], torch.Tensor], seed: int):
        self.change, self.generator = change, torch.Generator().manual_seed(seed)

    def encodes(self, x: TensorImage):
        return TensorImage(self.change(x.as_subclass(torch.Tensor).float(), self.generator))


class _ToInput(Transform):
    """`to_input` as a fastai transform of all batches."""

    order = 20

    def __init__(self, config: Config):
        self.config = config

    def encodes(self, x: TensorImage):
        return TensorImage(to_input(x.as_subclass(torch.Tensor), self.config))

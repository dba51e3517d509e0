"""Pictures, or windows cut at random from augmented clips -> fastai DataLoaders with augmentation in training only."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import Categorize
from fastai.torch_core import TensorCategory, TensorImage, default_device
from fasttransform import Transform

from voicecam.config import Config
from voicecam.data.splits import Split
from voicecam.network import IMAGENET_MEAN, IMAGENET_STD, to_input
from voicecam.network.torchrun import processes
from voicecam.network.windows import Windows

TEMPO = 0.15  # largest change of speed; people vary more, but vowels then change too
FILTER = 8.0  # grey levels, spread of a row's constant; a quarter of the spread over training clips
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
    windows: Windows | None = None,
    vocab: Sequence[str] | None = None,
) -> DataLoaders:
    """fastai DataLoaders of a split's training and validation part, on fastai's own Datasets: show_batch, predict, show_results,
    plot_top_losses and export of a Learner on them work. Their items are row numbers of `pictures`.

    pictures : uint8 (clip, row, frame); targets : class numbers, int64 (clip,)
    batch : clips per step of one process; augmented : whether training pictures go through `augment`, or windows through `hide`
    seed : of that
    windows : what training reads instead of the training part's pictures
    vocab : names of the classes; their numbers by default
    """
    import fastai.vision.learner  # noqa: F401  its import teaches fastai to draw pictures; here, because it takes seconds

    names = list(map(str, range(int(targets.max()) + 1))) if vocab is None else list(vocab)
    parts = [list(map(int, rows)) for rows in (split.train, split.valid)]
    transforms = [[_Picture(pictures)], [_Name(targets, names), Categorize(vocab=names, sort=False)]]
    datasets = Datasets(list(range(len(pictures))), transforms, splits=parts)
    train, valid = datasets.train, datasets.valid
    del train.n_inp, valid.n_inp  # fastai counts them on a first item, whose augmentation is part of every published figure
    draws = {
        id(train): lambda items: (targets[split.train[items]], pictures[split.train[items]]),
        id(valid): lambda items: (targets[split.valid[items]], pictures[split.valid[items]]),
    }
    if windows is not None:
        draws[id(train)] = lambda items: windows.draw(len(items))
    n = processes()
    sizes = {id(train): min(batch, len(split.train) // n), id(valid): min(n * batch, len(split.train))}
    loaders = DataLoaders.from_dsets(  # not datasets.dataloaders, which makes one more trial pass
        train,
        valid,
        after_batch=[_SpeechAugment(augment if windows is None else hide, seed)] * augmented + [_ToInput(config)],
        num_workers=0,
        device=default_device(),
        dl_type=lambda part, **how: _Loader(part, draw=draws.get(id(part)), **(how | {"bs": sizes[id(part)]})),
    )
    if n == 1:
        return loaders
    from voicecam.network.shared_batches import share

    return share(loaders)


class _Loader(TfmdDL):
    """fastai's loader, whose batches are made whole where there is a `draw`: items -> class numbers and pictures of a batch."""

    def __init__(self, dataset: Any, draw: Callable[[list[int]], tuple[Any, Any]] | None = None, **how: Any):
        super().__init__(dataset, **how)
        self.draw = draw

    def create_batches(self, samps: Iterable) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if self.draw is None:
            yield from super().create_batches(samps)
            return
        for items in self.chunkify(samps):
            targets, pictures = map(torch.as_tensor, self.draw(items))
            yield TensorImage(pictures), TensorCategory(targets)


class _Picture:
    """Item -> picture; no function inside a function, which export could not write."""

    def __init__(self, pictures: np.ndarray):
        self.pictures = pictures

    def __call__(self, item: int) -> TensorImage:
        return TensorImage(torch.from_numpy(self.pictures[item]))


class _Name:
    """Item -> class name."""

    def __init__(self, targets: np.ndarray, names: Sequence[str]):
        self.targets, self.names = targets, names

    def __call__(self, item: int) -> str:
        return self.names[int(self.targets[item])]


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

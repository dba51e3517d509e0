"""fastai callbacks of a training: a line per epoch and early stopping, averaged weights, bfloat16. Trains nothing itself."""

import copy
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from fastai.callback.core import Callback, CancelFitException
from tqdm import tqdm

from voicecam.errors import ModelError
from voicecam.network.torchrun import rank


class AveragedWeights(Callback):
    """Keeps a running mean of the weights (Polyak and Juditsky 1992); validation and what is kept are by the mean.

    Batch norm's statistics are averaged with the weights they belong to.
    """

    order = 61  # after EpochLog, which must still see the mean at the end of an epoch

    def __init__(self, decay: float):
        self.decay, self.steps = decay, 0

    def before_fit(self) -> None:
        values = self.model.state_dict()
        self.mean = copy.deepcopy(values)
        self.floats = [name for name, value in values.items() if value.is_floating_point()]

    def after_step(self) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))  # else the first weights, at random, would count for long
        values = self.model.state_dict()
        with torch.no_grad():
            torch._foreach_lerp_([self.mean[name] for name in self.floats], [values[name] for name in self.floats], 1 - decay)
            for name in values.keys() - set(self.floats):
                self.mean[name].copy_(values[name])

    def before_validate(self) -> None:
        self.now = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.mean)

    def after_epoch(self) -> None:
        self.model.load_state_dict(self.now)


class Bfloat16(Callback):
    """Forward passes in bfloat16, on any device (fastai's own callback knows CUDA only); losses and weights stay float32."""

    casting: torch.autocast | None = None

    def before_batch(self) -> None:
        self.casting = torch.autocast(self.dls.device.type, torch.bfloat16)
        self.casting.__enter__()

    def after_pred(self) -> None:
        self.learn.pred = self.pred.float()

    def after_loss(self) -> None:
        self.leave()

    def after_cancel_batch(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave the cast once; a stopped batch may come here before its loss."""
        if self.casting is not None:
            self.casting.__exit__(None, None, None)
            self.casting = None


class EpochLog(Callback):
    """Says one line per epoch, keeps the history and the weights of the best epoch, stops when patience ends.

    last : keep those of the last epoch instead: a running mean needs no choice, which a few validation speakers make at random
    """

    order = 60  # after fastai's Recorder, whose values it reads

    def __init__(self, log: Callable[[str], None], patience: int, *, last: bool):
        self.log, self.patience, self.last = log, patience, last
        self.rows: list[dict[str, float]] = []
        self.best_epoch, self.best = 0, (-1.0, 0.0)  # balanced accuracy, then minus the loss: what a better epoch has more of
        self.best_weights: dict[str, torch.Tensor] = {}

    def before_epoch(self) -> None:
        self.began = time.monotonic()
        self.bar = tqdm(total=len(self.dls.train), unit="batch", leave=False, disable=rank() > 0 or not sys.stderr.isatty())

    def after_batch(self) -> None:
        if self.training:
            self.bar.update()

    def after_epoch(self) -> None:
        self.bar.close()
        train_loss, valid_loss, balanced = map(float, self.recorder.values[-1])
        if not np.isfinite(train_loss + valid_loss):
            raise ModelError(f"the loss is {train_loss + valid_loss}: training fell apart; take a lower --lr")
        epoch = len(self.rows) + 1
        scores = {"train_loss": train_loss, "valid_loss": valid_loss, "valid_balanced_accuracy": balanced}
        self.rows.append({"epoch": epoch, **scores, "seconds": time.monotonic() - self.began})
        self.log(
            f"epoch {epoch:2d}: loss {train_loss:.3f} (training) {valid_loss:.3f} (validation), "
            f"balanced accuracy {balanced:.3f} (validation), {self.rows[-1]['seconds']:.0f} s"
        )
        if self.last or (balanced, -valid_loss) > self.best:
            self.best_epoch, self.best = epoch, (balanced, -valid_loss)
            self.best_weights = copy.deepcopy(self.learn.model.state_dict())
        elif epoch - self.best_epoch >= self.patience:
            self.log(f"stopped: no better balanced accuracy on validation speakers for {self.patience} epochs")
            raise CancelFitException

    def after_cancel_fit(self) -> None:
        self.bar.close()

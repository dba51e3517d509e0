"""pytorch-grad-cam's maps, raw: without its scaling, its progress bars and its guards that decide the result.

The classes behind the methods of `methods.py` that look at a layer; which of them is meant for what stands there.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_with_sign_correction
from torch import nn

from voicecam.errors import ExplainError

Targets = list[Callable[[torch.Tensor], torch.Tensor]]  # what is explained, of each clip's logits (class,)


@contextlib.contextmanager
def hooked(layer: nn.Module, call: Callable[..., Any]) -> Iterator[None]:
    """Call `call(part, given, output)` after each pass of `layer`, inside the with block only."""
    handle = layer.register_forward_hook(call)
    try:
        yield
    finally:
        handle.remove()


class _Raw:
    """The library's maps without the steps after the weighted sum: it scales each map to 0..1, which would make maps of different
    clips look equally strong. Goes before a class of the library."""

    activations_and_grads: Any
    uses_gradients: bool
    target_layers: list[nn.Module]
    get_cam_image: Callable[..., np.ndarray]

    def compute_cam_per_layer(self, input_tensor: torch.Tensor, targets: Targets, eigen_smooth: bool) -> np.ndarray:
        taken = self.activations_and_grads
        gradients = taken.gradients[0].numpy() if self.uses_gradients else None
        activations = taken.activations[0].numpy()
        taken.release()  # or every further pass of Score-CAM and Ablation-CAM would leave its activations here
        return self.get_cam_image(input_tensor, self.target_layers[0], targets, activations, gradients, eigen_smooth)

    def aggregate_multi_layers(self, cam_per_target_layer: np.ndarray) -> np.ndarray:
        return cam_per_target_layer


class RawGradCAM(_Raw, GradCAM):
    pass


class RawHiResCAM(_Raw, HiResCAM):
    pass


class RawLayerCAM(_Raw, LayerCAM):
    pass


class RawGradCAMPlusPlus(_Raw, GradCAMPlusPlus):
    """With its weights written out: the library adds 1e-6 under G^2 / (2 G^2 + sum(A) G^3). Behind a mean over the picture
    G^2 itself is that small, and the guard decides the weights. G^2 cancels, and nothing needs a guard."""

    def get_cam_weights(
        self,
        input_tensor: torch.Tensor,
        target_layers: list[nn.Module],
        targets: Targets,
        activations: np.ndarray,
        grads: np.ndarray,
    ) -> np.ndarray:
        return _plus_weights(activations, grads)


class RawEigenCAM(_Raw, EigenCAM):
    """With the sign set: that of a principal component is chance."""

    def get_cam_image(
        self,
        input_tensor: torch.Tensor,
        target_layer: nn.Module,
        targets: Targets,
        activations: np.ndarray,
        grads: np.ndarray | None,
        eigen_smooth: bool,
    ) -> np.ndarray:
        return get_2d_projection_with_sign_correction(activations)


class RawScoreCAM(_Raw, ScoreCAM):
    """Without the library's own progress bars."""

    batch_size = 32

    def get_cam_weights(self, *given: Any) -> np.ndarray:
        with contextlib.redirect_stderr(io.StringIO()):
            return super().get_cam_weights(*given)


class RawAblationCAM(_Raw, AblationCAM):
    """With its weights written out: the library sets the channels of a layer with negative values to -10,000,000 instead of 0,
    divides by a logit that may be negative, and leaves its layer in the network when a pass fails."""

    batch_size = 32

    def get_cam_weights(
        self,
        input_tensor: torch.Tensor,
        target_layer: nn.Module,
        targets: Targets,
        activations: np.ndarray,
        grads: np.ndarray | None,
    ) -> np.ndarray:
        clips, channels = activations.shape[:2]
        together = max(1, self.batch_size // clips)  # channels in one pass
        whole, falls = self._scores(input_tensor, targets), []
        for first in range(0, channels, together):
            without = list(range(first, min(first + together, channels)))
            with hooked(target_layer, lambda part, given, out, without=without: _zeroed(out, without)):
                scores = self._scores(input_tensor.repeat(len(without), 1, 1, 1), targets * len(without))
            falls.append(whole - scores.reshape(len(without), clips))  # (channel, clip)
        return np.concatenate(falls).T  # (channel, clip) -> (clip, channel)

    def _scores(self, inputs: torch.Tensor, targets: Targets) -> np.ndarray:
        with torch.no_grad():
            return np.array([float(target(logits)) for target, logits in zip(targets, self.model(inputs))])


def _plus_weights(activations: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Weights of Grad-CAM++, (clip, channel)."""
    sums = activations.sum(axis=(2, 3), keepdims=True)  # (clip, channel, h, w) -> (clip, channel, 1, 1)
    rising = np.maximum(grads, 0)
    return (rising / (2 + sums * rising)).sum(axis=(2, 3))  # (clip, channel, h, w) -> (clip, channel)


def _zeroed(output: torch.Tensor, channels: list[int]) -> torch.Tensor:
    """A layer's output for as many copies of the clips as there are `channels`, the i-th copy without channel channels[i]."""
    copies = output.reshape(len(channels), -1, *output.shape[1:]).clone()  # (copy clip, ...) -> (copy, clip, channel, h, w)
    copies[range(len(channels)), :, channels] = 0
    return copies.reshape(output.shape)


CAMS: dict[str, Any] = {
    "grad-cam": RawGradCAM,
    "grad-cam++": RawGradCAMPlusPlus,
    "hires-cam": RawHiResCAM,
    "layer-cam": RawLayerCAM,
    "eigen-cam": RawEigenCAM,
    "score-cam": RawScoreCAM,
    "ablation-cam": RawAblationCAM,
}

Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]
Score = Callable[[torch.Tensor], torch.Tensor]
FORMULAS: dict[str, Formula] = {  # the same maps (clip, h, w) of A and G (clip, channel, h, w) that one pass gave; see `listen`
    "grad-cam": lambda a, g: (g.mean(axis=(2, 3), keepdims=True) * a).sum(axis=1),
    "grad-cam++": lambda a, g: (_plus_weights(a, g)[:, :, None, None] * a).sum(axis=1),
    "hires-cam": lambda a, g: (g * a).sum(axis=1),
    "layer-cam": lambda a, g: (np.maximum(g, 0) * a).sum(axis=1),
    "eigen-cam": lambda a, g: get_2d_projection_with_sign_correction(a),
}


def listen(network: nn.Module, layer: nn.Module, inputs: torch.Tensor, score: Score) -> tuple[np.ndarray, np.ndarray]:
    """The layer's output A and the derivative G of the score by it, both (clip, channel, h, w), by one pass up and one down to
    the layer.

    score : the network's logits (clip, class) -> what is explained, (clip,)
    Raises ExplainError for a layer whose output is no map.
    """
    heard: list[Any] = []

    def cut(part: nn.Module, given: Any, output: Any) -> torch.Tensor | None:
        heard.append(output)
        if len(heard) > 1 or not is_map(output):
            return None
        heard[0] = output.detach().clone().requires_grad_()
        return heard[0].clone()  # what follows may change it in place

    with hooked(layer, cut), torch.enable_grad():
        total = score(network(inputs)).sum()
    refuse_layer(heard)
    slope = torch.autograd.grad(total, heard[0])[0]
    return heard[0].detach().cpu().numpy(), slope.cpu().numpy()


def is_map(output: Any) -> bool:
    """Whether a layer gave (clip, channel, h, w)."""
    return len(getattr(output, "shape", ())) == 4


def refuse_layer(outputs: list[Any]) -> None:
    """Raise ExplainError unless what a layer gave in one pass is one map."""
    if len(outputs) != 1 or not is_map(outputs[0]):
        shape = tuple(getattr(outputs[0], "shape", ())) if outputs else ()
        found = f"an output of shape {shape}" if len(outputs) == 1 else f"{len(outputs)} outputs"
        raise ExplainError(f"no map at this layer: it gives {found}; choose a layer with one output of rows and columns")

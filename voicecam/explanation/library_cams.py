"""pytorch-grad-cam's maps, raw: without its scaling, its progress bars and its guards that decide the result.

The classes behind the methods of `methods.py` that look at a layer; which of them is meant for what stands there. To be imported
where it is used: the library takes seconds.
"""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_with_sign_correction
from torch import nn

from voicecam.explanation.cams import hooked, plus_weights

Targets = list[Callable[[torch.Tensor], torch.Tensor]]  # what is explained, of each clip's logits (class,)


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
        return plus_weights(activations, grads)


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

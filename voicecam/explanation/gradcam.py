"""Grad-CAM through pytorch-grad-cam, as raw maps on the layer's own grid. Does not scale, smooth, stretch or draw."""

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from tqdm import tqdm

from voicecam.errors import ExplainError


class _RawGradCAM(GradCAM):
    """The library's Grad-CAM without the steps after the weighted sum: it scales each map to 0..1, which would make maps of
    different clips look equally strong."""

    def compute_cam_per_layer(self, input_tensor, targets, eigen_smooth):
        (activations,), (gradients,) = self.activations_and_grads.activations, self.activations_and_grads.gradients
        return self.get_cam_image(
            input_tensor, self.target_layers[0], targets, activations.numpy(), gradients.numpy(), eigen_smooth
        )

    def aggregate_multi_layers(self, cam_per_target_layer):
        return cam_per_target_layer


def grad_cam(
    network: nn.Module, layer: nn.Module, inputs: torch.Tensor, targets: np.ndarray, *, batch: int = 32, bar: bool = False
) -> np.ndarray:
    """Grad-CAM maps (Selvaraju et al. 2017, eq. 1 and 2, before the ReLU), one per clip.

    network : any nn.Module with logits (clip, class); it comes back in the mode it was in, without hooks or gradients, also
        after an error
    layer : the part of it whose output (clip, channel, h, w) is weighted
    inputs : float tensor (clip, 3, rows, columns); targets : int (clip,), the class each map is for
    bar : show a progress bar
    Returns float32 (clip, h, w), signed, in units of activation times gradient: where it is above 0, more activation means a
    higher logit of the target. Differs from the paper: no ReLU, no scaling.
    Raises ExplainError when the layer has no spatial output or the numbers of clips and targets differ.
    """
    if len(inputs) != len(targets):
        raise ExplainError(f"{len(inputs)} clips and {len(targets)} targets; give one target per clip")
    was_training = network.training
    cam = _RawGradCAM(model=network, target_layers=[layer])
    maps = []
    try:
        for start in tqdm(range(0, len(inputs), batch), desc="Grad-CAM", unit="batch", leave=False, disable=not bar):
            wanted = [ClassifierOutputTarget(int(target)) for target in targets[start : start + batch]]
            maps.append(_maps(cam, inputs[start : start + batch], wanted))
    finally:
        cam.activations_and_grads.release()
        network.zero_grad(set_to_none=True)
        network.train(was_training)
    return np.concatenate(maps).astype(np.float32)


def _maps(cam: _RawGradCAM, inputs: torch.Tensor, wanted: list[ClassifierOutputTarget]) -> np.ndarray:
    """Raw maps of one batch, (clip, h, w)."""
    try:
        return cam(input_tensor=inputs.as_subclass(torch.Tensor), targets=wanted)
    except ValueError as reason:
        raise ExplainError(f"no map at this layer ({reason}); choose a layer with an output of rows and columns") from None

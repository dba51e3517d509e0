"""Maps of a layer by their formulas, from its output and one gradient; and hooks that are taken away again. The methods that need
more passes, or the library's steps, are in library_cams.py.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from voicecam.errors import ExplainError

Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]
Score = Callable[[torch.Tensor], torch.Tensor]


@contextlib.contextmanager
def hooked(layer: nn.Module, call: Callable[..., Any]) -> Iterator[None]:
    """Call `call(part, given, output)` after each pass of `layer`, inside the with block only."""
    handle = layer.register_forward_hook(call)
    try:
        yield
    finally:
        handle.remove()


def listen(network: nn.Module, layer: nn.Module, inputs: torch.Tensor, score: Score) -> tuple[np.ndarray, np.ndarray]:
    """The layer's output A and the derivative G of the score by it, both (clip, channel, h, w), by one pass up and one down to
    the layer.

    score : the network's logits (clip, class) -> what is explained, (clip,)
    Raises ExplainError for a layer whose output is no map.
    """
    heard: list[Any] = []

    def cut(part: nn.Module, given: Any, output: Any) -> torch.Tensor | None:
        heard.append(output)
        if len(heard) > 1 or not _is_map(output):
            return None
        heard[0] = output.detach().clone().requires_grad_()
        return heard[0].clone()  # what follows may change it in place

    with hooked(layer, cut), torch.enable_grad():
        total = score(network(inputs)).sum()
    refuse_layer(heard)
    slope = torch.autograd.grad(total, heard[0])[0]
    return heard[0].detach().cpu().numpy(), slope.cpu().numpy()


def _is_map(output: Any) -> bool:
    """Whether a layer gave (clip, channel, h, w)."""
    return len(getattr(output, "shape", ())) == 4


def refuse_layer(outputs: list[Any]) -> None:
    """Raise ExplainError unless what a layer gave in one pass is one map."""
    if len(outputs) != 1 or not _is_map(outputs[0]):
        shape = tuple(getattr(outputs[0], "shape", ())) if outputs else ()
        found = f"an output of shape {shape}" if len(outputs) == 1 else f"{len(outputs)} outputs"
        raise ExplainError(f"no map at this layer: it gives {found}; choose a layer with one output of rows and columns")


def plus_weights(activations: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Weights of Grad-CAM++, (clip, channel)."""
    sums = activations.sum(axis=(2, 3), keepdims=True)  # (clip, channel, h, w) -> (clip, channel, 1, 1)
    rising = np.maximum(grads, 0)
    return (rising / (2 + sums * rising)).sum(axis=(2, 3))  # (clip, channel, h, w) -> (clip, channel)


def _first_component(activations: np.ndarray) -> np.ndarray:
    """The first principal component of each clip's channels over the cells, (clip, h, w), its largest value positive."""
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_with_sign_correction  # here: it takes seconds

    return get_2d_projection_with_sign_correction(activations)


FORMULAS: dict[str, Formula] = {  # the same maps (clip, h, w) of A and G (clip, channel, h, w) that one pass gave; see `listen`
    "grad-cam": lambda a, g: (g.mean(axis=(2, 3), keepdims=True) * a).sum(axis=1),
    "grad-cam++": lambda a, g: (plus_weights(a, g)[:, :, None, None] * a).sum(axis=1),
    "hires-cam": lambda a, g: (g * a).sum(axis=1),
    "layer-cam": lambda a, g: (np.maximum(g, 0) * a).sum(axis=1),
    "eigen-cam": lambda a, g: _first_component(a),
}

"""Nine ways to ask which cells of a picture carry a class's logit: the Grad-CAM family through pytorch-grad-cam, integrated
gradients and occlusion through captum. Gives raw maps on the method's own grid. Does not scale, smooth, stretch or draw.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from voicecam.errors import ExplainError
from voicecam.explanation.cams import FORMULAS, hooked, listen, refuse_layer
from voicecam.explanation.method_table import LIGHT, METHODS, Method  # noqa: F401  handed on
from voicecam.network import IMAGENET_MEAN, IMAGENET_STD

STEPS = 32  # points on the way from the baseline, integrated gradients
PATCH = 8  # occlusion: a patch is one part in 8 of the rows and columns, and moves by half of itself
Some = tuple[torch.Tensor, np.ndarray, np.ndarray | None]  # inputs, wanted and against of a batch


def attribute(
    network: nn.Module,
    inputs: torch.Tensor,
    target: np.ndarray,
    *,
    method: str,
    layer: nn.Module | None = None,
    contrast: np.ndarray | None = None,
    batch: int = 32,
    steps: int = STEPS,
    bar: bool = False,
) -> np.ndarray:
    """Raw maps of the clips by one of METHODS.

    network : any nn.Module with logits (clip, class); its parts come back in the modes they were in, without hooks and with the
        gradients they had, also after an error
    inputs : float (clip, 3, rows, columns), as `voicecam.network.to_input` scales it
    target : int (clip,), the class whose logit y is explained; contrast : int (clip,), the class whose logit is taken off (the
        contrast: what speaks for the one and not for the other), or None
    layer : the part of the network whose output A (clip, channel, h, w) is weighted; wanted by methods on the grid "layer"
    batch : pictures in one pass; steps : points on the way of integrated gradients; bar : show a progress bar
    Returns float32 (clip, h, w). No final ReLU and no scaling to 0..1, wherever the papers have them; G is dy/dA:
        grad-cam: sum over channels of mean(G) A. grad-cam++: of sum(relu(G) / (2 + sum(A) G)) A, eq. 19 with the exponential of
        the logit as score. hires-cam: of G A. layer-cam: of relu(G) A. eigen-cam: the first principal component of A over its
        cells, turned so that its largest value is positive (Chung and Ying 2025); it knows no class. score-cam: of s A, s the
        softmax over channels of the logits when the picture is multiplied by that channel, 0..1; zero is close to middle grey.
        ablation-cam: of (fall of y when the channel is set to 0) A; not divided by y, which would turn the map's sign where a
        logit is negative.
        integrated-gradients: parts of the logit difference from an all-grey picture to the clip, summed over the 3 equal
        channels; they sum to it (completeness). The baseline is middle grey (127.5 of 255) because the Scale puts each row's
        mean over the training clips there: a picture that says nothing but the average. Black would be a voice of silence in
        every band, of which the network has seen nothing.
        occlusion: fall of the logit when a patch (an eighth of the rows by an eighth of the columns) is painted in that grey,
        averaged over the patches over a cell.
    Raises ExplainError for an unknown method, a missing layer or one without rows and columns, a class the network does not
    have, and unequal numbers of clips.
    """
    kind = _checked(method, layer, len(inputs), target, contrast)
    place = layer if kind.grid == "layer" else None
    maps = []
    with left_as_it_was(network):
        _probe(network, place, inputs, target, contrast)
        parts = _batches(network, inputs, target, contrast, _clips_at_once(method, batch, steps))
        for some in tqdm(parts, desc=kind.title, unit="batch", leave=False, disable=not bar):
            if place is not None:
                maps.append(_cam(network, place, method, some, batch))
            else:
                maps.append(_INPUT[method](network, some, batch, steps))
    return np.concatenate(maps).astype(np.float32)


def attribute_all(
    network: nn.Module,
    inputs: torch.Tensor,
    target: np.ndarray,
    *,
    methods: Sequence[str],
    layer: nn.Module,
    contrast: np.ndarray | None = None,
    batch: int = 32,
    steps: int = STEPS,
    bar: bool = False,
) -> dict[str, np.ndarray]:
    """The maps of `attribute` by several methods, by name; those that need but the layer's output and one gradient share them.

    Arguments, errors and what is left of the network are those of `attribute`.
    """
    shared = [name for name in methods if name in FORMULAS]
    asked: dict[str, Any] = {"layer": layer, "contrast": contrast, "batch": batch, "steps": steps, "bar": bar}
    found = {name: attribute(network, inputs, target, method=name, **asked) for name in methods if name not in shared}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in shared}
    if shared:
        _checked(shared[0], layer, len(inputs), target, contrast)
        with left_as_it_was(network):
            for some in _batches(network, inputs, target, contrast, batch):
                a, g = listen(network, layer, some[0], partial(_checked_score, (target, contrast), _indices(*some)))
                for name in shared:
                    parts[name].append(FORMULAS[name](a, g))
    found |= {name: np.concatenate(maps).astype(np.float32) for name, maps in parts.items()}
    return {name: found[name] for name in methods}


def input_gradient(
    network: nn.Module, inputs: torch.Tensor, target: np.ndarray, *, contrast: np.ndarray | None = None, batch: int = 32
) -> torch.Tensor:
    """Derivative of the logit, or of the contrast, by each value of the input; float (clip, 3, rows, columns).

    Arguments and errors are those of `attribute`.
    """
    _check_targets(len(inputs), target, contrast)
    parts = []
    with left_as_it_was(network):
        _probe(network, None, inputs, target, contrast)
        for some, classes, others in _batches(network, inputs, target, contrast, batch):
            total = _score_of(network)(some.requires_grad_(), *_indices(some, classes, others)).sum()
            parts.append(torch.autograd.grad(total, some)[0].cpu())
    return torch.cat(parts)


def other_of_two(target: np.ndarray, n_classes: int) -> np.ndarray | None:
    """`contrast` for clips explained for the classes `target`: of two classes the other one, for softmax looks at nothing but the
    difference of their logits; None with any other number."""
    return 1 - target if n_classes == 2 else None


def middle_grey(inputs: torch.Tensor) -> torch.Tensor:
    """Middle grey as the network's input, (1, 3, rows, columns)."""
    mean, std = (torch.tensor(values, dtype=inputs.dtype, device=inputs.device) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((0.5 - mean) / std)[None, :, None, None].expand(1, -1, *inputs.shape[2:])


def _checked(method: str, layer: nn.Module | None, n: int, target: np.ndarray, contrast: np.ndarray | None) -> Method:
    """The method asked for; raises ExplainError where what was given does not fit."""
    if method not in METHODS:
        raise ExplainError(f"method {method!r}: not known; use one of {', '.join(METHODS)}")
    if METHODS[method].grid == "layer" and layer is None:
        raise ExplainError(f"method {method!r} looks at a layer and got none; give layer")
    _check_targets(n, target, contrast)
    return METHODS[method]


def _check_targets(n: int, target: np.ndarray, contrast: np.ndarray | None) -> None:
    if not n:
        raise ExplainError("0 clips to explain; give at least one")
    for name, classes in (("target", target), ("contrast", contrast)):
        if classes is not None and len(classes) != n:
            raise ExplainError(f"{n} clips and {len(classes)} targets in {name}; give one target per clip")


@contextlib.contextmanager
def left_as_it_was(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients of weights inside; every mode, gradient and switch as it was outside."""
    modes = [(part, part.training) for part in network.modules()]
    weights = [(weight, weight.grad, weight.requires_grad) for weight in network.parameters()]
    try:
        network.eval().requires_grad_(False)
        yield
    finally:
        for part, training in modes:
            part.training = training
        for weight, grad, wants in weights:
            weight.requires_grad_(wants)
            weight.grad = grad


def _plain(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Inputs as a plain tensor (fastai's types stumble in hooks) where the network is."""
    place = next((weight.device for weight in network.parameters()), inputs.device)
    return inputs.detach().as_subclass(torch.Tensor).to(place)


def _batches(network: nn.Module, inputs: torch.Tensor, target: np.ndarray, contrast: np.ndarray | None, size: int) -> list[Some]:
    """Inputs, where the network is, and classes of `size` clips at a time."""
    target, contrast = np.asarray(target, dtype=int), None if contrast is None else np.asarray(contrast, dtype=int)
    parts = [slice(start, start + size) for start in range(0, len(inputs), size)]
    return [(_plain(network, inputs[part]), target[part], None if contrast is None else contrast[part]) for part in parts]


def _probe(network: nn.Module, layer: nn.Module | None, inputs: torch.Tensor, *targets: np.ndarray | None) -> None:
    """One pass of one clip: raises ExplainError when the layer gives no map, or a class is not among the network's outputs."""
    outputs: list[Any] = []
    with torch.no_grad(), hooked(network if layer is None else layer, lambda part, given, output: outputs.append(output)):
        n_classes = network(_plain(network, inputs[:1])).shape[1]
    if layer is not None:
        refuse_layer(outputs)
    _refuse_classes(targets, n_classes)


def _refuse_classes(targets: Sequence[np.ndarray | None], n_classes: int) -> None:
    numbers = np.concatenate([classes for classes in targets if classes is not None])
    if (numbers < 0).any() or (numbers >= n_classes).any():
        raise ExplainError(f"classes {numbers.min()} to {numbers.max()} asked for; the network has 0 to {n_classes - 1}")


def _clips_at_once(method: str, batch: int, steps: int) -> int:
    """Clips in one go: Score-CAM keeps a picture per channel, integrated gradients one per step."""
    return {"score-cam": 1, "integrated-gradients": max(1, batch // steps)}.get(method, batch)


def _cam(network: nn.Module, layer: nn.Module, method: str, some: Some, batch: int) -> np.ndarray:
    """Maps of one batch by a method on the grid "layer", (clip, h, w)."""
    from voicecam.explanation.library_cams import CAMS  # here, because pytorch-grad-cam takes seconds to import

    inputs, target, contrast = some
    # a copy of the activations, because the next part of the network may change them in place (ReLU)
    cam = CAMS[method](model=network, target_layers=[layer], reshape_transform=torch.clone)
    cam.batch_size = batch
    targets = [_Score(*pair) for pair in zip(target, [None] * len(target) if contrast is None else contrast)]
    try:
        with torch.set_grad_enabled(cam.uses_gradients):
            return cam(input_tensor=inputs.requires_grad_(cam.uses_gradients), targets=targets)
    finally:
        cam.activations_and_grads.release()


@dataclass(frozen=True)
class _Score:
    """What is explained, of one clip's logits (class,): one of them, or one less another."""

    target: int
    contrast: int | None

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[self.target] if self.contrast is None else logits[self.target] - logits[self.contrast]


def _integrated_gradients(network: nn.Module, some: Some, batch: int, steps: int) -> np.ndarray:
    from captum.attr import IntegratedGradients  # here, because importing captum takes seconds

    inputs, *classes = some
    found = IntegratedGradients(_score_of(network)).attribute(
        inputs, baselines=middle_grey(inputs), additional_forward_args=_indices(inputs, *classes), n_steps=steps
    )
    return found.sum(dim=1).detach().cpu().numpy()  # (clip, 3, rows, columns) -> (clip, rows, columns)


def _occlusion(network: nn.Module, some: Some, batch: int, steps: int) -> np.ndarray:
    from captum.attr import Occlusion  # here, because importing captum takes seconds

    inputs, *classes = some
    size = [max(1, round(length / PATCH)) for length in inputs.shape[2:]]
    found = Occlusion(_score_of(network)).attribute(
        inputs,
        sliding_window_shapes=(inputs.shape[1], *size),
        strides=(inputs.shape[1], *(max(1, length // 2) for length in size)),
        baselines=middle_grey(inputs),
        additional_forward_args=_indices(inputs, *classes),
        perturbations_per_eval=max(1, batch // len(inputs)),
    )
    return found[:, 0].cpu().numpy()  # a patch covers the 3 channels, which say the same: (clip, 3, ...) -> (clip, ...)


def _score_of(network: nn.Module) -> Callable[..., torch.Tensor]:
    """Function (inputs, wanted[, against]) -> the logit, or the difference, of each picture."""
    return lambda inputs, *classes: _picked(classes, network(inputs))


def _picked(classes: Sequence[torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
    """The logit of each picture's wanted class, less that of the one against it where there is one, (clip,)."""
    target, *contrast = [logits[torch.arange(len(logits), device=logits.device), numbers] for numbers in classes]
    return target - contrast[0] if contrast else target


def _checked_score(targets: Sequence[np.ndarray | None], classes: Sequence[torch.Tensor], logits: torch.Tensor) -> torch.Tensor:
    """`_picked`, after a look at whether the network has all classes that are asked for."""
    _refuse_classes(targets, logits.shape[1])
    return _picked(classes, logits)


def _indices(inputs: torch.Tensor, *classes: np.ndarray | None) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(numbers, device=inputs.device) for numbers in classes if numbers is not None)


_INPUT = {"integrated-gradients": _integrated_gradients, "occlusion": _occlusion}

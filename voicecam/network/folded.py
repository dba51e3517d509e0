"""A trained network that is only asked: its batch norms go into the convolutions before them, and its weights want no gradient.
Trains nothing; what is saved stays as it was trained.

In eval mode a batch norm multiplies each channel by a number and adds one, so weights and bias of the convolution can do it
(Jacob et al. 2018). Answers and gradients by the picture stay the same but for float32's rounding, and a pass up and down takes a
tenth less time.
"""

import copy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from voicecam.network.model import Model


def folded(network: nn.Module) -> nn.Module:
    """A copy in eval mode with the same parts under the same names, where a batch norm right behind a convolution does nothing
    any more. Others, as those of a head, stay."""
    found = copy.deepcopy(network).eval().requires_grad_(False)
    for part in list(found.modules()):
        for (name, before), (norm_name, norm) in pairwise(list(part.named_children())):
            if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(part, name, fuse_conv_bn_eval(before, norm).requires_grad_(False))
                setattr(part, norm_name, nn.Identity())
    return found


def folded_model(model: "Model") -> "Model":
    """The model around its folded network; a speech model, which has no such parts, as it is."""
    return model if model.config.of_sound else replace(model, network=folded(model.network))

"""The network: its architectures and weights (model), training (learner), recordings (classifier, recordings), and how it runs
without torch (light). The names of network.model are handed on, and imported when they are asked for."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from voicecam.network.model import (
        FINE,
        FORMAT,
        IMAGENET_MEAN,
        IMAGENET_STD,
        PLAIN,
        SMALL,
        Model,
        build,
        load_model,
        met_by,
        save_model,
        stages_of,
        to_input,
        versions,
    )

__all__ = [
    "FINE",
    "FORMAT",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "PLAIN",
    "SMALL",
    "Model",
    "build",
    "load_model",
    "met_by",
    "save_model",
    "stages_of",
    "to_input",
    "versions",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs={"model": __all__})

"""The network: its architectures and weights (model), training (learner), and recordings (classifier, recordings). The
names of network.model are handed on."""

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

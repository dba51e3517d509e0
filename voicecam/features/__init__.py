"""A prepared signal -> its MFCC or log-mel matrix (mfcc), and the matrix as a picture (image). The names of features.mfcc are
handed on, and Scale and `fit_scale` of features.image."""

from voicecam.features.image import SPREADS, Scale, fit_scale
from voicecam.features.mfcc import (
    PIECE,
    SMALLEST_POWER,
    SMALLEST_SPREAD,
    Axis,
    Features,
    band_edges,
    cepstrum,
    column_axis,
    features,
    floored,
    lifter_weights,
    log_mel_energies,
    mel_bands,
    mel_decibels,
    row_axis,
    window_matrix,
    window_starts,
)

__all__ = [
    "PIECE",
    "SMALLEST_POWER",
    "SMALLEST_SPREAD",
    "SPREADS",
    "Axis",
    "Features",
    "Scale",
    "band_edges",
    "cepstrum",
    "column_axis",
    "features",
    "fit_scale",
    "floored",
    "lifter_weights",
    "log_mel_energies",
    "mel_bands",
    "mel_decibels",
    "row_axis",
    "window_matrix",
    "window_starts",
]

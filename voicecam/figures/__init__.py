"""Figures: `plot_*(data, *, ax) -> artist`, from plain arrays and tables. Reads and writes no files, knows no torch.

Every figure keeps its units, every class its colour; nothing is scaled behind the reader's back.
"""

from voicecam.figures.calibration import plot_reliability, plot_risk_coverage
from voicecam.figures.canvas import class_colours, figure, png_bytes
from voicecam.figures.evidence import plot_bands
from voicecam.figures.leak import plot_leak
from voicecam.figures.pictures import plot_map, plot_matrix, plot_mean_map, plot_picture, plot_waveform
from voicecam.figures.robustness import plot_robustness
from voicecam.figures.scores import plot_comparison, plot_confusion, plot_speakers
from voicecam.figures.training import plot_history, plot_lr_find

__all__ = [
    "class_colours",
    "figure",
    "plot_bands",
    "plot_comparison",
    "plot_confusion",
    "plot_history",
    "plot_leak",
    "plot_lr_find",
    "plot_map",
    "plot_matrix",
    "plot_mean_map",
    "plot_picture",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_robustness",
    "plot_speakers",
    "plot_waveform",
    "png_bytes",
]

"""Figures: `plot_*(data, *, ax) -> artist`, from plain arrays and tables. Reads and writes no files, knows no torch.

Every figure keeps its units, every class its colour; nothing is scaled behind the reader's back.
"""

from voicecam.figures.acoustics import plot_acoustic_regression, plot_counterfactual
from voicecam.figures.bandstop import plot_agreement, plot_drops
from voicecam.figures.calibration import plot_reliability, plot_risk_coverage
from voicecam.figures.canvas import class_colours, figure, grid, png_bytes
from voicecam.figures.cells import plot_cells
from voicecam.figures.confounds import plot_confounds
from voicecam.figures.corpus import plot_counts, plot_values
from voicecam.figures.draws import plot_draws
from voicecam.figures.embeddings import plot_embedding_map
from voicecam.figures.evidence import plot_bands, plot_class_map, plot_differences, plot_mix
from voicecam.figures.faithful import plot_faithfulness, plot_likeness, plot_randomisation
from voicecam.figures.leak import plot_leak
from voicecam.figures.pictures import plot_map, plot_matrix, plot_mean_map, plot_picture, plot_waveform
from voicecam.figures.planted import plot_planted
from voicecam.figures.ranges import plot_ranges
from voicecam.figures.robustness import plot_robustness
from voicecam.figures.scores import plot_comparison, plot_confusion, plot_speakers
from voicecam.figures.spectra import plot_spectra
from voicecam.figures.training import plot_history, plot_lr_find
from voicecam.figures.waveform import plot_band_time_map

__all__ = [
    "class_colours",
    "figure",
    "grid",
    "plot_acoustic_regression",
    "plot_agreement",
    "plot_band_time_map",
    "plot_bands",
    "plot_cells",
    "plot_class_map",
    "plot_comparison",
    "plot_confounds",
    "plot_confusion",
    "plot_counterfactual",
    "plot_counts",
    "plot_differences",
    "plot_draws",
    "plot_drops",
    "plot_embedding_map",
    "plot_faithfulness",
    "plot_history",
    "plot_leak",
    "plot_likeness",
    "plot_lr_find",
    "plot_map",
    "plot_matrix",
    "plot_mean_map",
    "plot_mix",
    "plot_picture",
    "plot_planted",
    "plot_randomisation",
    "plot_ranges",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_robustness",
    "plot_speakers",
    "plot_spectra",
    "plot_values",
    "plot_waveform",
    "png_bytes",
]

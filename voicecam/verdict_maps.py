"""A picture per judged recording: the window that speaks most for its class, under its map. Judges nothing itself."""

from pathlib import Path

import numpy as np

from voicecam import figures
from voicecam.config import map_choice
from voicecam.explanation.methods import attribute, other_of_two
from voicecam.features import column_axis, row_axis
from voicecam.files import free_path, write_bytes
from voicecam.network import Model
from voicecam.verdicts import Judgement


def write_maps(folder: Path, judgements: list[Judgement], model: Model) -> list[Path]:
    """Write one PNG for each judgement with speech, named after its file; returns their paths. None is overwritten.

    The map is the positive part of config.DEFAULT_MAPS' for the likeliest class (of two, against the other), whether or not the
    verdict names it.
    """
    spoken = [judgement for judgement in judgements if judgement.matrix is not None]
    if not spoken:
        return []
    matrices = np.stack([judgement.matrix for judgement in spoken if judgement.matrix is not None])
    wanted = np.array([model.classes.index(judgement.label or "") for judgement in spoken])
    against = other_of_two(wanted, len(model.classes))
    method, layer = map_choice(model.arch, model.config.recipe)
    maps = attribute(model.network, model.input(matrices), wanted, method=method, layer=model.stage(layer), against=against)
    written = []
    for judgement, matrix, cam in zip(spoken, matrices, maps):
        path = free_path(folder, Path(judgement.path).stem, ".png")
        write_bytes(path, _png(judgement, matrix, np.maximum(cam, 0), model))
        written.append(path)
    return written


def _png(judgement: Judgement, matrix: np.ndarray, cam: np.ndarray, model: Model) -> bytes:
    fig, ax = figures.figure(3.6)
    size = (model.config.image_rows, model.config.image_columns)
    figures.plot_map(matrix, cam, row_axis(model.config), column_axis(model.config, matrix.shape[1]), size=size, ax=ax)
    window = judgement.windows[judgement.strongest]
    ax.set_title(f"{Path(judgement.path).name}: {judgement.label} {judgement.probability:.3f}", fontsize=10)
    ax.set_xlabel(f"time (s) from {window.start:.2f} s of the recording on")
    return figures.png_bytes(fig)

"""A picture per judged recording: the window that speaks most for its class, under its map. Judges nothing itself."""

from pathlib import Path

from voicecam import figures
from voicecam.files import free_path, write_bytes
from voicecam.network import Model
from voicecam.network.recordings import Judgement
from voicecam.voice_model import VoiceModel


def write_maps(folder: Path, judgements: list[Judgement], model: Model) -> list[Path]:
    """Write one PNG for each judgement with speech, named after its file; returns their paths. None is overwritten.

    The map is the positive part of config.DEFAULT_MAPS' for the likeliest class (of two, against the other), whether or not the
    verdict names it.
    """
    explainer, written = VoiceModel(model), []
    for judgement in judgements:
        if judgement.matrix is None:
            continue
        path = free_path(folder, Path(judgement.path).stem, ".png")
        fig, ax = figures.figure(3.6)
        explainer.explain(explainer.prediction(judgement)).plot(ax)
        write_bytes(path, figures.png_bytes(fig))
        written.append(path)
    return written

"""A picture per judged recording: the window that speaks most for its class, under its map. Judges nothing itself."""

from pathlib import Path

from voicecam import figures
from voicecam.files import free_path, write_bytes
from voicecam.network import Model
from voicecam.network.recordings import Prediction
from voicecam.voice_model import VoiceModel


def write_maps(folder: Path, judgements: list[Prediction], model: Model) -> list[Path]:
    """Write one PNG for each judgement with speech, named after its file; returns their paths. None is overwritten.

    The map is the positive part of config.DEFAULT_MAPS' for the likeliest class (of two, against the other), whether or not the
    prediction names it. Of a speech model, whose judgements have to hold their sound, bands of the sound are occluded instead.
    """
    explainer, written = VoiceModel(model), []
    for prediction in judgements:
        if prediction.matrix is None:
            continue
        path = free_path(folder, Path(prediction.path).stem, ".png")
        fig, ax = figures.figure(3.6)
        explainer.explain(explainer.prediction(prediction)).plot(ax)
        write_bytes(path, figures.png_bytes(fig))
        written.append(path)
    return written

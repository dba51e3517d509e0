"""What the page shows of a speech model's answer: the window it heard, and which parts of the sound it needs. Draws nothing."""

from typing import Any

import numpy as np

from voicecam.explanation.listening import N_STEPS, sound_bands
from voicecam.explanation.methods import METHODS
from voicecam.explanation.training_ranges import BANDS, DIGITS
from voicecam.network import Model
from voicecam.network.recordings import Prediction
from voicecam.server.values import picture, plain
from voicecam.voice_model import VoiceModel


def explain_sound(model: Model, prediction: Prediction) -> dict[str, Any]:
    """Picture, map and bands of the window that speaks most for the likeliest class, as for a network on pictures: its mel
    energies, and what the score loses when a part of the sound is taken out."""
    asked = VoiceModel(model)
    why = asked.explain(asked.prediction(prediction))
    limits = sound_bands(model.config).limits
    bands = why.bands(BANDS)
    return {
        "picture": picture(*why.prediction.picture()),
        "map": {
            "method": METHODS[why.method].title,
            "layer": why.layer,
            "label": why.label,
            "values": plain(why.map, 6),
            "limits": [list(pair) for pair in limits],
            "edges": {"rows": plain(np.linspace(0, 1, len(limits) + 1), 6), "columns": plain(np.linspace(0, 1, N_STEPS + 1), 6)},
            "words": _words(why.map, why.label, limits, model.config.seconds),
        },
        "bands": {
            "names": list(bands["band"]),
            "limits": bands[["from_hz", "to_hz"]].to_numpy().tolist(),
            "values": plain(bands["drop"].to_numpy(), DIGITS),
            "training": None,
            "words": why.describe_bands(),
        },
    }


def _words(found: np.ndarray, label: str, limits: tuple[tuple[float, float], ...], seconds: float) -> str:
    """Why there is no Grad-CAM, and which part of the sound counts most."""
    grid = f"{len(limits)} bands by {N_STEPS} stretches"
    how = f"This model hears sound and is shown no picture, so there is no Grad-CAM. Parts of the sound were taken out, {grid}"
    if not (found > 0).any():
        return f"{how}: no part speaks for {label}."
    band, step = np.unravel_index(found.argmax(), found.shape)
    low, high = limits[band]
    start, end = step * seconds / N_STEPS, (step + 1) * seconds / N_STEPS
    place = f"{low:.0f} to {high:.0f} Hz from {start:.2f} to {end:.2f} s into the window"
    return f"{how}: most for {label} speaks {place}."

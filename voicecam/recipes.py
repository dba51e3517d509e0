"""The recipes of features and the systems, as options by name. Settings only; config.py makes a Config of them and checks it."""

from typing import Any

_SPEECH = {"pre_emphasis": 0.0, "level_dbfs": -30.0, "pad": "end"}


_VOICE: dict[str, Any] = {  # found by experiment, see voicecam/models/EXPERIMENTS.md
    "features": "logmel",
    "windows": "all",
    "pad": "repeat",
    "hop_ms": 25.0,
    "n_mels": 40,
    "f_min": 50.0,
    "f_max": 7_600.0,
    "floor_db": 60.0,
    "normalise": "window",
    "image_rows": 40,
    "image_columns": 40,
}


def _encoder(name: str, output: str) -> dict[str, Any]:
    return {"features": "encoder", "encoder": name, "encoder_weights": "hub", "encoder_output": output}


PRESETS: dict[str, dict[str, Any]] = {  # what `recipe` can make, as changes to the defaults
    "mfcc": {},
    "logmel": {},
    "voice": _VOICE,
    "voice-fine": {**_VOICE, "hop_ms": 12.5, "image_columns": 79},  # twice the frames, for arch fine: what ships
    "mfcc-2020": {
        "sample_rate": 48_000,
        "seconds": 0.99996,
        "centre": False,
        "level_dbfs": None,
        "full_scale": 32_768.0,
        "n_mels": 40,
        "n_mfcc": 12,
        "normalise": "none",
        "image_rows": 224,
        "image_columns": 224,
    },
    "embedding": {"windows": "all", "seconds": 1.6, **_SPEECH, **_encoder("resemblyzer", "vector")},
    "frames": {"seconds": 3.0, **_SPEECH, **_encoder("wav2vec2", "layers")},
    "waveform": {"features": "waveform", "seconds": 3.0, **_SPEECH, "level_dbfs": -31.0},
}
# The systems: options by name, as a command line has them. P is the picture network as it ships; A to D are the speech models of
# earlier projects, see docs/SYSTEMS.md.
SYSTEMS: dict[str, dict[str, Any]] = {
    "A": {"recipe": "embedding", "arch": "two-layer", "epochs": 40, "patience": 10, "lr": 1e-3, "batch": 64},
    "B": {"recipe": "frames", "arch": "cnn", "epochs": 30, "patience": 8, "lr": 1e-3},
    "C": {"recipe": "waveform", "arch": "xls-r", "phases": "C", "epochs": 10, "lr": 3e-5, "batch": 8},
    "D": {
        "recipe": "waveform",
        "phases": "D",
        "arch": "xls-r",
        "label": "emotion_gender3",
        "epochs": 10,
        "lr": 3e-5,
        "batch": 2,
        "accumulate": 4,
    },
}

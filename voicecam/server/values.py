"""Pictures, sounds and numbers as plain values for JSON. Explains nothing."""

from base64 import b64encode
from typing import Any

import numpy as np

from voicecam.audio import Signal
from voicecam.explanation.audible import wav_bytes
from voicecam.features import Axis
from voicecam.figures.pictures import is_signed, row_ticks

POINTS = 800  # of the waveform; a screen's width


def waveform(signal: Signal) -> dict[str, Any]:
    """Duration in s, and the lowest and highest sample, -1 to 1, in each of at most POINTS equal parts."""
    edges = np.linspace(0, len(signal.samples), min(POINTS, len(signal.samples)) + 1).astype(int)[:-1]
    low, high = (part.reduceat(signal.samples, edges) for part in (np.minimum, np.maximum))
    return {"seconds": signal.seconds, "low": plain(low, 3), "high": plain(high, 3)}


def picture(matrix: np.ndarray, rows: Axis, columns: Axis) -> dict[str, Any]:
    """The matrix that the network looks at, with what its rows and columns are. That of mfcc-2020 is stretched over them."""
    places, labels = row_ticks(rows)
    return {
        "values": plain(matrix, 3),
        "signed": is_signed(matrix, rows),
        "words": _colours(matrix, rows),
        "rows": {"kind": rows.kind, "unit": rows.unit, "values": plain(rows.values, 1)},
        "columns": {"kind": columns.kind, "unit": columns.unit, "values": plain(columns.values, 4)},
        "ticks": [{"row": place, "text": text} for place, text in zip(places, labels)],
    }


def _colours(matrix: np.ndarray, rows: Axis) -> str:
    """What the picture's colours mean."""
    what = "Value of each coefficient" if rows.kind == "coefficient" else "Level"
    if not is_signed(matrix, rows):
        return f"{what}, dark to light."
    return (
        f"{what}, blue below 0 and red above." if rows.kind == "coefficient" else "Level, blue below a band's mean and red above."
    )


def wav_text(signal: Signal) -> str:
    """The sound as a WAV file in base64."""
    return b64encode(wav_bytes(signal)).decode("ascii")


def plain(values: np.ndarray, digits: int) -> list[Any]:
    """Rounded numbers for JSON: an array of float32 written in full is three times as long."""
    return np.asarray(values, dtype=float).round(digits).tolist()

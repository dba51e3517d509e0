"""Matrix <-> picture. One Scale, fitted on training clips only, turns every matrix into grey levels; it goes both ways.

The files in mfc_dataset are 16-bit PNGs of the matrix itself (no scale fitted yet), so that one set of files serves every
split. Does not draw figures with axes; see figures.py.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from voicecam.config import Config
from voicecam.errors import DatasetError
from voicecam.files import write_bytes

SPREADS = 4.0  # standard deviations from the middle to black or white; beyond lies 1 value in 16,000 of a normal distribution
DEEPEST = 65_535  # grey levels of a 16-bit picture
SIDE_2020 = 224  # pixels
PART = 8_192  # clips at a time, where there are more


@dataclass(frozen=True)
class Scale:
    """Values drawn black and white, one pair per row; between them grey is linear, beyond them it is cut off.

    low, high : tuples of n_rows floats, low < high
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def to_gray(self, matrix: np.ndarray) -> np.ndarray:
        """Grey levels, uint8, of a matrix of shape (..., n_rows, n_frames); 0 is `low`, 255 is `high`."""
        low, high = self._columns(matrix)
        if matrix.ndim == 3 and len(matrix) > PART:
            gray = np.empty(matrix.shape, np.uint8)
            for start in range(0, len(matrix), PART):
                gray[start : start + PART] = self.to_gray(matrix[start : start + PART])
            return gray
        return np.clip(np.rint((matrix - low) / (high - low) * 255), 0, 255).astype(np.uint8)

    def from_gray(self, picture: np.ndarray) -> np.ndarray:
        """The matrix of a picture, float32; what was cut off stays cut off, the rest is right to half a grey level."""
        low, high = self._columns(picture)
        return (picture / np.float32(255) * (high - low) + low).astype(np.float32)

    def to_dict(self) -> dict[str, list[float]]:
        """The scale as a dict that JSON can hold."""
        return {"low": list(self.low), "high": list(self.high)}

    @classmethod
    def from_dict(cls, values: dict[str, list[float]]) -> "Scale":
        """The scale that `to_dict` gave."""
        return cls(tuple(values["low"]), tuple(values["high"]))

    def _columns(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if matrix.shape[-2] != len(self.low):
            raise DatasetError(
                f"matrix of {matrix.shape[-2]} rows, scale of {len(self.low)}; use the scale that was fitted with these features"
            )
        low, high = (np.asarray(values, dtype=np.float32) for values in (self.low, self.high))
        return low[:, None], high[:, None]  # (row,) -> (row, 1)


def fit_scale(matrices: np.ndarray, config: Config, *, rows: np.ndarray | None = None) -> Scale:
    """The scale of these training clips: each row's mean in the middle, 4 of its standard deviations to black and white.

    matrices : shape (n_clips, n_rows, n_frames); rows : numbers of the training clips, None where all are.
        More than PART are taken a part at a time, so that an array on disk stays there
    The recipe mfcc-2020 has no fitted scale: its grey levels are the values, 0 to 255.
    """
    if config.features == "mfcc-2020":
        return Scale((0.0,) * matrices.shape[1], (255.0,) * matrices.shape[1])
    rows = np.arange(len(matrices)) if rows is None else rows
    parts = [rows[start : start + PART] for start in range(0, len(rows), PART)]
    weights = [len(part) / len(rows) for part in parts]
    middle = sum(w * matrices[part].mean(axis=(0, 2), dtype=np.float64) for w, part in zip(weights, parts))  # -> (row,)
    if len(parts) == 1:
        spread = matrices[rows].std(axis=(0, 2), dtype=np.float64)
    else:
        squares = (np.square(matrices[part] - middle[:, None]).mean(axis=(0, 2)) for part in parts)
        spread = np.sqrt(sum(w * one for w, one in zip(weights, squares)))
    spread = np.maximum(spread, 1e-3)  # a row that never changes is drawn grey
    return Scale(tuple(map(float, middle - SPREADS * spread)), tuple(map(float, middle + SPREADS * spread)))


def picture_2020(matrix: np.ndarray) -> np.ndarray:
    """The picture of 2020, uint8, shape (224, 224): bilinear stretch, then cut off to 0..255 and rounded down."""
    stretched = _stretch(len(matrix)) @ matrix @ _stretch(matrix.shape[1]).T
    return np.clip(stretched, 0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _stretch(n: int) -> np.ndarray:
    """What scikit-image's bilinear resize makes of n values, float64 (SIDE_2020, n): it is linear, and each axis is by itself."""
    from skimage.transform import resize  # here, because importing scikit-image takes a second

    return resize(np.eye(n), (SIDE_2020, n), order=1, mode="reflect", anti_aliasing=False)


def save_matrix(path: Path, matrix: np.ndarray) -> tuple[float, float]:
    """Write a matrix as a 16-bit grey PNG, row 0 on top; return the values of black and white, which `load_matrix` needs.

    The values come back to within (white - black) / 131,070, a thousandth of a dB or so.
    """
    low, high = float(matrix.min()), float(matrix.max())
    grey = np.rint((matrix - low) / max(high - low, 1e-9) * DEEPEST).astype(np.uint16)
    _save_png(path, grey)
    return low, high


def save_picture(path: Path, picture: np.ndarray) -> tuple[float, float]:
    """Write a uint8 picture as an 8-bit grey PNG; return its black and white, 0 and 255."""
    _save_png(path, picture)
    return 0.0, 255.0


def load_matrix(path: Path, low: float, high: float) -> np.ndarray:
    """The matrix that `save_matrix` or `save_picture` wrote, float32. Raises DatasetError for a missing or broken file."""
    from PIL import Image  # here and below: what classifies does without

    try:
        with Image.open(path) as file:
            grey = np.asarray(file)
    except (OSError, SyntaxError) as reason:  # Pillow says SyntaxError for a broken PNG
        raise DatasetError(f"{path}: not readable as a picture ({reason}); delete it and run make_images again") from None
    deepest = np.float32(np.iinfo(grey.dtype).max) if grey.dtype in (np.uint8, np.uint16) else np.float32(DEEPEST)
    return grey.astype(np.float32) / deepest * np.float32(high - low) + np.float32(low)


def _save_png(path: Path, grey: np.ndarray) -> None:
    """Write grey levels, uint8 or uint16, shape (height, width), as a PNG (ISO/IEC 15948) with the filter "up" in every row: rows
    change slowly. Pillow tries all five filters in each row, which takes twice as long."""
    height, width = grey.shape
    rows = np.ascontiguousarray(grey, grey.dtype.newbyteorder(">")).view(np.uint8)
    filtered = np.full((height, 1 + rows.shape[1]), 2, np.uint8)  # 2: "up"
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 8 * grey.itemsize, 0, 0, 0, 0)
    data = zlib.compress(filtered.tobytes(), 1)
    write_bytes(path, b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b""))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

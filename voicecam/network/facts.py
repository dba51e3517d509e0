"""What a saved model's meta.json says of it, read and checked, and what follows from it. Needs no torch and loads no weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from voicecam.audio.fingerprints import from_text
from voicecam.config import Config
from voicecam.errors import ModelError
from voicecam.features.image import Scale
from voicecam.files import read_json
from voicecam.network.meta_checks import check_meta, stored_config, stored_scale

FORMAT = 1  # of meta.json


class ModelFacts:
    """What a model's settings and its meta tell, however its network runs."""

    arch: str
    config: Config
    meta: Mapping[str, Any]

    @property
    def met(self) -> np.ndarray | None:
        """Fingerprints of the recordings that training met, uint8 (n, fingerprints.BYTES); None where they are not known."""
        return met_by(self.meta)

    @property
    def temperature(self) -> float:
        """What logits are divided by so that probabilities are true to frequency on validation speakers; 1 where not fitted."""
        return float(self.meta.get("temperature", 1.0))

    @property
    def described(self) -> str:
        """ "small on logmel pictures", "two-layer on resemblyzer's vector of speech windows", "xls-r on speech windows" """
        kinds = {
            "encoder": f"{self.config.encoder}'s {self.config.encoder_output} of speech windows",
            "waveform": "speech windows",
        }
        return f"{self.arch} on {kinds.get(self.config.features, f'{self.config.features} pictures')}"


def read_meta(folder: Path) -> tuple[dict[str, Any], Config, Scale]:
    """A saved model's meta.json with its settings and its scale. Raises ModelError where it is missing, of another format,
    or says what cannot be true."""
    meta = read_json(folder / "meta.json", error=ModelError)
    if not isinstance(meta, dict) or meta.get("format") != FORMAT or isinstance(meta["format"], bool):
        found = meta.get("format") if isinstance(meta, dict) else "none"
        newer = isinstance(found, int) and found > FORMAT
        do = "made by a newer voicecam; update this one" if newer else "train it again"
        raise ModelError(f"{folder}: format {found!s:.40}, this program reads {FORMAT}; {do}")
    check_meta(folder / "meta.json", meta)
    config = stored_config(folder / "meta.json", meta["config"])
    return meta, config, stored_scale(folder / "meta.json", meta["scale"], config)


def met_by(meta: Mapping[str, Any]) -> np.ndarray | None:
    """Fingerprints, uint8 (n, fingerprints.BYTES), in a model's meta; None where it holds none."""
    text = meta.get("fingerprints")
    return None if text is None else from_text(text)

"""What a saved model's meta.json says -> checked, before anything is believed: kinds, ranges, and that its parts fit together."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from voicecam.config import ARCHITECTURES, Config, from_dict
from voicecam.errors import ModelError, VoicecamError
from voicecam.features.image import Scale
from voicecam.setting_checks import number_between


def check_meta(path: Path, meta: Mapping[str, Any]) -> None:
    """Raise ModelError for the first entry of a meta.json that is missing or of the wrong kind."""
    told = meta.get("meta")
    inner = told if isinstance(told, dict) else {}
    classes, prints = meta.get("classes"), inner.get("fingerprints", "")
    temperature, threshold = inner.get("temperature", 1.0), inner.get("threshold", 0.0)
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes) and len(set(classes)) == len(classes) > 1
    rules = {
        "arch": (meta.get("arch"), meta.get("arch") in ARCHITECTURES),
        **{name: (meta.get(name), isinstance(meta.get(name), str)) for name in ("label", "weights_sha256")},
        **{name: (meta.get(name), isinstance(meta.get(name), dict)) for name in ("config", "scale", "meta")},
        "classes": (classes, named),
        "temperature": (temperature, number_between(temperature, 1e-6, 1e6)),
        "threshold": (threshold, number_between(threshold, 0.0, 2.0)),
        "fingerprints": (prints, prints is None or isinstance(prints, str)),
        "corpora": (inner.get("corpora"), isinstance(inner.get("corpora", []), list)),
    }
    for name, (found, holds) in rules.items():
        if not holds:
            raise ModelError(f"{path}: {name}={found!r:.80} cannot be; take the folder as it was made, or train again")


def stored_config(path: Path, values: dict[str, Any]) -> Config:
    """The Config. Every setting must be there: a default in place of a lost one would change answers in silence."""
    lost = sorted({one.name for one in fields(Config) if not one.name.startswith("encoder")} - set(values))
    if lost:
        raise ModelError(f"{path}: config has no {', '.join(lost)}; take the folder as it was made, or train again")
    try:
        return from_dict(values)
    except VoicecamError as reason:
        raise ModelError(f"{path}: config: {reason}") from None


def stored_scale(path: Path, values: dict[str, Any], config: Config) -> Scale:
    """The scale, which must fit the features; a speech model has an empty one."""
    rows = [values.get("low"), values.get("high")]
    whole = all(isinstance(row, list) and all(number_between(one, -1e9, 1e9) for one in row) for row in rows)
    lengths = {len(row) for row in rows if isinstance(row, list)}
    fits = len(lengths) == 1 if config.features == "mfcc-2020" else lengths == {0 if config.of_sound else config.n_rows}
    if not whole or not fits or any(a >= b for a, b in zip(*rows)):
        raise ModelError(
            f"{path}: scale must have a number for each row in low and in high, each low below its high; train again"
        )
    return Scale.from_dict(values)

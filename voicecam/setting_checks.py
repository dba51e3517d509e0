"""Settings -> an error for the first that is of the wrong kind or out of its range. Dataclasses of settings call this when they
are made, so that what a stored file says is checked like what a caller gives."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from types import UnionType
from typing import Any, cast, get_args

from voicecam.errors import VoicecamError

WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", type(None): "null"}
LARGEST = {  # of a Config: what a computer can hold, far beyond what speech asks for
    "sample_rate": 768_000,  # Hz
    "seconds": 3_600,
    "full_scale": 2**32,
    "window_ms": 10_000,
    "hop_ms": 10_000,
    "n_mels": 1_024,
    "floor_db": 1_000,
    "n_mfcc": 1_024,
    "lifter": 10_000,
    "image_rows": 8_192,
    "image_columns": 8_192,
}


def check_kinds(settings: Any, *, error: Callable[[str], VoicecamError] = VoicecamError) -> None:
    """Raise `error` for the first field of a dataclass whose value is not of its annotated kind: text, true or false, whole and
    finite numbers, or None where it may be. Fields of other kinds are left to their own checks."""
    for one in fields(settings):
        kinds = get_args(one.type) if isinstance(one.type, UnionType) else (one.type,)
        if set(kinds) <= set(WORDS) and not any(_is(getattr(settings, one.name), kind) for kind in kinds):
            wanted = " or ".join(WORDS[kind] for kind in kinds)
            raise error(f"{one.name}={getattr(settings, one.name)!r:.80}: must be {wanted}")


def _is(value: Any, kind: Any) -> bool:
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind is float:
        return number_between(value, -1e300, 1e300)
    return isinstance(value, kind)


def number_between(value: Any, low: float, high: float) -> bool:
    """Whether a value is a number, no truth value and not NaN, from `low` to `high`."""
    return isinstance(value, Real) and not isinstance(value, bool) and low <= cast(Any, value) <= high


def check_config(config: Any, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Raise VoicecamError for the first setting of a Config out of its range. choices : the words that some may be"""
    check_kinds(config)
    if bool(config.encoder) != (config.features == "encoder"):
        raise VoicecamError(f"encoder={config.encoder!r}: features 'encoder' need one, other features take none")
    for name, allowed in choices.items():
        if getattr(config, name) not in allowed:
            raise VoicecamError(f"{name}={getattr(config, name)!r}: must be one of {', '.join(allowed)}")
    for name, most in LARGEST.items():
        value = getattr(config, name)
        if not value > 0 and name != "lifter":
            raise VoicecamError(f"{name}={value!r:.80}: must be above 0")
        if value > most:
            raise VoicecamError(f"{name}={value!r:.80}: must be at most {most:,}")
    level = config.level_dbfs
    rules = {
        "pre_emphasis": (0 <= config.pre_emphasis < 1, "must be 0 or more and below 1"),
        "lifter": (config.lifter >= 0, "must be 0 (none) or more"),
        "level_dbfs": (level is None or -120 <= level <= 0, "must be from -120 to 0, or null"),
        "f_max": (0 <= config.f_min < config.top_hz <= config.sample_rate / 2, "0 <= f_min < f_max <= sample_rate / 2 must hold"),
        "n_mfcc": (config.n_mfcc <= config.n_mels, f"must be at most n_mels={config.n_mels}"),
        "window_step": (0 < config.window_step <= 1, "must be above 0 and at most 1"),
        "window_ms": (config.window >= 2 and config.hop >= 1, "and hop_ms must hold samples of sound"),
        "seconds": (config.n_samples >= config.window, f"must hold at least one window of {config.window_ms:g} ms"),
    }
    for name, (holds, text) in rules.items():
        if not holds:
            raise VoicecamError(f"{name}={getattr(config, name)!r}: {text}")

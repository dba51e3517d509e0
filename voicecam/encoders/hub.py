"""The folder with an encoder's weights: fetched from the Hugging Face hub at a pinned revision, or one on disk. Loads nothing."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voicecam.encoders.table import HUB, EncoderInfo, need
from voicecam.errors import ModelError


def weights_folder(info: EncoderInfo, weights: str, needed: Sequence[str], either: Sequence[str]) -> tuple[Path, str]:
    """A folder in the hub's form, and which file of it holds the weights.

    weights : "hub" (from its cache, HF_HUB_CACHE, where it was fetched before), or a folder
    needed : files that must be there; either : files one of which holds the weights, best first
    Raises ModelError with what to fetch, how large it is and its licence, where a file is missing and cannot be fetched.
    """
    folder = _from_hub(info, needed, either) if weights == HUB else Path(weights)
    missing = [name for name in needed if not (folder / name).is_file()]
    found = [name for name in either if (folder / name).is_file()]
    if missing or not found:
        raise wrong_weights(info, f"{folder} has no {(missing or [' or '.join(either)])[0]}")
    return folder, found[0]


def wrong_weights(info: EncoderInfo, problem: str) -> ModelError:
    """One line: the problem, and what would be right."""
    what = f"{info.repository} at revision {info.revision} ({info.megabytes} MB, {info.licence})"
    return ModelError(f"{info.title}: {problem}; it needs {what} from the hub, or its folder with --weights FOLDER")


def _from_hub(info: EncoderInfo, needed: Sequence[str], either: Sequence[str]) -> Path:
    """The snapshot in the hub's cache, whole or as far as it could be had."""
    hub = need("huggingface_hub", info)
    folder = _snapshot(hub, info, [*needed, either[0]])
    for name in either[1:]:
        if not any((folder / other).is_file() for other in either):
            folder = _snapshot(hub, info, [*needed, name])
    return folder


def _snapshot(hub: Any, info: EncoderInfo, names: list[str]) -> Path:
    """Where the files lie in the cache; what it lacks is fetched, from where a cut download stopped."""
    import httpx

    how = {"revision": info.revision, "allow_patterns": names, "token": False}  # no token: these are open to all
    folder = _cached(hub, info, how)
    if folder and all((folder / name).is_file() for name in names):
        return folder
    if not sys.stderr.isatty():
        hub.utils.disable_progress_bars()
    try:
        if not hub.constants.HF_HUB_OFFLINE:  # a quick knock first: the library itself would try for half a minute
            httpx.head(hub.constants.ENDPOINT, timeout=5)
        return Path(hub.snapshot_download(info.repository, **how))
    except (hub.errors.LocalEntryNotFoundError, hub.errors.OfflineModeIsEnabled, httpx.TransportError):
        raise wrong_weights(info, "not on this computer, and the hub cannot be reached") from None
    except (OSError, ValueError, httpx.HTTPError) as reason:
        raise wrong_weights(info, f"not fetched ({first_line(reason)})") from None


def _cached(hub: Any, info: EncoderInfo, how: dict[str, Any]) -> Path | None:
    try:
        return Path(hub.snapshot_download(info.repository, local_files_only=True, **how))
    except (OSError, ValueError):  # nothing of it is there
        return None


def first_line(reason: Exception) -> str:
    """What an error of a library says, cut to its first line."""
    return (str(reason).strip() or type(reason).__name__).splitlines()[0]

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
    missing, found = _missing(folder, needed, either), [name for name in either if (folder / name).is_file()]
    if missing:
        raise wrong_weights(info, f"{folder} has no {missing}")
    return folder, found[0]


def _missing(folder: Path, needed: Sequence[str], either: Sequence[str]) -> str:
    """The first file that is not there; "" where all are."""
    names = [name for name in needed if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in either):
        names.append(" or ".join(either))
    return names[0] if names else ""


def wrong_weights(info: EncoderInfo, problem: str) -> ModelError:
    """One line: the problem, and what would be right."""
    what = f"{info.repository} at revision {info.revision} ({info.megabytes} MB, {info.licence})"
    do = "or its folder with --weights FOLDER; --tiny tries the command without"
    return ModelError(f"{info.title}: {problem}; it needs {what} from the hub, {do}")


def _from_hub(info: EncoderInfo, needed: Sequence[str], either: Sequence[str]) -> Path:
    """The snapshot in the hub's cache. What it lacks is fetched, from where a cut download stopped; the best weights that are
    there, and no others."""
    need("huggingface_hub", info)
    from huggingface_hub import try_to_load_from_cache

    kept = try_to_load_from_cache(info.repository, needed[0], revision=info.revision)
    if isinstance(kept, str) and not _missing(Path(kept).parent, needed, either):
        return Path(kept).parent
    for name in either:
        folder = _fetched(info, [*needed, name])
        if (folder / name).is_file():
            break
    return folder


def _fetched(info: EncoderInfo, names: list[str]) -> Path:
    import httpx
    from huggingface_hub import constants, errors, snapshot_download
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

    (enable_progress_bars if sys.stderr.isatty() else disable_progress_bars)()
    try:
        if not constants.HF_HUB_OFFLINE:  # a quick knock first: the library itself would try for half a minute
            httpx.head(constants.ENDPOINT, timeout=5)
        how: dict[str, Any] = {"allow_patterns": names, "token": False}  # no token: these are open to all
        return Path(snapshot_download(info.repository, revision=info.revision, **how))
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, httpx.TransportError):
        raise wrong_weights(info, "not on this computer, and the hub cannot be reached") from None
    except (OSError, ValueError, httpx.HTTPError) as reason:
        raise wrong_weights(info, f"not fetched ({first_line(reason)})") from None


def first_line(reason: Exception) -> str:
    """What an error of a library says, cut to its first line."""
    return (str(reason).strip() or type(reason).__name__).splitlines()[0]

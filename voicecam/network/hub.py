"""Weights of speech transformers on the Hugging Face hub: which, how large, under which licence, and their download; and what
keeps its packages quiet. Builds no network.

Each is pinned to a revision and to the SHA-256 of its weights. The three hold their weights as pytorch_model.bin there; torch
reads such a file with weights_only, tensors alone, and only once its SHA-256 is the one in the table.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voicecam.errors import ModelError
from voicecam.files import file_sha256

EXTRA = 'pip install "voicecam[encoders]"'
BIN, SAFE, CONFIG, PREPROCESSOR = "pytorch_model.bin", "model.safetensors", "config.json", "preprocessor_config.json"


@dataclass(frozen=True)
class HubWeights:
    """Where weights are and what they are: megabytes of 10^6 bytes, and the SHA-256 of pytorch_model.bin at that revision."""

    repository: str
    revision: str
    sha256: str
    megabytes: int
    licence: str


HUB = {
    "wav2vec2": HubWeights(
        "facebook/wav2vec2-base",
        "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8",
        "3249fe98bfc62fcbc26067f724716a6ec49d12c4728a2af1df659013905dff21",
        380,
        "Apache-2.0",
    ),
    "wavlm": HubWeights(
        "microsoft/wavlm-base-plus",
        "4c66d4806a428f2e922ccfa1a962776e232d487b",
        "3bb273a6ace99408b50cfc81afdbb7ef2de02da2eab0234e18db608ce692fe51",
        378,
        "CC BY-SA 3.0",
    ),
    "xls-r": HubWeights(
        "facebook/wav2vec2-xls-r-300m",
        "1a640f32ac3e39899438a2931f9924c02f080a54",
        "d5e490574712ad0a6736923b9ed11d4cd51c78609c36205f704fc4e87b11d2e0",
        1270,
        "Apache-2.0",
    ),
}


def need_transformers() -> None:
    """Raises ModelError, one line with the command that installs them, where transformers or accelerate is missing."""
    from importlib.util import find_spec

    missing = [name for name in ("transformers", "accelerate") if find_spec(name) is None]
    if missing:
        raise ModelError(f"{' and '.join(missing)}: not installed; {EXTRA}")


def fetch_weights(name: str) -> Path:
    """The folder of `name`'s weights in the hub's cache, downloaded where they are not there yet; a stopped download goes on.

    Raises ModelError, one line that says what to fetch, how large it is and its licence, where the hub cannot be reached, and
    where the weights have another SHA-256.
    """
    from huggingface_hub import get_session, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    hub = HUB[name]
    try:
        for file in (CONFIG, PREPROCESSOR, BIN):
            try:
                path = hf_hub_download(hub.repository, file, revision=hub.revision, local_files_only=True)
            except LocalEntryNotFoundError:
                # once, and soon: the download itself tries again for half a minute
                get_session().head(hf_hub_url(hub.repository, CONFIG, revision=hub.revision), timeout=10)
                path = hf_hub_download(hub.repository, file, revision=hub.revision)  # with a bar; resumes
        folder = Path(path).parent
    except Exception as reason:  # httpx's, requests', the hub's own and the system's: whatever stops a download
        raise ModelError(
            f"{hub.repository}: not fetched ({type(reason).__name__}); {hub.megabytes} MB, licence {hub.licence}, revision "
            f"{hub.revision[:12]}: fetch it where the hub can be reached, or use --weights FOLDER (in the hub's format) or --tiny"
        ) from None
    if not (folder / BIN).is_file() or file_sha256(folder / BIN) != hub.sha256:
        raise ModelError(
            f"{folder / BIN}: missing or damaged (its SHA-256 is not the known one); delete the folder and fetch it again"
        )
    return folder


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without its bars for files, and without its table of what a checkpoint lacks, which _read looks at itself."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with no_mask_warning():
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def no_mask_warning() -> Iterator[None]:
    """WavLM gives torch a boolean mask beside its float position bias; torch warns at each call."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
        yield

"""Weights of speech transformers on the Hugging Face hub that are fine-tuned whole, and what keeps its packages quiet. Builds no
network; which weights they are stands in encoders.table.

The three hold their weights as pytorch_model.bin: torch reads such a file with weights_only, tensors alone, and only once its
SHA-256 is the one below.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicecam.encoders import ENCODERS
from voicecam.encoders.hub import weights_folder
from voicecam.encoders.table import EXTRA
from voicecam.errors import ModelError
from voicecam.files import file_sha256

BIN, SAFE, CONFIG, PREPROCESSOR = "pytorch_model.bin", "model.safetensors", "config.json", "preprocessor_config.json"
SHA256 = {  # of pytorch_model.bin at the revisions of encoders.table
    "wav2vec2": "3249fe98bfc62fcbc26067f724716a6ec49d12c4728a2af1df659013905dff21",
    "wavlm": "3bb273a6ace99408b50cfc81afdbb7ef2de02da2eab0234e18db608ce692fe51",
    "xls-r": "d5e490574712ad0a6736923b9ed11d4cd51c78609c36205f704fc4e87b11d2e0",
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
    folder, _ = weights_folder(ENCODERS[name], "hub", [CONFIG, PREPROCESSOR], [BIN])
    if file_sha256(folder / BIN) != SHA256[name]:
        raise ModelError(f"{folder / BIN}: damaged (its SHA-256 is not the known one); delete the folder and fetch it again")
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

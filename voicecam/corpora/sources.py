"""Where the real corpora that can be fetched come from: address, pin, hash, what of the archive is kept, licence, citation.

A table; fetches nothing. Common Voice is not in it: its publisher asks for an account. What proves that an archive is right:
Zenodo publishes an MD5 of each file. GitHub makes its archives on the fly and publishes none: there the address is pinned to a
tag or a commit, and `hash` is what another project measured of the same address and published; where none was found it is "", and
what the first fetch finds stands in NAME.lock.json, which later ones are held to.
"""

import re
from dataclasses import dataclass

from voicecam.errors import DatasetError

GITHUB = "https://codeload.github.com"
AUDIOMNIST_COMMIT = "630d7dab4c040882834de6fa21baf9a60372accd"
BAVED_COMMIT = "9c91b2167ed608163fdf1673bc56e2ac8088e5b7"
NEMO_COMMIT = "06f1f83dde8f1a780443a57d53b2af3971af34ab"


@dataclass(frozen=True)
class Source:
    """One corpus. Every path that is written is the group `path` of `members`: no name in an archive can lead elsewhere.

    url : of the zip archive; hash : "md5:..." or "sha256:..." of it, "" where none is known; proof : where the hash is from
    contents : SHA-256 over names and bytes of the clips (see download.py) that stands for the archive's hash, or ""
    space : bytes that must be free for archive and clips; clips : how many there are at least
    members : full match of the paths that are kept; needs : texts without which the corpus cannot be read
    single : address below which each file lies by itself, and mini : the clips of a small part; "" and () where there is none
    """

    title: str
    url: str
    hash: str
    proof: str
    space: int
    clips: int
    members: re.Pattern[str]
    licence: str
    citation: str
    needs: tuple[str, ...] = ()
    contents: str = ""
    single: str = ""
    mini: tuple[str, ...] = ()


def _keeping(*paths: str) -> re.Pattern[str]:
    """Paths of an archive that are kept, with or without one folder above them."""
    return re.compile(rf"(?:[^/]+/)?(?P<path>{'|'.join(paths)})")


SOURCES = {
    "fsdd": Source(
        title="Free Spoken Digit Dataset 1.0.10",
        url=f"{GITHUB}/Jakobovski/free-spoken-digit-dataset/zip/refs/tags/v1.0.10",
        hash="sha256:c680098f5d2355ba7cc4bd8b0ca9e0a24c00ebe3b4c552208889a4d28d4fbc2b",
        proof="measured by others of GitHub's archive of tag v1.0.10; the authors publish none",
        contents="45a9b976ba3397a2fd5c70a9f2e43c34f442a3a6be47392ecfc41174b678f37e",
        space=60_000_000,
        clips=3000,
        members=_keeping(r"recordings/\d_[a-z]+_\d+\.wav", r"README\.md", r"metadata\.py"),
        licence="CC BY-SA 4.0",
        citation="Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski/free-spoken-digit-dataset, version 1.0.10",
    ),
    "audiomnist": Source(
        title="AudioMNIST",
        url=f"{GITHUB}/soerenab/AudioMNIST/zip/{AUDIOMNIST_COMMIT}",
        hash="sha256:f0420069d684baff1688658d1ba53316f9b3f742a7d0ab2963a064c591f9c573",
        proof=f"measured by others of GitHub's archive of commit {AUDIOMNIST_COMMIT[:10]}; the authors publish none",
        space=3_500_000_000,
        clips=30_000,
        members=_keeping(r"data/(?P<speaker>\d\d)/\d_(?P=speaker)_\d{1,2}\.wav", r"data/audioMNIST_meta\.txt", "LICENSE"),
        licence="MIT",
        citation="Becker et al., AudioMNIST: exploring explainable AI for audio analysis on a simple benchmark, "
        "J. Franklin Institute 361 (2024), arXiv:1807.03418",
        needs=("data/audioMNIST_meta.txt",),
        single=f"https://raw.githubusercontent.com/soerenab/AudioMNIST/{AUDIOMNIST_COMMIT}/",
        mini=tuple(f"data/{s:02d}/{d}_{s:02d}_0.wav" for s in range(1, 61) for d in range(10)),
    ),
    "emodb": Source(
        title="EMO-DB 1.3.0",
        url="https://zenodo.org/records/7447302/files/emodb.zip?download=1",
        hash="md5:9d21362dbc5676ef3ab4745d83ced0db",
        proof="published by Zenodo, record 7447302",
        space=150_000_000,
        clips=535,
        members=_keeping(r"wav/\d\d[ab]\d\d[WLEAFTN][a-z]?\.wav"),
        licence="CC BY 4.0",
        citation="Burkhardt et al., A database of German emotional speech, Interspeech 2005, doi:10.5281/zenodo.7447302",
    ),
    "ravdess": Source(
        title="RAVDESS, speech audio",
        url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
        hash="md5:bc696df654c87fed845eb13823edef8a",
        proof="published by Zenodo, record 1188976",
        space=1_000_000_000,
        clips=1440,
        members=_keeping(r"Actor_(?P<actor>\d\d)/03-01-0[1-8]-0[12]-0[12]-0[12]-(?P=actor)\.wav"),
        licence="CC BY-NC-SA 4.0",
        citation="Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, "
        "PLoS ONE 13(5): e0196391 (2018), doi:10.5281/zenodo.1188976",
    ),
    "baved": Source(
        title="BAVED",
        url=f"{GITHUB}/40uf411/Basic-Arabic-Vocal-Emotions-Dataset/zip/{BAVED_COMMIT}",
        hash="",
        proof=f"recorded at the first fetch, as none is published; address pinned to commit {BAVED_COMMIT[:10]}",
        space=300_000_000,
        clips=1900,  # 1,935 are announced, some of them twice
        members=_keeping(r"[0-6]/\d+-[fm]-\d+-[0-6]-[0-2]-\d+\.wav", r"README\.md"),
        licence="none stated: use it for teaching and research, and do not pass it on",
        citation="Basic Arabic Vocal Emotions Dataset, github.com/40uf411/Basic-Arabic-Vocal-Emotions-Dataset",
    ),
    "nemo": Source(
        title="nEMO",
        url=f"{GITHUB}/amu-cai/nEMO/zip/{NEMO_COMMIT}",
        hash="",
        proof=f"recorded at the first fetch, as none is published; address pinned to commit {NEMO_COMMIT[:10]}",
        space=1_500_000_000,
        clips=4481,
        members=_keeping(r"samples/[A-Z]{2}\d_[a-z]+_\d+\.wav", r"data\.tsv", r"README\.md"),
        licence="CC BY-NC-SA 4.0",
        citation="Christop, nEMO: dataset of emotional speech in Polish, LREC-COLING 2024, arXiv:2404.06292",
        needs=("data.tsv",),
    ),
}
MINI = "-mini"  # ends the name of a corpus's small part


def known_names() -> list[str]:
    """Every corpus that can be fetched, and its small part where it has one."""
    return [each for name, source in SOURCES.items() for each in (name, *([name + MINI] if source.mini else []))]


def source_of(name: str) -> Source:
    """The source of a name of SOURCES. Raises DatasetError for another name."""
    if name not in SOURCES:
        raise DatasetError(f"{name}: no corpus of this name can be fetched; use one of {', '.join(SOURCES)}")
    return SOURCES[name]


def fetching(name: str) -> str:
    """The command that fetches a corpus of `known_names` into cache/NAME."""
    return f"voicecam corpus get {name.removesuffix(MINI)}{' --mini' * name.endswith(MINI)}"

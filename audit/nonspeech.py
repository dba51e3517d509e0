"""Sounds in which nobody speaks: recordings inside Debian packages, fetched, unpacked and cut, and made ones. Measures nothing.

The packages are named, not pinned to a version: what was fetched is printed. Files that hold voices are left out by name.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from voicecam import audio
from voicecam.audio import Signal
from voicecam.corpora.labels import AUDIO_SUFFIXES
from voicecam.errors import AudioError, DatasetError
from voicecam.files import alone_in

SYSTEM, PLAYED, GAME = "system sounds", "drums, notes and loops", "game and nature sounds"
PACKAGES = dict.fromkeys(
    ("sound-theme-freedesktop", "oxygen-sounds", "deepin-sound-theme", "sound-icons", "psi-plus-sounds", "pidgin-data"), SYSTEM
)
PACKAGES |= dict.fromkeys(("hydrogen-data", "sonic-pi-samples", "lmms-common", "lomiri-sounds", "ardour-data"), PLAYED)
PACKAGES |= dict.fromkeys(
    (
        *("abe-data", "amoebax-data", "asc-music", "bomberclone-data", "briquolo-data", "bumprace-data", "burgerspace"),
        *("chromium-bsu-data", "circuslinux-data", "enigma-data", "frozen-bubble-data", "funnyboat", "granatier"),
        *("gunroar-data", "holotz-castle-data", "kbounce", "lbreakout2-data", "lincity-ng-data", "madbomber-data"),
        *("monsterz-data", "mu-cade-data", "noiz2sa-data", "parsec47-data", "pathological", "pinball-data", "pingus-data"),
        *("powermanga-data", "rrootage-data", "titanion-data", "torus-trooper-data", "tuxmath-data", "tuxpaint-data"),
        "vectoroids",
    ),
    GAME,
)
VOICES: Mapping[str, Mapping[str, str]] = {  # file names without ending, by reason; nobody has listened to them
    "abe-data": {"death": "a cry"},
    "amoebax-data": {"levelup": "a cheer: gliding harmonics of a voice in its spectrogram"},
    "bomberclone-data": {"dead*": "cries"},
    "circuslinux-data": {"wahoo": "a cry", "cheering": "a crowd"},
    "frozen-bubble-data": {"noh": "a word", "snore": "a person"},
    "granatier": {"wow": "a word"},
    "lbreakout2-data": dict.fromkeys(("dammit", "damn", "excellent", "verygood", "wontgiveup"), "words"),
    "lincity-ng-data": {
        **dict.fromkeys(("School*", "University*", "SportsCroud*", "Market*", "Commune*", "Shanty*", "Residential*"), "people"),
        **{"Health*": "people", "Substation*": "formants and pitch of sentences in their spectrograms"},
    },
    "lmms-common": {
        **dict.fromkeys(("vowel_*", "chorus0*", "rave_choir01"), "sung vowels"),
        **{"breath01": "a person", "raving_crowd01": "a crowd", "start01": "a word", "stop01": "a word"},
    },
    "monsterz-data": {"laugh": "a laugh", "grunt": "a person", "duh": "a word"},
    "pinball-data": {"professor": "a sentence"},
    "pingus-data": dict.fromkeys(("goodidea", "letsgo", "ohno", "yipee"), "words"),
    "sonic-pi-samples": {"ambi_choir": "a choir", "bass_voxy*": "made of a voice", "misc_burp": "a person"},
    "sound-theme-freedesktop": {"audio-channel-*": "words"},
    "tuxmath-data": {"cheer": "a crowd"},
    "tuxpaint-data": {"areyousure": "words", "youcannot": "words", "tuxok": "a word", "giggle": "a laugh"},
}
RATE = 16_000  # Hz
SHORTEST, LONGEST, MUSIC_SECONDS = 1.0, 3.0, 10.0  # s of a clip; files longer than the last are music, and give three clips
LEAST_SECONDS, LEAST_PEAK = 0.1, 1e-3  # what is shorter or softer is no sound to ask about


@dataclass(frozen=True)
class Clip:
    """kind : such as "music"; source : package, folder or speaker, which is halved; name : the file, its place in s behind @"""

    kind: str
    source: str
    name: str
    signal: Signal


def fetch(folder: Path) -> dict[str, str]:
    """Make `folder` hold each of PACKAGES, unpacked; returns their versions. What is there already is not fetched again.

    Raises DatasetError where apt-get or dpkg-deb is missing, or a package cannot be fetched.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DatasetError(f"{tool}: not on this machine; run on Debian or Ubuntu, or give --sounds FOLDER and --no-packages")
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        return {name: _fetched(folder, name) for name in PACKAGES}


def _fetched(folder: Path, name: str) -> str:
    there = sorted(folder.glob(f"{name}_*.deb"))
    if not there:
        done = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True, check=False)
        there = sorted(folder.glob(f"{name}_*.deb"))
        if done.returncode or not there:
            said = (done.stderr.strip().splitlines() or ["no such package"])[-1]
            raise DatasetError(f"{name}: not fetched ({said}); run apt-get update, or give --no-packages")
    version = there[0].stem.split("_")[1].replace("%3a", ":")
    if not (folder / name).exists():
        hidden = folder / f".{name}"
        shutil.rmtree(hidden, ignore_errors=True)
        done = subprocess.run(["dpkg-deb", "-x", there[0].name, hidden.name], cwd=folder, capture_output=True, check=False)
        if done.returncode:
            raise DatasetError(f"{there[0]}: dpkg-deb cannot unpack it; delete it and run again")
        hidden.rename(folder / name)
    return version


def recorded(folder: Path, source: str, kind: str) -> Iterator[Clip]:
    """Clips of the sound files of a folder, without those of VOICES: whole, or of 1 to 3 s, cut where the file's name says."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()):
        if path.is_symlink() or any(fnmatch(path.stem, pattern) for pattern in VOICES.get(source, {})):
            continue
        try:
            signal = audio.read(path, rate=RATE)
        except AudioError:  # tracker modules, empty samples
            continue
        long = signal.seconds > MUSIC_SECONDS
        rng = np.random.default_rng(list(hashlib.sha256(f"{source}/{path.name}".encode()).digest()[:4]))
        for _ in range(3 if long else 1):
            n = min(len(signal.samples), round(rng.uniform(SHORTEST, LONGEST) * RATE))
            first = int(rng.integers(0, len(signal.samples) - n + 1))
            part = signal.samples[first : first + n]
            if n >= LEAST_SECONDS * RATE and np.abs(part).max() >= LEAST_PEAK:
                name = f"{path.stem}@{first / RATE:.2f}"
                yield Clip("music" if long else kind, source, name, Signal(part, RATE))


def made(n: int = 60) -> Iterator[Clip]:
    """`n` chords in sequence, tones, vibrato, sweeps, hum of the mains, white and pulsing noise, trains of clicks each."""
    rng, time = np.random.default_rng(5), np.arange(2 * RATE) / RATE
    for i in range(n):
        hz, noise = rng.uniform(50, 800), rng.standard_normal(len(time))
        sounds = {
            "chords": np.concatenate([_chord(rng) for _ in range(4)]),
            "tones": np.sin(2 * np.pi * hz * time),
            "vibrato": np.sin(2 * np.pi * hz * time + 3 * np.sin(2 * np.pi * 5 * time)),
            "sweeps": np.sin(2 * np.pi * (hz * time + rng.uniform(-200, 200) * time**2)),
            "hum": sum(np.sin(2 * np.pi * 50 * k * time + rng.uniform(0, 6)) / k for k in range(1, 12)),
            "noise": noise * (1 + (i % 2) * np.sin(2 * np.pi * 4 * time)),
            "clicks": (np.arange(len(time)) % int(rng.uniform(800, 8_000)) == 0).astype(float),
        }
        for kind, samples in sounds.items():
            samples = (0.1 * samples / np.abs(samples).max()).astype(np.float32)
            yield Clip(f"made: {kind}", f"{kind} {i % 10}", str(i), Signal(samples, RATE))


def _chord(rng: np.random.Generator) -> np.ndarray:
    """A triad in equal temperament, of 0.1 to 1 s, held or fading."""
    time = np.arange(round(rng.uniform(0.1, 1.0) * RATE)) / RATE
    root, slope, overtones = 110 * 2 ** (rng.integers(0, 20) / 12), rng.choice([1.2, 1.5, 2.0]), rng.integers(2, 12)
    notes = [root * 2 ** (step / 12) for step in (0, rng.choice([3, 4]), 7, 12)]
    tone = sum(np.sin(2 * np.pi * f * k * time + rng.uniform(0, 6)) / k**slope for f in notes for k in range(1, overtones))
    return tone * np.minimum(1, np.minimum(time, time[::-1]) / 0.02) * np.exp(-rng.choice([0.0, 1.0, 3.0]) * time / time[-1])

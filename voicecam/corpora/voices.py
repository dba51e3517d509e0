"""The demo voices: natural-sounding voices that say digits and a few words, in AudioMNIST's layout. They come with voicecam.

`make_voices` makes them again from Kokoro's packages; another processor or another onnxruntime rounds differently, so the bytes
differ. Not promised: anything about real speech. Voices can share a style table, so two of them can be more alike than strangers.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import parselmouth
import soundfile as sf
import soxr
from parselmouth.praat import call
from tqdm import tqdm

from voicecam.audio.pitch import median_f0
from voicecam.audio.signal import Signal
from voicecam.audio.written import sound_bytes
from voicecam.corpora import demo_acoustics
from voicecam.corpora.building import new_folder
from voicecam.corpora.kokoro import NETWORK_SHA256, TABLES_SHA256, Kokoro, load_kokoro
from voicecam.corpora.kokoro import RATE as SPOKEN_RATE
from voicecam.corpora.voices_plan import Clip, Voice, target_pitches, voices_plan
from voicecam.errors import DatasetError
from voicecam.files import write_json, write_text

NAME = "demo voices"
NOTE = "The voices are made by Kokoro-82M, a speech synthesiser; scores on them say little about real speech."
RATE = 16_000  # Hz
LOWEST, HIGHEST = 0.55, 1.8  # of a voice's own pitch: where it is looked for when it is moved


def make_voices(folder: Path, *, packages: Path, progress: bool = True) -> Path:
    """Make the corpus in the new `folder` and return it: data/01/0_01_0.ogg (digit_speaker_take; Opus, 16 kHz, mono),
    data/audioMNIST_meta.txt, words/01/hello_01_0.ogg, words/clips.csv and demo.json. It appears whole or not at all.

    packages : folder of Kokoro's packages, fetched into it where they are missing. progress : a bar, if stderr is a terminal.
    Raises DatasetError like `load_kokoro`, and where `folder` is there already.
    """
    if folder.exists():
        raise DatasetError(f"{folder}: is there already; delete it or give another folder")
    plan, hidden = voices_plan(), None if progress else True
    kokoro = load_kokoro(packages)
    with new_folder(folder) as building:
        dry = [_say(kokoro, clip) for clip in tqdm(plan, desc="speaking", unit="clip", disable=hidden)]
        own = own_pitches(plan, dry)
        wanted = targets(own, {clip.voice.speaker: clip.voice.gender for clip in plan})
        for clip, speech in tqdm(zip(plan, dry), desc="recording", total=len(plan), unit="clip", disable=hidden):
            _write(building / clip.path, _record(clip, speech, own[clip.voice.speaker], wanted[clip.voice.speaker]))
        _write_lists(building, plan, wanted)
    return folder


def own_pitches(plan: Sequence[Clip], dry: Iterable[np.ndarray]) -> dict[str, float]:
    """Each voice's own median F0 in Hz, over its clips at SPOKEN_RATE. Raises DatasetError for a voice without any."""
    found: dict[str, list[float]] = {clip.voice.speaker: [] for clip in plan}
    for clip, speech in zip(plan, dry):
        f0 = median_f0(Signal(speech, SPOKEN_RATE))
        found[clip.voice.speaker] += [] if f0 is None else [f0]
    if silent := [speaker for speaker, f0s in found.items() if not f0s]:
        raise DatasetError(f"voice {silent[0]}: no clip of it has a pitch; leave its style table out")
    return {speaker: float(np.median(f0s)) for speaker, f0s in found.items()}


def targets(own: Mapping[str, float], genders: Mapping[str, str]) -> dict[str, float]:
    """The median F0 in Hz that each voice gets: of its gender's `target_pitches`, in the order of the voices' own, so that each
    is moved as little as can be."""
    wanted: dict[str, float] = {}
    for gender in sorted(set(genders.values())):
        ascending = sorted((s for s in genders if genders[s] == gender), key=lambda s: own[s])
        wanted |= dict(zip(ascending, target_pitches(gender, len(ascending)).tolist()))
    return wanted


def move_pitch(samples: np.ndarray, rate: int, factor: float, *, own: float) -> np.ndarray:
    """`samples` (n,) with every F0 times `factor` and the formants where they were, (n,): Praat's overlap-add (Moulines and
    Charpentier 1990). own : the voice's median F0 in Hz, around which it is looked for."""
    sound = parselmouth.Sound(samples.astype(np.float64), rate)
    parts = call(sound, "To Manipulation", 0.01, max(50.0, LOWEST * own), HIGHEST * own)
    tier = call(parts, "Extract pitch tier")
    call(tier, "Multiply frequencies", sound.xmin, sound.xmax, factor)
    call([tier, parts], "Replace pitch tier")
    return np.asarray(call(parts, "Get resynthesis (overlap-add)").values[0])


def _say(kokoro: Kokoro, clip: Clip) -> np.ndarray:
    style = sum(share * kokoro.voices[name] for name, share in clip.voice.tables)
    return demo_acoustics.trim(kokoro.say(clip.phonemes, np.asarray(style), speed=clip.speed))


def _record(clip: Clip, dry: np.ndarray, own: float, wanted: float) -> np.ndarray:
    factor = wanted / own * 2 ** (clip.semitones / 12) / clip.voice.tract
    moved = move_pitch(np.pad(dry, SPOKEN_RATE // 20), SPOKEN_RATE, factor, own=own)
    # Read at another rate, F0 and all formants move: this is the voice's vocal tract.
    speech = soxr.resample(demo_acoustics.trim(moved), SPOKEN_RATE * clip.voice.tract, RATE)
    return demo_acoustics.record(speech, RATE, clip, np.random.default_rng(clip.seed))


def _write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sound_bytes(samples, RATE, format="OGG", subtype="OPUS"))


def _write_lists(root: Path, plan: Sequence[Clip], wanted: Mapping[str, float]) -> None:
    voices = {clip.voice.speaker: clip.voice for clip in plan}
    write_json(root / "data" / "audioMNIST_meta.txt", {s: _person(voice, wanted[s]) for s, voice in voices.items()})
    words = [clip for clip in plan if clip.path.startswith("words/")]
    rows = [
        {
            "path": clip.path.removeprefix("words/"),
            "speaker": clip.voice.speaker,
            "gender": clip.voice.gender,
            "accent": clip.voice.accent,
            "word": clip.word,
        }
        for clip in words
    ]
    write_text(root / "words" / "clips.csv", pd.DataFrame(rows).to_csv(index=False))
    write_json(root / "demo.json", _manifest(root, plan))


def _person(voice: Voice, hertz: float) -> dict[str, object]:
    """A row of AudioMNIST's table of speakers, without what a made voice does not have, and with how it was made."""
    return {
        "accent": voice.accent,
        "gender": voice.gender,
        "median F0 in Hz": round(hertz, 1),
        "tables": dict(voice.tables),
        "vocal tract": round(voice.tract, 3),
        "speed": round(voice.speed, 3),
    }


def _manifest(root: Path, plan: Sequence[Clip]) -> dict[str, object]:
    sha256 = hashlib.sha256()
    for path in sorted(clip.path for clip in plan):
        sha256.update((root / path).read_bytes())
    return {
        "name": NAME,
        "note": NOTE,
        "made by": {"Kokoro-82M v1.0, int8 ONNX, SHA-256": NETWORK_SHA256, "kokoro-js 1.2.1, SHA-256": TABLES_SHA256},
        "files": len(plan),
        "seconds": round(sum(sf.info(root / clip.path).duration for clip in plan), 3),
        "sha256": sha256.hexdigest(),  # over the bytes of all clips, in order of their paths
    }

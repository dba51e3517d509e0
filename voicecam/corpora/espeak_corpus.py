"""The espeak corpus: synthetic voices that say digits, made on this machine, in AudioMNIST's layout. Downloads nothing.

What tells its classes apart is known, so faults and cues are planted in it.

Promised: the same arguments give the same bytes on one machine with one set of packages, whatever the number of processes
and the working folder. Another processor or another numpy, soxr or espeak-ng may round differently, so the bytes may differ.
Not promised: anything about real speech. Synthetic voices are easy.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from tqdm import tqdm

from voicecam.audio.written import sound_bytes
from voicecam.corpora import demo_acoustics
from voicecam.corpora.building import new_folder
from voicecam.corpora.espeak import RATE as SPOKEN_RATE
from voicecam.corpora.espeak import Word, speak
from voicecam.corpora.espeak_plan import WORDS, Clip, Voice, espeak_plan
from voicecam.errors import DatasetError
from voicecam.files import read_json, write_json

NAME = "espeak (synthetic voices)"
NOTE = "The voices are synthetic and easy to tell apart; scores on them say nothing about real speech."
FORMAT = 1
RATE = 48000  # Hz, as AudioMNIST


def make_espeak_corpus(
    folder: Path,
    *,
    voices: int = 40,
    digits: int = 10,
    takes: int = 3,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Make the corpus in `folder`, or return at once where it is already there with the same settings.

    voices : even, half of them female. digits : 1 to 10, from zero on. takes : clips per voice and digit.
    workers : processes at a time (None: one per core); does not change the bytes. progress : a bar, if stderr is a terminal.
    Returns `folder`, with data/01/0_01_0.wav (digit_speaker_take; 48 kHz, mono, int16), data/audioMNIST_meta.txt and
    demo.json. The folder appears whole or not at all.
    Raises DatasetError for settings out of range, a folder that holds something else, or an espeak-ng that cannot speak.
    """
    folder = Path(folder)
    settings = {"voices": voices, "digits": digits, "takes": takes, "seed": seed}
    if not _is_complete(folder, settings):
        plan = espeak_plan(**settings)
        with new_folder(folder) as building:
            _write_clips(building, plan, seed=seed, workers=workers or os.cpu_count() or 1, progress=progress)
            write_json(building / "data" / "audioMNIST_meta.txt", _meta(plan))
            write_json(building / "demo.json", _manifest(building, plan, settings))
    return folder


def _is_complete(folder: Path, settings: Mapping[str, int]) -> bool:
    """True: the corpus is there. False: nothing is there. Anything else is left alone and raises."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not (folder / "demo.json").is_file():
        raise DatasetError(f"{folder}: holds something other than an espeak corpus; give another folder")
    found = read_json(folder / "demo.json", error=DatasetError, needs={"format": int, "files": int})
    if (found.get("format"), found.get("settings")) != (FORMAT, dict(settings)):
        raise DatasetError(
            f"{folder}: was made with {found.get('settings')}, not {dict(settings)}; delete it or give another folder"
        )
    count = sum(1 for _ in folder.glob("data/*/*.wav"))
    if count != found["files"]:
        raise DatasetError(f"{folder}: has {count} of {found['files']} clips; delete it and make it again")
    return True


def _write_clips(root: Path, plan: Sequence[Clip], *, seed: int, workers: int, progress: bool) -> None:
    pool = ThreadPoolExecutor(workers)  # each thread waits for its espeak-ng process, then does the acoustics
    bar = tqdm(total=len(plan), desc="espeak corpus", unit="clip", disable=None if progress else True)
    try:
        by_voice = groupby(plan, key=lambda clip: clip.voice)
        jobs = [pool.submit(_write_voice, root, voice, list(clips), seed) for voice, clips in by_voice]
        for job in as_completed(jobs):
            bar.update(job.result())
    finally:
        pool.shutdown(cancel_futures=True)  # on an error or Ctrl-C: drop what waits, let what runs end
        bar.close()


def _write_voice(root: Path, voice: Voice, clips: Sequence[Clip], seed: int) -> int:
    """Write all clips of one voice, whose words are spoken by one process; returns their number."""
    (root / "data" / voice.speaker).mkdir(parents=True)
    for clip, dry in zip(clips, speak([_word(clip) for clip in clips])):
        (root / clip.path).write_bytes(sound_bytes(_record(clip, np.array(dry), seed), RATE))
    return len(clips)


def _word(clip: Clip) -> Word:
    voice = clip.voice
    return Word(
        text=WORDS[clip.digit],
        voice=f"{voice.accent}+{voice.variant}",
        rate_wpm=clip.rate_wpm,
        pitch=clip.pitch,
        pitch_range=round(voice.pitch_range),
    )


def _record(clip: Clip, dry: np.ndarray, seed: int) -> np.ndarray:
    """One clip as recorded: int16 (n,) at 48 kHz from espeak-ng's int16 (m,) at 22,050 Hz. Rounded once, at the end."""
    rng = np.random.default_rng((seed, clip.voice.number, clip.digit, clip.take, 1))  # 1: not the plan's own draws
    # Read at another rate, all formants move: this is the voice's formant_scale.
    speech = soxr.resample(demo_acoustics.trim(dry / 32768), SPOKEN_RATE * clip.voice.formant_scale, RATE)
    return np.round(demo_acoustics.record(speech, RATE, clip, rng) * 32768).astype(np.int16)


def _meta(plan: Sequence[Clip]) -> dict[str, dict[str, str]]:
    """AudioMNIST's table of speakers, without what a synthetic voice does not have: age, origin, recording room."""
    voices = {clip.voice.speaker: clip.voice for clip in plan}
    return {speaker: {"accent": voice.accent, "gender": voice.gender} for speaker, voice in voices.items()}


def _manifest(root: Path, plan: Sequence[Clip], settings: Mapping[str, int]) -> dict:
    sha256, seconds = hashlib.sha256(), 0.0
    for path in sorted(clip.path for clip in plan):
        sha256.update((root / path).read_bytes())
        seconds += sf.info(os.fsencode(root / path)).duration  # bytes: a folder's name need not be UTF-8
    return {
        "name": NAME,
        "note": NOTE,
        "format": FORMAT,
        "settings": dict(settings),
        "files": len(plan),
        "seconds": round(seconds, 3),
        "sha256": sha256.hexdigest(),  # over the bytes of all wavs, in order of their paths
    }

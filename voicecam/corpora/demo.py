"""The demo corpus: synthetic voices that say digits, made on this machine, in AudioMNIST's layout. Downloads nothing.

Promised: the same arguments give the same bytes on one machine with one set of packages, whatever the number of processes
and the working folder. Another processor or another numpy, soxr or espeak-ng may round differently, so the bytes may differ.
Not promised: anything about real speech. Synthetic voices are easy.
"""

import fcntl
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from tqdm import tqdm

from voicecam.corpora import demo_acoustics
from voicecam.corpora.demo_plan import WORDS, Clip, Voice, demo_plan
from voicecam.corpora.espeak import RATE as SPOKEN_RATE
from voicecam.corpora.espeak import Word, speak
from voicecam.errors import DatasetError
from voicecam.files import read_json, write_json

NAME = "demo (synthetic voices)"
NOTE = "The voices are synthetic and easy to tell apart; scores on them say nothing about real speech."
FORMAT = 1
RATE = 48000  # Hz, as AudioMNIST


def make_demo_corpus(
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
        plan = demo_plan(**settings)
        with _building(folder) as building:
            _write_clips(building, plan, seed=seed, workers=workers or os.cpu_count() or 1, progress=progress)
            write_json(building / "data" / "audioMNIST_meta.txt", _meta(plan))
            write_json(building / "demo.json", _manifest(building, plan, settings))
    return folder


def _is_complete(folder: Path, settings: Mapping[str, int]) -> bool:
    """True: the corpus is there. False: nothing is there. Anything else is left alone and raises."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not (folder / "demo.json").is_file():
        raise DatasetError(f"{folder}: holds something other than a demo corpus; give another folder")
    found = read_json(folder / "demo.json", error=DatasetError)
    if (found.get("format"), found.get("settings")) != (FORMAT, dict(settings)):
        raise DatasetError(
            f"{folder}: was made with {found.get('settings')}, not {dict(settings)}; delete it or give another folder"
        )
    count = sum(1 for _ in folder.glob("data/*/*.wav"))
    if count != found["files"]:
        raise DatasetError(f"{folder}: has {count} of {found['files']} clips; delete it and make it again")
    return True


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A new locked folder beside `folder`, renamed to it when the block ends well and deleted when it fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-building-"
    _delete_leftovers(folder.parent, prefix)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=prefix))
    lock = os.open(building, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the system when this process ends, however it ends
        yield building
        building.chmod(0o755)  # mkdtemp makes folders only the owner can read
        _rename(building, folder)
    finally:
        os.close(lock)
        shutil.rmtree(building, ignore_errors=True)


def _rename(building: Path, folder: Path) -> None:
    try:
        os.rename(building, folder)  # replaces an empty folder, refuses any other
    except OSError as reason:
        raise DatasetError(f"{folder}: cannot be put in place ({reason.strerror}); start again") from None


def _delete_leftovers(parent: Path, prefix: str) -> None:
    """Delete what killed builds left; a build that still runs holds its lock and stays."""
    for leftover in parent.glob(f"{prefix}*"):
        lock = os.open(leftover, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def _write_clips(root: Path, plan: Sequence[Clip], *, seed: int, workers: int, progress: bool) -> None:
    pool = ThreadPoolExecutor(workers)  # each thread waits for its espeak-ng process, then does the acoustics
    bar = tqdm(total=len(plan), desc="demo corpus", unit="clip", disable=None if progress else True)
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
        wav = io.BytesIO()  # not the file itself: libsndfile does not say that a disk is full
        sf.write(wav, _record(clip, np.array(dry), seed), RATE, format="WAV", subtype="PCM_16")
        (root / clip.path).write_bytes(wav.getvalue())
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
    lead, trail = (round(seconds * RATE) for seconds in (clip.lead_s, clip.trail_s))
    part = slice(lead, lead + len(speech))
    heard = demo_acoustics.add_room(
        np.pad(speech, (lead, trail)), rate=RATE, rt60_s=clip.rt60_s, direct_db=clip.direct_db, rng=rng
    )
    noise = demo_acoustics.make_noise(len(heard), colour=clip.noise, rng=rng)
    heard = heard / demo_acoustics.rms(heard[part]) + 10 ** (-clip.snr_db / 20) * noise
    return np.round(demo_acoustics.set_level(heard, speech=part, level_db=clip.level_db) * 32768).astype(np.int16)


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

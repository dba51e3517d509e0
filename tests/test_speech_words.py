"""Speech or not, on planted sounds: words of the voices that ship, damaged by plain formulas, made sounds; audit/nonspeech.py."""

import importlib.util
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from scipy.signal import butter, sosfiltfilt

from voicecam import audio
from voicecam.audio import Signal, find_speech, speech
from voicecam.audio.speech import Speech, evidence
from voicecam.errors import DatasetError
from voicecam.network.classifier import Prediction, Window
from voicecam.network.recordings import lines, row

RATE = 16_000
ROOT = Path(__file__).parent.parent
WORDS = ROOT / "voicecam" / "voices" / "words"


@lru_cache
def demo_words() -> tuple[np.ndarray, ...]:
    """A word of each fourth voice that ships, float32 at 16 kHz, peak 0.5."""
    files = [sorted(folder.iterdir())[i % 4] for i, folder in enumerate(sorted(f for f in WORDS.iterdir() if f.is_dir())[::4])]
    sounds = [audio.resample(audio.read(path), RATE).samples for path in files]
    return tuple((0.5 * x / np.abs(x).max()).astype(np.float32) for x in sounds)


def noisy(x: np.ndarray, snr_db: float) -> np.ndarray:
    added = np.random.default_rng(len(x)).standard_normal(len(x))
    return x + added * np.sqrt(np.mean(x**2) / np.mean(added**2)) * 10 ** (-snr_db / 20)


def telephone(x: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz, 8 kHz, 8 bits by the mu-law's formula."""
    narrow = sosfiltfilt(butter(4, (300, 3_400), "bandpass", fs=RATE, output="sos"), x)[::2]
    coded = np.round(127 * np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)) / 127
    return np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255


def loudest(x: np.ndarray, seconds: float) -> np.ndarray:
    n = round(seconds * RATE)
    first = int(np.convolve(x**2, np.ones(n), "valid").argmax())
    return x[first : first + n]


DAMAGES = {
    "as it is": (lambda x: x, RATE),
    "clipped, 26 dB too loud": (lambda x: np.clip(20 * x, -0.5, 0.5), RATE),
    "over the telephone": (telephone, RATE // 2),
    "noise 10 dB below": (lambda x: noisy(x, 10), RATE),
    "noisy and clipped": (lambda x: np.clip(10 * noisy(x, 15), -0.5, 0.5), RATE),
    "its loudest 0.14 s": (lambda x: loudest(x, 0.14), RATE),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_words_are_found_however_damaged(name):
    change, rate = DAMAGES[name]
    found = [find_speech(Signal(np.asarray(change(word), np.float32), rate)) for word in demo_words()]
    assert len(found) == 16
    assert sum(map(bool, found)) >= (16 if name != "its loudest 0.14 s" else 15)
    if name == "as it is":
        assert not any(one.doubtful for one in found)


def test_high_voices_are_heard_at_the_second_hearing():
    """Words played 2.5 times as fast, so that pitch and formants lie higher: the detector at full speed misses some."""
    missed = []
    for word in demo_words():
        fast = soxr.resample(word, 2.5 * RATE, RATE).astype(np.float32)
        samples = audio.set_level(Signal(fast, RATE), speech.LEVEL_DBFS).samples
        at_full_speed = Speech(speech._segments(speech.speech_probabilities(samples), len(samples)))
        if at_full_speed.seconds < speech.LEAST_SECONDS:
            found = find_speech(Signal(fast, RATE))
            missed.append(bool(found))
            if found:
                assert found.segments[0][0] >= 0
                assert found.segments[-1][1] <= len(fast) / RATE
                assert found.seconds >= speech.LEAST_SECONDS
    assert len(missed) >= 3, "the second hearing could go"
    assert np.mean(missed) >= 0.75


def test_the_second_hearing_tells_times_of_the_recording(monkeypatch):
    """A frame of the second hearing is 0.7 of the length that one has at full speed; pieces join without a gap."""
    piece = 3 * 7 * speech.FRAME
    word = demo_words()[0]
    sound = np.concatenate([np.zeros(RATE), word, np.zeros(RATE)]).astype(np.float32)
    samples = audio.set_level(Signal(sound, RATE), speech.LEVEL_DBFS).samples
    slow = speech.slow_probabilities(samples)
    assert len(slow) == pytest.approx(len(samples) / 0.7 / speech.FRAME, abs=2)
    ((start, end),) = speech._segments(slow, len(samples), speed=0.7)
    assert start == pytest.approx(1.0, abs=0.15)
    assert end == pytest.approx(1.0 + len(word) / RATE, abs=0.2)
    monkeypatch.setattr(speech, "SLOW_PIECE", piece)
    assert len(speech.slow_probabilities(samples)) == pytest.approx(len(slow), abs=2)


def test_evidence_is_a_sum_of_log_odds_and_change():
    assert evidence(0.5, 0.5, 4.0) == pytest.approx(4.0)
    assert evidence(0.8, 0.5, 4.0) == pytest.approx(4.0 + np.log(4))
    assert evidence(0.5, 0.8, 4.0) == pytest.approx(4.0 + speech.AGAIN * np.log(4))
    assert evidence(1.0, 1.0, 0.0) == evidence(0.9999, 0.9999, 0.0) < 12, "probabilities of 1 do not outweigh everything"


def made(kind: str) -> list[np.ndarray]:
    """Twenty sounds of 2 s that no one speaks."""
    rng, time = np.random.default_rng(11), np.arange(2 * RATE) / RATE
    sounds = []
    for _ in range(20):
        hz = rng.uniform(60, 900)
        if kind == "tones":
            x = np.sin(2 * np.pi * hz * time)
        elif kind == "hum":
            x = sum(np.sin(2 * np.pi * 50 * k * time + rng.uniform(0, 6)) / k for k in range(1, 14))
        elif kind == "clicks":
            x = np.zeros(len(time))
            x[rng.integers(0, len(x), 12)] = 1.0
        else:
            x = rng.standard_normal(len(time)) * rng.uniform(0.2, 1)
        sounds.append((0.1 * x / np.abs(x).max()).astype(np.float32))
    return sounds


@pytest.mark.parametrize("kind", ["tones", "hum", "clicks", "noise"])
def test_made_sounds_are_refused(kind):
    assert not any(find_speech(Signal(sound, RATE)) for sound in made(kind))


def test_what_is_doubtful_says_so():
    windows = (Window(0.0, 1.0, {"a": 0.9, "b": 0.1}),)
    sure = Prediction("x.wav", "a", "a", 0.9, {"a": 0.9, "b": 0.1}, windows, 0.5, f0=200.0)
    unsure = Prediction("x.wav", "a", "a", 0.9, {"a": 0.9, "b": 0.1}, windows, 0.5, doubtful=True, f0=200.0)
    assert row(sure)["doubtful"] is False
    assert row(unsure)["doubtful"] is True
    assert lines(sure, threshold=0.5) == ["x.wav: a 0.900 (0.50 s of speech, F0 200 Hz)"]
    assert lines(unsure, threshold=0.5) == ["x.wav: a 0.900 (0.50 s of speech, may be music or noise, F0 200 Hz)"]
    assert "may be music or noise" in unsure.summary
    assert "may be" not in sure.summary


# ---- audit/nonspeech.py


@pytest.fixture(scope="module")
def nonspeech():
    spec = importlib.util.spec_from_file_location("nonspeech", ROOT / "audit" / "nonspeech.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nonspeech"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def test_clips_of_a_folder_of_sounds(nonspeech, tmp_path, rng):
    for name, seconds in (("long", 20.0), ("short", 0.4), ("middle", 5.0), ("letsgo", 1.0), ("scrap", 0.05)):
        sf.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(round(seconds * RATE)), RATE)
    sf.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    clips = list(nonspeech.recorded(tmp_path, "pingus-data", "game"))
    assert sorted(clip.name.split("@")[0] for clip in clips) == ["long", "long", "long", "middle", "short"]
    assert {clip.kind for clip in clips if clip.name.startswith("long")} == {"music"}
    assert {clip.kind for clip in clips if not clip.name.startswith("long")} == {"game"}
    assert all(1 <= clip.signal.seconds <= 3 for clip in clips if not clip.name.startswith("short"))
    again = list(nonspeech.recorded(tmp_path, "pingus-data", "game"))
    assert [clip.name for clip in again] == [clip.name for clip in clips]
    assert set(nonspeech.VOICES) <= set(nonspeech.PACKAGES)


def test_without_apt_one_line_says_what_to_do(nonspeech, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DatasetError, match="apt-get: not on this machine; run on Debian or Ubuntu, or give"):
        nonspeech.fetch(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_the_script_counts_what_is_found(tmp_path):
    for i, word in enumerate(demo_words()[:3]):
        sf.write(tmp_path / f"w{i}.wav", word, RATE)
    sf.write(tmp_path / "tone.wav", made("tones")[0], RATE)
    pd_rows = "path,speaker\n" + "".join(f"w{i}.wav,s{i}\n" for i in range(3)) + "tone.wav,t\n"
    (tmp_path / "clips.csv").write_text(pd_rows)
    out = tmp_path / "out" / "speech.csv"
    few = ["--damaged", "0", "--made", "2"]
    asked = [sys.executable, ROOT / "audit" / "speech.py", "--no-packages", "--corpus", tmp_path, *few, "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in out.read_text().splitlines()]
    column = {name: i for i, name in enumerate(rows[0])}
    corpus = [r for r in rows[1:] if r[column["group"]] == "corpus" and r[column["kind"]] == tmp_path.name]
    assert sum(int(r[column["clips"]]) for r in corpus) == 4
    none = [r for r in rows[1:] if r[column["kind"]].startswith("made: ")]
    assert [int(r[column["clips"]]) for r in none] == [2] * 7
    assert sum(int(r[column["clips"]]) * float(r[column["found"]]) for r in corpus) == pytest.approx(3, abs=0.01)

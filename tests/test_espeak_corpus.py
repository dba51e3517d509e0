"""The demo corpus: layout, bytes, voices, plan, stopped builds. Reads the wavs with the standard library, measures F0 itself."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from run_script import last_line, output_of, run_script
from scipy.stats import ks_2samp

from voicecam.corpora.espeak import Word, speak
from voicecam.corpora.espeak_corpus import make_espeak_corpus
from voicecam.corpora.espeak_plan import espeak_plan
from voicecam.errors import DatasetError

SMALL = {"voices": 4, "digits": 2, "takes": 2, "seed": 0}
SCRIPT = Path(__file__).parents[1] / "scripts" / "make_espeak_corpus.py"
SMALL_ARGS = ["--voices", "4", "--digits", "2", "--takes", "2"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make_espeak_corpus(tmp_path_factory.mktemp("demo") / "small", **SMALL, workers=1, progress=False)


def contents(folder):
    """Bytes of every file by its relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def samples_of(path):
    """Samples in [-1, 1] of a 16-bit mono wav."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def periodicity(frame, lags):
    """Correlation of a frame with itself, `lags` samples later, over the energy of both parts."""
    pairs = [(frame[:-lag], frame[lag:]) for lag in lags]
    return np.array([a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in pairs])


def f0_hz(samples, rate=8000):
    """Median F0 over the loud frames: the shortest lag whose correlation comes near the best one."""
    samples = samples[::6]  # 48 kHz -> 8 kHz; aliasing does not move the period
    lags = np.arange(rate // 350, rate // 65)
    frames = [samples[i : i + 400] for i in range(0, len(samples) - 400, 160)]  # 50 ms
    loudest = max(np.std(frame) for frame in frames)
    found = []
    for frame in frames:
        if np.std(frame) > 0.4 * loudest and (match := periodicity(frame, lags)).max() > 0.6:
            found.append(rate / lags[np.argmax(match > 0.92 * match.max())])
    return float(np.median(found))


def test_f0_hz_finds_a_known_pitch():
    time_s = np.arange(48000) / 48000
    for hz in (90, 130, 180, 240):
        pulse = sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, 9))
        assert f0_hz(pulse) == pytest.approx(hz, rel=0.05)


def test_layout_and_format(small):
    meta = json.loads((small / "data" / "audioMNIST_meta.txt").read_text())
    assert sorted(meta) == ["01", "02", "03", "04"]
    assert sorted(row["gender"] for row in meta.values()) == ["female", "female", "male", "male"]
    assert all(set(row) == {"accent", "gender"} for row in meta.values())  # nothing invented
    target = {f"data/{s}/{d}_{s}_{t}.wav" for s in meta for d in range(2) for t in range(2)}
    assert set(contents(small)) == target | {"data/audioMNIST_meta.txt", "demo.json"}
    for name in target:
        samples = samples_of(small / name)
        assert 0.35 < len(samples) / 48000 < 1.1
        assert 0.01 < np.abs(samples).max() < 0.95
        assert np.abs(samples[:1440]).max() < 0.5 * np.abs(samples).max()  # the first 30 ms hold noise only


def test_manifest(small):
    made = json.loads((small / "demo.json").read_text())
    data = b"".join((small / name).read_bytes() for name in sorted(contents(small)) if name.endswith(".wav"))
    assert made["sha256"] == hashlib.sha256(data).hexdigest()
    assert (made["files"], made["settings"], made["format"]) == (16, SMALL, 1)
    assert "synthetic" in made["name"]
    assert "nothing about real speech" in made["note"]


def test_same_bytes_from_another_folder_and_number_of_processes(small, tmp_path):
    said = output_of("make_espeak_corpus", "--out", "b", *SMALL_ARGS, cwd=tmp_path)
    assert contents(tmp_path / "b") == contents(small)
    assert last_line(said).startswith("wrote b: 16 clips, 4 voices (2 female, 2 male), 0.")
    assert contents(make_espeak_corpus(tmp_path / "c", **SMALL, workers=3, progress=False)) == contents(small)


def test_no_two_clips_are_alike(small):
    assert max(Counter(contents(small).values()).values()) == 1


def test_another_seed_gives_other_clips(small, tmp_path):
    other = contents(make_espeak_corpus(tmp_path / "a", **{**SMALL, "seed": 1}, progress=False))
    assert not set(other.values()) & {data for name, data in contents(small).items() if name.endswith(".wav")}


def test_second_call_returns_at_once_and_touches_nothing(small):
    before = {path: path.stat().st_mtime_ns for path in [small, *small.rglob("*")]}
    start = time.perf_counter()
    assert make_espeak_corpus(small, **SMALL) == small
    assert time.perf_counter() - start < 0.5
    assert {path: path.stat().st_mtime_ns for path in [small, *small.rglob("*")]} == before


def test_female_voices_are_higher(small):
    meta = json.loads((small / "data" / "audioMNIST_meta.txt").read_text())
    f0 = {"female": [], "male": []}
    for speaker, row in meta.items():
        f0[row["gender"]].append(np.median([f0_hz(samples_of(path)) for path in (small / "data" / speaker).glob("*.wav")]))
    assert 75 < min(f0["male"]) <= max(f0["male"]) < 170
    assert 150 < min(f0["female"]) <= max(f0["female"]) < 280
    assert min(f0["female"]) > max(f0["male"])


def start_large_build(out):
    """Start a build that takes seconds; return once it has written its first clip."""
    build = subprocess.Popen([sys.executable, SCRIPT, "--out", out], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.parent.glob(".large-building-*/data/*/*.wav")):
        assert build.poll() is None, "the build ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return build


def test_killed_build_leaves_nothing_that_is_read(small, tmp_path):
    out = tmp_path / "large"
    build = start_large_build(out)
    build.send_signal(signal.SIGKILL)
    build.wait()
    build.stderr.close()
    assert not out.exists()
    assert len(os.listdir(tmp_path)) == 1  # the leftover
    assert contents(make_espeak_corpus(out, **SMALL, progress=False)) == contents(small)
    assert os.listdir(tmp_path) == ["large"]


def test_running_build_is_left_alone_and_ctrl_c_leaves_nothing(tmp_path):
    build = start_large_build(tmp_path / "large")
    make_espeak_corpus(tmp_path / "large", **SMALL, progress=False)  # another build for the same folder, meanwhile
    assert list(tmp_path.glob(".large-building-*/data/*/*.wav"))
    build.send_signal(signal.SIGINT)
    _, errors = build.communicate(timeout=60)
    assert build.returncode == 130
    assert errors.strip().splitlines() == ["stopped; nothing was written"]
    assert os.listdir(tmp_path) == ["large"]


def differing(clips):
    """Names of the settings whose distribution differs by gender, clip for clip or voice for voice."""
    half = {g: [clip for clip in clips if clip.voice.gender == g] for g in ("female", "male")}
    found = set()
    for name in ("rate_wpm", "level_db", "rt60_s", "direct_db", "snr_db", "lead_s", "trail_s"):
        if ks_2samp(*[[getattr(clip, name) for clip in half[g]] for g in half]).pvalue < 0.02:
            found.add(name)
    for name in ("pitch_range", "rate_wpm", "formant_scale"):
        female, male = (np.array([getattr(clip.voice, name) for clip in half[g]]) for g in half)
        if abs(female.mean() - male.mean()) > 0.1 * np.ptp(female):
            found.add("voice " + name)
    return found


def test_nothing_but_the_voice_differs_by_gender():
    for seed in (0, 1):
        clips = espeak_plan(seed=seed)
        voices = {clip.voice for clip in clips}
        assert (len(clips), len(voices)) == (1200, 40)
        accents = {g: Counter(v.accent for v in voices if v.gender == g) for g in ("female", "male")}
        assert accents["female"] == accents["male"]
        assert len(accents["female"]) == 7
        pink = [sum(c.noise == "pink" for c in clips if c.voice.gender == g) for g in ("female", "male")]
        assert abs(pink[0] - pink[1]) < 60  # of 600 each; 3.5 standard deviations
        assert differing(clips) == set()


def test_the_check_above_can_fail():
    clips = espeak_plan()
    louder = [replace(c, level_db=c.level_db + 3) if c.voice.gender == "female" else c for c in clips]
    slower = [replace(c, rate_wpm=c.rate_wpm - 10) if c.voice.gender == "male" else c for c in clips]
    assert differing(louder) == {"level_db"}
    assert differing(slower) == {"rate_wpm"}


@pytest.mark.parametrize("voices", [24, 40, 70])
def test_every_voice_is_its_own(voices):
    cast = {clip.voice for clip in espeak_plan(voices=voices, digits=1, takes=1)}
    assert len({(v.accent, v.variant) for v in cast}) == voices
    assert sum(v.gender == "female" for v in cast) == voices // 2
    genders = [v.gender for v in sorted(cast, key=lambda v: v.number)]
    assert any(a == b for a, b in pairwise(genders))  # the number does not tell the gender


def test_takes_and_rooms_differ():
    clips = espeak_plan(voices=2, digits=2, takes=3)
    for name in ("level_db", "rt60_s", "snr_db"):
        assert len({getattr(clip, name) for clip in clips}) == len(clips)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"voices": 5}, "5 voices asked for; give an even number from 2 to 70"),
        ({"voices": 72}, "72 voices asked for"),
        ({"digits": 11}, "11 digits asked for; give 1 to 10"),
        ({"takes": 0}, "takes is 0"),
    ],
)
def test_settings_out_of_range(settings, message, tmp_path):
    with pytest.raises(DatasetError, match=message):
        make_espeak_corpus(tmp_path / "x", **settings)
    assert os.listdir(tmp_path) == []


def test_other_folders_are_not_overwritten(small, tmp_path):
    (tmp_path / "mine.wav").write_bytes(b"precious")
    with pytest.raises(DatasetError, match="holds something other than an espeak corpus; give another folder"):
        make_espeak_corpus(tmp_path, **SMALL)
    assert (tmp_path / "mine.wav").read_bytes() == b"precious"
    with pytest.raises(DatasetError, match="was made with"):
        make_espeak_corpus(small, **{**SMALL, "seed": 3})


def test_a_lost_clip_is_noticed(tmp_path):
    folder = make_espeak_corpus(tmp_path / "a", voices=2, digits=1, takes=1, progress=False)
    next(folder.glob("data/*/*.wav")).unlink()
    with pytest.raises(DatasetError, match="has 1 of 2 clips; delete it and make it again"):
        make_espeak_corpus(folder, voices=2, digits=1, takes=1)


@pytest.mark.parametrize(("voice", "missing"), [("en-xx+f1", "accent 'en-xx'"), ("en-us+nobody", "variant 'nobody'")])
def test_a_voice_that_does_not_exist(voice, missing):
    with pytest.raises(DatasetError, match=f"no {missing}"):
        speak([Word(text="one", voice=voice, rate_wpm=140, pitch=50, pitch_range=50)])


def test_a_missing_espeakng_loader(tmp_path, monkeypatch):
    (tmp_path / "espeakng_loader.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DatasetError, match="espeakng-loader is not installed; run: pip install espeakng-loader"):
        make_espeak_corpus(tmp_path / "x", **SMALL, progress=False)
    assert os.listdir(tmp_path) == ["espeakng_loader.py"]


def test_script_prints_one_line_and_returns_2(tmp_path):
    status, _, error = run_script("make_espeak_corpus", "--out", "x", "--voices", "3", cwd=tmp_path)
    assert status == 2
    assert error == "error: espeak corpus: 3 voices asked for; give an even number from 2 to 70\n"

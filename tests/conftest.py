"""Shared by the tests: marks, a seeded generator, small recordings made on the spot. No test needs a real corpus."""

import os
import shutil
import signal
from collections import Counter
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # here and in processes: threads add up in changing order, and tests run side by side

import numpy as np
import pytest
import soundfile as sf

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # run in the background of a shell: scripts under test would ignore Ctrl-C too
    signal.signal(signal.SIGINT, signal.default_int_handler)


MARKS = {"chromium": "browser", "firefox": "browser", "pulse": "audio"}  # a test that uses the fixture gets the mark


@pytest.hookimpl(tryfirst=True)  # before pytest chooses tests by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures they use, and put the files with most slow tests first, for processes that each take a file."""
    for item in items:
        for fixture in MARKS.keys() & set(item.fixturenames):
            item.add_marker(MARKS[fixture])
    slow = Counter(item.path for item in items if any(map(item.get_closest_marker, ("slow", *MARKS.values()))))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def rng():
    return np.random.default_rng(440)


def voice(f0: float, rng: np.random.Generator, *, seconds: float = 1.0, rate: int = 16_000) -> np.ndarray:
    """A buzz of pitch `f0` Hz with falling harmonics, a slow swell and a little noise: enough like a vowel for a network."""
    time = np.arange(round(seconds * rate)) / rate
    harmonics = range(1, int(rate / 2 / f0))
    buzz = sum(np.sin(2 * np.pi * f0 * k * time + rng.uniform(0, 6)) / k for k in harmonics)
    swell = np.hanning(len(time)) ** 0.5
    return (0.1 * buzz * swell + 0.003 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="session")
def chromium():
    """Path of a Chromium that playwright can drive, under any of its names."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    return found


@pytest.fixture
def few_checked(monkeypatch):
    """Checks of maps look at few clips, networks and cues: for tests of the steps, not of what is found."""
    from voicecam import runs
    from voicecam.runs import explaining

    few = {"clips": 24, "fewer": 8, "road": 2, "voices": 40, "morphs": 2, "twins": 4, "draws": 3, "words": 1, "tones": 12}
    sizes = partial(runs.CheckSizes, **few, methods=("grad-cam", "hires-cam"), cues=("hum",))
    for module in (runs, explaining):
        monkeypatch.setattr(module, "CheckSizes", sizes)


@pytest.fixture
def write_voices(tmp_path):
    """Function that writes clips of low and high voices, a folder per class, and gives the root."""

    def write(*, speakers: int = 10, takes: int = 3, seconds: float = 0.6) -> Path:
        root = tmp_path / "voices"
        for speaker in range(speakers):
            rng = np.random.default_rng(speaker)
            name, f0 = ("low", 90 + 5 * speaker) if speaker % 2 else ("high", 210 + 5 * speaker)
            (root / name).mkdir(parents=True, exist_ok=True)
            for take in range(takes):
                samples = voice(f0 * rng.uniform(0.97, 1.03), rng, seconds=seconds)
                sf.write(root / name / f"s{speaker:02d}_{take}.wav", samples, 16_000, subtype="PCM_16")
        return root

    return write


def demo_speech(root: Path, *, speakers: int, takes: int) -> Path:
    """A CSV of clips of the demo voices, copied to `root`: `takes` words of `speakers` voices, women and men in turn."""
    from voicecam.config import DEMO
    from voicecam.corpora import open_corpus

    corpus = open_corpus(DEMO)
    few = corpus.clips.groupby("speaker", sort=True).head(takes)
    names = {gender: sorted(rows["speaker"].unique()) for gender, rows in few.groupby("gender")}
    chosen = [name for pair in zip(names["female"], names["male"]) for name in pair][:speakers]
    few = few[few["speaker"].isin(chosen)]
    for path in few["path"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corpus.root / path, root / path)
    few[["path", "speaker", "gender"]].to_csv(root / "clips.csv", index=False)
    return root / "clips.csv"


def speech_run(place: Path, csv: Path, *, arch: str = "logistic", label: str = "gender", folds: int = 1) -> Path:
    """A trained and evaluated run of system A on the clips of a CSV, place/results/speech."""
    from voicecam import runs
    from voicecam.config import SYSTEMS, TrainConfig, recipe
    from voicecam.corpora import open_corpus
    from voicecam.data.encodings import make_encodings

    found = make_encodings(open_corpus(csv), recipe(SYSTEMS["A"]["recipe"]), maps=place / "maps")
    kind = {"split": "folds", "folds": folds} if folds > 1 else {}
    settings = runs.Settings(map=str(found), label=label, **kind, training=TrainConfig(arch=arch, epochs=5))
    folder = place / "results" / "speech"
    runs.start_run(folder, settings, command="test")
    dataset = runs.run_dataset(settings)
    runs.train_run(folder, dataset, log=lambda line: None)
    runs.evaluate_run(folder, dataset)
    return folder


@pytest.fixture(scope="session")
def spoken_run(tmp_path_factory):
    """A run of system A on ten of the demo voices; nothing is to be added to it."""
    pytest.importorskip("resemblyzer", reason="Resemblyzer is not installed")
    place = tmp_path_factory.mktemp("spoken")
    return speech_run(place, demo_speech(place / "clips", speakers=10, takes=4))

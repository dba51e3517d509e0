"""scripts/classify.py on the shipped model: spoken words, sounds that are no speech, copies of a recording, and broken files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from PIL import Image
from run_script import run_script
from test_speech import no_speech_sounds, words

from voicecam import audio
from voicecam.audio import Signal
from voicecam.errors import AudioError
from voicecam.network import recordings
from voicecam.network.classifier import Window, load_classifier

ROOT = Path(__file__).parent.parent
RATE = 16_000


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(ROOT / "voicecam" / "models" / "voice")


def recording(i=0):
    """A word twice, with silence around, float32 at 16 kHz; it starts at 0.5 s and again 1 s after its end."""
    word = words()[i]
    return np.concatenate([np.zeros(RATE // 2), word, np.zeros(RATE), word, np.zeros(RATE)]).astype(np.float32)


@pytest.mark.parametrize("name", sorted(no_speech_sounds()))
def test_no_class_for_what_is_no_speech(name, tmp_path, classifier):
    sf.write(tmp_path / "x.wav", no_speech_sounds()[name], RATE, subtype="PCM_16")
    found = recordings.predict_file(classifier, tmp_path / "x.wav")
    assert (found.prediction, found.label, found.probability, found.error, found.windows) == ("no speech", None, None, None, ())


@pytest.mark.parametrize("i", range(4))
def test_copies_of_a_recording_agree(i, tmp_path, classifier):
    samples = recording(i)
    whole = (samples * 32_767).round().astype(np.int16)
    sf.write(tmp_path / "int16.wav", whole, RATE, subtype="PCM_16")
    sf.write(tmp_path / "float.wav", samples, RATE, subtype="FLOAT")
    sf.write(tmp_path / "stereo.wav", np.stack([whole, whole], axis=1), RATE, subtype="PCM_16")
    sf.write(tmp_path / "44100.wav", soxr.resample(samples, RATE, 44_100, quality="VHQ"), 44_100, subtype="PCM_24")
    sf.write(tmp_path / "flac.flac", whole, RATE, subtype="PCM_16")
    names = ("int16.wav", "float.wav", "stereo.wav", "44100.wav", "flac.flac")
    by_file = [found.probabilities for found in recordings.predict_files(classifier, [tmp_path / name for name in names])]
    p = np.array([[found[name] for name in classifier.model.classes] for found in by_file])
    assert np.abs(p - p[0]).max() < 0.02
    assert np.abs(p[[2, 4]] - p[0]).max() < 1e-3, "the same samples"
    from_memory = recordings.predict_recording(classifier, audio.from_samples(whole, RATE)).probabilities
    assert from_memory == pytest.approx(by_file[0], abs=1e-3)


def test_silence_around_the_words_changes_little_and_the_windows_lie_on_them(classifier):
    samples, word = recording(), words()[0]
    found = recordings.predict_recording(classifier, Signal(samples, RATE))
    alone = recordings.predict_recording(classifier, Signal(np.concatenate([word, word]), RATE))
    assert found.label == alone.label
    assert found.speech_seconds == pytest.approx(2 * len(word) / RATE, rel=0.35)
    ends = [0.5, 1.5 + 2 * len(word) / RATE]
    assert found.windows[0].start == pytest.approx(ends[0], abs=0.3)
    assert found.windows[-1].end == pytest.approx(ends[1], abs=0.4)
    assert all(0 <= w.start < w.end <= len(samples) / RATE for w in found.windows)
    assert found.matrix.shape == (classifier.model.config.n_rows, classifier.model.config.n_frames)


def test_the_pitch_is_that_of_the_voice(classifier):
    high, low = (recordings.predict_recording(classifier, Signal(recording(i), RATE)).f0 for i in (0, 2))
    assert high > 150 > low > 60


def test_a_timeline_joins_windows_that_say_the_same():
    windows = [Window(i / 2, i / 2 + 1, {"a": p, "b": 1 - p}) for i, p in enumerate((0.95, 0.99, 0.6, 0.05, 0.1))]
    assert recordings.timeline(windows, threshold=0.9) == "0.00-1.50 s a, 1.00-2.00 s uncertain, 1.50-3.00 s b"


def test_a_folder_is_searched_and_files_come_once(tmp_path):
    for name in ("b/two.wav", "a/one.FLAC", "a/notes.txt", ".hidden.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, others = recordings.sound_files([tmp_path / "b" / "two.wav", tmp_path])
    assert [path.name for path in found] == ["two.wav", "one.FLAC"]
    assert others == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="no sound files"):
        recordings.sound_files([tmp_path / "empty"])


def test_the_script_on_good_and_broken_files(tmp_path):
    sf.write(tmp_path / "word.wav", recording(), RATE, subtype="PCM_16")
    sf.write(tmp_path / "tone.wav", no_speech_sounds()["tone of 220 Hz"], RATE, subtype="PCM_16")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound\n" * 20)
    names = ["empty.wav", "word.wav", "text.wav", "tone.wav", "gone.wav"]
    status, _, error = run_script("classify", *names, "--json", "out.json", "--cam", "maps", cwd=tmp_path)
    assert status == 2
    *reasons, last = error.splitlines()
    assert [line.split(":")[0] for line in reasons] == ["empty.wav", "text.wav", "gone.wav"]
    assert "3 of 5 recordings could not be used" in last
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["path"] for row in rows] == names
    keys = ["path", "prediction", "label", "probability", "probabilities", "speech_seconds", "doubtful", "f0", "windows", "error"]
    assert all(list(row) == keys for row in rows)
    assert (
        [row["prediction"] is None for row in rows]
        == [row["error"] is not None for row in rows]
        == [True, False, True, False, True]
    )
    assert rows[3]["prediction"] == "no speech"
    word = rows[1]
    assert word["prediction"] in (word["label"], "uncertain")
    assert word["probability"] == max(word["probabilities"].values()) == word["probabilities"][word["label"]]
    assert sum(word["probabilities"].values()) == pytest.approx(1)
    (picture,) = (tmp_path / "maps").iterdir()
    with Image.open(picture) as image:
        assert np.asarray(image.convert("L")).std() > 20


def odd_files(folder):
    """A good word, and files that once ended the whole folder; returns the endings of those that hold a word."""
    word = recording()
    sf.write(folder / "word.wav", word, RATE, subtype="PCM_16")
    sf.write(folder / "gsm.wav", word, RATE, format="WAV", subtype="GSM610")
    sf.write(folder / "g721.au", word, RATE, format="AU", subtype="G721_32")
    sf.write(folder / "pipe.flac", word, RATE)
    data = bytearray((folder / "pipe.flac").read_bytes())
    data[22:26], data[21] = b"\0\0\0\0", data[21] & 0xF0  # how many samples: unknown
    (folder / "pipe.flac").write_bytes(data)
    sf.write(folder / "voice.opus", word, RATE, format="OGG", subtype="OPUS")
    (folder / os.fsdecode(b"caf\xe9.wav")).write_bytes((folder / "word.wav").read_bytes())
    (folder / "huge.w64").write_bytes(b"riff" * 30)
    (folder / "phone.m4a").write_bytes(b"\0\0\0\x08ftyp")
    for name in ("notes.txt", "list.csv", ".DS_Store"):
        (folder / name).write_text("no sound")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_an_odd_file_is_its_own_line_and_passed_over_files_are_named(tmp_path):
    (tmp_path / "in").mkdir()
    odd_files(tmp_path / "in")
    status, _, error = run_script("classify", "in", "--json", "out.json", "--cam", "maps", cwd=tmp_path)
    assert status == 2
    assert "Traceback" not in error
    rows = {Path(row["path"]).name: row for row in json.loads((tmp_path / "out.json").read_text())}
    assert set(rows) == {"word.wav", "gsm.wav", "g721.au", "pipe.flac", "voice.opus", "caf\\xe9.wav", "huge.w64", "phone.m4a"}
    assert {name for name, row in rows.items() if row["error"]} == {"huge.w64", "phone.m4a"}
    assert all(row["prediction"] != "no speech" for row in rows.values())
    assert len(list((tmp_path / "maps").iterdir())) == 6
    first, *reasons, last = error.splitlines()
    assert "2 files" in first
    assert "list.csv, notes.txt" in first
    assert sorted(Path(line.split(":")[0]).name for line in reasons) == ["huge.w64", "phone.m4a"]
    assert "2 of 8" in last


class Broken:
    """A classifier that fails with each recording as it is told to."""

    def __init__(self, classifier, reason):
        self.model, self.threshold, self._reason = classifier.model, classifier.threshold, reason

    def classify(self, _signal, **_features):
        raise self._reason


@pytest.mark.parametrize(
    ("reason", "words", "traceback"),
    [
        (MemoryError(), "memory", False),
        (OSError(5, "Input/output error"), "Input/output error", False),
        (AudioError("0.00 s of sound left; record louder"), "0.00 s", False),
        (ZeroDivisionError("a bug\nof ours"), "ZeroDivisionError: a bug of ours", True),
    ],
    ids=["memory", "disk", "silence", "bug"],
)
def test_judging_a_file_never_raises(tmp_path, classifier, capfd, reason, words, traceback):
    sf.write(tmp_path / "word.wav", recording(), RATE)
    found = recordings.predict_file(Broken(classifier, reason), tmp_path / "word.wav")
    assert found.prediction is None
    assert found.error.startswith(f"{tmp_path / 'word.wav'}: ")
    assert words in found.error
    assert "\n" not in found.error
    assert ("Traceback" in capfd.readouterr().err) == traceback, "a bug must be seen"


@pytest.mark.slow
def test_ctrl_c_keeps_the_answers_so_far(tmp_path):
    """Stopped at work on the second file, of ten minutes."""
    sf.write(tmp_path / "word.wav", recording(), RATE)
    sf.write(tmp_path / "long.wav", np.tile(recording(), 170), RATE, subtype="PCM_16")
    command = [
        sys.executable,
        str(ROOT / "scripts" / "classify.py"),
        "word.wav",
        "long.wav",
        "--json",
        "out.json",
        "--workers",
        "1",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline().startswith("word.wav: ")
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "Traceback" not in errors
    (row,) = json.loads((tmp_path / "out.json").read_text())
    assert row["path"] == "word.wav"


def test_json_alone_on_standard_output(tmp_path):
    sf.write(tmp_path / "word.wav", recording(), RATE, subtype="PCM_16")
    status, said, error = run_script("classify", "word.wav", "--json", "-", cwd=tmp_path)
    assert (status, error) == (0, "")
    (row,) = json.loads(said)
    assert row["path"] == "word.wav"


def test_a_folder_without_sound_is_one_line(tmp_path):
    status, said, error = run_script("classify", tmp_path, cwd=tmp_path)
    assert status == 2
    assert said == ""
    assert error.splitlines() == [f"error: {tmp_path}: no sound files in this folder; name one with WAV, FLAC, OGG or MP3 files"]

"""Notebook 09: an uploaded file is judged as a file on disk is, bytes that are no sound get one line; and its exercises."""

import ast
import io
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import soundfile as sf
import torch
from fastai.data.core import DataLoaders, Datasets
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from ipywidgets import FileUpload
from test_speech import words

import voicecam
from voicecam.audio import Signal
from voicecam.config import DEMO
from voicecam.corpora import Corpus
from voicecam.course import exercises_09 as exercises
from voicecam.course import recording
from voicecam.network import recordings
from voicecam.server.decoding import decode


@pytest.fixture(scope="module")
def model():
    return voicecam.load()


@pytest.fixture(scope="module")
def word():
    return Signal(words()[0], 16_000)


def wav(signal):
    buffer = io.BytesIO()
    sf.write(buffer, signal.samples, signal.rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def test_an_uploaded_wav_is_judged_as_the_file_is(model, word, tmp_path):
    (tmp_path / "word.wav").write_bytes(wav(word))
    there = recordings.row(recordings.predict_file(model.classifier, tmp_path / "word.wav"))
    found = recordings.row(recording.predict_bytes(model, wav(word), name=str(tmp_path / "word.wav")))
    assert found == there
    assert found["prediction"] in ("female", "male", "uncertain")
    assert found["error"] is None


@pytest.mark.parametrize("data", [b"", b"rubbish", bytes(range(256)) * 40, b"RIFF\x24\x00\x00\x00WAVEfmt "])
def test_bytes_that_are_no_sound_get_one_clear_line(model, data):
    found = recording.predict_bytes(model, data)
    assert found.prediction is None
    assert found.error
    assert "\n" not in found.error
    assert found.error.startswith("recording: ")
    assert any(hint in found.error for hint in ("use WAV", "again", "export"))
    assert len(found.error) < 160


def test_a_half_file_and_a_silent_one(model, word):
    assert "truncated" in str(recording.predict_bytes(model, wav(word)[:-2000]).error)
    silent = recording.predict_bytes(model, wav(Signal(np.zeros(16_000, np.float32), 16_000)))
    assert (silent.prediction, silent.error) == (recordings.NO_SPEECH, None)


def test_the_value_of_the_button_in_both_versions():
    content = memoryview(b"abc")
    assert recording.uploaded(()) is None
    assert recording.uploaded({}) is None
    assert recording.uploaded(({"name": "a.wav", "content": content},)) == ("a.wav", b"abc")
    assert recording.uploaded({"a.wav": {"metadata": {}, "content": b"abc"}}) == ("a.wav", b"abc")


def test_the_button_hands_on_what_arrives(capsys):
    heard = []
    button = recording.upload_box(lambda name, data: heard.append((name, data)))
    assert isinstance(button, FileUpload)
    entry = {"name": "a.wav", "type": "audio/wav", "size": 3, "content": memoryview(b"abc")}
    entry["last_modified"] = datetime(2026, 1, 1, tzinfo=UTC)
    button.set_trait("value", (entry,))
    assert heard == [("a.wav", b"abc")]


def test_the_saved_clip_is_three_clips_of_one_voice_with_pauses(tmp_path):
    clips = []
    for number, level in enumerate([0.1, 0.2, 0.3, 0.4, 0.5, 0.9]):
        tone = Signal(level * np.sin(np.arange(8_000) / 5).astype(np.float32), 16_000)
        (tmp_path / f"{number}.wav").write_bytes(wav(tone))
        clips.append({"path": f"{number}.wav", "speaker": "b" if number < 5 else "a"})
    found = decode(recording.saved_words(Corpus("x", tmp_path, pd.DataFrame(clips).astype("string"))))
    assert found.rate == 16_000
    assert found.seconds == pytest.approx(3 * 0.5 + 3 * 0.4)
    peaks = [np.abs(found.samples[start : start + 8_000]).max() for start in (0, 14_400, 28_800)]
    np.testing.assert_allclose(peaks, [0.1, 0.3, 0.5], atol=0.002)
    assert np.abs(found.samples[8_000:14_400]).max() == 0


def test_which_sounds_hold_speech(word):
    heard = exercises.sounds(word)
    test = exercises.spoken(heard)
    assert test({"the speech backwards", "the speech, 40 dB softer"}) is None
    assert "1 that you left out" in test({"the speech backwards"})
    assert "1 that you named" in test({"the speech backwards", "the speech, 40 dB softer", "a chord"})
    assert "no such sound: rain" in test({"rain"})
    assert "a set of names" in test("a chord")


def test_how_far_logits_must_lie_apart(model):
    t, p = model.temperature, model.threshold
    test = exercises.logits_apart(model)
    assert test(t * np.log(p / (1 - p))) is None
    assert "after the division" in test(np.log(p / (1 - p)))
    assert "multiply" in test(np.log(p / (1 - p)) / t)
    assert "too low" in test(0.1)


def test_another_prediction_is_reached_or_not():
    test = exercises.other_prediction(lambda semitones: "male" if semitones < -3 else "female")
    assert test(-5) is None
    assert "still says female" in test(4)
    assert "stay within" in test(30)
    assert "semitones" in test("high")


def picture_of(notebook):
    """What the function `picture` in a notebook's code cells makes of a demo voice's word, grey levels."""
    path = Path(__file__).parent.parent / "nbs" / f"{notebook}.ipynb"
    sources = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    trees = [ast.parse(source) for source in sources if "def picture(" in source]
    (found,) = (node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "picture")
    names = {"librosa": librosa, "np": np, "Image": PIL.Image}
    exec(compile(ast.Module([found], []), notebook, "exec"), names)
    return np.asarray(names["picture"](DEMO / "words" / "01" / "hello_01_0.ogg"))


def test_the_tours_network_gets_the_picture_that_it_learned_from():
    np.testing.assert_array_equal(picture_of("09_your_voice"), picture_of("00_tour"))
    assert picture_of("00_tour").std() > 10


def vector(value):
    return torch.full((2,), value)


def test_the_tours_learner_is_read_as_it_was_exported_or_a_line_says_why(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(recording, "say", said.append)
    assert recording.tour_learner(tmp_path) is None
    place = tmp_path / "results" / "tour"
    place.mkdir(parents=True)
    for broken in (b"rubbish", b"", pickle.dumps(np.zeros(3))[:-5]):
        (place / "learner.pkl").write_bytes(broken)
        assert recording.tour_learner(tmp_path) is None
    assert "run 00_tour first" in said[0]
    assert len(said) == 4
    assert all("run 00_tour again" in line and "\n" not in line for line in said[1:])
    items = Datasets([0.0, 1.0], [[vector]])
    loaders = DataLoaders.from_dsets(items, items, bs=2, num_workers=0, device="cpu")
    learner = Learner(loaders, torch.nn.Linear(2, 2), loss_func=CrossEntropyLossFlat(), path=place)
    learner.export("learner.pkl")
    found = recording.tour_learner(tmp_path)
    torch.testing.assert_close(found.model(torch.ones(1, 2)), learner.model(torch.ones(1, 2)))
    assert len(said) == 4

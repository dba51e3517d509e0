"""A long recording is read part by part: nothing is lost at the seams, and the whole's answer is that of its windows together."""

import numpy as np
import pytest
import soundfile as sf
from scipy.special import softmax

from conftest import demo_speech
from voicecam import audio
from voicecam.config import SHIPPED_MODEL
from voicecam.errors import AudioError
from voicecam.network import recordings
from voicecam.network.classifier import load_classifier

RATE = 16_000


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(SHIPPED_MODEL, light=True)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A recording of 12 words of one woman and one man in turn, half a second of soft noise between; its path."""
    place, rng = tmp_path_factory.mktemp("long"), np.random.default_rng(0)
    demo_speech(place, speakers=2, takes=6)
    sounds = [sf.read(path)[0] for path in sorted(place.rglob("*.ogg"))]
    pause = [1e-4 * rng.standard_normal(RATE // 2) for _ in sounds]
    path = place / "words.flac"
    sf.write(path, np.concatenate([part for pair in zip(pause, sounds) for part in pair]), RATE)
    return path


@pytest.mark.parametrize("rate", [RATE, 11_025])
def test_parts_are_the_whole_and_end_where_it_is_soft(words, rate):
    whole = audio.read(words, rate=rate).samples
    parts = [part.samples for part in audio.read_parts(words, rate=rate, seconds=3.0)]
    assert len(parts) > 2
    assert max(map(len, parts)) <= 3 * rate
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for part in parts[:-1]:
        assert np.sqrt(np.mean(part[-rate // 10 :] ** 2)) < 0.01 * np.sqrt(np.mean(whole**2)), "it ends in a pause"


def test_a_part_without_any_pause_is_cut_all_the_same(tmp_path, rng):
    sf.write(tmp_path / "a.wav", 0.1 * rng.standard_normal(10 * RATE), RATE, subtype="FLOAT")
    parts = [len(part.samples) for part in audio.read_parts(tmp_path / "a.wav", rate=RATE, seconds=4.0)]
    assert sum(parts) == 10 * RATE
    assert max(parts) <= 4 * RATE


def test_a_broken_file_is_refused_in_parts_as_in_whole(tmp_path, words):
    data = words.read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="truncated"):
        list(audio.read_parts(tmp_path / "cut.flac", rate=RATE, seconds=2.0))
    with pytest.raises(AudioError, match="no such file"):
        list(audio.read_parts(tmp_path / "none.wav", rate=RATE, seconds=2.0))


def test_the_answer_is_the_mean_of_all_windows_logits(words, classifier, monkeypatch):
    monkeypatch.setattr(recordings, "LONG", 3.0)
    found = recordings.predict_file(classifier, words, whole=False)
    logits = []
    for part in audio.read_parts(words, rate=RATE, seconds=3.0):
        if speech := audio.find_speech(part):
            spoken = audio.speech.cut(part, speech).signal
            logits.append(classifier.model.logits(recordings.clip_features(spoken, classifier.model.config).matrices))
    p = softmax(np.concatenate(logits).mean(axis=0) / classifier.model.temperature)
    assert len(logits) > 2
    assert found.probabilities == pytest.approx(dict(zip(classifier.model.classes, p)), abs=1e-5)
    assert len(found.windows) == sum(map(len, logits))
    starts = [window.start for window in found.windows]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < starts[-1] < audio.read(words).seconds
    assert found.spoken is None


def test_one_part_is_the_recording_and_many_say_nearly_the_same(words, classifier, monkeypatch):
    whole = recordings.predict_file(classifier, words)
    assert recordings.row(recordings.predict_file(classifier, words, whole=False)) == recordings.row(whole)
    monkeypatch.setattr(recordings, "LONG", 4.0)
    parts = recordings.predict_file(classifier, words, whole=False)
    assert parts.speech_seconds == pytest.approx(whole.speech_seconds, rel=0.1)
    assert parts.f0 == pytest.approx(whole.f0, rel=0.3)
    assert parts.matrix.shape == whole.matrix.shape


def test_silence_of_many_parts_is_no_speech(tmp_path, rng, classifier, monkeypatch):
    monkeypatch.setattr(recordings, "LONG", 1.0)
    sf.write(tmp_path / "a.wav", 0.001 * rng.standard_normal(4 * RATE), RATE, subtype="FLOAT")
    assert recordings.predict_file(classifier, tmp_path / "a.wav", whole=False).prediction == "no speech"


@pytest.mark.slow
def test_processes_say_of_a_folder_what_threads_say_in_order(words, classifier, monkeypatch, tmp_path):
    demo_speech(tmp_path, speakers=4, takes=4)
    files = sorted(tmp_path.rglob("*.ogg"))
    one = [recordings.row(found) for found in recordings.predict_files(classifier, files, workers=1, keep=())]
    monkeypatch.setattr(recordings, "MANY", 4)
    many = list(recordings.predict_files(classifier, [*files, tmp_path / "none.wav"], workers=2, keep=("matrix",)))
    assert [recordings.row(found) for found in many[:-1]] == one
    assert "no such file" in many[-1].error
    assert all(found.spoken is None and found.log_mel is None and found.matrix is not None for found in many[:-1])

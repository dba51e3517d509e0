"""Recipe waveform: clips at -31 dB re full scale, whatever their recordings' level, in training and classification alike."""

import json

import numpy as np
import pytest
import soundfile as sf
from run_script import output_of

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import DEMO, recipe
from voicecam.data.encodings import clip_encoding, speech_of
from voicecam.network.classifier import clip_features

RATE = 16_000
CONFIG = recipe("waveform")
GAINS = {"as it is": 1.0, "40 dB softer": 0.01, "6 dB louder": 2.0}
WORDS = sorted((DEMO / "data").glob("0[12]/*.*"))[:3]


def level(samples: np.ndarray) -> float:
    """dB re full scale (RMS) from the first sample to the last that is not zero: without what fills a clip up."""
    sounding = np.flatnonzero(samples)
    x = samples[sounding[0] : sounding[-1] + 1].astype(np.float64)
    return 20 * np.log10(np.sqrt(x @ x / len(x)))


def recording(path, *, gain=1.0, times=1, offset=0.0) -> Signal:
    """A demo word, said several times with pauses between, at half its level times `gain`, and an offset as of a sound card."""
    word = audio.read(path, rate=RATE).samples
    pause = 0.0005 * np.random.default_rng(1).standard_normal(RATE // 3)
    whole = np.concatenate([pause, *[part for _ in range(times) for part in (word, pause)]])
    return Signal((0.5 * gain * whole / np.abs(whole).max() + offset).astype(np.float32), RATE)


@pytest.mark.parametrize("gain", GAINS.values(), ids=GAINS)
@pytest.mark.parametrize("times", [1, 8])  # a short clip that is filled up, and one of which the loudest 3 s are kept
@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.stem)
def test_training_and_classification_have_speech_at_one_level(path, times, gain):
    heard = recording(path, gain=gain, times=times, offset=0.002 * gain)
    trained = clip_encoding(heard, CONFIG)
    classified = clip_features(speech_of(heard), CONFIG).matrices
    assert trained.shape == (1, 3 * RATE)
    assert classified.shape == (1, 1, 3 * RATE)
    assert abs(level(heard.samples) + 31) > 3, "the recording itself is at another level"
    assert level(trained[0]) == pytest.approx(-31, abs=0.05)
    assert level(classified[0, 0]) == pytest.approx(-31, abs=0.05)
    np.testing.assert_array_equal(trained, classified[0])


def test_the_images_that_are_stored_are_at_that_level(tmp_path):
    folders = ("loud", "soft")
    for folder, gain in zip(folders, (1.9, 0.02)):
        (tmp_path / "voices" / folder).mkdir(parents=True)
        for number, path in enumerate(WORDS):
            heard = recording(path, gain=gain, times=1 + number)
            sf.write(tmp_path / "voices" / folder / f"s{number}_1.wav", heard.samples, RATE, subtype="FLOAT")
    output_of("make_images", "--corpus", "voices", "--recipe", "waveform", cwd=tmp_path)
    (stored,) = (tmp_path / "cache" / "encodings").glob("*.npz")
    with np.load(stored) as arrays:
        contents, clips = arrays["content"].tolist(), arrays["encodings"]
    assert clips.shape == (6, 1, 3 * RATE)
    assert [level(clip[0]) for clip in clips] == pytest.approx([-31.0] * 6, abs=0.05)
    (made,) = (tmp_path / "maps").glob("*.json")
    entries = json.loads(made.read_text())["entries"]
    by_name = {name: clips[contents.index(entry["content"])] for name, entry in entries.items()}
    for number in range(3):
        loud, soft = (by_name[f"{folder}/s{number}_1.wav"][0] for folder in folders)
        np.testing.assert_allclose(loud, soft, atol=2e-5)  # the same speech: its level is all that was changed

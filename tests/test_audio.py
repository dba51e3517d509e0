"""Reading and preparing sound: formats, rates, levels, and one clear line for what cannot be used."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from conftest import voice
from voicecam import audio
from voicecam.config import recipe
from voicecam.errors import AudioError
from voicecam.features import features

CONFIG = recipe("mfcc")


def save(path, samples, rate=16_000, **kind):
    sf.write(path, samples, rate, **kind)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "tolerance"),
    [
        ("float", {"subtype": "FLOAT"}, 1e-4),
        ("pcm24", {"subtype": "PCM_24"}, 0.05),
        ("pcm16", {"subtype": "PCM_16"}, 0.5),
        ("pcm8", {"subtype": "PCM_U8"}, 40.0),  # 8 bits leave noise 48 dB down: the deepest cells differ, the picture does not
    ],
)
def test_integer_and_float_files_give_the_same_features(tmp_path, rng, name, kind, tolerance):
    samples = voice(120, rng) + 0.01 * rng.standard_normal(16_000).astype(np.float32)
    samples /= np.abs(samples).max() / 0.9
    reference = features(audio.prepare(audio.from_samples(samples, 16_000), CONFIG), CONFIG).matrix
    found = features(audio.load(save(tmp_path / f"{name}.wav", samples, **kind), CONFIG), CONFIG).matrix
    assert np.abs(found - reference).max() < tolerance
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.995


@pytest.mark.parametrize(("ending", "kind"), [("flac", {}), ("ogg", {}), ("mp3", {})])
def test_flac_ogg_and_mp3_sound_like_the_wav(tmp_path, rng, ending, kind):
    samples = voice(150, rng)
    found = audio.read(save(tmp_path / f"a.{ending}", samples, **kind))
    assert found.rate == 16_000
    size = min(len(found.samples), len(samples))
    best = np.correlate(found.samples[:size], samples[:size], "full").max()  # MP3 may add a delay
    assert best / np.linalg.norm(found.samples) / np.linalg.norm(samples) > 0.98


def test_stereo_is_the_mean_of_its_channels(tmp_path, rng):
    left, right = rng.uniform(-0.4, 0.4, (2, 8000)).astype(np.float32)
    found = audio.read(save(tmp_path / "s.wav", np.stack([left, right], axis=1), subtype="FLOAT")).samples
    mean = (left + right) / 2
    np.testing.assert_allclose(found, mean, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone_in_place(rate):
    time = np.arange(rate) / rate
    found = audio.resample(audio.Signal(np.sin(2 * np.pi * 1000 * time).astype(np.float32), rate), 16_000)
    assert found.rate == 16_000
    assert abs(len(found.samples) - 16_000) <= 1
    assert np.abs(np.fft.rfft(found.samples[:16_000])).argmax() == 1000


def test_fit_length_keeps_the_loudest_stretch_and_pads_evenly():
    quiet, loud = np.full(100, 0.01, np.float32), np.full(50, 0.5, np.float32)
    kept = audio.fit_length(audio.Signal(np.concatenate([quiet, loud, quiet]), 16_000), 50).samples
    np.testing.assert_array_equal(kept, loud)
    padded = audio.fit_length(audio.Signal(loud, 16_000), 60).samples
    np.testing.assert_array_equal(padded, np.concatenate([np.zeros(5), loud, np.zeros(5)]))


def test_level_is_set_by_rms_without_the_padding_and_never_clips(rng):
    samples = np.pad(0.01 * rng.standard_normal(8000), 4000).astype(np.float32)
    found = audio.set_level(audio.Signal(samples, 16_000), -26.0).samples
    assert 20 * np.log10(np.sqrt(np.mean(found[4000:-4000] ** 2))) == pytest.approx(-26.0, abs=0.01)
    spike = np.zeros(8000, np.float32)
    spike[::800] = 0.2
    spike[1] = 1e-6
    assert np.abs(audio.set_level(audio.Signal(spike, 16_000), 0.0).samples).max() == pytest.approx(1.0)


def test_a_quieter_copy_gives_the_same_features(rng):
    samples = voice(200, rng)
    loud, soft = (features(audio.prepare(audio.from_samples(samples * gain, 16_000), CONFIG), CONFIG).matrix for gain in (1, 0.1))
    np.testing.assert_allclose(loud, soft, atol=0.01)


def test_a_constant_offset_is_taken_off(rng):
    samples = voice(200, rng)
    loud, shifted = (audio.prepare(audio.from_samples(samples + offset, 16_000), CONFIG).samples for offset in (0, 0.2))
    assert abs(loud.mean()) < 1e-6
    np.testing.assert_allclose(shifted, loud, atol=1e-5)


def test_a_constant_alone_is_silence():
    with pytest.raises(AudioError, match="silent"):
        audio.from_samples(np.full(16_000, 0.3), 16_000)


def half(path, keep):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def broken_files(folder, rng):
    """(file, word its error must hold) of each kind of file that cannot be used."""
    samples = voice(120, rng)
    nan = samples.copy()
    nan[7] = np.nan
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is no sound")
    (folder / "data.raw").write_bytes(bytes(1000))
    return {
        "no such file": folder / "missing.wav",
        "0 bytes": folder / "empty.wav",
        "not readable as sound": folder / "text.wav",
        "data.raw": folder / "data.raw",
        "silent": save(folder / "silent.wav", np.zeros(16_000)),
        "0.00 s": save(folder / "nothing.wav", np.zeros(0)),
        "1 of 16000 samples are NaN": save(folder / "nan.wav", nan, subtype="FLOAT"),
        "bytes or more missing": half(save(folder / "half.wav", samples), 0.5),
        "half.flac": half(save(folder / "half.flac", samples), 0.5),
    }


def test_files_that_cannot_be_used_say_why_in_one_line(tmp_path, rng):
    for word, path in broken_files(tmp_path, rng).items():
        with pytest.raises(AudioError) as caught:
            audio.read(path)
        text = str(caught.value)
        assert word in text
        assert "\n" not in text
        assert path.name in text
        assert "; " in text, "the line must say what to do"


def test_a_quiet_recording_is_no_silence():
    found = audio.from_samples(0.002 * np.sin(np.arange(16_000)), 16_000)
    assert found.seconds == 1.0


def test_a_streamed_wav_of_unknown_length_is_read(tmp_path, rng):
    path = save(tmp_path / "stream.wav", voice(120, rng), subtype="PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    assert audio.read(path).seconds == pytest.approx(1.0)


def test_preparing_changes_nothing_of_the_signal_given(rng):
    signal = audio.from_samples(voice(120, rng, seconds=1.7), 16_000)
    before = signal.samples.copy()
    audio.prepare(signal, replace(CONFIG, level_dbfs=-10.0))
    np.testing.assert_array_equal(signal.samples, before)

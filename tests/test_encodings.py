"""Encodings of speech: what is cut out, at which level, the mean over windows, and the store that no clip enters twice."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import DEMO, recipe
from voicecam.corpora import open_corpus
from voicecam.data import encodings
from voicecam.data.dataset import make_images, read_dataset
from voicecam.data.encodings import clip_encoding, make_encodings, sample_starts, speech_of
from voicecam.errors import DatasetError, SilentError

WAVEFORM = recipe("waveform", seconds=1.0)  # the samples themselves: no encoder has a say
VOICES = ("01", "02", "03", "11", "12", "13")


def word(speaker: str, digit: int = 0) -> np.ndarray:
    """A demo voice's digit at 16 kHz, (n,)."""
    return audio.read(DEMO / "data" / speaker / f"{digit}_{speaker}_0.ogg").samples


def write_corpus(root: Path, names: dict[str, np.ndarray]) -> Path:
    """A CSV corpus of these clips; SPEAKER-anything.wav, odd speakers are female."""
    root.mkdir()
    for name, samples in names.items():
        sf.write(root / name, samples, 16_000, subtype="PCM_16")
    rows = [{"path": name, "speaker": name.split("-")[0], "gender": "fm"[i % 2]} for i, name in enumerate(names)]
    pd.DataFrame(rows).replace({"f": "female", "m": "male"}).to_csv(root / "clips.csv", index=False)
    return root / "clips.csv"


@pytest.fixture
def corpus(tmp_path):
    return open_corpus(write_corpus(tmp_path / "one", {f"s{name}-zero.wav": word(name) for name in VOICES}))


@pytest.fixture
def counted(monkeypatch):
    """Names of the clips that were encoded, in order."""
    names, real = [], encodings._encode_clip
    monkeypatch.setattr(encodings, "_encode_clip", lambda root, config, name: names.append(name) or real(root, config, name))
    return names


def test_only_the_speech_is_kept(rng):
    """A word between two seconds of soft noise: what is left is the word, at the beginning, and zeros behind it."""
    spoken = word("01")
    hiss = 1e-4 * rng.standard_normal(32_000).astype(np.float32)
    found = clip_encoding(Signal(np.concatenate([hiss, spoken, hiss]), 16_000), recipe("waveform", seconds=2.0))[0]
    heard = np.flatnonzero(found)[-1] + 1
    assert heard <= len(spoken) + 0.5 * 16_000
    match = np.correlate(found[:heard], spoken, mode="full")
    assert match.max() / (np.linalg.norm(found) * np.linalg.norm(spoken)) > 0.95
    assert not found[heard:].any()


def test_noise_is_no_speech(rng):
    with pytest.raises(SilentError, match="no speech found"):
        clip_encoding(Signal(0.01 * rng.standard_normal(32_000).astype(np.float32), 16_000), WAVEFORM)


def test_every_clip_is_heard_at_one_level():
    """-31 dB re full scale over what sounds, whatever the level of the recording; zeros behind a word do not count."""
    config = recipe("waveform", seconds=3.0)
    loud, soft = (clip_encoding(Signal(gain * word("02"), 16_000), config)[0] for gain in (1.0, 0.1))
    for samples in (loud, soft):
        assert 10 * np.log10(np.mean(samples[samples != 0] ** 2)) == pytest.approx(-31, abs=0.01)


def test_of_all_windows_the_mean_is_taken():
    """Windows of 1.6 s every 0.8 s and one that ends with the speech, one at a time through the encoder, and their mean."""
    pytest.importorskip("webrtcvad")
    pytest.importorskip("resemblyzer")
    from voicecam.encoders import load_encoder

    config = recipe("embedding")
    recording = Signal(np.concatenate([word("03", digit) for digit in range(5)]), 16_000)
    speech = speech_of(recording).samples.astype(np.float64)
    speech -= speech.mean()
    speech *= 10 ** (-30 / 20) / np.sqrt(np.mean(speech[speech != 0] ** 2))
    n = len(speech)
    assert n > 2 * 25_600
    starts = [start for start in range(0, n, 12_800) if start + 25_600 < n] + [n - 25_600]
    encoder = load_encoder("resemblyzer")
    each = [encoder(speech[None, start : start + 25_600].astype(np.float32))[0, :, 0] for start in starts]
    assert len({one.tobytes() for one in each}) == len(starts) > 2
    np.testing.assert_allclose(clip_encoding(recording, config)[:, 0], np.mean(each, axis=0), atol=1e-5)


@pytest.mark.parametrize(("n", "starts"), [(5_000, [0]), (16_000, [0]), (16_001, [0, 1]), (40_000, [0, 8_000, 16_000, 24_000])])
def test_windows_start_every_half_of_one_and_the_last_ends_with_the_sound(n, starts):
    assert sample_starts(n, recipe("waveform", seconds=1.0, windows="all")) == starts


def test_a_dataset_has_the_encodings_in_the_order_of_its_clips(corpus, tmp_path):
    dataset = read_dataset(make_images(corpus, WAVEFORM, images=tmp_path / "images", maps=tmp_path / "maps"))
    assert dataset.matrices.shape == (6, 1, 16_000)
    for name, matrix in zip(dataset.clips["path"], dataset.matrices):
        np.testing.assert_allclose(matrix, clip_encoding(audio.read(corpus.root / name), WAVEFORM), atol=1e-7)


def test_a_copy_of_a_corpus_under_other_names_is_not_encoded_again(corpus, tmp_path, counted):
    first = read_dataset(make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps"))
    assert sorted(counted) == sorted(first.clips["path"])
    clips = {f"t{i}-copy.wav": path for i, path in enumerate(sorted(corpus.root.glob("*.wav")))}
    copy = write_corpus(tmp_path / "another", dict.fromkeys(clips, np.zeros(9)))
    for name, path in clips.items():
        shutil.copy(path, copy.parent / name)
    second = read_dataset(make_encodings(open_corpus(copy), WAVEFORM, maps=tmp_path / "maps"))
    assert len(counted) == 6
    np.testing.assert_array_equal(first.matrices, second.matrices)
    np.testing.assert_array_equal(first.fingerprints, second.fingerprints)


def test_another_clip_alone_is_encoded_and_a_changed_one_again(corpus, tmp_path, counted):
    make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps")
    sf.write(corpus.root / "s01-zero.wav", word("01", 4), 16_000, subtype="PCM_16")
    dataset = read_dataset(make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps"))
    assert counted[6:] == ["s01-zero.wav"]
    row = list(dataset.clips["path"]).index("s01-zero.wav")
    np.testing.assert_allclose(
        dataset.matrices[row], clip_encoding(audio.read(corpus.root / "s01-zero.wav"), WAVEFORM), atol=1e-7
    )


def test_other_weights_are_another_store(corpus, tmp_path):
    pytest.importorskip("webrtcvad")
    pytest.importorskip("resemblyzer")
    own, tiny = (encodings.store_path(corpus, recipe("embedding", encoder_weights=w), tmp_path) for w in ("hub", "tiny"))
    assert own != tiny
    parts = [path.stem.rsplit("-", 1) for path in (own, tiny)]
    assert parts[0][1] != parts[1][1]


def test_ctrl_c_keeps_what_is_done(corpus, tmp_path, counted):
    """The signal that Ctrl-C sends, after the third clip; the second call encodes what was not kept."""

    def interrupted(items, total):
        for i, item in enumerate(items):
            yield item
            if i == 2:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps", workers=1, progress=interrupted)
    before = len(counted)
    dataset = read_dataset(make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps", workers=1))
    assert 1 <= len(counted[before:]) <= 3
    assert not set(counted[before:]) & set(counted[:3])
    assert len(dataset.clips) == 6
    whole = read_dataset(make_encodings(corpus, WAVEFORM, maps=tmp_path / "other" / "maps"))
    np.testing.assert_array_equal(dataset.matrices, whole.matrices)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: b"PK" + data[2:300], lambda data: data[: len(data) // 2]])
def test_a_damaged_store_is_made_again(corpus, tmp_path, damage):
    path = make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps")
    whole = read_dataset(path).matrices
    store = next((tmp_path / "cache" / "encodings").glob("*.npz"))
    store.write_bytes(damage(store.read_bytes()))
    with pytest.raises(DatasetError, match="lacks 6 of 6 clips; make the encodings again"):
        read_dataset(path)
    np.testing.assert_array_equal(read_dataset(make_encodings(corpus, WAVEFORM, maps=tmp_path / "maps")).matrices, whole)


def test_a_clip_that_cannot_be_used_is_listed_with_the_reason(tmp_path, rng):
    clips = {f"s{name}-zero.wav": word(name) for name in VOICES} | {"s99-hiss.wav": 0.01 * rng.standard_normal(16_000)}
    listed = write_corpus(tmp_path / "noisy", {**clips, "s98-broken.wav": np.zeros(9)})
    (tmp_path / "noisy" / "s98-broken.wav").write_bytes(b"RIFF, but no sound")
    dataset = read_dataset(make_encodings(open_corpus(listed), WAVEFORM, maps=tmp_path / "maps"))
    reasons = dict(dataset.failed)
    assert set(reasons) == {"s99-hiss.wav", "s98-broken.wav"}
    assert "no speech" in reasons["s99-hiss.wav"]
    assert len(dataset.clips) == len(dataset.matrices) == 6


def test_a_corpus_in_which_nobody_speaks_is_refused_in_a_line(tmp_path, rng):
    hiss = {f"s{i}-hiss.wav": 0.01 * rng.standard_normal(16_000) for i in range(3)}
    with pytest.raises(DatasetError, match=r"none of 3 clips can be used; the first: .*no speech"):
        make_encodings(open_corpus(write_corpus(tmp_path / "hiss", hiss)), WAVEFORM, maps=tmp_path / "maps")

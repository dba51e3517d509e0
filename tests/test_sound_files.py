"""Odd sound files: every format that is read, cut off anywhere, without a length, with a wrong one, and what phones record."""

import contextlib
import io
import os
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from conftest import voice
from voicecam import audio
from voicecam.audio import Limits
from voicecam.corpora import open_corpus
from voicecam.corpora.labels import AUDIO_SUFFIXES
from voicecam.errors import AudioError
from voicecam.server import decoding

RATE = 16_000
READ = ("WAV", "WAVEX", "RF64", "AIFF", "AU", "W64", "CAF", "FLAC", "OGG", "MP3", "NIST")
NOT_READ = ("SDS", "MAT4", "MAT5", "XI", "HTK", "SD2", "RAW", "PVF", "VOC")
EXACT = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_16", "ALAC_24", "DWVW_16", "DWVW_24")


def sound(seconds=0.6):
    return voice(130, np.random.default_rng(1), seconds=seconds)


def written(path, samples, rate=RATE, **kind):
    sf.write(path, samples, rate, **kind)
    return path


def kinds():
    """(format, subtype, endian) of all that libsndfile can write of the formats that are read."""
    cannot = {("AIFF", "DWVW_12"), ("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III")}
    found = {(name, subtype) for name in READ for subtype in sf.available_subtypes(name)} - cannot
    return [(*kind, "FILE") for kind in sorted(found)] + [("WAV", "PCM_16", "BIG")]  # the last is RIFX


def refusal(path, **options):
    """The one line that refuses a file."""
    with pytest.raises(AudioError) as caught:
        audio.read(path, **options)
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)
    return str(caught.value)


def uncounted_mp3(samples, **options):
    """An MP3's bytes without the frame that tells its length (Xing's)."""
    buffer = io.BytesIO()
    sf.write(buffer, samples, RATE, format="MP3", **options)
    data = buffer.getvalue()
    second = data.index(data[:2], 4)
    assert b"Xing" in data[:second] or b"Info" in data[:second]
    return data[second:]


@pytest.mark.parametrize(("name", "subtype", "endian"), kinds())
def test_every_format_is_read_to_its_end_and_refused_where_it_is_cut(tmp_path, name, subtype, endian):
    samples = sound()
    path = written(tmp_path / "x", samples, format=name, subtype=subtype, endian=endian)
    found = audio.read(path).samples
    assert len(samples) <= len(found) <= len(samples) + 2_048, "codecs with blocks fill the last"
    if subtype in EXACT:
        np.testing.assert_allclose(found, samples, atol=1e-4)
    elif name != "MP3":
        assert np.corrcoef(found[: len(samples)], samples)[0, 1] > 0.9
    data = path.read_bytes()
    np.testing.assert_array_equal(audio.read_bytes(data).samples, found)  # libsndfile asks Python for these bytes
    for share in (0.02, 0.2, 0.5, 0.9, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        said = refusal(path)
        assert share < 0.5 or "truncated" in said


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_no_recording_is_never_opened(tmp_path, capfd, name):
    subtype = "PCM_16" if "PCM_16" in sf.available_subtypes(name) else "DPCM_16"
    path = written(tmp_path / "x.wav", sound(), format=name, subtype=subtype)
    assert "not readable as sound" in refusal(path)
    assert capfd.readouterr() == ("", ""), "libsndfile prints what it thinks of MIDI dumps"


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("loud_first", [False, True])
@pytest.mark.parametrize("tags", [False, True])
def test_an_mp3_that_tells_no_length_is_read_to_its_end(tmp_path, mode, loud_first, tags):
    """Its length was estimated from the first frames: too long by some, or too short by half, without a word."""
    rng, n = np.random.default_rng(0), 3 * RATE
    samples = np.concatenate([0.3 * rng.standard_normal(n), 0.3 * np.sin(0.1 * np.arange(n))])
    data = uncounted_mp3(samples if loud_first else samples[::-1], bitrate_mode=mode, compression_level=0.4)
    if tags:
        data = b"ID3\x03\0\0\0\0\x08\0" + bytes(1_024) + data + b"TAG" + bytes(125)
    (tmp_path / "x.mp3").write_bytes(data)
    assert audio.read(tmp_path / "x.mp3").seconds == pytest.approx(6, abs=0.2)


def flac_that_says(samples, total):
    """A FLAC whose header says `total` samples."""
    buffer = io.BytesIO()
    sf.write(buffer, samples, RATE, format="FLAC", subtype="PCM_16")
    data = bytearray(buffer.getvalue())
    assert int.from_bytes(data[21:26]) & (1 << 36) - 1 == len(samples)
    data[21:26] = (int.from_bytes(data[21:26]) >> 36 << 36 | total).to_bytes(5)
    return bytes(data)


@pytest.mark.parametrize("total", [0, 2**36 - 1])
def test_a_flac_from_a_pipe_is_read(tmp_path, total):
    (tmp_path / "x.flac").write_bytes(flac_that_says(sound(), total))
    assert audio.read(tmp_path / "x.flac").seconds == pytest.approx(0.6)


def test_a_header_that_promises_too_much_is_no_reason_for_memory(tmp_path):
    (tmp_path / "x.flac").write_bytes(flac_that_says(sound(), 2**35))
    assert "truncated" in refusal(tmp_path / "x.flac")


@pytest.mark.parametrize("rate", [1, 1_999, 768_001])
def test_a_rate_that_no_recording_has_is_refused(tmp_path, rate):
    """A 57 kB WAV that claims 1 Hz would become 8 GB at 16 kHz."""
    path = written(tmp_path / "x.wav", sound(1.8), subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", rate)
    path.write_bytes(bytes(data))
    assert f"{rate} samples a second" in refusal(path)


def test_limits_hold_while_decoding_whatever_the_header_says(tmp_path):
    second = sound(1.0)
    for name, data in {"x.mp3": uncounted_mp3(second), "x.flac": flac_that_says(second, 0)}.items():
        (tmp_path / name).write_bytes(data)
        assert "more than 0.5 s" in refusal(tmp_path / name, limits=Limits(seconds=0.5))
        assert "8000 are read" in refusal(tmp_path / name, limits=Limits(rates=(4_000, 8_000)))
    stereo = written(tmp_path / "x.wav", np.stack([second, second], axis=1))
    assert "more than 20000 samples" in refusal(stereo, limits=Limits(samples=20_000))
    assert audio.read(stereo, limits=Limits(seconds=1.0, samples=32_000)).seconds == 1.0


def test_the_server_stops_a_long_mp3_that_tells_no_length():
    noise = np.tile(np.random.default_rng(0).uniform(-0.1, 0.1, RATE), 70)
    with pytest.raises(AudioError, match="more than 60 s") as caught:
        decoding.decode(uncounted_mp3(noise))
    assert str(caught.value).startswith("recording: ")


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="file names are bytes on Linux alone")
def test_a_name_that_is_not_utf8_is_read_and_told(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    written(tmp_path / "x.wav", sound()).rename(path)
    assert audio.read(path).seconds == pytest.approx(0.6)
    path.write_bytes(b"text")
    assert "caf\\xe9.wav: " in refusal(path)
    refusal(path).encode("utf-8")


@pytest.mark.parametrize("name", READ)
def test_a_damaged_file_is_read_or_refused_and_nothing_is_printed_from_inside(tmp_path, capfd, name):
    rng = np.random.default_rng(5)
    data = np.frombuffer(written(tmp_path / "x", sound(), format=name).read_bytes(), np.uint8)
    for spots in (1, 3, 20) * 20:
        damaged = data.copy()
        damaged[rng.integers(0, min(len(data), 200), spots)] = rng.integers(0, 256, spots)
        with contextlib.suppress(AudioError):
            audio.read_bytes(damaged.tobytes(), limits=decoding.LIMITS)
    assert "Traceback" not in capfd.readouterr().err


def test_reading_at_another_rate_gives_what_resampling_gives(tmp_path):
    for rate, offset in ((48_000, 0.0), (44_100, 0.2), (8_000, -0.1)):
        samples = voice(130, np.random.default_rng(2), seconds=1.0, rate=rate) + np.float32(offset)
        path = written(tmp_path / "x.wav", samples, rate, subtype="FLOAT")
        whole, read = audio.read(path), audio.read(path, rate=RATE)
        expected = audio.resample(audio.centre(whole), RATE).samples
        np.testing.assert_allclose(read.samples - samples.mean(), expected, atol=1e-5)
    constant = written(tmp_path / "x.wav", np.full(RATE, 0.3), 48_000, subtype="FLOAT")
    assert "silent" in refusal(constant, rate=RATE)


PHONE = {  # ending: FFmpeg's format and codec, rate in Hz
    "m4a": ("ipod", "aac", 44_100),
    "mp4": ("mp4", "aac", 48_000),
    "aac": ("adts", "aac", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "mka": ("matroska", "flac", RATE),
    "3gp": ("3gp", "aac", RATE),
    "amr": ("amr", "libopencore_amrnb", 8_000),
    "ogg": ("ogg", "flac", RATE),  # FLAC in Ogg, which libsndfile leaves
}


def encoded(path, seconds=1.0):
    """A phone's recording of a voice, written by FFmpeg's libraries; returns its samples before that, and their rate."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    container, codec, rate = PHONE[path.suffix[1:]]
    samples = voice(130, np.random.default_rng(1), seconds=seconds, rate=rate)
    try:
        av.codec.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"this PyAV has no {codec}")
    with av.open(str(path), "w", format=container) as out:
        track = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = rate
        queue = av.AudioFifo()
        for part in av.AudioResampler(track.codec_context.format.name, "mono", rate).resample(frame):
            queue.write(part)
        for part in queue.read_many(1024, partial=True):
            out.mux(track.encode(part))
        out.mux(track.encode(None))
    return samples, rate


@pytest.mark.parametrize("ending", PHONE)
def test_what_phones_record_is_read_and_refused_where_it_is_cut(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    samples, rate = encoded(path)
    found = audio.read(path)
    assert found.rate == rate
    assert found.seconds == pytest.approx(1.0, abs=0.15)
    size = min(len(samples), len(found.samples))
    best = np.abs(np.fft.irfft(np.fft.rfft(found.samples, 2 * size) * np.conj(np.fft.rfft(samples, 2 * size)))).max()
    least = 0.7 if ending == "amr" else 0.9
    assert best / np.linalg.norm(samples) / np.linalg.norm(found.samples) > least, "codecs add a delay"
    data = path.read_bytes()
    for share in (0.3, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        refusal(path)


def test_a_film_without_sound_is_one_line(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(tmp_path / "x.mp4"), "w") as out:
        track = out.add_stream("mpeg4", rate=10)
        track.width = track.height = 32
        out.mux(track.encode(av.VideoFrame(32, 32, "yuv420p")))
        out.mux(track.encode(None))
    assert "no sound track" in refusal(tmp_path / "x.mp4")


def test_without_pyav_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # what an import finds where it is not installed
    starts = {"x.m4a": b"\0\0\0\x08ftyp", "x.webm": b"\x1aE\xdf\xa3\x80\x18S\x80g\x80", "x.aac": b"\xff\xf1\x50\x40"}
    for name, head in starts.items():
        (tmp_path / name).write_bytes(head)
        said = refusal(tmp_path / name)
        assert said.startswith(str(tmp_path / name))
        assert said.endswith("pip install av")
    assert audio.read(written(tmp_path / "x.wav", sound())).seconds == pytest.approx(0.6)


def test_every_ending_that_a_folder_is_searched_for_is_of_a_kind_that_is_read():
    others = ("wav", "flac", "mp3", "opus", "aiff", "aif", "au", "w64", "caf")
    assert set(AUDIO_SUFFIXES) >= {f".{ending}" for ending in (*PHONE, *others)}
    assert len(set(AUDIO_SUFFIXES)) == len(AUDIO_SUFFIXES)


def test_a_corpus_may_be_recorded_by_phones(tmp_path):
    for name in ("female/ana_1.m4a", "female/ana_2.AAC", "male/ben_1.webm", "male/ben_2.opus"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert len(open_corpus(tmp_path).clips) == 4


def test_a_long_recording_takes_little_more_than_its_samples(tmp_path):
    """Two minutes at 48 kHz in stereo, read at 8 kHz: the samples are 4 MB, those of the file 46 MB."""
    block = 0.1 * np.random.default_rng(0).standard_normal((48_000, 2))
    with sf.SoundFile(tmp_path / "x.wav", "w", 48_000, 2) as file:
        for _ in range(120):
            file.write(block)
    tracemalloc.start()
    try:
        found = audio.read(tmp_path / "x.wav", rate=8_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.seconds == pytest.approx(120)
    assert peak < 20e6

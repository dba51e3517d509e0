"""Where speech is: known places of synthetic words, sounds that are no speech, and pitch against known periods."""

import tracemalloc
from functools import lru_cache

import numpy as np
import pytest
import soxr
from silero_vad import load_silero_vad

from conftest import voice
from voicecam import audio
from voicecam.audio import Signal, speech
from voicecam.audio.pitch import median_f0
from voicecam.audio.speech import Speech, cut, find_speech, spectral_change
from voicecam.corpora.espeak import RATE as ESPEAK_RATE
from voicecam.corpora.espeak import Word, speak
from voicecam.errors import AudioError

RATE = 16_000


def said(list_of_words: list[Word]) -> tuple[np.ndarray, ...]:
    """Spoken words, float32 at 16 kHz, peak 0.3, without silence at their ends."""
    trimmed = []
    for samples in speak(list_of_words):
        x = soxr.resample(np.asarray(samples, np.float32), ESPEAK_RATE, RATE, quality="VHQ")
        loud = np.flatnonzero(np.abs(x) > 0.02 * np.abs(x).max())
        x = x[loud[0] : loud[-1]]
        trimmed.append((0.3 * x / np.abs(x).max()).astype(np.float32))
    return tuple(trimmed)


@lru_cache
def words() -> tuple[np.ndarray, ...]:
    """Four spoken words, see `said`."""
    return said([Word(text, name, 150, 60, 50) for name in ("en-us+f1", "en-us+m1") for text in ("seven", "banana")])


def chords(rng: np.random.Generator, *, seconds: float = 3.0, decay: float = 0.0, harmonics: int = 5) -> np.ndarray:
    """Triads in equal temperament, one every 0.25 to 1 s, float32 at 16 kHz."""
    parts, total = [], 0.0
    while total < seconds:
        length = rng.uniform(0.25, 1.0)
        time = np.arange(round(length * RATE)) / RATE
        root = 110 * 2 ** (rng.integers(0, 20) / 12)
        notes = [root * 2 ** (step / 12) for step in (0, rng.choice([3, 4]), 7, 12)]
        tone = sum(np.sin(2 * np.pi * f * k * time + rng.uniform(0, 6)) / k**1.5 for f in notes for k in range(1, harmonics))
        ramp = np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
        parts.append(tone * ramp * np.exp(-decay * time / length))
        total += length
    return (0.05 * np.concatenate(parts)).astype(np.float32)


@lru_cache
def no_speech_sounds() -> dict[str, np.ndarray]:
    rng, time = np.random.default_rng(7), np.arange(2 * RATE) / RATE
    sounds = {f"tone of {f} Hz": 0.3 * np.sin(2 * np.pi * f * time) for f in (100, 220, 1000, 4000)}
    sounds |= {f"white noise {level}": level * rng.standard_normal(2 * RATE) for level in (0.001, 0.1)}
    sounds |= {f"organ {i}": chords(rng) for i in range(10)}
    sounds |= {f"piano {i}": chords(rng, decay=3.0, harmonics=9) for i in range(10)}
    sounds["buzz"] = voice(140, rng, seconds=2.0)
    sounds["click"] = np.where(np.arange(2 * RATE) == RATE, 0.9, 0.0)
    sounds["zeros"] = np.zeros(RATE)
    return sounds


@pytest.mark.parametrize("name", sorted(no_speech_sounds()))
def test_sounds_that_are_no_speech(name):
    assert not find_speech(Signal(no_speech_sounds()[name].astype(np.float32), RATE))


def test_chords_that_fool_the_detector_stand_still():
    """The second test is needed: some chords pass the detector. Words move far more."""
    rng, passed = np.random.default_rng(7), []
    for _ in range(40):
        signal = Signal(chords(rng), RATE)
        samples = audio.set_level(signal, speech.LEVEL_DBFS).samples
        found = Speech(speech._segments(speech.speech_probabilities(samples), len(samples)))
        if found.seconds >= speech.LEAST_SECONDS:
            passed.append(spectral_change(samples, found))
            assert not find_speech(signal)
    assert passed, "no chord fooled the detector: the second test could go"
    assert max(passed) < 3.5
    whole = [Signal(word, RATE) for word in words()]
    assert min(spectral_change(s.samples, Speech(((0.0, s.seconds),))) for s in whole) > 3.5


def loud_over_a_hum(word: np.ndarray) -> np.ndarray:
    """A word made four times too loud, clipped, with half a second of a steady hum of 400 Hz before, under and after it."""
    padded = np.pad(word, RATE // 2)
    hum = 0.05 * np.sin(2 * np.pi * 400 * np.arange(len(padded)) / RATE)
    return np.clip(4 * (padded + hum), -1, 1).astype(np.float32)


@lru_cache
def fast_words() -> tuple[np.ndarray, ...]:
    """Four words spoken fast, see `said`."""
    return said([Word(text, name, 220, 50, 50) for name in ("en-us+f1", "en-us+m1") for text in ("six", "hello")])


@pytest.mark.parametrize("i", range(4))
def test_where_the_detector_is_sure_it_is_speech(i):
    """Around a loud, clipped word a hum stands still as a chord does: by `spectral_change` alone such words were refused."""
    signal = Signal(loud_over_a_hum(fast_words()[i]), RATE)
    samples = audio.set_level(audio.centre(signal), speech.LEVEL_DBFS).samples
    p = speech.speech_probabilities(samples)
    assert spectral_change(samples, Speech(speech._segments(p, len(samples)))) < 3.5
    assert np.count_nonzero(p >= 0.9) * 0.032 >= 0.2
    found = find_speech(signal)
    assert any(start < 0.5 + len(fast_words()[i]) / RATE / 2 < end for start, end in found.segments)
    assert not find_speech(Signal(loud_over_a_hum(np.zeros(RATE // 2, np.float32)), RATE)), "the hum alone"


def test_the_detector_is_never_sure_of_a_chord():
    rng = np.random.default_rng(9)
    for decay, harmonics in ((0.0, 5), (3.0, 9)):
        for _ in range(15):
            samples = audio.set_level(Signal(chords(rng, decay=decay, harmonics=harmonics), RATE), speech.LEVEL_DBFS).samples
            assert np.count_nonzero(speech.speech_probabilities(samples) >= speech.SURE) * 0.032 < speech.SURE_SECONDS


def test_long_recordings_are_looked_at_in_pieces_and_nothing_changes(rng, monkeypatch):
    """Against the whole at once, by the libraries' own functions: no seam is seen."""
    sound = np.concatenate([np.concatenate([word, 0.001 * rng.standard_normal(5_000)]) for word in words() * 3]).astype(
        np.float32
    )
    around = np.pad(sound, (speech.BEFORE * speech.FRAME, speech.AFTER * speech.FRAME))
    whole = load_silero_vad(sequence=True).audio_forward(around)[speech.BEFORE :][: -(-len(sound) // speech.FRAME)]
    np.testing.assert_array_equal(speech.speech_probabilities(sound), whole)
    segments = Speech(((0.1, 0.4), (1.0, 2.5), (3.0, 3.3)))
    at_once = spectral_change(sound, segments)
    pitch_at_once = median_f0(Signal(sound, RATE))
    monkeypatch.setattr(speech, "SPECTRA", 37)
    monkeypatch.setattr("voicecam.audio.pitch.PIECE_S", 2.0)
    assert spectral_change(sound, segments) == pytest.approx(at_once, rel=1e-5)
    assert median_f0(Signal(sound, RATE)) == pytest.approx(pitch_at_once, rel=0.05)


def test_finding_speech_in_a_long_recording_takes_little_more_than_one_copy(rng):
    signal = Signal(0.01 * rng.standard_normal(120 * RATE).astype(np.float32), RATE)
    find_speech(Signal(words()[0], RATE))  # loads the detector
    tracemalloc.start()
    try:
        find_speech(signal)
        spectral_change(signal.samples, Speech(((0.0, 1.0),)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 120e6


def test_words_are_found_where_they_are(rng):
    gap, parts, expected = 1.0, [], []
    for word in words():
        parts += [np.zeros(round(gap * RATE)), word]
        end = sum(map(len, parts)) / RATE
        expected.append((end - len(word) / RATE, end))
    sound = np.concatenate([*parts, np.zeros(RATE)])
    sound = sound + 0.0003 * rng.standard_normal(len(sound))
    found = find_speech(Signal(sound.astype(np.float32), RATE))
    assert len(found.segments) == len(expected)
    np.testing.assert_allclose(found.segments, expected, atol=0.15)
    assert found.seconds == pytest.approx(sum(end - start for start, end in expected), rel=0.2)


@pytest.mark.parametrize("i", range(4))
def test_a_word_trimmed_to_its_edges_is_speech_at_any_level_and_rate(i):
    word = words()[i]
    assert len(word) < 0.75 * RATE
    whole = find_speech(Signal(word, RATE))
    assert whole.seconds > 0.6 * len(word) / RATE
    for copy in (Signal(word * np.float32(0.003), RATE), Signal(soxr.resample(word, RATE, 44_100, quality="VHQ"), 44_100)):
        np.testing.assert_allclose(find_speech(copy).segments, whole.segments, atol=0.07)


def test_what_is_cut_out_and_when_it_was():
    samples = np.arange(4 * RATE, dtype=np.float32) / (4 * RATE)  # each sample tells its time
    spoken = cut(Signal(samples, RATE), Speech(((0.1, 0.5), (0.7, 1.0), (2.0, 2.5))))
    np.testing.assert_allclose(spoken.pieces, [(0.0, 1.15), (1.85, 2.65)])  # margins of 0.15 s touch, and stop at the edge
    assert spoken.signal.seconds == pytest.approx(1.15 + 0.8)
    for moment in (0.2, 1.0, 1.3, 1.9):
        assert spoken.time(moment) == pytest.approx(4 * spoken.signal.samples[round(moment * RATE)], abs=1e-3)
    assert spoken.time(1.15) == pytest.approx(1.85)
    assert spoken.time(1.15, end=True) == pytest.approx(1.15)
    assert spoken.time(1.95, end=True) == pytest.approx(2.65)
    with pytest.raises(AudioError, match="no speech"):
        cut(Signal(samples, RATE), Speech(()))


@pytest.mark.parametrize("f0", [85.0, 140.0, 240.0, 400.0])
def test_median_f0_of_a_known_buzz(f0, rng):
    assert median_f0(Signal(voice(f0, rng), RATE)) == pytest.approx(f0, rel=0.01)


def test_noise_and_scraps_have_no_f0(rng):
    assert median_f0(Signal(0.1 * rng.standard_normal(RATE).astype(np.float32), RATE)) is None
    assert median_f0(Signal(np.ones(100, np.float32), RATE)) is None

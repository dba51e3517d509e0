"""Fingerprints of recordings: copies in any dress are known, the same word by other voices is not; and a corpus that a
model was trained on is refused under another name."""

import io
from itertools import combinations

import numpy as np
import pytest
import soundfile as sf
import soxr

from voicecam.audio import Signal, fingerprints
from voicecam.audio.fingerprints import COPY, fingerprint, from_text, nearest, pairs, to_text
from voicecam.corpora.espeak import RATE, Word, speak
from voicecam.errors import ModelError

WORDS = ("seven", "umbrella", "yesterday", "blue")
VOICES = ("en-us+f2", "en-us+m3", "en-us+f4", "en-gb-x-rp+m7", "en-029+m1")


@pytest.fixture(scope="module")
def spoken():
    """Words, each by several voices. (Two takes of a synthetic voice are too alike to be told from copies; people's are not.)"""
    words = [Word(text, voice, 160, 45, 50) for text in WORDS for voice in VOICES]
    return [np.asarray(samples, np.float64) / 32768 for samples in speak(words)]


def differing(a: np.ndarray, b: np.ndarray) -> float:
    """Share of bits, by a second way: Python's own integers."""
    x, y = (int.from_bytes(bits.tobytes(), "big") for bits in (a, b))
    return (x ^ y).bit_count() / (8 * len(a))


def mp3(samples: np.ndarray) -> tuple[np.ndarray, int]:
    buffer = io.BytesIO()
    sf.write(buffer, samples, RATE, format="MP3")
    buffer.seek(0)
    return sf.read(buffer)


def dressed(samples: np.ndarray) -> dict[str, tuple[np.ndarray, int]]:
    noise = 10 ** (-55 / 20) * np.abs(samples).max() * np.random.default_rng(0).standard_normal(2 * len(samples))
    noise[len(samples) // 2 : len(samples) // 2 + len(samples)] += samples
    return {
        "softer": (0.1 * samples, RATE),
        "48 kHz": (soxr.resample(samples, RATE, 48_000), 48_000),
        "8 kHz": (soxr.resample(samples, RATE, 8_000), 8_000),
        "upside down, with an offset": (0.2 - samples / 2, RATE),
        "in room noise": (noise, RATE),
        "MP3": mp3(samples),
    }


@pytest.mark.parametrize("dress", ["softer", "48 kHz", "8 kHz", "upside down, with an offset", "in room noise", "MP3"])
def test_a_copy_is_known_in_any_dress(spoken, dress):
    prints = [fingerprint(Signal(samples.astype(np.float32), RATE)) for samples in spoken]
    found = []
    for samples, known in zip(spoken, prints):
        other, rate = dressed(samples)[dress]
        found.append(differing(fingerprint(Signal(other.astype(np.float32), rate)), known))
    assert np.mean(np.array(found) <= COPY) >= 0.9, np.round(sorted(found), 2)


def test_the_same_word_by_another_voice_is_no_copy(spoken):
    prints = [fingerprint(Signal(samples.astype(np.float32), RATE)) for samples in spoken]
    assert min(differing(a, b) for a, b in combinations(prints, 2)) > COPY
    assert pairs(np.stack(prints)) == []


def test_the_nearest_is_found_as_one_by_one(rng):
    these, those = (rng.integers(0, 256, (n, fingerprints.BYTES), dtype=np.uint8) for n in (300, 17))
    those[5] = these[280]
    best, share = nearest(these, those)
    slow = np.array([[differing(a, b) for b in those] for a in these])
    assert np.array_equal(share, slow.min(axis=1).astype(np.float32))
    assert (best[280], share[280]) == (5, 0.0)


def test_pairs_are_each_found_once(rng):
    these = rng.integers(0, 256, (600, fingerprints.BYTES), dtype=np.uint8)
    these[550], these[7] = these[2], these[599]
    these[7, 0] ^= 1
    assert sorted(pairs(these)) == [(2, 550), (7, 599)]


def test_of_very_many_with_the_same_bits_each_is_paired_with_the_next(rng):
    prints = rng.integers(0, 256, (4, 32), dtype=np.uint8)
    prints[3] = prints[2]
    prints[3, 5] ^= 7  # three bits away
    these = prints[[0] * 3 + [1] * 40 + [2] * 31 + [3] * 2]
    expected = [(0, 1), (0, 2), (1, 2), *((i, i + 1) for i in range(3, 42)), *((i, i + 1) for i in range(43, 73)), (74, 75)]
    assert pairs(these) == sorted([*expected, (43, 74), (43, 75)])


def test_pairs_are_those_of_all_that_are_compared(rng):
    """Near the most bits in which copies may differ, 30 of 256, and with many recordings alike."""
    bits = np.repeat(rng.integers(0, 2, (60, 8 * fingerprints.BYTES), dtype=np.uint8), 4, axis=0)
    for row, n in zip(bits, rng.integers(0, 24, len(bits))):
        row[rng.choice(len(row), n, replace=False)] ^= 1
    apart = (bits[:, None] != bits[None]).sum(axis=2)
    assert {30, 31} <= set(apart.ravel().tolist())
    expected = [(i, j) for i, j in combinations(range(len(bits)), 2) if apart[i, j] <= 30]
    assert pairs(np.packbits(bits, axis=1)) == expected


def test_silence_has_no_bits_and_text_comes_back(rng):
    assert not fingerprint(Signal(np.zeros(8000, np.float32), 8000)).any()
    these = rng.integers(0, 256, (4, fingerprints.BYTES), dtype=np.uint8)
    assert np.array_equal(from_text(to_text(these)), these)
    with pytest.raises(ModelError, match="damaged"):
        from_text(to_text(these)[:-4])

"""A recording -> 256 bits that its copies share, whatever their file name, format, rate or level. Judges no speaker.

For telling whether a model has met a recording in training, and whether a corpus holds one recording twice. Made after Haitsma
and Kalker (2002), "A highly robust audio fingerprinting system": a bit is the sign of how the difference of two neighbouring
bands changes from one moment to the next. Here the moments are 17 equal parts of the clip from its first to its last loud frame:
silence cut from the edges changes little, but a part of a clip is no copy of it.
"""

from base64 import b64decode, b64encode
from functools import lru_cache

import numpy as np

from voicecam import audio
from voicecam.audio.signal import Signal, hann
from voicecam.errors import ModelError

RATE = 8_000  # Hz; what the corpora with the lowest rate have
WINDOW, HOP = 256, 40  # samples; 32 ms and 5 ms
LOW_HZ, HIGH_HZ = 250.0, 3_500.0  # what a telephone line carries, too
BANDS, PARTS = 17, 17  # 16 differences each: 256 bits
EDGE_DB = -30.0  # dB re the loudest frame, over the bands: where a clip begins and ends
FLOOR_DB = -50.0  # dB re the loudest cell; deeper cells are noise or silence
BYTES = (BANDS - 1) * (PARTS - 1) // 8
# Fraction of bits: at most as many differ between copies. Among 7,282 clips of 17 corpora the two most alike that are no copies
# differ in 0.18; of 150 of them all were known again at another rate or level, 9 in 10 as MP3 or Ogg at the encoder's default.
# Two takes of a synthetic voice can be as alike as copies.
COPY = 0.12
ROWS_AT_ONCE = 256  # bounds the memory of `nearest`


def fingerprint(signal: Signal) -> np.ndarray:
    """The bits of a recording at any rate, uint8 (BYTES,), eight to a byte. Zeros for one in which nothing sounds."""
    energies = _energies(audio.resample(audio.centre(signal), RATE).samples)  # (frame, band)
    total = energies.sum(axis=1)
    loud = np.flatnonzero(total > total.max() * 10 ** (EDGE_DB / 10))
    if not len(loud):
        return np.zeros(BYTES, np.uint8)
    clip = energies[loud[0] : loud[-1] + 1]
    level = 10 * np.log10(clip + clip.max() * 10 ** (FLOOR_DB / 10))
    change = np.diff(np.diff(_parts(level), axis=0), axis=1)  # (part, band) -> (part - 1, band - 1)
    return np.packbits(change > 0)


def nearest(these: np.ndarray, those: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each of `these` the one of `those` that is most alike: its number, int (n,), and the fraction of bits that differ (n,).

    these : uint8 (n, BYTES); those : uint8 (m, BYTES), m > 0. Copies differ by at most COPY.
    """
    best, share = np.zeros(len(these), int), np.ones(len(these))
    for start in range(0, len(these), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        found = _differing(these[rows], those)
        best[rows] = found.argmin(axis=1)
        share[rows] = found.min(axis=1)
    return best, share


def count_copies(these: np.ndarray, those: np.ndarray | None) -> int:
    """How many of `these` are copies of one of `those`, uint8 (n, BYTES) and (m, BYTES); 0 where `those` is None."""
    return 0 if those is None or not len(those) else int((nearest(these, those)[1] <= COPY).sum())


def pairs(these: np.ndarray) -> list[tuple[int, int]]:
    """Numbers (i, j), i < j, of all pairs of copies among `these`, uint8 (n, BYTES), in order.

    Copies differ in 30 of 256 bits at most, so of 16 words of 16 bits one at least differs in one bit or none: only recordings
    with such a word are compared (multi-index hashing, Norouzi et al. 2012), a hundredth of all pairs or so.
    """
    bits = np.ascontiguousarray(these)
    most, found = int(COPY * 8 * BYTES), np.zeros((0, 2), int)
    for word in bits.view(np.uint16).T:
        order = np.argsort(word, kind="stable")  # in this order those alike in the word lie side by side in memory
        value, wide = word[order].astype(np.int32), bits.view(np.uint64)[order]
        half, rest = wide[:, :2].copy(), wide[:, 2:].copy()
        starts = np.searchsorted(value, np.arange(2**16 + 1)).astype(np.int32)
        for flip in (0, *(1 << bit for bit in range(16))):
            asking = np.flatnonzero(value & flip == 0).astype(np.int32)  # each pair is met from one side
            first = starts[value[asking] ^ flip]
            n = starts[(value[asking] ^ flip) + 1] - first
            one = np.repeat(asking, n)
            other = np.arange(len(one), dtype=np.int32) + np.repeat(first - np.cumsum(n, dtype=np.int32) + n, n)
            differing = _count(half[one] ^ half[other])
            like = np.flatnonzero(differing <= most)  # few: half of the bits tells most recordings apart
            one, other = one[like], other[like]
            copies = differing[like] + _count(rest[one] ^ rest[other]) <= most
            both = np.sort(np.stack([order[one[copies]], order[other[copies]]], axis=1), axis=1)
            found = np.unique(np.concatenate([found, both[both[:, 0] < both[:, 1]]]), axis=0)
    return list(map(tuple, found.tolist()))


def _count(words: np.ndarray) -> np.ndarray:
    """How many bits are set in two words of 64, uint8 (n,), of uint64 (n, 2)."""
    return np.bitwise_count(words[:, 0]) + np.bitwise_count(words[:, 1])


def to_text(prints: np.ndarray) -> str:
    """Fingerprints, uint8 (n, BYTES), as text for JSON (base64)."""
    return b64encode(np.ascontiguousarray(prints, np.uint8).tobytes()).decode("ascii")


def from_text(text: str) -> np.ndarray:
    """What `to_text` wrote, uint8 (n, BYTES). Raises ModelError for text that is not whole."""
    try:
        return np.frombuffer(b64decode(text, validate=True), np.uint8).reshape(-1, BYTES)
    except ValueError as reason:
        raise ModelError(f"fingerprints of the training clips are damaged ({reason}); train or fetch the model again") from None


def _differing(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """Fraction of bits that differ, float32 (n, m)."""
    wide = [np.ascontiguousarray(prints).view(np.uint64) for prints in (these, those)]  # (n, BYTES) -> (n, BYTES / 8)
    counts = np.zeros((len(these), len(those)), np.uint16)
    for word in range(BYTES // 8):
        counts += np.bitwise_count(wide[0][:, None, word] ^ wide[1][None, :, word])
    return counts / np.float32(8 * BYTES)


def _energies(samples: np.ndarray) -> np.ndarray:
    """Power in each band, float (frame, BANDS), of samples at RATE; frames stand WINDOW / 2 over both edges."""
    padded = np.zeros(len(samples) + WINDOW)  # np.pad takes ten times as long
    padded[WINDOW // 2 : -WINDOW // 2] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]  # (frame, sample)
    spectra = np.fft.rfft(frames * hann(WINDOW), axis=1)
    power = spectra.real**2 + spectra.imag**2
    return power @ _bands().T  # (frame, bin) -> (frame, band)


@lru_cache(maxsize=1)
def _bands() -> np.ndarray:
    """Weights of overlapping triangles, evenly spaced in the logarithm of frequency, float (BANDS, bin)."""
    hertz = np.log(np.maximum(np.fft.rfftfreq(WINDOW, 1 / RATE), 1.0))
    edges = np.linspace(np.log(LOW_HZ), np.log(HIGH_HZ), BANDS + 1)
    middles, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    return np.clip(1 - np.abs(hertz - middles[:, None]) / width, 0, None)


def _parts(level: np.ndarray) -> np.ndarray:
    """Mean level in each of PARTS equal parts of a clip, float (PARTS, BANDS), of level (frame, BANDS)."""
    edges = np.linspace(0, len(level), PARTS + 1)
    sums = np.vstack([np.zeros(level.shape[1]), np.cumsum(level, axis=0)])
    before = np.minimum(edges.astype(int), len(level) - 1)
    there = sums[before] + (edges - before)[:, None] * level[before]  # (PARTS + 1, BANDS), between two sums a straight line
    return np.diff(there, axis=0) / np.diff(edges)[:, None]

"""Sound -> what lies in bands of it, by linear-phase FIR filters whose delay is taken out. Knows no network."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import firwin, kaiserord

from voicecam.errors import ExplainError

DEPTH_DB = 60.0  # dB taken off inside a stopped band, a thousandth of the amplitude: below the floor of the log-mel pictures
SOFTEST, HARDEST = 100.0, 5.0  # Hz; widest and narrowest edge. At 5 Hz the filter is 0.7 s long; a harder edge rings longer
EDGE_SHARE = 0.25  # of the band's width; leaves three quarters of it at full depth
NARROWEST = 2 * HARDEST  # Hz; of a band
CLOSE = 0.01  # Hz; limits that differ by no more are the same
Filter = tuple[Callable[[int, float, float], np.ndarray], int, float, float]  # what makes its taps, and from what


def kept_bands(samples: np.ndarray, rate: int, limits: Sequence[tuple[float, float]]) -> np.ndarray:
    """What lies in each band, float64 (band, n_samples), each with its own edges as `bandstop.band_stop` says.

    Raises ExplainError for a band narrower than 10 Hz, above half the rate, or as wide as the whole spectrum.
    """
    return _filtered(samples, [(_band_pass, rate, float(low), float(high)) for low, high in limits])


def split_sound(samples: np.ndarray, rate: int, limits: Sequence[tuple[float, float]]) -> np.ndarray:
    """The sound in parts of one band each that add up to it, float64 (band, n_samples).

    limits : (low, high) in Hz of each band, rising, from 0 to half the rate without gap or overlap
    Each part is the difference of two low-pass filters, one below its upper limit and one below its lower limit; the first low
    pass is nothing and the last one the sound itself, so the parts add up to it whatever the filters do. The filters are those of
    `kept_bands`, but the two sides of a border share one edge, that of the narrower band: bands of one width, or all of 400 Hz
    or more, come out as they do there.
    Raises ExplainError for bands that leave a gap, overlap, or are narrower than 10 Hz.
    """
    _check_tiling(limits, rate)
    wide = [high - low for low, high in limits]
    edges = [_edge(min(pair)) for pair in pairwise(wide)]
    lows = _filtered(samples, [(_low_pass, rate, float(high), edge) for (_, high), edge in zip(limits, edges)])  # (band - 1, n)
    whole = np.asarray(samples, dtype=np.float64)[None]
    return np.diff(np.concatenate([np.zeros_like(whole), lows, whole]), axis=0)


def _filtered(samples: np.ndarray, filters: Sequence[Filter]) -> np.ndarray:
    """The samples through each odd, symmetric filter, float64 (filter, n_samples): all on one spectrum of the samples."""
    taps = [make(rate, a, b) for make, rate, a, b in filters]
    n = next_fast_len(len(samples) + max(map(len, taps), default=0), real=True)
    spectrum = rfft(np.asarray(samples, dtype=np.float64), n)
    found = np.empty((len(filters), len(samples)))
    for i, one in enumerate(filters):
        found[i] = irfft(spectrum * _response(one, n), n)[: len(samples)]
    return found


@lru_cache(maxsize=256)
def _response(one: Filter, n: int) -> np.ndarray:
    """What a filter does to each bin of a spectrum of n samples, float64 (n // 2 + 1,): its middle tap stands at time 0, so that
    it delays nothing. Clips of one length share it."""
    make, rate, a, b = one
    taps = make(rate, a, b)
    return rfft(np.roll(np.pad(taps, (0, n - len(taps))), -(len(taps) // 2))).real


@lru_cache(maxsize=128)
def _band_pass(rate: int, low: float, high: float) -> np.ndarray:
    """The filter that passes low to high Hz: odd, symmetric. Raises ExplainError, see `kept_bands`."""
    low, high = max(low, 0.0), min(high, rate / 2)
    if high - low < NARROWEST:
        raise ExplainError(f"band {low:g}-{high:g} Hz at {rate} Hz: must be {NARROWEST:g} Hz wide or more; choose a wider band")
    edge = _edge(high - low)
    cutoffs = [f for f in (low, high) if edge / 2 < f < rate / 2 - edge / 2]
    if not cutoffs:
        raise ExplainError(f"band {low:g}-{high:g} Hz at {rate} Hz: this is the whole spectrum; choose a narrower band")
    n, beta = kaiserord(DEPTH_DB, edge / (rate / 2))
    return firwin(n | 1, cutoffs, window=("kaiser", beta), pass_zero=low <= edge / 2, scale=False, fs=rate)


@lru_cache(maxsize=128)
def _low_pass(rate: int, high: float, edge: float) -> np.ndarray:
    """The filter that passes up to `high` Hz, its edge `edge` Hz wide: odd, symmetric."""
    n, beta = kaiserord(DEPTH_DB, edge / (rate / 2))
    return firwin(n | 1, high, window=("kaiser", beta), scale=False, fs=rate)


def _edge(width: float) -> float:
    """Width in Hz of the edge of a band so many Hz wide."""
    return float(np.clip(EDGE_SHARE * width, HARDEST, SOFTEST))


def _check_tiling(limits: Sequence[tuple[float, float]], rate: int) -> None:
    lows, highs = [low for low, _ in limits], [high for _, high in limits]
    if not np.allclose([*lows, rate / 2], [0, *highs], rtol=0, atol=CLOSE):
        raise ExplainError(f"bands must cover 0 to {rate / 2:g} Hz without gap or overlap; make them with waveform.tiled")
    for low, high in limits:
        if high - low < NARROWEST:
            raise ExplainError(f"band {low:g}-{high:g} Hz: must be {NARROWEST:g} Hz wide or more; choose a wider band")

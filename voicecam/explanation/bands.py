"""Maps -> share of evidence per band and class, with intervals over speakers. Bands are the rows of the map's own grid, or a set
of bands in Hz. Differences between classes are in differences.py.

A share says where the map has its weight, not what the network needs; that takes a test on the sound itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from voicecam.config import BAND_SETS, Config
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.cells import feature_edges
from voicecam.features import band_edges

THIRDS = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800)  # Hz, nominal middles of a decade of third-octaves (IEC 61260)
FORMANTS = {  # Hz; what adults' voices have there, see band_set
    "F0": (60.0, 300.0),
    "F1": (300.0, 1000.0),
    "F2": (1000.0, 2500.0),
    "F3": (2500.0, 3500.0),
    "above F3": (3500.0, np.inf),
}


@dataclass(frozen=True)
class Bands:
    """Bands in Hz. names : one per band; limits : (low, high) of each, rising, without overlap."""

    names: tuple[str, ...]
    limits: tuple[tuple[float, float], ...]


def band_set(name: str, config: Config) -> Bands:
    """A named set of bands, cut off at the top of the config's mel bands. What lies outside its bands is in none of them.

    mel : the config's own mel bands, whatever its recipe
    octaves, third-octaves : base 2 around 1 kHz, from the one of 125 Hz or 100 Hz upwards; both start at 88.4 Hz
    formants : where adults' fundamental and their first formants lie, in round numbers. Hillenbrand et al. 1995 (12 vowels, 45
        men, 48 women): means of F1 342 to 936 Hz, F2 997 to 2761 Hz, F3 (but for "er") 2343 to 3372 Hz; so the borders are those
        of most vowels, not of all: a woman's /i/ has its F2 in the band named F3. F0 of adults' speech is mostly 85 to 255 Hz,
        more where it is lively. Harmonics of F0 fill the bands above it.
    Raises ExplainError for an unknown name.
    """
    if name not in BAND_SETS:
        raise ExplainError(f"bands {name!r}: not known; use one of {', '.join(BAND_SETS)}")
    if name == "mel":
        own = replace(config, features="logmel")
        return Bands(tuple(band_names(config.n_mels, own)), tuple(band_limits(config.n_mels, own)))
    found = FORMANTS if name == "formants" else _octaves(3 if name == "third-octaves" else 1, config.top_hz)
    kept = {title: (low, min(high, config.top_hz)) for title, (low, high) in found.items() if low < config.top_hz}
    return Bands(tuple(kept), tuple(kept.values()))


def _octaves(parts: int, top: float) -> dict[str, tuple[float, float]]:
    """Octaves (parts = 1) or third-octaves (3) up to `top` Hz, with their nominal middles as names."""
    found = {}
    for step in range(-9 if parts == 1 else -10, 1 + int(3 * np.log2(top / 1000) + 1.5), 3 // parts):  # thirds from 1 kHz
        nominal = THIRDS[(step + 10) % 10] * 10 ** ((step + 10) // 10)
        middle, half = 1000 * 2 ** (step / 3), 2 ** (1 / (2 * parts))
        found[f"{nominal} Hz" if nominal < 1000 else f"{nominal / 1000:g} kHz"] = (middle / half, middle * half)
    return found


def row_profile(maps: np.ndarray) -> np.ndarray:
    """Signed sum over time, float (clip, h), of maps (clip, h, w)."""
    return maps.sum(axis=2)


def to_bands(profile: np.ndarray, limits: Sequence[tuple[float, float]], bands: Bands) -> np.ndarray:
    """Weight of each band, float (clip, band), of weights of rows.

    profile : float (clip, h), shares or signed weights; limits : (low, high) in Hz of each of the h rows, see `band_limits`
    A row's weight is spread evenly over its Hz, and a band gets the part that lies in it: totals stay where the bands cover the
    rows. A row that is wider than a band says nothing about where in itself the weight lies.
    Raises ExplainError when the numbers of rows differ.
    """
    if profile.shape[1] != len(limits):
        raise ExplainError(f"a profile of {profile.shape[1]} rows and limits of {len(limits)}; give the limits of its rows")
    low, high = (np.array(edge)[:, None] for edge in zip(*limits))  # (h, 1)
    first, last = (np.array(edge) for edge in zip(*bands.limits))  # (band,)
    overlap = np.maximum(np.minimum(high, last) - np.maximum(low, first), 0)  # (h, band)
    return profile @ (overlap / (high - low))


def band_shares(maps: np.ndarray) -> np.ndarray:
    """Share of each grid row in the positive part of each map.

    maps : float (clip, h, w), raw
    Returns float (clip, h); each row sums to 1, or is NaN for a blank map (nothing above 0), which has no shares.
    """
    positive = np.maximum(maps, 0).sum(axis=2)  # (clip, h, w) -> (clip, h)
    total = positive.sum(axis=1, keepdims=True)
    return np.divide(positive, total, out=np.full(positive.shape, np.nan), where=total > 0)


def band_rows(h: int, config: Config) -> list[tuple[float, float]]:
    """First and last edge of each grid row, in feature rows (0 to config.n_rows); h may be a layer's, the picture's or n_rows."""
    return list(pairwise(map(float, feature_edges(h, config.image_rows, config.n_rows))))


def band_limits(h: int, config: Config) -> list[tuple[float, float]]:
    """Limits of each grid row: in Hz for logmel, as coefficient numbers otherwise; see `cells` on where the rows of a layer lie.

    A mel band's own limits are taken half way to its neighbours' centres, where its triangle meets theirs: there lies the loudest
    row of a pure tone. A network can find it in the next row all the same. A tone off a row's centre sounds in two rows, and a
    picture shows each in units of its own spread: at 5.5 kHz (64 rows up to 8 kHz) the next row is 7 dB softer and nearly as
    bright, tells the class as well, and gets the evidence. Limits are not at fault, and Hz are no finer than such two rows.
    """
    if config.features != "logmel":
        return band_rows(h, config)
    centres = band_edges(config)[1:-1]
    limits = np.concatenate([[config.f_min], (centres[:-1] + centres[1:]) / 2, [config.top_hz]])
    at = np.arange(config.n_rows + 1)
    return [(float(np.interp(a, at, limits)), float(np.interp(b, at, limits))) for a, b in band_rows(h, config)]


def band_names(h: int, config: Config) -> list[str]:
    """Names of the grid rows for people: "0.25-0.51 kHz", or "c3-c5", the coefficients that lie in the row at least half."""
    if config.features == "logmel":
        return [f"{low / 1000:.2f}-{high / 1000:.2f} kHz" for low, high in band_limits(h, config)]
    names = []
    for low, high in band_rows(h, config):
        first, last = int(np.ceil(low - 0.5)), int(np.floor(high - 0.5))
        first, last = (first, last) if last >= first else (int((low + high) / 2),) * 2
        names.append(f"c{first}" if first == last else f"c{first}-c{last}")
    return names


def bands_by_class(
    shares: np.ndarray,
    null_shares: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    config: Config | Bands,
    *,
    shuffled_shares: np.ndarray | None = None,
    right: np.ndarray | None = None,
) -> pd.DataFrame:
    """Mean share of evidence per class and band: clips are averaged per speaker, then speakers.

    shares, null_shares : float (clip, h) of the network, and of the same network with random weights
    classes_of, speakers : class and speaker of each clip; config : of the pictures whose rows the bands are, or the bands
    shuffled_shares : the same of a network trained on shuffled labels; right : bool (clip,), whether the network named the class
    Returns one row per class and band: class, band, name, from, to, unit, share, low, high (95 % over speakers; NaN
    for one), null_share, clips, speakers, blank (clips whose map is blank; they are in no mean); with shuffled_shares also
    shuffled_share; with right also clips_of, and rows for "all", "right" and "wrong" clips (a class without such clips
    has NaN shares).
    """
    controls = {"null_share": null_shares} | ({} if shuffled_shares is None else {"shuffled_share": shuffled_shares})
    groups = {"all": np.ones(len(shares), dtype=bool)}
    if right is not None:
        groups |= {"right": np.asarray(right, dtype=bool), "wrong": ~np.asarray(right, dtype=bool)}
    names, voices, rows = np.asarray(classes_of, dtype=str), pd.Series(list(speakers)), []
    for title, chosen in groups.items():
        for name in np.unique(names):
            here = (names == name) & chosen
            kept = {key: values[here] for key, values in controls.items()}
            found = _class_rows(str(name), shares[here], kept, voices[here], config)
            rows += [{**row, "clips_of": title} for row in found]
    table = pd.DataFrame(rows)
    return table if right is not None else table.drop(columns="clips_of")


def _class_rows(
    name: str, shares: np.ndarray, controls: dict[str, np.ndarray], speakers: pd.Series, config: Config | Bands
) -> list[dict[str, object]]:
    """Rows of `bands_by_class`, one per band, of one class's clips."""
    h = shares.shape[1]
    means = _speaker_means(shares, speakers)  # (speaker, band)
    low, high = _interval(means)
    facts = {"share": _mean(means), "low": low, "high": high}
    facts |= {key: _mean(_speaker_means(values, speakers)) for key, values in controls.items()}
    counts = {"clips": len(shares), "speakers": len(means), "blank": int(np.isnan(shares[:, 0]).sum())}
    in_hertz = isinstance(config, Bands) or config.features == "logmel"
    places = (config.names, config.limits) if isinstance(config, Bands) else (band_names(h, config), band_limits(h, config))
    return [
        {"class": name, "band": band, "name": title, "from": start, "to": end, "unit": "Hz" if in_hertz else "coefficient"}
        | {key: values[band] for key, values in facts.items()}
        | counts
        for band, (title, (start, end)) in enumerate(zip(*places, strict=True))
    ]


def mean_maps(maps: np.ndarray, classes_of: Sequence[str], speakers: Sequence[str]) -> dict[str, np.ndarray]:
    """Mean map per class, float (h, w): the positive part of each map as shares of its sum, averaged per speaker, then over
    speakers; a cell of 1/(h w) has its even share. Blank maps are left out; a class with blank maps only gives NaN."""
    flat = np.maximum(maps, 0).reshape(len(maps), -1)  # (clip, h, w) -> (clip, h w)
    total = flat.sum(axis=1, keepdims=True)
    shares = np.divide(flat, total, out=np.full(flat.shape, np.nan), where=total > 0)
    table = pd.DataFrame({"class": list(classes_of), "speaker": list(speakers)})
    found = {}
    for name in sorted(table["class"].unique()):
        here = (table["class"] == name).to_numpy()
        means = _speaker_means(shares[here], table["speaker"][here])
        found[name] = _mean(means).reshape(maps.shape[1:])  # (h w,) -> (h, w)
    return found


def _speaker_means(shares: np.ndarray, speakers: pd.Series) -> np.ndarray:
    """Mean over each speaker's clips that are not blank, (speaker, band); a speaker with blank maps only has no row."""
    kept = np.isfinite(shares).all(axis=1)
    return pd.DataFrame(shares[kept]).groupby(speakers.to_numpy()[kept]).mean().to_numpy()


def _mean(means: np.ndarray) -> np.ndarray:
    """Mean over speakers, (band,), of (speaker, band); NaN where there is none."""
    return means.mean(axis=0) if len(means) else np.full(means.shape[1], np.nan)


def _interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the mean over speakers, (band,) each, of (speaker, band); NaN for fewer than two speakers."""
    found = [over_speakers(band, range(len(means))) for band in means.T]
    low, high = (np.array([one[end] for one in found]) for end in ("low", "high"))
    return low, high

"""Maps -> share of evidence per band and class, with intervals over speakers. Bands are the rows of the map's own grid.

A share says where the map has its weight, not what the network needs; that takes a test on the sound itself.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from voicecam.config import Config
from voicecam.features import band_edges

DRAWS = 2000  # bootstrap draws over speakers


def band_shares(maps: np.ndarray) -> np.ndarray:
    """Share of each grid row in the positive part of each map.

    maps : float (clip, h, w), raw
    Returns float (clip, h); each row sums to 1, or is NaN for a blank map (nothing above 0), which has no shares.
    """
    positive = np.maximum(maps, 0).sum(axis=2)  # (clip, h, w) -> (clip, h)
    total = positive.sum(axis=1, keepdims=True)
    return np.divide(positive, total, out=np.full(positive.shape, np.nan), where=total > 0)


def band_rows(h: int, config: Config) -> list[tuple[float, float]]:
    """First and last edge of each grid row's part of the picture, in feature rows (0 to config.n_rows)."""
    edges = np.linspace(0, config.n_rows, h + 1)
    return list(pairwise(map(float, edges)))


def band_limits(h: int, config: Config) -> list[tuple[float, float]]:
    """Limits of each grid row: in Hz for logmel, as coefficient numbers otherwise.

    A mel band's own limits are taken half way to its neighbours' centres, where its triangle meets theirs.
    """
    if config.recipe != "logmel":
        return band_rows(h, config)
    centres = band_edges(config)[1:-1]
    limits = np.concatenate([[config.f_min], (centres[:-1] + centres[1:]) / 2, [config.top_hz]])
    at = np.arange(config.n_rows + 1)
    return [(float(np.interp(a, at, limits)), float(np.interp(b, at, limits))) for a, b in band_rows(h, config)]


def band_names(h: int, config: Config) -> list[str]:
    """Names of the grid rows for people: "0.25-0.51 kHz", or "c3-c5", the coefficients that lie in the row at least half."""
    if config.recipe == "logmel":
        return [f"{low / 1000:.2f}-{high / 1000:.2f} kHz" for low, high in band_limits(h, config)]
    names = []
    for low, high in band_rows(h, config):
        first, last = int(np.ceil(low - 0.5)), int(np.floor(high - 0.5))
        first, last = (first, last) if last >= first else (int(low), int(low))
        names.append(f"c{first}" if first == last else f"c{first}-c{last}")
    return names


def bands_by_class(
    shares: np.ndarray,
    null_shares: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    config: Config,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean share of evidence per class and band: clips are averaged per speaker, then speakers.

    shares, null_shares : float (clip, h) of the network, and of the same network with random weights
    classes_of, speakers : class and speaker of each clip
    Returns one row per class and band: class, band, name, from, to, unit, share, low, high (95 % bootstrap over speakers),
    null_share, clips, speakers, blank (clips whose map is blank; they are in no mean).
    """
    h = shares.shape[1]
    unit = "Hz" if config.recipe == "logmel" else "coefficient"
    places = list(zip(band_names(h, config), band_limits(h, config)))
    table = pd.DataFrame({"class": list(classes_of), "speaker": list(speakers)})
    rows = []
    for name in sorted(table["class"].unique()):
        here = (table["class"] == name).to_numpy()
        means = _speaker_means(shares[here], table["speaker"][here])  # (speaker, band)
        null = (
            np.nanmean(_speaker_means(null_shares[here], table["speaker"][here]), axis=0)
            if np.isfinite(null_shares[here]).any()
            else np.full(h, np.nan)
        )
        low, high = _bootstrap(means, np.random.default_rng(seed))
        for band, (band_name, (start, end)) in enumerate(places):
            rows.append(
                {
                    "class": name,
                    "band": band,
                    "name": band_name,
                    "from": start,
                    "to": end,
                    "unit": unit,
                    "share": means[:, band].mean() if len(means) else np.nan,
                    "low": low[band],
                    "high": high[band],
                    "null_share": null[band],
                    "clips": int(here.sum()),
                    "speakers": len(means),
                    "blank": int(np.isnan(shares[here, 0]).sum()),
                }
            )
    return pd.DataFrame(rows)


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
        mean = means.mean(axis=0) if len(means) else np.full(flat.shape[1], np.nan)
        found[name] = mean.reshape(maps.shape[1:])  # (h w,) -> (h, w)
    return found


def _speaker_means(shares: np.ndarray, speakers: pd.Series) -> np.ndarray:
    """Mean over each speaker's clips that are not blank, (speaker, band); a speaker with blank maps only has no row."""
    kept = np.isfinite(shares).all(axis=1)
    return pd.DataFrame(shares[kept]).groupby(speakers.to_numpy()[kept]).mean().to_numpy()


def _bootstrap(means: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile interval of the mean over speakers, by drawing speakers with replacement; (band,) each."""
    if not len(means):
        return np.full(means.shape[1], np.nan), np.full(means.shape[1], np.nan)
    counts = rng.multinomial(len(means), np.full(len(means), 1 / len(means)), size=DRAWS)
    low, high = np.percentile(counts @ means / len(means), [2.5, 97.5], axis=0)
    return low, high

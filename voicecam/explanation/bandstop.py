"""The causal check: take one band out of the sound, ask the network again, and see what its score loses.

A drop says what this network does without the band, on sound that nobody speaks: bands that carry the same information can stand
in for each other, so a small drop does not show that a band says nothing. Band sets and profiles of maps are in bands.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from voicecam.audio import Signal
from voicecam.data.dataset import signal_matrix
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import Jackknife, jackknife
from voicecam.explanation.filters import kept_bands
from voicecam.network import Model
from voicecam.progress import Progress

CORRELATION = (-1.0, 1.0)
FEWEST = 3  # bands; with fewer, ranks are 1 or -1 by themselves

Logits = Callable[[list[Signal]], np.ndarray]
Sums = Callable[[np.ndarray], np.ndarray]  # over speakers


def band_stop(samples: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """The samples without what lies from `low` to `high` Hz, float32 (n_samples,), nothing moved in time.

    Linear-phase FIR by the window method (Kaiser 1974), its delay taken out. An edge is a quarter of the band wide, but 5 to 100
    Hz, and 6 dB down in its middle, which is the limit: 60 dB are gone from low + edge / 2 to high - edge / 2, and outside
    low - edge / 2 to high + edge / 2 the sound stays within 0.01 dB. A limit less than half an edge from 0 or from half the rate,
    or past it, leaves that side open (high-pass, low-pass). Before and after the samples lies silence: a tone that begins or ends
    there leaves a click of its own, however good the filter.
    Raises ExplainError for a band narrower than 10 Hz, above half the rate, or as wide as the whole spectrum.
    """
    return (samples - kept_bands(samples, rate, [(low, high)])[0]).astype(np.float32)


def keep_only(samples: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """What `band_stop` takes away, float32 (n_samples,): the two add up to the samples."""
    return kept_bands(samples, rate, [(low, high)])[0].astype(np.float32)


def window_logits(model: Model) -> Logits:
    """The model as `measure_drops` asks it: prepared windows -> logits, float32 (signal, class).

    Prepare each recording once, with audio.prepare(signal, model.config), and filter that window: the loudest stretch of a
    filtered recording may be another one. The window's level is set again and its offset left alone, as it may hold padding.
    """
    config = replace(model.config, centre=False)
    return lambda signals: model.logits(np.stack([signal_matrix(signal, config) for signal in signals]))


def measure_drops(
    logits: Logits,
    signals: Sequence[Signal],
    limits: Sequence[tuple[float, float]],
    target: np.ndarray,
    *,
    contrast: np.ndarray | None = None,
    keep: bool = False,
    progress: Progress = lambda items, total: items,
) -> np.ndarray:
    """How much of each clip's score each band carries, float (clip, band), in logits; above 0 the band speaks for the class.

    logits : called with prepared windows, gives (signal, class), see `window_logits`
    signals : windows as audio.prepare gives them; padding before and after the sound stays digital silence
    limits : low and high end of each band in Hz
    target, contrast : int (clip,), class whose logit is the score, and class whose logit is taken off it, or None
    keep : False: the score of the clip minus its score without the band. True: its score with this band alone minus the score of
        the clip; mostly below 0, and the nearer to it (or above), the better the band does by itself
    progress : called as progress(iterable, total); gives the iterable back

    The model's own preparation sets the level of what is left again. So a drop is not that of a softer clip; but without a loud
    band the others come out louder, and cells that lay below the floor come to light: a band that holds most of the sound has a
    drop of this kind as well. With keep, a band in which the clip has nothing is its noise at full level.
    """
    _check_asked(len(signals), target=target, contrast=contrast)
    drops = np.zeros((len(signals), len(limits)))
    for i in progress(range(len(signals)), len(signals)):
        changed = _changed(signals[i], limits, keep=keep)
        drops[i] = _losses(logits([signals[i], *changed]), i, target, contrast)
    return -drops if keep else drops


def matrix_drops(
    logits_of_log_mel: Callable[[np.ndarray], np.ndarray],
    log_mel: np.ndarray,
    limits_of_rows: Sequence[tuple[float, float]],
    limits: Sequence[tuple[float, float]],
    target: np.ndarray,
    *,
    contrast: np.ndarray | None = None,
    progress: Progress = lambda items, total: items,
) -> np.ndarray:
    """Like `measure_drops` where there is no sound: a band's rows are set to the clip's floor, its softest cell.

    A row that lies in the band by half loses half its energy (3 dB), as if that were spread evenly over its width.

    logits_of_log_mel : called with mel energies in dB, float (n, n_mels, n_frames), gives (n, class)
    log_mel : float (clip, n_mels, n_frames)
    limits_of_rows, limits : low and high end in Hz of each row, and of each band; without a row, a band's drop is 0
    Returns float (clip, band). The level is not set again.
    """
    _check_asked(len(log_mel), target=target, contrast=contrast)
    shared = [[max(0.0, min(b, high) - max(a, low)) / (b - a) for a, b in limits_of_rows] for low, high in limits]  # (band, row)
    with np.errstate(divide="ignore"):
        change_db = 10 * np.log10(1 - np.array(shared))[:, :, None]  # (band, row, 1); -inf for a row wholly in the band
    drops = np.zeros((len(log_mel), len(limits)))
    for i in progress(range(len(log_mel)), len(log_mel)):
        without = np.maximum(log_mel[i] + change_db, log_mel[i].min())  # (band, row, frame)
        drops[i] = _losses(logits_of_log_mel(np.concatenate([log_mel[i : i + 1], without])), i, target, contrast)
    return drops


def drop_table(
    drops: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    names: Sequence[str],
    limits: Sequence[tuple[float, float]],
) -> pd.DataFrame:
    """Mean drop per class and band: clips are averaged per speaker, then speakers.

    drops : float (clip, band); classes_of, speakers : of each clip; names, limits : of each band, in Hz
    Returns one row per class and band: class, band, name, from, to, drop, low, high (95 % over speakers; NaN for one), clips,
    speakers.
    """
    classes = np.asarray(classes_of)
    tested = jackknife(pd.DataFrame({"speaker": list(speakers), "true": list(classes_of)}), equal=True)
    rows = []
    for name in np.unique(classes):
        here = classes == name
        voices = len(np.unique(tested.number[here]))
        means = _speaker_means(tested, drops, here, tested.without)  # (1 + speaker, band)
        low, high = tested.ends(means[0], means[1:])
        for band, (start, end) in enumerate(limits):
            row = {"class": str(name), "band": band, "name": names[band], "from": start, "to": end, "drop": means[0, band]}
            rows.append({**row, "low": low[band], "high": high[band], "clips": int(here.sum()), "speakers": voices})
    return pd.DataFrame(rows)


def agreement(
    profiles: Mapping[str, np.ndarray],
    drops: np.ndarray,
    classes_of: Sequence[str],
    speakers: Sequence[str],
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Do the bands that a method's maps point at cost the most when they are taken away? Rank correlations (Spearman) over bands.

    profiles : of each method, float (clip, band), on the bands of `drops`; a clip with NaN is blank: left out, and counted
    drops : float (clip, band), for the class that the maps explain; classes_of, speakers : of each clip
    Returns one row per method: method; spearman, low, high: mean profile with mean drop (clips averaged per speaker, then
    speakers), per class, then averaged over classes; spearman_clip, clip_low, clip_high: the same per clip, averaged per speaker,
    then over speakers; clips, blank, speakers. Intervals: 95 % over speakers, whose maps and drops stay together: of
    `spearman` from speakers drawn again, as ranks are not smooth, of `spearman_clip` from speakers left out. They know nothing of
    chance among so few bands: give random weights' profiles, too. NaN for a class of one speaker, or bands that are all alike.
    Raises ExplainError for profiles of another shape than the drops, and for fewer than 3 bands.
    """
    classes = np.asarray(classes_of)
    tested = jackknife(pd.DataFrame({"speaker": list(speakers), "true": list(classes_of)}), equal=True)
    rows = []
    for method, profile in profiles.items():
        _check_profile(method, profile, drops)
        given, alone = np.isfinite(profile).all(axis=1), _spearman(profile, drops)  # (clip,) each
        chosen = [given & (classes == name) for name in np.unique(classes[given])]
        row = {"method": method, **dict(zip(("spearman", "low", "high"), _between_means(tested, profile, drops, chosen, seed)))}
        clip = _speaker_means(tested, alone[:, None], np.isfinite(alone), tested.without)[:, 0]
        row["spearman_clip"] = clip[0]
        row |= dict(zip(("clip_low", "clip_high"), tested.ends(clip[0], clip[1:], within=CORRELATION)))
        voices = len(np.unique(tested.number[given]))
        rows.append({**row, "clips": int(given.sum()), "blank": int((~given).sum()), "speakers": voices})
    return pd.DataFrame(rows)


def drop_sentences(table: pd.DataFrame) -> list[str]:
    """One sentence per class of a `drop_table`: the band that costs most, or that no band's cost was shown."""
    said = []
    for name, part in table.groupby("class", sort=False):
        top, n = part.loc[part["drop"].idxmax()], len(part)
        if not top["low"] > 0:
            said.append(f"For {name} it was not shown that taking away any one of {n} bands costs score.")
            continue
        loss, shown = _spell(top, "drop", "low", "high"), int((part["low"] > 0).sum())
        most = f"Without {top['name']}, clips of {name} lose {loss} of their score, the most of {n} bands"
        said.append(f"{most}; the interval is above 0 for {shown} of them.")
    return said


def agreement_sentences(table: pd.DataFrame) -> list[str]:
    """One sentence per method of an `agreement` table: how its bands rank beside the drops, or that nothing was shown."""
    said = []
    for row in table.to_dict("records"):
        answer = "was not shown to go with what removing the bands costs"
        if row["low"] > 0:
            answer = "goes with what removing the bands costs, in rank correlation"
        elif row["high"] < 0:
            answer = "goes against what removing the bands costs, in rank correlation"
        clips = f"single clips: {_spell(row, 'spearman_clip', 'clip_low', 'clip_high')}"
        blank = f"; {row['blank']} blank maps left out" if row["blank"] else ""
        said.append(f"{row['method']} {answer}: {_spell(row, 'spearman', 'low', 'high')} ({clips}{blank}).")
    return said


def _spell(row: Mapping, value: str, low: str, high: str) -> str:
    """A number with its interval, or without where there is none."""
    return f"{row[value]:.2f} [{row[low]:.2f}, {row[high]:.2f}]" if np.isfinite(row[low]) else f"{row[value]:.2f} (no interval)"


def _changed(signal: Signal, limits: Sequence[tuple[float, float]], *, keep: bool) -> list[Signal]:
    """The clip without each band, or with this band alone. Padding stays digital silence, which the level does not count."""
    sounding = np.flatnonzero(signal.samples)
    if not len(sounding):
        raise ExplainError("0.00 s of sound in a window; leave this clip out")
    span = slice(sounding[0], sounding[-1] + 1)
    kept = kept_bands(signal.samples[span], signal.rate, limits)
    changed = np.zeros((len(limits), len(signal.samples)), np.float32)  # (band, sample)
    changed[:, span] = kept if keep else signal.samples[span] - kept
    return [Signal(samples, signal.rate) for samples in changed]


def _losses(logits: np.ndarray, i: int, target: np.ndarray, contrast: np.ndarray | None) -> np.ndarray:
    """Score of clip i, the first row of logits (1 + band, class), minus those of the other rows, float (band,)."""
    scores = logits[:, target[i]].astype(np.float64) - (0.0 if contrast is None else logits[:, contrast[i]])
    return scores[0] - scores[1:]


def _check_asked(n: int, **asked: np.ndarray | None) -> None:
    for name, given in asked.items():
        if given is not None and np.shape(given) != (n,):
            raise ExplainError(f"{n} clips and {name} of shape {np.shape(given)}; give one class number per clip")


def _check_profile(method: str, profile: np.ndarray, drops: np.ndarray) -> None:
    if np.shape(profile) != np.shape(drops):
        raise ExplainError(f"{method}: profile {np.shape(profile)} and drops {np.shape(drops)}; use the same clips and bands")
    if np.shape(drops)[1] < FEWEST:
        raise ExplainError(f"{np.shape(drops)[1]} bands: too few to rank; use {FEWEST} or more")


def _speaker_means(tested: Jackknife, values: np.ndarray, chosen: np.ndarray, others: Sums) -> np.ndarray:
    """Mean of the chosen clips per speaker, then over speakers, (1 + n, band): of all speakers, then of `others` of them."""
    counts = tested.per_speaker(chosen.astype(float))  # (speaker,)
    means = tested.per_speaker(np.where(chosen[:, None], values, 0.0)) / np.maximum(counts, 1)[:, None]  # (speaker, band)
    sums, total = (np.concatenate([x.sum(axis=0)[None], others(x)]) for x in (means, (counts > 0).astype(float)))
    return np.divide(sums, total[:, None], out=np.full(sums.shape, np.nan), where=total[:, None] > 0)


def _between_means(
    tested: Jackknife, profile: np.ndarray, drops: np.ndarray, chosen: Sequence[np.ndarray], seed: int
) -> tuple[float, ...]:
    """Rank correlation of mean profile and mean drops, over the chosen clips of each class, then the classes; and its ends."""
    again = partial(tested.resampled, seed=seed)
    each = [_spearman(*(_speaker_means(tested, x, here, again) for x in (profile, drops))) for here in chosen]
    mean = np.mean(each, axis=0) if each else np.full(2, np.nan)  # (1 + draw,)
    if np.isnan(mean[0]) or min(len(np.unique(tested.number[here])) for here in chosen) < 2:
        return mean[0], np.nan, np.nan
    return tuple(map(float, (mean[0], *tested.ends_of_draws(mean[0], mean[1:], within=CORRELATION))))


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rank correlation of each row of (n, band) with its fellow, (n,); NaN where a row has NaN or is the same throughout."""
    a, b = (rankdata(x, axis=1) - (x.shape[1] + 1) / 2 for x in (a, b))  # mean rank taken off
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), spread, out=np.full(len(a), np.nan), where=spread > 0)

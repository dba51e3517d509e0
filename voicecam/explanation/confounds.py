"""Can the recording, not the voice, tell the label? Facts of each clip's sound -> how well each predicts it in new speakers.

A fact that does is a way to be right without hearing the voice; that a network takes it is not shown here. Duration, level and
noise are partly the speaker's own, so a weak link is no fault of a corpus.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.signal import welch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import Config
from voicecam.corpora.table import Corpus
from voicecam.errors import ExplainError
from voicecam.evaluation import evaluate
from voicecam.progress import Progress

FRAME_S = 0.02  # s; level is measured in frames of this
SILENCE_DB = -60.0  # dB re the loudest frame; below any room, so what is softer was gated, faded or filled up
BAND_DB = -80.0  # dB re the spectrum's highest point; below it a recording has nothing, also of its noise
LEAF, DEPTH = 0.05, 4  # of the trees: at least this share of the training clips in a leaf, and questions in a row
FOLDS = 5
TREES = 50  # of the forest
MARGIN = 0.1  # above chance from which a fact is flagged: 0.6 for two classes
ALL = "all together"
NAMES = {
    "duration_s": "duration",
    "padding": "padding after fitting",
    "edge_silence": "silence at the edges",
    "level_dbfs": "level",
    "peak_dbfs": "peak",
    "clipped": "clipping",
    "noise_dbfs": "noise floor",
    "band_hz": "band limit",
    "rate_hz": "sample rate",
    "room": "recording room",
    "corpus": "corpus",
}
NAMED = ("room", "corpus")  # labels of a corpus that say where a clip comes from


def corpus_features(corpus: Corpus, config: Config, *, progress: Progress = lambda items, total: items) -> pd.DataFrame:
    """Facts of every clip of a corpus, one row each, in its order; every file is read once, as it lies on disk.

    Columns: duration_s; padding (share of the window of config.seconds that fitting fills up); edge_silence (share of the clip
    before and after its first and last 20 ms frame above -60 dB re the loudest); level_dbfs (RMS) and peak_dbfs; clipped (share
    of samples at full scale); noise_dbfs (level of the quietest tenth of frames, those of digital zeros apart); band_hz (highest
    frequency within 80 dB of the mean spectrum's highest point: what an older line or codec lets through); rate_hz; and room and
    corpus, where the corpus names them. Raises AudioError like audio.read, ExplainError for a corpus without recordings.
    """
    if corpus.matrices is not None:
        raise ExplainError(f"{corpus.root}: has matrices but no recordings; use a corpus with sound files")
    names = list(corpus.clips["path"])
    rows = [recording_features(audio.read(corpus.root / name), config) for name in progress(names, len(names))]
    labels = {name: corpus.clips[name].to_numpy(dtype=object) for name in NAMED if name in corpus.clips}
    return pd.DataFrame(rows).assign(**labels)


def recording_features(signal: Signal, config: Config) -> dict[str, float]:
    """The measured facts of one recording, see `corpus_features`."""
    samples = audio.centre(signal).samples.astype(np.float64)
    n = max(1, min(len(samples), round(FRAME_S * signal.rate)))
    whole = len(samples) // n * n
    power = (samples[:whole].reshape(-1, n) ** 2).mean(axis=1)  # (sample,) -> (frame, sample) -> (frame,)
    zero = ~signal.samples[:whole].reshape(-1, n).any(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (SILENCE_DB / 10))
    sounding = power[~zero & (power > 0)]
    return {
        "duration_s": signal.seconds,
        "padding": max(0.0, 1 - signal.seconds / config.seconds),
        "edge_silence": 1 - (loud[-1] - loud[0] + 1) / len(power) if len(loud) else 1.0,
        "level_dbfs": _decibels((samples**2).mean()),
        "peak_dbfs": _decibels(np.abs(signal.samples).max().astype(np.float64) ** 2),
        "clipped": float((np.abs(signal.samples) >= 1 - 2**-14).mean()),
        "noise_dbfs": _decibels(np.percentile(sounding, 10)) if len(sounding) else np.nan,
        "band_hz": _band(samples, signal.rate),
        "rate_hz": float(signal.rate),
    }


def audit(facts: pd.DataFrame, labels: Sequence[str], speakers: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Balanced accuracy of the label as predicted from each fact alone, and from all together, in speakers never fitted on.

    facts : one row per clip; numbers (NaN where not known) or names
    A small decision tree, which also finds a range in the middle; for all together a forest of such trees. Five folds (fewer
    where a class has fewer speakers) that share no speaker; intervals: 95 %, over speakers.
    Returns fact, name, balanced_accuracy, low, high, chance (1 / classes), flagged (more than 0.1 above chance), same (all
    clips have one value: nothing to tell from), clips, speakers; "all together" last.
    Raises ExplainError for unequal lengths, missing labels, or a class with fewer than two speakers.
    """
    truth, groups = np.asarray(labels, dtype=object), np.asarray(speakers, dtype=object)
    folds = _folds(facts, truth, groups, seed)
    classes = sorted(set(truth))
    guess = 1 / len(classes)
    rows = []
    for name in [*facts.columns, ALL]:
        used = facts if name == ALL else facts[[name]]
        same = len(used.drop_duplicates()) == 1
        found = {"value": guess, "low": guess, "high": guess} if same else _score(used, truth, groups, folds, seed)
        flagged = found["value"] > guess + MARGIN
        score = {"balanced_accuracy": found["value"], "low": found["low"], "high": found["high"]}
        count = {"clips": len(truth), "speakers": len(set(groups))}
        rows.append(
            {"fact": name, "name": NAMES.get(name, name), **score, "chance": guess} | {"flagged": flagged, "same": same} | count
        )
    return pd.DataFrame(rows)


def audit_sentences(table: pd.DataFrame) -> list[str]:
    """What `audit` found, in plain words: a warning for each flagged fact, then all together, then what could not be told."""
    single, whole = table[table["fact"] != ALL], table[table["fact"] == ALL].iloc[0]
    count = f"{whole['clips']} clips of {whole['speakers']} speakers"
    where = f"in speakers that were not fitted on ({count}; chance {_percent(whole['chance'])})"
    said = []
    for row in single[single["flagged"]].to_dict("records"):
        doubt = "; the interval holds the chance level, so this may be chance" if row["low"] <= row["chance"] else ""
        said.append(f"Warning: {row['name']} alone tells the label with {_range(row)} balanced accuracy {where}{doubt}.")
    if not said:
        best = single.loc[single["balanced_accuracy"].idxmax()]
        said.append(f"No single fact of the recordings is flagged; the highest is {best['name']}, {_range(best)} {where}.")
    said.append(f"All facts of the recordings together: {_range(whole)}" + (", flagged." if whole["flagged"] else "."))
    same = list(single.loc[single["same"], "name"])
    if same:
        said.append(f"The same in all clips, so nothing to tell from: {', '.join(same)}.")
    return said


def _band(samples: np.ndarray, rate: int) -> float:
    """Highest frequency in Hz within BAND_DB of the mean spectrum's highest point."""
    hertz, power = welch(samples, rate, window="blackmanharris", nperseg=min(len(samples), 1024))  # side lobes below -92 dB
    return float(hertz[np.flatnonzero(power >= power.max() * 10 ** (BAND_DB / 10))[-1]])


def _decibels(power: float) -> float:
    return 10 * float(np.log10(power)) if power > 0 else -np.inf


def _folds(facts: pd.DataFrame, truth: np.ndarray, groups: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and to test, sharing no speaker, classes spread evenly."""
    if not len(facts) == len(truth) == len(groups) > 0:
        raise ExplainError(f"audit: {len(facts)} facts, {len(truth)} labels, {len(groups)} speakers; give one per clip")
    if pd.isna(truth).any():
        raise ExplainError(f"audit: {int(pd.isna(truth).sum())} clips have no label; leave them out")
    each = pd.Series(groups).groupby(truth).nunique()
    if len(each) < 2 or each.min() < 2:
        raise ExplainError(
            f"audit: class {each.idxmin()!r} has {each.min()} speakers, {len(each)} classes; give two or more of each"
        )
    divide = StratifiedGroupKFold(min(FOLDS, int(each.min())), shuffle=True, random_state=seed)
    return list(divide.split(truth, truth.astype(str), groups))


def _score(
    used: pd.DataFrame, truth: np.ndarray, groups: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]], seed: int
) -> dict[str, float]:
    """value, low and high of the balanced accuracy over all folds together."""
    named = [name for name in used.columns if not pd.api.types.is_numeric_dtype(used[name])]
    X = pd.get_dummies(used, columns=named, dtype=float).to_numpy(dtype=float)  # (clip, fact): a column of 0 and 1 for each name
    X = np.clip(X, -1e6, 1e6)  # a level of -inf; NaN stays, trees send it to one side
    how = {"min_samples_leaf": LEAF, "max_depth": DEPTH, "class_weight": "balanced", "random_state": seed}
    classes, codes = np.unique(truth.astype(str), return_inverse=True)  # scikit-learn reads names such as "0" as numbers
    predicted = np.empty_like(codes)
    for train, test in folds:
        model = RandomForestClassifier(TREES, **how) if used.shape[1] > 1 else DecisionTreeClassifier(**how)
        predicted[test] = model.fit(X[train], codes[train]).predict(X[test])
    table = pd.DataFrame({"speaker": groups, "fold": 0, "true": classes[codes], "predicted": classes[predicted]})
    found = evaluate(table, list(classes))["network"]["balanced_accuracy"]
    return {name: np.nan if found[name] is None else found[name] for name in ("value", "low", "high")}


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _range(row: pd.Series) -> str:
    ends = "" if np.isnan(row["low"]) else f" [{100 * row['low']:.0f}, {100 * row['high']:.0f}]"
    return f"{_percent(row['balanced_accuracy'])}{ends}"

"""Recordings -> acoustic features of the voice ("facts"), measured as phonetics does (by Praat), and how much of a network's
score they explain.

The account is of scores, not of the network: a fact that explains them may stand for another that goes with it. Facts are
measured without knowing the class: the same settings for every voice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from voicecam.audio import Signal
from voicecam.audio.pitch import FLOOR_HZ, STEP_S, pitch_track, sound
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import TAIL, Jackknife, jackknife
from voicecam.explanation import ridge

FEWEST_VOICED = 5  # frames; fewer are chance hits in noise
SHORTEST_S = 0.11  # s; Praat's windows hold up to 4.5 periods of the lowest pitch, and a step more is room for some frames
FORMANT_CEILING_HZ = 5250.0  # Hz; Praat's manual has 5000 for men, 5500 for women: one for all, or it tells the class
FORMANTS = 4
OCTAVES_HZ = 500 * 2 ** np.arange(-0.5, 4)  # Hz; limits of the octaves around 0.5, 1, 2 and 4 kHz
TILT_WINDOW_S = 0.032
MORE = 0.02  # of the variance; so much more than all features together, one alone shows that they overfit

GROUPS = {
    "F0": ("f0_hz", "f0_range_hz", "f0_range_semitones"),
    "formants": ("f1_hz", "f2_hz", "f3_hz", "f4_hz"),
    "voice quality": ("tilt_db_octave", "hnr_db", "voiced_share"),
}

TITLES = {
    "all": "all features",
    "F0": "F0",
    "formants": "formants",
    "voice quality": "tilt, HNR, voiced share",
    "f0_hz": "F0, median",
    "f0_range_hz": "F0, range in Hz",
    "f0_range_semitones": "F0, range in semitones",
    "f1_hz": "F1",
    "f2_hz": "F2",
    "f3_hz": "F3",
    "f4_hz": "F4",
    "tilt_db_octave": "spectral tilt",
    "hnr_db": "HNR",
    "voiced_share": "voiced share",
}


@dataclass(frozen=True)
class AcousticFeatures:
    """What one recording's voice is like. NaN for what cannot be measured: without voiced frames all but voiced_share.

    f0_hz : median pitch; f0_range_hz, f0_range_semitones : from its 5th to its 95th percentile
    f1_hz to f4_hz : formants, medians over voiced frames
    tilt_db_octave : slope of the voiced frames' long-term spectrum, in dB per octave; more negative is darker
    hnr_db : harmonics-to-noise ratio, mean over voiced frames
    voiced_share : share of all frames that are voiced, silence included, 0 to 1
    """

    f0_hz: float = np.nan
    f0_range_hz: float = np.nan
    f0_range_semitones: float = np.nan
    f1_hz: float = np.nan
    f2_hz: float = np.nan
    f3_hz: float = np.nan
    f4_hz: float = np.nan
    tilt_db_octave: float = np.nan
    hnr_db: float = np.nan
    voiced_share: float = 0.0


def acoustic_features(signal: Signal) -> AcousticFeatures:
    """The facts of one recording, of any rate and length (below 0.11 s none can be measured).

    Pitch: Praat's autocorrelation method (Boersma 1993), `pitch.pitch_track`. Formants: Burg's method, 5 below 5250 Hz for every
    voice; a child's third and fourth come out too low, as they stand too near that ceiling. HNR: Praat's cross-correlation
    method. Tilt: a straight line through the mean power densities of the octaves around 0.5, 1, 2 and 4 kHz (those below half
    the rate), which leaves the fundamental itself out.
    """
    if signal.seconds < SHORTEST_S:
        return AcousticFeatures(voiced_share=np.nan)
    pitch = pitch_track(signal)
    f0 = pitch.selected_array["frequency"]  # (frame,), 0 where unvoiced
    voiced = f0[f0 > 0]
    if len(voiced) < FEWEST_VOICED:
        return AcousticFeatures(voiced_share=len(voiced) / len(f0))
    times = pitch.xs()[f0 > 0]
    low, middle, high = np.percentile(voiced, [5, 50, 95])
    f1, f2, f3, f4 = _formants(signal, times)
    return AcousticFeatures(
        f0_hz=float(middle),
        f0_range_hz=float(high - low),
        f0_range_semitones=float(12 * np.log2(high / low)),
        f1_hz=f1,
        f2_hz=f2,
        f3_hz=f3,
        f4_hz=f4,
        tilt_db_octave=_tilt(signal, times),
        hnr_db=_hnr(signal),
        voiced_share=len(voiced) / len(f0),
    )


def center_within_class(values: np.ndarray, classes_of: Sequence[str]) -> np.ndarray:
    """Scores (clip,) or facts (clip, fact) minus the mean of their class: for an account of what varies within the classes.

    Without it, whatever differs between the classes explains a score that tells them apart.
    """
    table = pd.DataFrame(np.asarray(values, dtype=float))
    return (table - table.groupby(np.asarray(classes_of)).transform("mean")).to_numpy().reshape(np.shape(values))


def acoustic_regression(scores: np.ndarray, facts: pd.DataFrame, speakers: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """How much of the scores a linear (ridge) model on the facts explains, in speakers it was not fitted on.

    scores : float (clip,), e.g. the difference of two logits; facts : float columns, see VoiceFacts, one row per clip
    Returns a row for all facts together, then for each group of facts (see GROUPS) and each fact one "alone" and one "without"
    (all others): facts, title, kind, r2, low, high (95 % over speakers, of these fitted models), low_all (for kind "alone": the
    lower end for all of them at once, Bonferroni's: each is looked at, so the best of them is high by chance), missing (clips
    without the fact), clips, speakers.

    r2 is 1 - sum of squared errors / sum of squared distances to the training speakers' mean, over 5 folds that share no
    speaker; every speaker counts the same. 0 and less: no better than that mean. The penalty of each model is
    chosen among ridge.PENALTIES on folds of its training speakers: with few speakers and many facts a weak one overfits. A
    missing fact is filled with its median over the training clips, beside a column that says so. A linear model: bends are not
    explained.
    Raises ExplainError for unequal lengths, scores that are not finite, or fewer than two speakers.
    """
    scores = np.asarray(scores, dtype=float)
    _check(scores, facts, speakers)
    columns = list(facts.columns)
    parts = {name: [column for column in group if column in columns] for name, group in GROUPS.items()}
    parts = {name: part for name, part in parts.items() if part} | {column: [column] for column in columns}
    asked = [("all", "all", columns)]
    asked += [(name, "alone", part) for name, part in parts.items()]
    others = {name: [column for column in columns if column not in part] for name, part in parts.items()}
    asked += [(name, "without", rest) for name, rest in others.items() if rest]
    tested = jackknife(pd.DataFrame({"speaker": list(speakers), "true": ""}), equal=True)
    folds, rows = ridge.folds(facts.to_numpy(dtype=float), tested.number, seed), []
    for name, kind, used in asked:
        missing = int(facts[parts.get(name, columns)].isna().any(axis=1).sum())
        places = [columns.index(column) for column in used]
        r2 = _explained(scores, folds, places, tested, looks=len(parts) if kind == "alone" else None)
        about = {"facts": name, "title": TITLES.get(name, name), "kind": kind}
        rows.append({**about, **r2, "missing": missing, "clips": len(scores), "speakers": len(tested.strata)})
    return pd.DataFrame(rows)


def regression_sentences(table: pd.DataFrame) -> list[str]:
    """What `acoustic_regression` found: all features, the groups alone, what is lost without each group, what was missing."""
    rows = table.set_index(["facts", "kind"])
    whole, alone = rows.loc[("all", "all")], table[table["kind"] == "alone"]
    where = f"{whole['clips']:.0f} clips of {whole['speakers']:.0f} speakers, each tested by a model fitted on other speakers"
    if np.isnan(whole["r2"]):
        return [f"Nothing can be shown: the scores are all the same ({where})."]
    groups = [name for name in GROUPS if (name, "alone") in rows.index]
    looks = f"{len(groups)} groups and {len(alone) - len(groups)} single features"
    shown = alone[alone["low_all"] > 0].sort_values("r2", ascending=False)
    every = f"all {len(alone) - len(groups)} acoustic features together"
    if not whole["low"] > 0 and shown.empty:
        return [f"Nothing was shown: {every} explain {_share(whole)} of the score ({where}), and none of {looks} alone more."]
    said = [f"A linear model on {every} explains {_share(whole)} of the score ({where})."]
    if not whole["low"] > 0:
        said.append("That interval holds 0, so for the full model nothing was shown.")
    if len(shown) and (best := shown.iloc[0])["r2"] > whole["r2"] + MORE:
        said.append(
            f"Alone, {best['title']} explains {_share(best)}, more than all together: the full model overfits on "
            f"{whole['speakers']:.0f} speakers, so read the parts."
        )
    said.append(f"Looked at alone: {looks}. {_shown_alone(shown, len(alone))}")
    said.append("The groups alone: " + "; ".join(f"{name} {_share(rows.loc[(name, 'alone')])}" for name in groups) + ".")
    left = [name for name in groups if (name, "without") in rows.index]
    if left:
        said.append("All others without: " + "; ".join(f"{name} {_share(rows.loc[(name, 'without')])}" for name in left) + ".")
    if whole["missing"]:
        said.append(
            f"{whole['missing']:.0f} of {whole['clips']:.0f} clips lack a feature (too little voicing); medians stand in."
        )
    return said


def _shown_alone(shown: pd.DataFrame, looks: int) -> str:
    """Which facts explain some of the score when it is taken into account that many were looked at."""
    allowed = f"with the interval widened for {looks} looks (Bonferroni)"
    if shown.empty:
        return f"None was shown to explain any of it {allowed}."
    return f"Shown {allowed}: " + "; ".join(f"{row['title']} {_share(row)}" for _, row in shown.iterrows()) + "."


def _formants(signal: Signal, times: np.ndarray) -> list[float]:
    """Medians of F1 to F4 in Hz at the given times; NaN where a formant is never found."""
    ceiling = min(FORMANT_CEILING_HZ, signal.rate / 2)
    found = sound(signal).to_formant_burg(STEP_S, max_number_of_formants=5, maximum_formant=ceiling)
    tracks = np.array([[found.get_value_at_time(k + 1, t) for t in times] for k in range(FORMANTS)])  # (formant, frame)
    return [float(np.nanmedian(track)) if np.isfinite(track).any() else np.nan for track in tracks]


def _hnr(signal: Signal) -> float:
    """Mean HNR in dB over the frames that Praat finds periodic (it marks others with -200); NaN without any."""
    values = sound(signal).to_harmonicity_cc(STEP_S, FLOOR_HZ).values
    return float(values[values > -200].mean()) if (values > -200).any() else np.nan


def _tilt(signal: Signal, times: np.ndarray) -> float:
    """Slope in dB per octave of the mean power spectrum of the frames around the given times."""
    n = round(TILT_WINDOW_S * signal.rate)
    padded = np.pad(signal.samples.astype(np.float64), n)
    starts = np.round(times * signal.rate).astype(int) + n - n // 2
    frames = padded[starts[:, None] + np.arange(n)] * np.hanning(n)  # (frame, sample)
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0)  # (frame, bin) -> (bin,)
    hertz = np.fft.rfftfreq(n, 1 / signal.rate)
    limits = OCTAVES_HZ[signal.rate / 2 >= OCTAVES_HZ]
    density = np.array([power[(hertz >= low) & (hertz < high)].mean() for low, high in pairwise(limits)])
    if len(density) < 2 or not (density > 0).all():
        return np.nan
    return float(np.polyfit(np.arange(len(density)), 10 * np.log10(density), 1)[0])


def _explained(
    scores: np.ndarray, folds: list[ridge.Fold], columns: list[int], tested: Jackknife, *, looks: int | None
) -> dict[str, float]:
    """r2, low, high and low_all of the ridge model on these columns of the facts over speaker-disjoint folds; looks : how many
    rows low_all is for, or None."""
    counts = np.bincount(tested.number)
    weights = (len(scores) / len(counts) / counts)[tested.number]  # every speaker the same, 1 on average
    errors, distances = np.zeros(len(scores)), np.zeros(len(scores))
    for fold in folds:
        train, test = fold.train, fold.test
        errors[test] = weights[test] * (scores[test] - ridge.foretell(fold, scores, weights, np.array(columns))) ** 2
        distances[test] = weights[test] * (scores[test] - np.average(scores[train], weights=weights[train])) ** 2
    left = tested.ratio(errors, distances)
    found = {"r2": _explains(left["value"]), "low": _explains(left["high"]), "high": _explains(left["low"]), "low_all": np.nan}
    if looks and left["high"] is not None:
        without = np.divide(*(tested.without(tested.per_speaker(values)) for values in (errors, distances)))
        found["low_all"] = 1 - float(tested.ends(left["value"], without, tail=TAIL / looks)[1])
    return found


def _explains(left: float | None) -> float:
    """1 - the share that is left; NaN where that is not known."""
    return np.nan if left is None else 1 - left


def _check(scores: np.ndarray, facts: pd.DataFrame, speakers: Sequence[str]) -> None:
    if not len(scores) == len(facts) == len(speakers):
        raise ExplainError(f"account: {len(scores)} scores, {len(facts)} facts, {len(speakers)} speakers; give one per clip")
    if not np.isfinite(scores).all():
        raise ExplainError(f"account: {int((~np.isfinite(scores)).sum())} scores are NaN or infinite; leave those clips out")
    if len(set(speakers)) < 2:
        raise ExplainError(f"account: {len(set(speakers))} speaker; give clips of two or more, as each is tested by the others")


def _share(row: pd.Series) -> str:
    ends = "" if np.isnan(row["low"]) else f" [{100 * row['low']:.0f}, {100 * row['high']:.0f}]"
    return f"{100 * row['r2']:.0f} %{ends}"

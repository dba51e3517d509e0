"""A recording at another pitch, or with other formants -> how the network's score moves, and where its label flips.

Praat's "Change gender" makes the sounds. The step that changes nothing goes through it as well, so that what the resynthesis
itself does is known. A voice moved far sounds made: a score there is of such a sound, not of a person.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import parselmouth
from parselmouth.praat import call, run
from scipy.stats import binom

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.pitch import pitch_track, sound
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.acoustics import SHORTEST_S
from voicecam.progress import Progress

SEMITONES = tuple(range(-12, 13, 2))
FORMANT_RATIOS = (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25)
NEUTRAL = {"pitch": 0.0, "formants": 1.0}  # the step of each kind that changes nothing
SPEECH_SECONDS = 10.0  # s at most that `shift_speech` moves: keeps a step below a second
DIRECTIONS = ("up", "down")  # of a step: above and below the one that changes nothing
ORIGINAL = "original"  # the kind of a clip that did not go through Praat
Score = Callable[[list[Signal]], np.ndarray]


def shift_voice(signal: Signal, *, semitones: float = 0.0, formant_ratio: float = 1.0) -> Signal:
    """The voice with its pitch moved by `semitones` and its formants multiplied by `formant_ratio`, both at once if asked.

    Praat's "Change gender": the sound is resampled by the ratio, then overlap-add (PSOLA, Moulines and Charpentier 1990) puts
    pitch and duration where they belong. Rate and number of samples stay; the level does not quite, and samples may pass 1:
    the caller sets the level. Lowered formants leave nothing above rate / 2 * formant_ratio. Without a voiced frame there is
    no pitch to move. Raises ExplainError for a clip below 0.11 s, more than two octaves, or a ratio beyond 0.5 to 2.
    """
    if signal.seconds < SHORTEST_S:
        raise ExplainError(f"{signal.seconds:.2f} s of sound: too short to resynthesise; give {SHORTEST_S:g} s or more")
    if not -24 <= semitones <= 24 or not 0.5 <= formant_ratio <= 2:
        raise ExplainError(f"{semitones:g} semitones, formant ratio {formant_ratio:g}: too far; use -24 to 24 and 0.5 to 2")
    pitch = pitch_track(signal)
    median = call(pitch, "Get quantile", 0, 0, 0.5, "Hertz")
    target = 0.0 if np.isnan(median) else median * 2 ** (semitones / 12)  # 0: Praat leaves the pitch
    with warnings.catch_warnings(), _same_noise():
        warnings.simplefilter("ignore", parselmouth.PraatWarning)  # that nothing is voiced, which the docstring says
        made = call([sound(signal), pitch], "Change gender", formant_ratio, target, 1.0, 1.0)
    return Signal(made.values[0].astype(np.float32), signal.rate)


def shift_speech(spoken: Signal, rate: int, *, semitones: float) -> Signal:
    """`shift_voice` of the loudest SPEECH_SECONDS of a speech, which is brought to `rate` (Hz) first."""
    whole = audio.resample(spoken, rate)
    first = round(audio.loudest_start(whole, SPEECH_SECONDS) * whole.rate)
    part = whole.samples[first:][: round(SPEECH_SECONDS * whole.rate)]
    return shift_voice(Signal(part, whole.rate), semitones=semitones)


def counterfactuals(
    score: Score,
    signals: Sequence[Signal],
    speakers: Sequence[str],
    *,
    semitones: Sequence[float] = SEMITONES,
    formant_ratios: Sequence[float] = FORMANT_RATIOS,
    progress: Progress = lambda items, total: items,
) -> pd.DataFrame:
    """Scores of every clip as it is and at every step: columns clip (its place in `signals`), speaker, kind, step, score.

    score : list of Signals -> float (len,), e.g. the difference of two logits; above 0 is one label, below the other. It sets
        the level.
    progress : called as progress(iterable, total) over the steps
    kind : "pitch" (step in semitones), "formants" (step is the ratio) or "original" (no step). The step that changes nothing, 0
        semitones or ratio 1, is always there. Some 0.05 s of work per step and second of sound, the score apart.
    Raises ExplainError like `shift_voice`, and where lengths differ or scores are not finite.
    """
    if not len(signals) == len(speakers) > 0:
        raise ExplainError(f"counterfactuals: {len(signals)} clips, {len(speakers)} speakers; give one speaker for each clip")
    plan: list[tuple[str, float]] = [(ORIGINAL, np.nan)]
    plan += [("pitch", step) for step in sorted({*map(float, semitones), 0.0})]
    plan += [("formants", step) for step in sorted({*map(float, formant_ratios), 1.0})]
    tables = []
    for kind, step in progress(plan, len(plan)):
        values = np.asarray(score([_moved(signal, kind, step) for signal in signals]), dtype=float)
        if values.shape != (len(signals),) or not np.isfinite(values).all():
            raise ExplainError(f"score: gave shape {values.shape} for {len(signals)} clips, or NaN; give one finite number each")
        clips = np.arange(len(signals))
        tables.append(pd.DataFrame({"clip": clips, "speaker": list(speakers), "kind": kind, "step": step, "score": values}))
    return pd.concat(tables, ignore_index=True)


def flip_points(table: pd.DataFrame) -> pd.DataFrame:
    """Where each clip's label flips: columns clip, speaker, kind, start (score at the step that changes nothing), up, down.

    up, down : the step nearest to no change, above it and below it, at which the score crosses 0, on a straight line between
        steps (of the logarithm of the ratio for formants); NaN for a label that stays on that side
    """
    rows = []
    moved = table[table["kind"] != ORIGINAL]
    for (clip, speaker, kind), part in moved.groupby(["clip", "speaker", "kind"], sort=True):
        part = part.sort_values("step")
        steps, scores = part["step"].to_numpy(), part["score"].to_numpy()
        places, middle = _places(steps, kind), int(np.flatnonzero(steps == NEUTRAL[kind])[0])
        up, down = _first_crossing(places[middle:], scores[middle:]), _first_crossing(places[middle::-1], scores[middle::-1])
        flips = np.exp([up, down]) if kind == "formants" else (up, down)
        rows.append({"clip": clip, "speaker": speaker, "kind": kind, "start": scores[middle], **dict(zip(DIRECTIONS, flips))})
    return pd.DataFrame(rows)


def flips_by_class(flips: pd.DataFrame, classes_of: Sequence[str], *, positive: str) -> pd.DataFrame:
    """The flip points per kind, class and direction, with 95 % intervals over speakers.

    classes_of : true class of each clip; positive : the class that a score above 0 means
    Returns kind, class, direction ("up": pitch or formants raised; "down": lowered), clips and speakers (classified correctly
    before anything is changed: only these have a flip to look for), wrong (clips that are not), never, never_low, never_high
    (share of clips whose label stays in both directions, averaged per speaker, then over speakers), flipping_clips and flipping
    (clips and speakers whose label flips in this direction), flip (median over these speakers of the median over a speaker's
    clips that flip), flip_least, flip_most (the range over these speakers), flip_low, flip_high (the median's interval by order
    statistics, which takes 6 speakers). NaN where there is none. A clip that flips both ways counts in both rows.
    """
    truth = pd.Series(np.asarray(classes_of)[flips["clip"]], index=flips.index)
    right = (flips["start"] > 0) == (truth == positive)
    rows = []
    for (kind, name), part in flips.groupby(["kind", truth], sort=False):
        kept = part[right[part.index]]
        about = {"clips": len(kept), "speakers": kept["speaker"].nunique(), "wrong": len(part) - len(kept), **_stays(kept)}
        for direction in DIRECTIONS:
            rows.append({"kind": kind, "class": name, "direction": direction, **about, **_median_flip(kept, direction)})
    return pd.DataFrame(rows).sort_values(["kind", "class"], ascending=[False, True], ignore_index=True)


def score_curves(table: pd.DataFrame, classes_of: Sequence[str]) -> pd.DataFrame:
    """Mean score per kind, class and step, clips averaged per speaker: kind, class, step, score, low, high (95 %), speakers."""
    moved = table[table["kind"] != ORIGINAL]
    truth = pd.Series(np.asarray(classes_of)[moved["clip"]], index=moved.index)
    rows = []
    for (kind, name, step), part in moved.groupby(["kind", truth, "step"], sort=True):
        mean, low, high = _mean(part["score"], part["speaker"])
        facts = {"kind": kind, "class": name, "step": step, "score": mean, "low": low, "high": high}
        rows.append({**facts, "speakers": part["speaker"].nunique()})
    return pd.DataFrame(rows)


def resynthesis(table: pd.DataFrame) -> dict[str, float]:
    """What going through Praat does when nothing is moved: move, low, high (mean size of the score's change over speakers, 95 %),
    size (mean size of the score itself), flipped (share of clips, likewise averaged, whose label changes), clips, speakers."""
    before = table[table["kind"] == ORIGINAL].set_index("clip")
    after = table[(table["kind"] == "pitch") & (table["step"] == 0)].set_index("clip")["score"].reindex(before.index)
    move, low, high = _mean((after - before["score"]).abs(), before["speaker"])
    flipped = _mean(((after > 0) != (before["score"] > 0)).astype(float), before["speaker"])[0]
    size = _mean(before["score"].abs(), before["speaker"])[0]
    count = {"clips": len(before), "speakers": before["speaker"].nunique()}
    return {"move": move, "low": low, "high": high, "size": size, "flipped": flipped, **count}


def flip_sentences(flips: pd.DataFrame, made: dict[str, Any]) -> list[str]:
    """What `flips_by_class` and `resynthesis` found, in plain words: one sentence per kind and class, then the control."""
    said = [_flip_sentence(part.to_dict("records")) for _, part in flips.groupby(["kind", "class"], sort=False)]
    ends = "" if np.isnan(made["low"]) else f" [{made['low']:.2f}, {made['high']:.2f}]"
    return said + [
        f"Control: resynthesis alone, with nothing moved, changes the score by {made['move']:.2f}{ends} on average (its size is "
        f"{made['size']:.2f}) and the label of {100 * made['flipped']:.0f} % of {made['clips']} clips of {made['speakers']} "
        "speakers."
    ]


def flip_text(row: Mapping[str, Any]) -> str:
    """Where a row of `flips_by_class` flips: "+6.5 semitones [+5.0, +8.1]"; "ratio 1.07, from 1.03 to 1.12" below 6 speakers, who
    are too few for an interval; a dash for one speaker."""
    if row["flipping"] < 2:
        return "\N{EN DASH}"
    head, form, tail = ("", "{:+.1f}", " semitones") if row["kind"] == "pitch" else ("ratio ", "{:.2f}", "")
    ends = f" [{form}, {form}]".format(row["flip_low"], row["flip_high"])
    if np.isnan(row["flip_low"]):
        ends = f", from {form} to {form}".format(row["flip_least"], row["flip_most"])
    return f"{head}{form.format(row['flip'])}{tail}{ends}"


@contextmanager
def _same_noise() -> Iterator[None]:
    """Praat draws where it cuts unvoiced sound; the same each time, so that a score that moved was moved by the step."""
    run("random_initializeWithSeedUnsafelyButPredictably(1)")
    try:
        yield
    finally:
        run("random_initializeSafelyAndUnpredictably()")


def _flip_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """The sentence of a kind and class; rows : one per direction."""
    first = rows[0]
    what = "pitch" if first["kind"] == "pitch" else "formants"
    head = f"Clips of {first['class']}, {what} moved ({first['clips']} clips of {first['speakers']} speakers classified correctly"
    if not first["clips"]:
        return f"{head} at first): nothing was shown."
    if not any(row["flipping"] for row in rows):
        return f"{head} at first): the label never flips within the range, up or down."
    ends = "" if np.isnan(first["never_low"]) else f" [{100 * first['never_low']:.0f}, {100 * first['never_high']:.0f}]"
    ways = "; ".join(_way(row) for row in rows)
    return f"{head} at first): {ways}; {100 * first['never']:.0f} %{ends} flip neither way within the range."


def _way(row: Mapping[str, Any]) -> str:
    """ "raised, 5 clips of 3 speakers flip (median +6.5 semitones, from +5.0 to +8.1)", or that none does, or too few."""
    word = {"up": "raised", "down": "lowered"}[row["direction"]]
    if not row["flipping"]:
        return f"{word}, none flips"
    if row["flipping"] == 1:
        return f"{word}, one speaker's clips flip, too few for a median"
    return f"{word}, {row['flipping_clips']} clips of {row['flipping']} speakers flip (median {flip_text(row)})"


def _moved(signal: Signal, kind: str, step: float) -> Signal:
    if kind == ORIGINAL:
        return signal
    return shift_voice(signal, semitones=step) if kind == "pitch" else shift_voice(signal, formant_ratio=step)


def _places(steps: np.ndarray, kind: str) -> np.ndarray:
    """Steps on the axis on which they are even, 0 where nothing changes."""
    return np.log(steps) if kind == "formants" else steps


def _first_crossing(places: np.ndarray, scores: np.ndarray) -> float:
    """First place at which the scores, joined by straight lines, cross 0; NaN for none."""
    sides = scores > 0
    at = np.flatnonzero(sides[1:] != sides[:-1])
    if not len(at):
        return np.nan
    i = at[0]
    return float(places[i] - scores[i] * (places[i + 1] - places[i]) / (scores[i + 1] - scores[i]))


def _mean(values: pd.Series, speakers: pd.Series, *, share: bool = False) -> tuple[float, float, float]:
    """Mean over speakers of their clips' mean, with the ends of its 95 % interval, NaN where there is none."""
    found = over_speakers(values, speakers, share=share)
    return found["value"], found["low"], found["high"]


def _stays(kept: pd.DataFrame) -> dict[str, float]:
    stays = kept[list(DIRECTIONS)].isna().all(axis=1).astype(float)
    return dict(zip(("never", "never_low", "never_high"), _mean(stays, kept["speaker"], share=True)))


def _median_flip(kept: pd.DataFrame, direction: str) -> dict[str, float]:
    """Median over speakers of their median flip, with its range and interval; see `flips_by_class`."""
    flipping = kept[kept[direction].notna()]
    each = np.sort(flipping.groupby("speaker")[direction].median())  # (speaker,)
    found = dict.fromkeys(("flip", "flip_least", "flip_most", "flip_low", "flip_high"), np.nan)
    if len(each):
        found |= {"flip": float(np.median(each)), "flip_least": float(each[0]), "flip_most": float(each[-1])}
    if (rank := int(binom.ppf(0.025, len(each), 0.5))) > 0:
        found |= {"flip_low": float(each[rank - 1]), "flip_high": float(each[-rank])}
    return {"flipping_clips": len(flipping), "flipping": len(each), **found}

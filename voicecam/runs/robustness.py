"""A classifier and clips -> how well it does on the same clips when they are short or noisy, in a room or over a line.

Works on sound, through the model's own features. Draws nothing; see voicecam.figures.robustness.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from voicecam import audio, evaluation, runs
from voicecam.audio import Signal, degrade
from voicecam.audio.pitch import whisper
from voicecam.errors import DatasetError, VoicecamError
from voicecam.files import digest, read_table, write_text
from voicecam.network.classifier import Classifier, load_classifier
from voicecam.progress import Progress

SECONDS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)  # s; from a syllable to a sentence
SNRS_DB = (20.0, 10.0, 0.0)  # dB; an office, a street, as loud as the speaker
RT60S = (0.3, 0.8)  # s; a living room, a lecture room
DIRECT_DB = 0.0  # dB, direct to reverberant; a metre or two from the microphone
KBPS = 16  # kbit/s; low for speech; a sample rate that MP3 cannot carry as low gets its lowest
VOICES = 5  # of a babble; enough that no single one is understood
BATCH = 32  # clips given to the network at once; bounds the memory
Change = Callable[[np.ndarray, int, list[np.ndarray], np.random.Generator], np.ndarray]
Keep = Callable[[pd.DataFrame], None]


class Clip(NamedTuple):
    """A clip to test on: its sound file, its speaker, its class, and the fold whose network tests it, counted from 1."""

    path: Path
    speaker: str
    true: str
    fold: int = 1


@dataclass(frozen=True)
class Condition:
    """One way to treat a clip.

    change : called as change(samples, rate, others, rng), where others are clips of other speakers; None leaves the file as it is
    seconds : clips shorter than this, in s, are left out
    voices : how many others `change` wants; a clip of which there are none is left out
    """

    group: str
    name: str
    change: Change | None = None
    seconds: float = 0.0
    voices: int = 0


CLEAN = Condition("clean", "clean")


def conditions(rate: int) -> tuple[Condition, ...]:
    """All conditions for a model that works at `rate` Hz, clean first."""
    kbps = max(KBPS, degrade.mp3_kbps(rate)[0])
    return (
        CLEAN,
        *(Condition("length", f"{seconds:g} s long", partial(_short, seconds=seconds), seconds=seconds) for seconds in SECONDS),
        *(Condition("noise", f"white noise, {snr_db:g} dB", partial(_noisy, snr_db=snr_db)) for snr_db in SNRS_DB),
        *(Condition("babble", f"babble, {snr_db:g} dB", partial(_crowded, snr_db=snr_db), voices=VOICES) for snr_db in SNRS_DB),
        *(
            Condition("voice", f"one other voice, {snr_db:g} dB", partial(_crowded, snr_db=snr_db), voices=1)
            for snr_db in SNRS_DB[1:]
        ),
        Condition("voice", "whispered", _whispered),
        *(Condition("room", f"room, RT60 {rt60:g} s", partial(_echoing, rt60=rt60)) for rt60 in RT60S),
        Condition("line", "telephone", _telephoned),
        Condition("line", f"MP3, {kbps} kbit/s", partial(_packed, kbps=kbps)),
    )


def robustness_table(
    classifiers: Sequence[Classifier],
    clips: Sequence[Clip],
    *,
    seed: int = 0,
    done: pd.DataFrame | None = None,
    keep: Keep = lambda table: None,
    log: Callable[[str], None] = print,
    progress: Progress = lambda items, total: items,
) -> pd.DataFrame:
    """Balanced accuracy under each condition: one row per condition, clean first.

    classifiers : one per fold, the first for fold 1; a single model on clips it never met is a list of one
    done : rows that are there already, of an earlier call with the same classifiers, clips and seed; they are not made again
    keep : called with all rows so far after each condition, so that a stopped job can go on

    Columns: group, condition, clips, speakers; balanced_accuracy with low and high, the 95 % interval over speakers (all clips
    together, see evaluation.evaluate); clean_same_clips, what the same clips give as they are; uncertain and error_answered,
    the share of clips that the models' thresholds leave open and the errors among the rest; no_speech, the share in which a
    speech model found nobody speaking: wrong in balanced_accuracy, left open in uncertain; chance. Where no clip of some class
    fits a condition, as when all are too short, its scores are missing.
    What is random is drawn per clip, from `seed`, speaker, file name and condition.
    """
    _check(classifiers, clips)
    rows = {} if done is None else {row["condition"]: row for row in done.to_dict("records")}
    wanted = conditions(classifiers[0].model.config.sample_rate)
    waiting = [condition for condition in wanted if condition.name not in rows]
    clean = predictions_under(classifiers, clips, CLEAN, seed=seed, progress=progress) if waiting else pd.DataFrame()
    for condition in waiting:
        log(f"{condition.name} ({wanted.index(condition) + 1} of {len(wanted)})")
        same = condition is CLEAN
        found = clean if same else predictions_under(classifiers, clips, condition, seed=seed, progress=progress)
        rows[condition.name] = _row(condition, found, clean)
        keep(_ordered(rows, wanted))
    return _ordered(rows, wanted)


def predictions_under(
    classifiers: Sequence[Classifier],
    clips: Sequence[Clip],
    condition: Condition,
    *,
    seed: int = 0,
    progress: Progress = lambda items, total: items,
) -> pd.DataFrame:
    """Predictions of the clips that fit the condition, see evaluation.prediction_table; the index is the clip's place.

    classifiers, clips, seed : as for `robustness_table`; condition : one of `conditions`
    """
    waiting: list[tuple[int, Signal]] = []
    tables = []
    for i in progress(range(len(clips)), len(clips)):
        signal = _treated(clips, i, condition, classifiers[clips[i].fold - 1].model.config.sample_rate, seed)
        if signal is not None:
            waiting.append((i, signal))
        if waiting and (len(waiting) == BATCH or i + 1 == len(clips) or clips[i + 1].fold != clips[i].fold):
            tables.append(_predict_batch(classifiers[clips[i].fold - 1], clips, waiting))
            waiting = []
    return pd.concat(tables) if tables else pd.DataFrame({"true": [], "speaker": []})


def run_robustness(
    folder: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    log: Callable[[str], None] = print,
    progress: Progress = lambda items, total: items,
) -> pd.DataFrame:
    """The table of an evaluated run, each fold's network on the clips it was tested on; kept in its folder, see `table_path`.

    limit : clips per class, spread over the speakers; None takes all
    A condition that is in the file is not made again. Raises DatasetError where the corpus has no recordings.
    """
    settings, path = runs.open_run(folder), table_path(folder, limit=limit, seed=seed)
    predictions = runs.read_predictions(folder)
    corpus = runs.run_dataset(settings).corpus
    if corpus.matrices is not None:
        raise DatasetError(f"{corpus.root}: has matrices but no recordings; use a corpus with sound files")
    tested = (Clip(corpus.root / row.path, row.speaker, row.true, row.fold) for row in predictions.itertuples())
    return robustness_table(
        [load_classifier(place) for place in runs.fold_places(folder)],
        balanced_sample(list(tested), limit, seed=seed),
        seed=seed,
        done=read_table(path) if path.exists() else None,
        keep=lambda table: write_text(path, table.to_csv(index=False, float_format="%.6g")),
        log=log,
        progress=progress,
    )


def table_path(folder: Path, *, limit: int | None = None, seed: int = 0) -> Path:
    """Where the table of a run lies: robustness.csv, with limit or seed in its name where they are not the usual ones."""
    marks = [f"-{name}{value}" for name, value, usual in (("limit", limit, None), ("seed", seed, 0)) if value != usual]
    return folder / f"robustness{''.join(marks)}.csv"


def balanced_sample(clips: Sequence[Clip], limit: int | None, *, seed: int = 0) -> list[Clip]:
    """At most `limit` clips of each class, in their order: of as many speakers as can be, then by chance. None takes all."""
    if limit is None:
        return list(clips)
    if limit < 1:
        raise VoicecamError(f"limit {limit}: must be 1 or more clips per class")
    order = np.random.default_rng(seed).permutation(len(clips))
    table = pd.DataFrame(clips).iloc[order]
    table["turn"] = table.groupby(["true", "speaker"]).cumcount()  # 0 for each speaker's first clip, 1 for the second, ...
    chosen = table.sort_values("turn", kind="stable").groupby("true").head(limit).index
    return [clips[i] for i in sorted(chosen)]


def _check(classifiers: Sequence[Classifier], clips: Sequence[Clip]) -> None:
    """Raise DatasetError for clips that these classifiers cannot be tested on."""
    if not clips:
        raise DatasetError("robustness: no clips to test on; give one or more")
    strange = sorted({clip.true for clip in clips} - set(classifiers[0].model.classes))
    if strange:
        names = ", ".join(classifiers[0].model.classes)
        raise DatasetError(f"class {strange[0]!r}: the model does not know it; use clips of {names}")


def _predict_batch(classifier: Classifier, clips: Sequence[Clip], batch: list[tuple[int, Signal]]) -> pd.DataFrame:
    rows, signals = [i for i, _ in batch], [signal for _, signal in batch]
    table, classes = pd.DataFrame([clips[i] for i in rows]), classifier.model.classes
    p = classifier.probabilities(signals)
    silent = np.isnan(p[:, 0])
    for k in np.flatnonzero(silent):  # no answer: wrong
        p[k] = [(name != clips[rows[k]].true) / (len(classes) - 1) for name in classes]
    predicted = evaluation.prediction_table(
        table, "true", np.arange(len(rows)), p, classes, fold=clips[rows[0]].fold, threshold=classifier.threshold
    )
    predicted.loc[silent, "decision"] = evaluation.UNCERTAIN
    return predicted.assign(silent=silent).set_index(pd.Index(rows))


def _treated(clips: Sequence[Clip], i: int, condition: Condition, rate: int, seed: int) -> Signal | None:
    """The clip under the condition, at `rate` Hz, its offset taken off; None where it does not fit the condition."""
    clip = clips[i]
    signal = audio.read(clip.path)
    if condition.change is None:
        return signal
    rng = np.random.default_rng([seed, int(digest([clip.speaker, Path(clip.path).name, condition.name]), 16)])
    samples = _at(signal, rate)
    others = [_at(audio.read(path), rate) for path in _others(clips, clip, condition.voices, rng)]
    if len(samples) < round(condition.seconds * rate) or (condition.voices and not others):
        return None
    return Signal(condition.change(samples, rate, others, rng), rate)


def _others(clips: Sequence[Clip], clip: Clip, n: int, rng: np.random.Generator) -> list[Path]:
    """`n` files, or as many as there are, of other speakers whom the same network is tested on."""
    if not n:
        return []
    mixed = (clips[k] for k in rng.permutation(len(clips)))
    return [other.path for other in islice((o for o in mixed if o.speaker != clip.speaker and o.fold == clip.fold), n)]


def _row(condition: Condition, found: pd.DataFrame, clean: pd.DataFrame) -> dict[str, Any]:
    """The table's row of one condition, from its predictions and the clean ones."""
    row = {"group": condition.group, "condition": condition.name, "clips": len(found), "speakers": found["speaker"].nunique()}
    classes = sorted(set(clean["true"]))
    known = [name.removeprefix("p_") for name in clean.columns if name.startswith("p_")]
    named = ("balanced_accuracy", "low", "high", "clean_same_clips", "uncertain", "error_answered", "no_speech")
    scores = dict.fromkeys(named, np.nan)
    if set(found["true"]) == set(classes):  # a balanced accuracy over fewer classes could not be compared with the others
        value = _balanced(found, known)
        answered = found[found["decision"] != evaluation.UNCERTAIN]
        scores |= {"balanced_accuracy": value["value"], "low": value["low"], "high": value["high"]}
        scores["clean_same_clips"] = _balanced(clean.loc[found.index], known)["value"]
        scores["uncertain"] = 1 - len(answered) / len(found)
        scores["no_speech"] = found["silent"].mean()
        scores["error_answered"] = (answered["true"] != answered["predicted"]).mean()
    return {**row, **scores, "chance": 1 / len(classes)}


def _balanced(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    return evaluation.evaluate(predictions.reset_index(drop=True), classes)["network"]["balanced_accuracy"]


def _ordered(rows: dict[str, dict[str, Any]], wanted: Sequence[Condition]) -> pd.DataFrame:
    return pd.DataFrame([rows[condition.name] for condition in wanted if condition.name in rows])


def _at(signal: Signal, rate: int) -> np.ndarray:
    """Samples at `rate` Hz without a constant offset, which would count as sound."""
    return audio.resample(audio.centre(signal), rate).samples


def _short(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator, *, seconds: float) -> np.ndarray:
    return degrade.cut(samples, rate, seconds)


def _noisy(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator, *, snr_db: float) -> np.ndarray:
    return degrade.noise(samples, rate, snr_db=snr_db, rng=rng)


def _crowded(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator, *, snr_db: float) -> np.ndarray:
    return degrade.babble(samples, others, snr_db=snr_db, rng=rng)


def _whispered(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    return whisper(samples, rate, rng=rng)


def _echoing(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator, *, rt60: float) -> np.ndarray:
    return degrade.room(samples, rate, rt60=rt60, direct_to_reverberant_db=DIRECT_DB, rng=rng)


def _telephoned(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    return degrade.telephone(samples, rate)


def _packed(samples: np.ndarray, rate: int, others: list[np.ndarray], rng: np.random.Generator, *, kbps: int) -> np.ndarray:
    return degrade.mp3(samples, rate, kbps)

"""Do 95 % intervals over speakers hold the truth in 95 % of corpora? Simulated corpora whose truth is known; trains nothing.

Says how the intervals of voicecam.evaluation do on new speakers of the same kind, beside the percentile bootstrap used before.
Says nothing of other microphones or languages, nor of other trainings.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import spearmanr

from voicecam import evaluation
from voicecam.evaluation.intervals import jackknife
from voicecam.evaluation.scores import confusion_scores
from voicecam.explanation.bandstop import agreement

CLASSES = ("a", "b")
DRAWS = 1000  # of the old bootstrap
OUT = Path("results/audit/intervals.csv")
Ends = tuple[float, float]  # of an interval


@dataclass(frozen=True)
class Design:
    """Clips of each speaker of either class, and how the speakers' true shares of right answers vary (a beta law)."""

    name: str
    clips: tuple[np.ndarray, np.ndarray]
    mean: float = 0.94
    sd: float = 0.10


def even(first: int, second: int, clips: int) -> tuple[np.ndarray, np.ndarray]:
    """So many speakers of each class with equally many clips."""
    return np.full(first, clips), np.full(second, clips)


def falling(speakers: int, most: int, ratio: float) -> np.ndarray:
    """Clips of each speaker, (speaker,): `most`, then always `ratio` of the one before, 1 at least."""
    return np.maximum(1, np.round(most * ratio ** np.arange(speakers))).astype(int)


# a class with 1.9 effective speakers of 13, and one with 6.6 of 44: as uneven as BAVED, where one woman spoke most clips
UNEVEN = (falling(13, 400, 0.31), falling(44, 170, 0.74))
DESIGNS = (
    Design("8 speakers, 10 clips each", even(4, 4, 10)),
    Design("9 speakers, 54 clips each", even(4, 5, 54)),
    Design("12 speakers, 30 clips each", even(6, 6, 30)),
    Design("24 speakers, 30 clips each", even(12, 12, 30)),
    Design("57 speakers, 28 clips each", even(13, 44, 28)),
    Design("24 speakers, uneven", (falling(12, 100, 0.75), falling(12, 100, 0.75))),
    Design("57 speakers, as uneven as BAVED", UNEVEN),
    Design("8 speakers, 80 % right", even(4, 4, 30), 0.80, 0.15),
    Design("24 speakers, 80 % right", even(12, 12, 30), 0.80, 0.15),
    Design("57 speakers, as uneven as BAVED, 80 % right", UNEVEN, 0.80, 0.15),
    Design("24 speakers, 98 % right", even(12, 12, 30), 0.98, 0.04),
    Design("57 speakers, 98 % right", even(13, 44, 28), 0.98, 0.04),
)


def speakers_of(design: Design) -> pd.DataFrame:
    """The clips of a design: columns speaker, true."""
    counts = np.concatenate(design.clips)
    home = np.repeat(CLASSES, [len(part) for part in design.clips])
    return pd.DataFrame({"fold": 1, "speaker": np.repeat(np.arange(len(counts)), counts), "true": np.repeat(home, counts)})


def right_clips(design: Design, corpora: int, rng: np.random.Generator) -> np.ndarray:
    """Right clips of each speaker in each corpus, int (corpus, speaker)."""
    counts, size = np.concatenate(design.clips), design.mean * (1 - design.mean) / design.sd**2 - 1
    shares = rng.beta(design.mean * size, (1 - design.mean) * size, (corpora, len(counts)))
    return rng.binomial(counts, shares)


def accuracy_intervals(design: Design, right: np.ndarray) -> np.ndarray:
    """Intervals of the balanced accuracy as evaluation.evaluate makes them, float (corpus, 2)."""
    tested, counts = jackknife(speakers_of(design)), np.concatenate(design.clips)
    home = np.repeat([0, 1], [len(part) for part in design.clips])
    found = []
    for good in right:
        confusion = np.zeros((len(counts), 2, 2))  # (speaker, true, predicted)
        confusion[np.arange(len(counts)), home, home] = good
        confusion[np.arange(len(counts)), home, 1 - home] = counts - good
        whole, without = (
            confusion_scores(sums)["balanced_accuracy"] for sums in (confusion.sum(axis=0), tested.without(confusion))
        )
        score = tested.interval(whole, without, share=True)
        found.append([score["value"] if score[end] is None else score[end] for end in ("low", "high")])
    return np.array(found, dtype=float)


def bootstrap_intervals(design: Design, right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What was there before, (corpus, 2): 2.5 % and 97.5 % of scores of speakers drawn anew within each class (Rao and Wu)."""
    first, counts = len(design.clips[0]), np.concatenate(design.clips)
    found = []
    for good in right:
        recalls = []
        for part in (slice(0, first), slice(first, None)):
            n = len(counts[part])
            times = rng.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS)
            recalls.append((times @ good[part]) / (times @ counts[part]))
        found.append(np.percentile(np.mean(recalls, axis=0), [2.5, 97.5]))
    return np.array(found)


def row(name: str, score: str, truth: np.ndarray | float, intervals: np.ndarray, before: np.ndarray | None) -> dict[str, object]:
    """One line of the table; intervals : (corpus, 2)."""
    low, high = intervals[:, 0] - 1e-9, intervals[:, 1] + 1e-9
    found: dict[str, object] = {"design": name, "score": score, "corpora": len(intervals)}
    found |= {"coverage": np.mean((low <= truth) & (truth <= high))}
    found |= {"truth_below": np.mean(truth < low), "truth_above": np.mean(truth > high), "width": np.median(high - low)}
    bootstrap = np.nan if before is None else np.mean((before[:, 0] <= truth) & (truth <= before[:, 1]))
    return {**found, "bootstrap_coverage": bootstrap}


def accuracy_row(design: Design, corpora: int, seed: int, *, before: bool = True) -> dict[str, object]:
    """The line of balanced accuracy in one design; before : with the old bootstrap's coverage."""
    rng = np.random.default_rng(seed)
    right = right_clips(design, corpora, rng)
    old = bootstrap_intervals(design, right, rng) if before else None
    return row(design.name, "balanced accuracy", design.mean, accuracy_intervals(design, right), old)


def answers(speakers: int, clips: int, sharpness: float, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Predictions whose probabilities are right on average at sharpness 1, too sure above it; and the probabilities (clip, 2)."""
    sure = np.abs(rng.normal(2, 1, (speakers, clips)))
    right = (rng.random((speakers, clips)) < expit(sure + rng.normal(0, 0.5, (speakers, 1)))).ravel()
    p = expit(sharpness * sure).ravel()
    true = np.resize(CLASSES, speakers * clips)  # every speaker says both words
    said = np.where(right, true, np.where(true == "a", "b", "a"))
    columns = {f"p_{name}": np.where(said == name, p, 1 - p) for name in CLASSES}
    table = pd.DataFrame(
        {"fold": 1, "speaker": np.repeat(np.arange(speakers), clips), "true": true, "predicted": said, **columns}
    )
    return table, table[list(columns)].to_numpy()


def calibration_rows(speakers: int, clips: int, sharpness: float, corpora: int, seed: int) -> list[dict[str, object]]:
    """The lines of the expected calibration error and of the Brier score; their truth is that of 400,000 clips."""
    rng = np.random.default_rng(seed)
    many, p = answers(40_000, 10, sharpness, rng)
    right = (many["true"] == many["predicted"]).to_numpy()
    truth = {"ece": evaluation.calibration_error(p.max(axis=1), right)}
    truth["brier"] = float(evaluation.brier(p, (many["true"] == "b").to_numpy(dtype=int)).mean())
    found: dict[str, list[Ends]] = {name: [] for name in truth}
    for _ in range(corpora):
        scores = evaluation.calibration(*answers(speakers, clips, sharpness, rng))
        for name, ends in found.items():
            ends.append((scores[name]["low"], scores[name]["high"]))
    design = f"{speakers} speakers, {clips} clips each, true ECE {truth['ece']:.3f}"
    return [row(design, name, truth[name], np.array(ends), None) for name, ends in found.items()]


def agreement_row(speakers: int, bands: int, corpora: int, seed: int) -> dict[str, object]:
    """The line of the rank correlation of two mean profiles over bands; the truth differs from corpus to corpus."""
    rng, truth, ends = np.random.default_rng(seed), [], []
    for _ in range(corpora):
        ours = rng.normal(size=bands)
        theirs = 0.8 * ours + 0.6 * rng.normal(size=bands)
        maps, drops = (mean + rng.normal(size=(speakers, bands)) for mean in (ours, theirs))
        names = [f"s{i}" for i in range(speakers)]
        found = agreement({"m": maps}, drops, ["a"] * speakers, names, seed=int(rng.integers(2**31))).iloc[0]
        truth.append(spearmanr(ours, theirs).statistic)
        ends.append((found["low"], found["high"]))
    return row(f"{speakers} speakers, {bands} bands", "rank correlation of means", np.array(truth), np.array(ends), None)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and write it to results/audit/intervals.csv; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=int, default=2000, help="simulated corpora per line (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT, help=f"(default: {OUT})")
    args = parser.parse_args(argv)
    lines = [accuracy_row(design, args.corpora, args.seed) for design in DESIGNS]
    for case in ((8, 30, 1.0), (24, 30, 1.0), (57, 28, 1.0), (8, 30, 2.0), (24, 30, 2.0)):
        lines += calibration_rows(*case, args.corpora // 4, args.seed)
    lines += [agreement_row(*case, args.corpora // 4, args.seed) for case in ((8, 18), (24, 8), (24, 18), (57, 18))]
    table = pd.DataFrame(lines)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep=""))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.out, index=False, float_format="%.4f")
    print(f"wrote {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

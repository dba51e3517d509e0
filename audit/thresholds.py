"""Does the threshold of "uncertain" keep what it promises? Validation speakers are drawn again and again from a known population.

The population's share of wrong answers at any threshold is known by its making, so nothing is estimated but over the draws.
Beside it stands the bound of Geifman and El-Yaniv 2017 (SGR), written anew here, which counts clips: it breaks where clips of
one speaker are alike. Trains nothing and reads no sound.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from voicecam import evaluation
from voicecam.files import write_text

OUT = Path("results") / "audit" / "thresholds.csv"
CLIPS, RARE, DELTA = 40, 0.001, 0.05  # clips a speaker, share wrong of most speakers, 1 - confidence


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and write it to results/audit/thresholds.csv; returns 0 where no promise was broken, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=300, help="choices of validation speakers for each row")
    parser.add_argument("--max-error", type=float, default=0.02)
    args = parser.parse_args(argv)
    rows = [
        _row(np.random.default_rng([n, int(1000 * bad)]), n, bad, args.max_error, args.trials)
        for n in (4, 8, 13, 34, 65, 200)
        for bad in (0.05, 0.1, 0.3)
    ]
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    write_text(OUT, table.to_csv(index=False, float_format="%.6g"))
    kept = (table["mean_found"] <= table["mean_promised"]) & (table["confident_broken"] <= DELTA)
    print(
        f"wrote {OUT}: {(~kept).sum()} of {len(table)} promises broken; SGR over clips, in {(table['sgr_broken'] > DELTA).sum()}"
    )
    return int(not kept.all())


def _row(rng: np.random.Generator, n: int, bad: float, error: float, trials: int) -> dict[str, float]:
    """One row: `n` validation speakers of a class, of whom the share `bad` of the population is wrong in every clip."""
    speakers, found, sgr = np.repeat(np.arange(n), CLIPS), np.zeros(trials), np.zeros(trials, bool)
    for trial in range(trials):
        rate = np.repeat(np.where(rng.random(n) < bad, 1.0, RARE), CLIPS)
        confidence, right = rng.random(n * CLIPS), rng.random(n * CLIPS) >= rate
        chosen = evaluation.choose_threshold(confidence, right, targets=np.zeros_like(speakers), speakers=speakers, error=error)
        found[trial] = (bad + (1 - bad) * RARE) * (1 - min(chosen, 1))
        sgr[trial] = _sgr_answers(confidence, right, error) and bad + (1 - bad) * RARE > error
    told = evaluation.guarantee(n, error)
    return {
        "speakers": n,
        "always_wrong": bad,
        "mean_promised": told["mean"],
        "mean_found": found.mean(),
        "confident_promised": told["confident"],
        "confident_broken": (found > told["confident"]).mean(),
        "sgr_broken": sgr.mean(),
    }


def _sgr_answers(confidence: np.ndarray, right: np.ndarray, error: float) -> bool:
    """Whether SGR (algorithm 1: a binary search over thresholds, each with delta / log2 m) finds a threshold whose selective risk
    it guarantees: at most `error`. Confidence says nothing of being right here: the true selective risk is that of all clips.
    """
    wrong, low, high = ~right[np.argsort(confidence)], 0, len(confidence)
    steps, answered = int(np.ceil(np.log2(len(confidence)))), False
    for _ in range(steps):
        middle = (low + high + 1) // 2
        some = wrong[min(middle, len(wrong) - 1) :]
        bound = stats.beta.ppf(1 - DELTA / steps, some.sum() + 1, len(some) - some.sum()) if not some.all() else 1.0
        answered |= bool(bound <= error)
        low, high = (low, middle) if bound <= error else (middle, high)
    return answered


if __name__ == "__main__":
    sys.exit(main())

"""A linear model with a penalty (ridge), by groups that share nobody: tables made ready, the penalty chosen, groups foretold.

Closed formulas of numpy for what scikit-learn's SimpleImputer, StandardScaler and Ridge compute; hundreds of small models take
a tenth of the time so. Knows nothing of sound.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold

FOLDS = 5
PENALTIES = 10.0 ** np.arange(-1, 6)  # one is chosen by folds of the training groups

Rows = np.ndarray  # int (row,): places in the table


@dataclass(frozen=True)
class Fold:
    """A part of the groups to test and the others to fit on; inner : folds of those, as places among `train`.

    fitted (row of train, column), foretold (row of test, column) : the columns, filled and standardised by the rows of `train`;
        column : of the table, for each of them
    """

    train: Rows
    test: Rows
    inner: list[tuple[Rows, Rows]]
    fitted: np.ndarray
    foretold: np.ndarray
    column: np.ndarray


def folds(table: np.ndarray, groups: np.ndarray, seed: int) -> list[Fold]:
    """At most five folds of a table (row, column) that share no group; NaN is filled, see `_ready`."""
    return [
        Fold(train, test, _divided(groups[train], seed), *_ready(table[train], table[test]))
        for train, test in _divided(groups, seed)
    ]


def foretell(fold: Fold, values: np.ndarray, weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values (row of test,) by a model on some columns of the table, fitted on the rows of train; values, weights : (row,)."""
    used = np.isin(fold.column, columns)
    X, y, w = fold.fitted[:, used], values[fold.train], weights[fold.train]
    errors = np.zeros(len(PENALTIES))
    for train, test in fold.inner:
        errors += w[test] @ (y[test, None] - _ridge(X[train], y[train], w[train], PENALTIES, X[test])) ** 2
    penalty = PENALTIES[errors.argmin()] if fold.inner else PENALTIES[-1]  # of one group alone, the strongest
    return _ridge(X, y, w, np.array([penalty]), fold.foretold[:, used])[:, 0]


def _ridge(X: np.ndarray, y: np.ndarray, weights: np.ndarray, penalties: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(row of new, penalty): by the weighted least squares of y on X (row, column) with an intercept, which costs nothing."""
    share = weights / weights.sum()
    X_mean, y_mean = share @ X, share @ y
    centred = X - X_mean
    values, vectors = np.linalg.eigh((centred * weights[:, None]).T @ centred)  # one for all penalties
    turned = vectors.T @ (centred.T @ (weights * (y - y_mean)))
    slopes = vectors @ (turned[:, None] / (np.maximum(values, 0)[:, None] + penalties))  # (column, penalty)
    return y_mean + (new - X_mean) @ slopes


def _ready(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns with NaN filled by the median of train (0 where there is none), beside a column that says where in train any was
    missing; all standardised by train. Returns train, test, and the place of each column in the table."""
    missing = np.isnan(train)
    some = missing.any(axis=0)
    known = [column[~gone] for column, gone in zip(train.T, missing.T)]
    median = np.array([np.median(values) if len(values) else 0.0 for values in known])
    train, test = (np.hstack([np.where(np.isnan(part), median, part), np.isnan(part)[:, some]]) for part in (train, test))
    spread = np.where(np.ptp(train, axis=0) > 0, train.std(axis=0), 1.0)
    mean = train.mean(axis=0)
    return (train - mean) / spread, (test - mean) / spread, np.r_[np.arange(len(some)), np.flatnonzero(some)]


def _divided(groups: np.ndarray, seed: int) -> list[tuple[Rows, Rows]]:
    """Rows to fit and to test, sharing no group; of one group alone there are none."""
    if len(np.unique(groups)) < 2:
        return []
    divide = GroupKFold(min(FOLDS, len(np.unique(groups))), shuffle=True, random_state=seed)
    return list(divide.split(groups, groups=groups))

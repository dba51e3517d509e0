"""Which tested clips the slow checks of an explanation look at: classes alike, and as many speakers as there are."""

import numpy as np
import pandas as pd


def sample_clips(predictions: pd.DataFrame, n: int, *, seed: int = 0) -> np.ndarray:
    """Places of about `n` rows of a run's predictions, int, in their order: n / classes of each class, its speakers in turn.

    A speaker gives a second clip only after every other speaker of the class has given one. All rows where there are
    no more than n.
    """
    if len(predictions) <= n:
        return np.arange(len(predictions))
    rng = np.random.default_rng(seed)
    shuffled = predictions.assign(place=np.arange(len(predictions))).iloc[rng.permutation(len(predictions))]
    turn = shuffled.groupby(["true", "speaker"]).cumcount()
    per_class = max(1, n // predictions["true"].nunique())
    chosen = shuffled.assign(turn=turn).sort_values("turn", kind="stable").groupby("true").head(per_class)
    return np.sort(chosen["place"].to_numpy())

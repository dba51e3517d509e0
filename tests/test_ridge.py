"""The ridge model by closed formulas, held against scikit-learn's own steps on tables with holes."""

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voicecam.explanation import ridge


@pytest.mark.parametrize(("holes", "groups"), [(0.0, 12), (0.2, 12), (0.2, 3), (0.1, 2)])
def test_it_foretells_what_scikit_learn_foretells(rng, holes, groups):
    table, of = 500 + 90 * rng.standard_normal((60, 5)), np.arange(60) % groups
    values, weights = table[:, 0] / 90 + rng.standard_normal(60), rng.uniform(0.5, 2, 60)
    table[rng.random(table.shape) < holes] = np.nan
    table[:, 3], table[:, 4] = 0.1, np.where(holes, np.nan, 7.0)  # always the same; not there at all
    folds = ridge.folds(table, of, seed=0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(60))
    for fold in folds:
        assert not set(of[fold.train]) & set(of[fold.test])
        for columns in ([0, 1, 2, 3, 4], [0], [3, 4]):
            fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
            ready = make_pipeline(fill, StandardScaler()).fit(table[fold.train][:, columns])
            X, y, w = ready.transform(table[fold.train][:, columns]), values[fold.train], weights[fold.train]

            def loss(penalty, X=X, y=y, w=w, inner=fold.inner):
                fits = [(Ridge(penalty).fit(X[a], y[a], sample_weight=w[a]), b) for a, b in inner]
                return sum(w[b] @ (y[b] - model.predict(X[b])) ** 2 for model, b in fits)

            best = min(ridge.PENALTIES, key=loss) if groups > 2 else ridge.PENALTIES[-1]
            wanted = Ridge(best).fit(X, y, sample_weight=w).predict(ready.transform(table[fold.test][:, columns]))
            found = ridge.foretell(fold, values, weights, np.array(columns))
            np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)

"""Vectors that an encoder gives of clips -> points in a plane, what answer lies where in it, and who is near whom.

A plane keeps neighbours and bends all else, so the numbers (`neighbours`) are of the vectors themselves.
"""

from collections.abc import Sequence

import numpy as np

UMAP, PCA = "UMAP", "principal components"
FEWEST = 10  # clips from which UMAP is asked
NEAREST = 7  # clips whose mean answer fills a place of the plane
CELLS = 160  # of the plane, each way
EDGE = 0.08  # of the plane's sides, around the clips


def plane(vectors: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, str]:
    """Points, float (clip, 2), and how they were found: by UMAP (McInnes et al. 2018, cosine distance, 15 neighbours), or by
    principal components where umap-learn is not installed or the clips are fewer than FEWEST.

    vectors : float (clip, number)
    """
    if len(vectors) >= FEWEST:
        try:
            import umap  # here: it compiles for 20 s
        except ImportError:
            pass
        else:
            near = min(15, len(vectors) - 1)
            mapper = umap.UMAP(n_neighbors=near, metric="cosine", init="pca", random_state=seed, n_jobs=1)
            return np.asarray(mapper.fit_transform(vectors), dtype=float), UMAP
    from sklearn import decomposition

    return decomposition.PCA(n_components=2, random_state=seed).fit_transform(vectors), PCA


def answer_regions(points: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which class is likeliest at each place: x (CELLS,), y (CELLS,), its number, int (CELLS, CELLS), row by y.

    A place has the mean probability of the NEAREST clips there. A network's border is a surface between vectors, which has no
    true place in the plane: this one shows where the answers of nearby clips turn.

    points : float (clip, 2); probabilities : float (clip, class)
    """
    from scipy.spatial import cKDTree

    low, high = points.min(axis=0), points.max(axis=0)
    edge = EDGE * np.where(high > low, high - low, 1.0)
    x, y = (np.linspace(low[i] - edge[i], high[i] + edge[i], CELLS) for i in range(2))
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    near = cKDTree(points).query(places, k=min(NEAREST, len(points)))[1].reshape(len(places), -1)
    return x, y, probabilities[near].mean(axis=1).argmax(axis=1).reshape(CELLS, CELLS)


def region_of(points: np.ndarray, regions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The class number drawn at each point, int (clip,)."""
    x, y, answers = regions
    column, row = (np.abs(axis - points[:, [i]]).argmin(axis=1) for i, axis in enumerate((x, y)))
    return answers[row, column]


def neighbours(vectors: np.ndarray, speakers: Sequence[str], classes_of: Sequence[str]) -> dict[str, np.ndarray]:
    """For each clip, bool (clip,): is the nearest other clip by the same speaker; is the nearest one by another speaker of the
    same class. By cosine distance of the vectors less their mean. A clip alone in its speaker counts as False in the first."""
    who, truth = np.asarray(speakers), np.asarray(classes_of)
    centred = vectors - vectors.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = likeness.argmax(axis=1)
    other = np.where(who[:, None] == who[None], -np.inf, likeness).argmax(axis=1)
    return {"speaker": who[nearest] == who, "class": truth[other] == truth}

"""A benchmark with known answers: networks that learned one planted cue, and whether each method's maps find it.

Synthetic voices (the demo corpus), pairs of clips that differ by the cue alone (planted_sounds.py), a small network per cue.
Finding a planted cue is needed for finding a real one, and does not prove it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.corpora import open_corpus
from voicecam.corpora.demo import make_demo_corpus
from voicecam.corpora.table import make_corpus
from voicecam.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation.cells import overlap
from voicecam.explanation.faithful import ENERGY, RANDOM, on_grid, over_speakers, picture_itself, random_maps
from voicecam.explanation.methods import LIGHT, METHODS, attribute
from voicecam.explanation.planted_sounds import CUES, PICTURE, Pairs, cue_cells, plant
from voicecam.features import features
from voicecam.learner import Training, train
from voicecam.network import Model
from voicecam.splits import Split

FOLDER = Path("cache") / "planted"  # the synthetic voices, made once
VOICES, WORDS = 20, 8  # recordings: 20 voices say 8 words once
TESTED, VALIDATING = 8, 2  # voices of 20 held back to explain, and to choose the epoch
LAYERS = (
    "layer3",
)  # of the small network: layer1 misses the formant with most methods, and chance hits much on the coarse layer4
WANTED = 0.95  # share of clips whose highest cell must lie on the cue for a method to have found it
LEARNED = 0.95  # accuracy on voices held back, below which a network has not learned the cue
SMALL_TRAINING = Training(arch="small", start="none", epochs=12, lr=3e-3, batch=16, patience=12, augment=False)


@dataclass(frozen=True)
class Planted:
    """A network that was shown one cue, and the clips of held-back voices to explain it on.

    cue : key of CUES; model : trained on the other voices
    matrices : float32 (clip, row, frame) of class 1's clips; cells : bool, the same shape, the cue's place; speakers : (clip,)
    accuracy : on both classes of the held-back voices
    without : share of these clips called class 1 when the cue under test is taken out and all else stays
    """

    cue: str
    model: Model
    matrices: np.ndarray
    cells: np.ndarray
    speakers: np.ndarray
    accuracy: float
    without: float


def run_planted(
    cues: Sequence[str] = tuple(CUES),
    methods: Sequence[str] = LIGHT,
    *,
    layers: Sequence[str] = LAYERS,
    folder: Path = FOLDER,
    seed: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Train a network per cue and see where each method's maps point; one row per cue, layer and method.

    layers : of the small network, whose grids have 1/2 (layer1) to 1/16 (layer4) of the picture's rows and columns
    folder : where the synthetic voices are made, or lie already; progress : called with a line per cue
    Returns the columns of `pointing_table`; for each layer also the rows "random" and "energy only". Raises ExplainError for an
    unknown cue or method.
    """
    if unknown := [name for name in methods if name not in METHODS]:
        raise ExplainError(f"method {unknown[0]!r}: not known; use some of {', '.join(METHODS)}")
    signals, speakers = demo_speech(folder)
    tables = []
    for cue in cues:
        planted = train_planted(cue, signals, speakers, seed=seed)
        progress(f"{CUES[cue].title}: {100 * planted.accuracy:.0f} % of clips of {TESTED} held-back voices right")
        tables.append(pointing_table(planted, methods, layers=layers, seed=seed))
    return pd.concat(tables, ignore_index=True)


def demo_speech(folder: Path = FOLDER) -> tuple[list[audio.Signal], np.ndarray]:
    """The recordings, ready for features, and the voice of each; made in `folder` where they are not there yet."""
    corpus = open_corpus(make_demo_corpus(folder, voices=VOICES, digits=WORDS, takes=1))
    signals = [audio.load(corpus.root / name, PICTURE) for name in corpus.clips["path"]]
    return signals, corpus.clips["speaker"].to_numpy(dtype=str)


def train_planted(
    cue: str,
    signals: Sequence[audio.Signal],
    speakers: Sequence[str] | np.ndarray,
    *,
    training: Training = SMALL_TRAINING,
    seed: int = 0,
) -> Planted:
    """Plant a cue into recordings of VOICES speakers and train a network on the pairs of some of them."""
    pairs = plant(cue, signals, speakers, seed=seed)
    matrices, split = _matrices(pairs.samples), _voices(pairs.speakers, seed)
    model = train(_dataset(cue, pairs, matrices), split, "cue", training, say=lambda line: None).model
    truth, answers = pairs.labels[split.test], model.probabilities(matrices[split.test]).argmax(axis=1)
    rows = split.test[truth == 1]
    answered = model.probabilities(_matrices(pairs.without[rows])).argmax(axis=1)
    cells = cue_cells(pairs.places[rows], PICTURE)
    right, still = float((answers == truth).mean()), float((answered == 1).mean())
    return Planted(cue, model, matrices[rows], cells, pairs.speakers[rows], right, still)


def pointing_table(planted: Planted, methods: Sequence[str], *, layers: Sequence[str] = LAYERS, seed: int = 0) -> pd.DataFrame:
    """Where the maps of class 1 against class 0 lie, one row per layer and method.

    Returns columns cue, layer ("picture" for methods on its pixels), method, grid, accuracy, learned (above LEARNED), without
    (see Planted), pointing (share of clips whose highest cell touches the cue), chance (share of cells that do), mass (share of
    the map's positive part inside the cue's own cells of the picture; chance is that of "random", more than the area where a
    cue lies in the narrow first cells), area (the cue's share of the picture), clips, speakers,
    blank (maps without anything above 0: they have no mass and point nowhere); pointing and mass with _low and _high, 95 %
    over voices, means per voice first.
    """
    inputs, rows = planted.model.input(planted.matrices), []
    one, zero = np.ones(len(inputs), dtype=int), np.zeros(len(inputs), dtype=int)
    for layer in layers:
        place, grid = planted.model.stage(layer), _grid(planted.model, layer, inputs)
        made = {
            RANDOM: (layer, random_maps((len(inputs), *grid), seed=seed)),
            ENERGY: (layer, on_grid(picture_itself(inputs), grid)),
        }
        for name in methods:
            if METHODS[name].grid == "layer":
                made[name] = layer, attribute(planted.model.network, inputs, one, method=name, layer=place, against=zero)
            elif layer == layers[0]:
                made[name] = "picture", attribute(planted.model.network, inputs, one, method=name, against=zero)
        rows += [{**_about(planted), "layer": at, "method": name, **_found(maps, planted)} for name, (at, maps) in made.items()]
    return pd.DataFrame(rows)


def points_at(maps: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The pointing game (Zhang et al. 2018): does the highest cell of each map touch the cue? bool (clip,).

    maps : float (clip, h, w), on a grid not finer than that of cells : bool (clip, rows, columns)
    A map with nothing above 0 points nowhere; of several highest cells the first is taken.
    """
    flat, touched = maps.reshape(len(maps), -1), touching(cells, maps.shape[1:]).reshape(len(maps), -1)
    return touched[np.arange(len(maps)), flat.argmax(axis=1)] & (flat.max(axis=1) > 0)


def touching(cells: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Cells of a layer's grid (h, w) that the cells (clip, rows, columns) of the picture touch, bool (clip, h, w)."""
    down, across = (overlap(few, many) for few, many in zip(grid, cells.shape[1:]))
    return down @ cells @ across.T > 0


def mass_inside(maps: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Share of each map's positive part that lies on the cue's cells, float (clip,); NaN for a map with nothing above 0.

    A coarse map's cell spreads its weight evenly over the picture's cells that it covers.
    """
    down, across = (overlap(few, many) for few, many in zip(maps.shape[1:], cells.shape[1:]))
    area = down.sum(axis=1)[:, None] * across.sum(axis=1)  # (h, w)
    inside = down @ cells @ across.T / area  # the cue's share of each coarse cell, (clip, h, w)
    weights = np.maximum(maps, 0).astype(float)
    total = weights.sum(axis=(1, 2))
    return np.divide((weights * inside).sum(axis=(1, 2)), total, out=np.full(len(maps), np.nan), where=total > 0)


def planted_words(table: pd.DataFrame) -> list[str]:
    """One sentence per cue: was it learned, which methods put their highest cell on it in WANTED of the clips, which do not."""
    said = []
    for cue, rows in table.groupby("cue", sort=False):
        first, made = rows.iloc[0], rows[rows["method"].isin(METHODS)]
        head = f"{CUES[str(cue)].title}: {100 * first['accuracy']:.1f} % of clips of held-back voices right"
        if not first["learned"]:
            said.append(f"{head}, not above {100 * LEARNED:g} %: the network has not learned the cue and nothing is shown.")
            continue
        lists = [
            ", ".join(
                f"{METHODS[row['method']].title} ({row['layer']}) {100 * row['pointing']:.0f} %" for _, row in some.iterrows()
            )
            for some in (made[made["pointing"] >= WANTED], made[made["pointing"] < WANTED])
        ]
        base = {row["method"]: row["pointing"] for _, row in rows[~rows["method"].isin(METHODS)].iterrows()}
        beside = ", ".join(f"{name} {100 * share:.0f} %" for name, share in base.items())
        said.append(
            f"{head}; highest cell on the cue: {lists[0] or 'no method'}; less often: {lists[1] or 'none'}; beside: {beside}."
        )
    return said


def planted_doubt(table: pd.DataFrame, method: str) -> str:
    """Which learned cues of a `pointing_table` a method does not find, as a sentence; "" for none, or where it is not in it."""
    rows = table[(table["method"] == method) & table["learned"]]
    missed = rows[rows["pointing"] < WANTED]
    if missed.empty:
        return ""
    cues = "; ".join(f"{CUES[row['cue']].title} ({100 * row['pointing']:.0f} % of clips)" for _, row in missed.iterrows())
    return (
        f"{METHODS[method].title} does not find {len(missed)} of {len(rows)} cues that were planted and learned: its highest "
        f"cell lies on them in less than {100 * WANTED:g} % of clips: {cues}."
    )


def _about(planted: Planted) -> dict:
    return {
        "cue": planted.cue,
        "accuracy": planted.accuracy,
        "learned": planted.accuracy > LEARNED,
        "without": planted.without,
        "clips": len(planted.matrices),
        "speakers": len(np.unique(planted.speakers)),
        "area": float(planted.cells.mean()),
    }


def _found(maps: np.ndarray, planted: Planted) -> dict:
    """What one method's maps say: grid, chance, blank, pointing and mass with their intervals."""
    hits, mass = points_at(maps, planted.cells), mass_inside(maps, planted.cells)
    row = {"grid": f"{maps.shape[1]} x {maps.shape[2]}", "chance": float(touching(planted.cells, maps.shape[1:]).mean())}
    row["blank"] = int(np.isnan(mass).sum())
    for name, values in (("pointing", hits), ("mass", mass)):
        found = over_speakers(values, planted.speakers, share=True)
        row |= {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}
    return row


def _grid(model: Model, layer: str, inputs) -> tuple[int, int]:
    """Rows and columns of a layer's output."""
    return attribute(model.network, inputs[:1], np.zeros(1, dtype=int), method="hires-cam", layer=model.stage(layer)).shape[1:]


def _matrices(samples: np.ndarray) -> np.ndarray:
    """Log-mel matrices (clip, row, frame) of samples (clip, sample), whose level stays as it is."""
    return np.stack([features(audio.Signal(one, PICTURE.sample_rate), PICTURE).matrix for one in samples])


def _dataset(cue: str, pairs: Pairs, matrices: np.ndarray) -> Dataset:
    who = zip(pairs.speakers, pairs.labels)
    rows = [
        {"path": f"{i:06d}", "speaker": str(name), "cue": str(label)} for i, (name, label) in enumerate(who)
    ]  # keeps the order
    return Dataset(make_corpus(f"planted {cue}", Path(), rows), matrices, PICTURE)


def _voices(speakers: np.ndarray, seed: int) -> Split:
    """The voices shared out by chance: TESTED, VALIDATING, and the rest to train."""
    names = np.random.default_rng(seed).permutation(np.unique(speakers))
    if len(names) <= TESTED + VALIDATING:
        raise ExplainError(f"{len(names)} voices; more than {TESTED + VALIDATING} are needed to hold some back")
    test = np.isin(speakers, names[:TESTED])
    valid = np.isin(speakers, names[TESTED : TESTED + VALIDATING])
    return Split(np.flatnonzero(~test & ~valid), np.flatnonzero(valid), np.flatnonzero(test))

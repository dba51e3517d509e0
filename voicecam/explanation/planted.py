"""A benchmark with known answers: networks that learned planted cues, and whether each method's maps find them.

Recordings of a run, or synthetic voices; the same clips with one cue each (planted_sounds.py); one network for all cues; the
pointing game on held-back voices (pointing.py). Finding a planted cue is needed for finding a real one, and does not prove it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio
from voicecam.config import CACHE, Config
from voicecam.corpora import open_corpus
from voicecam.corpora.espeak_corpus import make_espeak_corpus
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.faithful import picture_itself
from voicecam.explanation.methods import LIGHT, METHODS
from voicecam.explanation.planted_sounds import CUES, PICTURE, USUAL, Pairs, cue_cells, mel_cells, plant
from voicecam.explanation.pointing import BASELINES, Planted, is_found, pointing_table
from voicecam.features import features, log_mel_energies
from voicecam.files import digest
from voicecam.network import SMALL, Model, load_model, save_model
from voicecam.network.learner import TrainConfig, train

FOLDER = CACHE / "planted"  # the synthetic voices, made once
NETWORKS = CACHE / "planted-networks"  # trained once for all runs of the same recordings and settings
VOICES, WORDS = 30, 8  # recordings: voices, and words of each
SYNTHETIC = 20  # voices of the demo's kind, where a run has no recordings
TESTED, VALIDATING = 8, 2  # voices held back to explain, and to choose the epoch
LAYERS = ("layer3",)
SMALL_TRAINING = TrainConfig(arch=SMALL, init="none", epochs=15, lr=1e-2, batch=16, patience=15, augment=False)
RESNET_TRAINING = TrainConfig(epochs=4, lr=1e-2, batch=16, patience=4, augment=False)


def run_planted(
    cues: Sequence[str] = USUAL,
    methods: Sequence[str] = LIGHT,
    *,
    speech: tuple[list[audio.Signal], np.ndarray] | None = None,
    config: Config = PICTURE,
    training: TrainConfig = SMALL_TRAINING,
    layers: Sequence[str] = LAYERS,
    seeds: Sequence[int] = (0,),
    few: int | None = None,
    folder: Path = FOLDER,
    networks: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Train a network on all cues and see where each method's maps point; one row per cue, grid and method.

    speech : recordings prepared by config, and the voice of each (default: the synthetic voices in `folder`)
    config, training : how they become pictures, and the network; layers : of the network
    seeds : of cues, voices held back and weights, a network each; few : as for `pointing_table`
    networks : folder where trained networks are kept and looked for; progress : called with a line per network
    Returns the columns of `pointing_table` and seeds. Of several seeds: their mean, pointing, mass and over with 95 % over seeds,
    found where pointing and over would make one seed's method found. Raises ExplainError for an unknown cue or method.
    """
    if unknown := [name for name in methods if name not in METHODS]:
        raise ExplainError(f"method {unknown[0]!r}: not known; use some of {', '.join(METHODS)}")
    signals, speakers = espeak_speech(folder, config) if speech is None else speech
    tables = []
    for seed in seeds:
        asked: dict[str, Any] = {"config": config, "training": training, "seed": seed, "networks": networks}
        for planted in train_together(cues, signals, speakers, **asked):
            progress(f"{CUES[planted.cue].title}: the answer turns with it in {100 * planted.turned:.0f} % of held-back pairs")
            tables.append(pointing_table(planted, methods, layers=layers, few=few, seed=seed).assign(seed=seed))
    return over_seeds(pd.concat(tables, ignore_index=True))


def espeak_speech(folder: Path = FOLDER, config: Config = PICTURE) -> tuple[list[audio.Signal], np.ndarray]:
    """The recordings, ready for features, and the voice of each; made in `folder` where they are not there yet."""
    corpus = open_corpus(make_espeak_corpus(folder, voices=SYNTHETIC, digits=WORDS, takes=1))
    signals = [audio.load(corpus.root / name, config) for name in corpus.clips["path"]]
    return signals, corpus.clips["speaker"].to_numpy(dtype=str)


def train_planted(
    cue: str,
    signals: Sequence[audio.Signal],
    speakers: Sequence[str] | np.ndarray,
    *,
    training: TrainConfig = SMALL_TRAINING,
    seed: int = 0,
) -> Planted:
    """`train_together` on one cue, on the pictures of PICTURE: a network that tells clips with it from clips without."""
    return train_together((cue,), signals, speakers, training=training, seed=seed)[0]


def train_together(
    cues: Sequence[str],
    signals: Sequence[audio.Signal],
    speakers: Sequence[str] | np.ndarray,
    *,
    config: Config = PICTURE,
    training: TrainConfig = SMALL_TRAINING,
    seed: int = 0,
    networks: Path | None = None,
) -> list[Planted]:
    """Plant cues into recordings of some speakers, train one network on some of them to name the cue or none, and return for
    each cue the clips of the others. networks : folder where trained networks are kept and looked for, or None."""
    pairs = plant(cues, signals, speakers, seed=seed)
    matrices, split = _matrices(pairs.samples, config), _voices(pairs.speakers, seed)
    place = None if networks is None else networks / _name(signals, speakers, config, training, cues, seed)
    model = _network(pairs, matrices, config, split, replace(training, seed=seed), place)
    answers = model.probabilities(matrices[split.test]).argmax(axis=1)
    return [_planted(number, name, pairs, matrices, split, model, answers) for number, name in enumerate(cues, start=1)]


def planted_training(training: TrainConfig, *, full: bool = False) -> TrainConfig:
    """How a network of a run's architecture and start is trained on planted cues; full : for three times as many epochs."""
    how = SMALL_TRAINING if training.arch == SMALL else replace(RESNET_TRAINING, arch=training.arch, init=training.init)
    return replace(how, epochs=3 * how.epochs, patience=3 * how.epochs) if full else how


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `pointing_table` with a column seed -> one row per cue, grid and method; see `run_planted`."""
    if (table["seed"] == table["seed"].iloc[0]).all():
        return table.drop(columns="seed").assign(seeds=1)
    rows = []
    for _, some in table.groupby(["cue", "layer", "method"], sort=False):
        known = some[some["learned"].astype(bool)]
        row = (known if len(known) else some).iloc[0].to_dict() | {"seeds": len(known), "learned": bool(len(known))}
        row |= some[["accuracy", "turned", "without"]].mean().to_dict()
        row |= known.reindex(columns=["chance", "area", "other"]).mean().to_dict()
        row |= known.reindex(columns=["clips", "blank"]).sum().to_dict()
        for name in ("pointing", "mass", "over"):
            values, share = known.get(name, pd.Series(dtype=float)), name != "over"
            spread = over_speakers(values, known["seed"], share=share, within=None if share else (-1.0, 1.0))
            row |= {name: spread["value"], f"{name}_low": spread["low"], f"{name}_high": spread["high"]}
        rows.append(row | {"found": row["method"] not in BASELINES and is_found(row)})
    return pd.DataFrame(rows).drop(columns="seed")


def _network(
    pairs: Pairs, matrices: np.ndarray, config: Config, split: Split, training: TrainConfig, place: Path | None
) -> Model:
    """The network that names cues, from `place` where it lies there."""
    if place is not None and (place / "meta.json").exists():
        return load_model(place)
    model = train(_dataset(pairs, matrices, config), split, "cue", training, log=lambda line: None).model
    if place is not None:
        save_model(place, model)
    return model


def _planted(
    number: int, cue: str, pairs: Pairs, matrices: np.ndarray, split: Split, model: Model, answers: np.ndarray
) -> Planted:
    """What the network makes of one cue. answers : int, the class it names, of each test clip."""
    config, labels = model.config, pairs.labels[split.test]
    with_cue, bare = labels == number, labels == 0  # in the same order of recordings
    turned = (answers[with_cue] == number) & (answers[bare] == 0)
    rows = split.test[with_cue][turned]
    log_mel = [log_mel_energies(one, config).T for one in pairs.samples[rows]]
    trained = [
        picture_itself(model.input(matrices[split.train][pairs.labels[split.train] == k])).mean(axis=0) for k in (0, number)
    ]
    return Planted(
        cue=cue,
        model=model,
        target=number,
        contrast=0,
        matrices=matrices[rows],
        log_mel=np.stack(log_mel) if log_mel else np.zeros((0, config.n_mels, config.n_frames)),
        cells=_on_picture(cue_cells(pairs.places[rows], config), config),
        mel_cells=mel_cells(pairs.places[rows], config),
        speakers=pairs.speakers[rows],
        means=np.stack(trained),
        accuracy=float((answers[with_cue] == number).mean() + (answers[bare] == 0).mean()) / 2,
        turned=float(turned.mean()),
        without=float((answers[bare] == number).mean()),
    )


def _on_picture(cells: np.ndarray, config: Config) -> np.ndarray:
    """Cells of a matrix (clip, row, frame) among the pixels of the picture that it is stretched to."""
    rows, columns = (
        ((np.arange(size) + 0.5) * n / size).astype(int)
        for size, n in zip((config.image_rows, config.image_columns), cells.shape[1:])
    )
    return cells[:, rows][:, :, columns]


def _matrices(samples: np.ndarray, config: Config) -> np.ndarray:
    """Feature matrices (clip, row, frame) of samples (clip, sample), whose level stays as it is."""
    return np.stack([features(audio.Signal(one, config.sample_rate), config).matrix for one in samples])


def _dataset(pairs: Pairs, matrices: np.ndarray, config: Config) -> Dataset:
    who = zip(pairs.speakers, pairs.labels)
    rows = [{"path": f"{i:06d}", "speaker": str(name), "cue": str(label)} for i, (name, label) in enumerate(who)]  # in order
    return Dataset(make_corpus("planted cues", Path(), rows), matrices, config)


def _voices(speakers: np.ndarray, seed: int) -> Split:
    """The voices shared out by chance: TESTED, VALIDATING, and the rest to train."""
    names = np.random.default_rng(seed).permutation(np.unique(speakers))
    if len(names) <= TESTED + VALIDATING:
        raise ExplainError(f"{len(names)} voices; more than {TESTED + VALIDATING} are needed to hold some back")
    test = np.isin(speakers, names[:TESTED])
    valid = np.isin(speakers, names[TESTED : TESTED + VALIDATING])
    return Split(np.flatnonzero(~test & ~valid), np.flatnonzero(valid), np.flatnonzero(test))


def _name(
    signals: Sequence[audio.Signal],
    speakers: Sequence[str] | np.ndarray,
    config: Config,
    training: TrainConfig,
    cues: Sequence[str],
    seed: int,
) -> str:
    """Folder of a trained network: differs when its recordings, settings or cues differ."""
    heard = float(np.sum([np.abs(signal.samples).sum(dtype=float) for signal in signals]))
    about = {"cues": [CUES[name].title for name in cues], "speakers": list(map(str, speakers)), "heard": round(heard, 3)}
    return digest({**about, "config": config.to_dict(), "training": asdict(training), "seed": seed})

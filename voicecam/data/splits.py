"""Clips -> train, validation and test. Speakers never stand on two sides, except in the split named `clips`, which says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voicecam.config import SPLITS
from voicecam.corpora.labels import listing
from voicecam.corpora.table import Corpus
from voicecam.errors import DatasetError

CLOSED_SET = "every speaker tested was met in training, as telling speakers apart needs: scores say nothing of other voices"


@dataclass(frozen=True)
class Split:
    """Row numbers of the clips in each part.

    train, valid, test : int arrays; each clip is in at most one of them
    warning : what is wrong with scores under this split, or ""
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    warning: str = ""


def make_splits(
    corpus: Corpus, label: str, *, kind: str = "speakers", folds: int = 5, leave_out: int = 1, seed: int = 0
) -> list[Split]:
    """Splits of a corpus whose clips all carry `label`.

    kind : "speakers": one split, 3/5 of the speakers to train, 1/5 to validate, 1/5 to test;
        "folds": `folds` of them, each clip tested once, a quarter of each fold's other speakers validating (more where a class
            has fewer than four of them);
        "published": the folds that the corpus's authors published for `label`;
        "corpora": of several corpora joined (column `corpus`), one split for each that has every class: it is tested, by what a
        tenth of the other corpora's speakers validated (more where a class has fewer than ten); one that lacks a class trains
        in every split and is never tested; `leave_out` corpora at a time, one of the largest with one of the smallest: fewer
        trainings, each on less;
        "none": nobody is tested: a tenth of the speakers validates (more where a class has fewer than ten), all others train;
        "clips": the random split by clip of the 2020 recipe, which leaks speakers; for the label "speaker", of each speaker a
        fifth of the clips to test and a tenth to validate, at least one of each.
    seed : of the random assignment; "published" and the 2020 recipe do not use it
    Classes are spread over the parts as evenly as whole speakers allow. Raises DatasetError when that cannot be done.
    """
    if kind == "published":
        return _published(corpus, label)
    if label == "speaker":
        return [_closed_set(corpus, kind, seed)]
    if kind == "clips":
        return [_seed_split(corpus.clips)]
    if kind not in SPLITS:
        raise DatasetError(f"split {kind!r}: not known; use one of {', '.join(SPLITS)}")
    if kind == "none":
        return [_around(corpus, label, np.zeros(0, dtype=int), 10, seed)]
    if kind == "corpora":
        return [_around(corpus, label, test, 10, seed) for test in _whole_corpora(corpus, label, leave_out)]
    parts = _speaker_parts(corpus, label, folds if kind == "folds" else 5, seed)
    return [_around(corpus, label, test, 4, seed) for test in parts[: 1 if kind == "speakers" else None]]


def shared_speakers(clips: pd.DataFrame, split: Split) -> list[str]:
    """Speakers of the test part who also stand in training or validation."""
    seen = set(clips["speaker"].iloc[np.concatenate([split.train, split.valid])])
    return sorted(seen & set(clips["speaker"].iloc[split.test]))


def _around(corpus: Corpus, label: str, test: np.ndarray, n: int, seed: int) -> Split:
    """The split with this test part: one `n`th of the other speakers validates, the rest trains. Of a class with fewer than `n`
    of them, one speaker validates."""
    rest = np.setdiff1d(np.arange(len(corpus.clips)), test)
    name, left = _rarest(corpus.clips.iloc[rest], label)
    if len(left) < 2:
        speakers = sorted(corpus.clips.loc[corpus.clips[label] == name, "speaker"].unique())
        raise _too_few(corpus, label, name, speakers, max(3, len(speakers) + 1) if len(test) else 2)
    valid = rest[_speaker_parts(_rows(corpus, rest), label, min(n, len(left)), seed)[0]]
    split = Split(np.setdiff1d(rest, valid), valid, test)
    _check(corpus.clips, label, split)
    return split


def _whole_corpora(corpus: Corpus, label: str, leave_out: int) -> list[np.ndarray]:
    """Row numbers of the joined corpora that have every class of `label`: of each, by name, or of `leave_out` together."""
    clips = corpus.clips
    names = sorted(clips["corpus"].dropna().unique()) if "corpus" in clips else []
    if len(names) < 2:
        raise DatasetError(
            f"{corpus.name}: split 'corpora' tests one corpus at a time, and there is only one; give several after --corpus"
        )
    classes = clips[label].nunique()
    whole = [name for name in names if clips.loc[clips["corpus"] == name, label].nunique() == classes]
    if not whole:
        raise DatasetError(f"{corpus.name}: no corpus has all {classes} classes of '{label}'; add one, or use --split folds")
    groups = [[name] for name in whole] if leave_out == 1 else _spread(clips, whole, leave_out)
    if len(groups[0]) == len(names):
        raise DatasetError(f"{corpus.name}: {len(whole)} corpora to test, {leave_out} at a time, leave none to train; use fewer")
    return [np.flatnonzero(clips["corpus"].isin(group)) for group in groups]


def _spread(clips: pd.DataFrame, names: Sequence[str], size: int) -> list[list[str]]:
    """Groups of up to `size` corpora: by falling number of speakers, there and back over the groups like a snake."""
    speakers = clips.groupby("corpus")["speaker"].nunique()
    ranked = sorted(names, key=lambda name: (-speakers[name], name))
    n = -(-len(ranked) // size)
    groups: list[list[str]] = [[] for _ in range(n)]
    for rank, name in enumerate(ranked):
        turn, place = divmod(rank, n)
        groups[n - 1 - place if turn % 2 else place].append(name)
    return groups


def _speaker_parts(corpus: Corpus, label: str, n: int, seed: int) -> list[np.ndarray]:
    """Row numbers in `n` parts that share no speaker, each class spread evenly."""
    name, speakers = _rarest(corpus.clips, label)
    if len(speakers) < n:
        raise _too_few(corpus, label, name, speakers, n)
    from sklearn.model_selection import StratifiedGroupKFold  # here, because importing scikit-learn takes seconds

    divide = StratifiedGroupKFold(n, shuffle=True, random_state=seed)
    return [test for _, test in divide.split(corpus.clips, corpus.clips[label], corpus.clips["speaker"])]


def _rarest(clips: pd.DataFrame, label: str) -> tuple[str, list[str]]:
    """The class with the fewest speakers, and who they are."""
    speakers = clips.groupby(label)["speaker"].unique()
    name = speakers.map(len).idxmin()
    return str(name), sorted(speakers[name])


def _too_few(corpus: Corpus, label: str, name: str, speakers: list[str], n: int) -> DatasetError:
    """The error for a class with fewer than `n` speakers: who they are, and what can be done."""
    count = f"{len(speakers)} speaker{'s' * (len(speakers) > 1)}"
    fewer = f"--folds {len(speakers)}" if len(speakers) > 2 else "--folds 3 from three speakers on"
    return DatasetError(
        f"{corpus.name}: class '{name}' of '{label}' has {count} ({listing(speakers)}), and {n} parts that share no speaker need "
        f"{n}; record {n - len(speakers)} speakers more, or use {fewer}"
    )


def _rows(corpus: Corpus, rows: np.ndarray) -> Corpus:
    return Corpus(corpus.name, corpus.root, corpus.clips.iloc[rows].reset_index(drop=True))


def _published(corpus: Corpus, label: str) -> list[Split]:
    if label not in corpus.folds:
        raise DatasetError(
            f"{corpus.name}: no published folds for '{label}' (there are: {', '.join(corpus.folds) or 'none'}); use --split folds"
        )
    clips = corpus.clips

    def rows(speakers: Sequence[str]) -> np.ndarray:
        return np.flatnonzero(clips["speaker"].isin(speakers))

    splits = [Split(rows(fold.train), rows(fold.valid), rows(fold.test)) for fold in corpus.folds[label]]
    for split in splits:
        _check(clips, label, split)
    return splits


def _seed_split(clips: pd.DataFrame) -> Split:
    """The split of the 2020 recipe: names sorted, shuffled with numpy's seed 42, then fastai v1's valid_pct=0.2 with seed 42.

    Its held-out fifth is our test part; a tenth of the rest validates (the recipe had no validation part).
    """
    order = np.argsort(clips["path"].map(lambda path: path.rsplit("/", 1)[-1]).to_numpy(dtype=str), kind="stable")
    np.random.RandomState(42).shuffle(order)  # the recipe's own generator
    drawn = np.random.RandomState(42).permutation(len(order))
    cut = int(0.2 * len(order))
    test, rest = order[drawn[:cut]], order[drawn[cut:]]
    split = Split(np.sort(rest[len(rest) // 10 :]), np.sort(rest[: len(rest) // 10]), np.sort(test))
    shared, all_of = len(shared_speakers(clips, split)), clips["speaker"].iloc[test].nunique()
    warning = (
        f"this split leaks: {shared} of the {all_of} speakers tested also stand in training, "
        "so its scores say how well known voices are told apart, not new ones"
    )
    return Split(split.train, split.valid, split.test, warning)


def _closed_set(corpus: Corpus, kind: str, seed: int) -> Split:
    """The clips of each speaker over the three parts: to tell speakers apart, all of them must be met."""
    if kind != "clips":
        raise DatasetError(f"{corpus.name}: split '{kind}' holds speakers back, whom nobody can learn then; use --split clips")
    clips = corpus.clips
    order = pd.Series(np.random.default_rng(seed).permutation(len(clips)))
    place = order.groupby(clips["speaker"].to_numpy()).rank(method="first") - 1  # of each clip among its speaker's, from 0
    n = place.groupby(clips["speaker"].to_numpy()).transform("size")
    n_test, n_valid = np.maximum(n // 5, 1), np.maximum(n // 10, 1)
    test, valid = place < n_test, (place >= n_test) & (place < n_test + n_valid)
    train, valid, test = (np.flatnonzero(part) for part in (~test & ~valid, valid, test))
    return Split(train, valid, test, CLOSED_SET)


def _check(clips: pd.DataFrame, label: str, split: Split) -> None:
    """Raise DatasetError when a part lacks a class or a speaker stands on two sides."""
    classes = set(clips[label])
    for part in ("train", "valid", "test") if len(split.test) else ("train", "valid"):
        missing = classes - set(clips[label].iloc[getattr(split, part)])
        if missing:
            raise DatasetError(
                f"{part} part has no clip of class '{min(missing)}' of '{label}'; use fewer folds, another seed or more speakers"
            )
    sides = [set(clips["speaker"].iloc[getattr(split, part)]) for part in ("train", "valid", "test")]
    shared = (sides[0] & sides[1]) | (sides[0] & sides[2]) | (sides[1] & sides[2])
    if shared:
        raise DatasetError(f"speaker {min(shared)} stands in two parts; each speaker must be in one")

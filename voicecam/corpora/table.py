"""One table of clips, whatever the corpus looks like on disk. Does not read audio."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam.corpora.labels import age_years
from voicecam.errors import DatasetError

SPEAKER_CLIPS = 4  # fewest clips of a speaker who is a class: two to train on, one to validate, one to test


@dataclass(frozen=True)
class Fold:
    """Speakers of one published split; the three parts share nobody."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """Clips of one corpus.

    name : the corpus as the public knows it, e.g. "AudioMNIST".
    root : folder that the clips' paths start from.
    clips : one row per clip. Columns: `path` (text, relative to root, unique, with forward slashes), `speaker` (text,
        unique within the corpus), then any number of label columns; every label is text or missing (<NA>). Numbers that
        can be compared, such as `age` in years, are text too ("27"). Rows are sorted by path.
    repairs : one line for each fault of the corpus's own metadata that was repaired or set to missing.
    folds : published speaker-disjoint folds by label, e.g. {"gender": (Fold, ...)}; empty where none are published.
    note : one sentence that every report on this corpus must carry, or "".
    matrices : file with the clips' ready-made matrices, whose recordings are not there; None: the paths are sound files.
    remarks : lines to say when it is opened, such as which speakers its file names are taken to tell.
    """

    name: str
    root: Path
    clips: pd.DataFrame
    repairs: tuple[str, ...] = ()
    folds: Mapping[str, Sequence[Fold]] = field(default_factory=dict)
    note: str = ""
    matrices: Path | None = None
    remarks: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Names of the label columns."""
        return [name for name in self.clips.columns if name not in ("path", "speaker")]


def make_corpus(name: str, root: Path, rows: Sequence[Mapping[str, str | None]], **more: Any) -> Corpus:
    """Build a Corpus from one mapping per clip; checks what the Corpus docstring promises.

    Raises DatasetError when there are no rows, when a path stands twice, or when a path or speaker is empty.
    """
    if not rows:
        raise DatasetError(f"{root}: no {name} clips found; check the folder and its layout (see README, section Corpora)")
    clips = pd.DataFrame(list(rows)).astype("string").sort_values("path", ignore_index=True)
    for column in ("path", "speaker"):
        empty = clips[column].isna() | (clips[column] == "")
        if empty.any():
            raise DatasetError(f"{root}: {int(empty.sum())} clips have no {column}; fill the {column} column")
    twice = clips["path"][clips["path"].duplicated()]
    if len(twice):
        raise DatasetError(
            f"{root}: {twice.iloc[0]} is listed {int((clips['path'] == twice.iloc[0]).sum())} times; list each clip once"
        )
    first = ["path", "speaker"]
    return Corpus(name=name, root=Path(root), clips=clips[first + [c for c in clips.columns if c not in first]], **more)


def merge(corpora: Sequence[Corpus]) -> Corpus:
    """Several corpora as one: named "A + B", speakers named "A/speaker", rooted in the folder that holds them all.

    Labels that a corpus does not have are missing for its clips; `corpus` is added as a label. Published folds are left out.
    One corpus comes back as it is. Raises DatasetError when two have the same name, or one has matrices instead of sound.
    """
    if len(corpora) == 1:
        return corpora[0]
    names = [corpus.name for corpus in corpora]
    if len(set(names)) < len(names):
        raise DatasetError(f"{', '.join(names)}: two corpora of the same name; give each once")
    silent = [corpus.name for corpus in corpora if corpus.matrices]
    if silent:
        raise DatasetError(f"{', '.join(silent)}: ready-made matrices cannot be joined with other corpora; give them alone")
    root = Path(os.path.commonpath([corpus.root.resolve() for corpus in corpora]))
    parts = []
    for corpus in corpora:
        place = corpus.root.resolve().relative_to(root).as_posix()
        clips = corpus.clips.assign(path=place + "/" + corpus.clips["path"], corpus=corpus.name)
        parts.append(clips.assign(speaker=corpus.name + "/" + clips["speaker"]))
    clips = pd.concat(parts).astype("string").sort_values("path", ignore_index=True)
    repairs, remarks = (
        tuple(f"{corpus.name}: {line}" for corpus in corpora for line in getattr(corpus, kind)) for kind in ("repairs", "remarks")
    )
    note = " ".join(corpus.note for corpus in corpora if corpus.note)
    return Corpus(" + ".join(names), root, clips, repairs, note=note, remarks=remarks)


def keep_ages(corpus: Corpus, *, minimum: float = 0, maximum: float = float("inf")) -> Corpus:
    """Keep clips whose speaker is `minimum` to `maximum` years old (both included); clips of unknown age go.

    A band of ages, such as "20-29" or "twenties", must lie within the limits as a whole.
    Of joined corpora, those that give no ages at all stay whole: their authors had adults in mind or did not say.
    Raises DatasetError when the corpus has no ages or nobody is left.
    """
    if "age" not in corpus.clips:
        raise DatasetError(
            f"{corpus.name}: has no age column (columns: {', '.join(corpus.clips.columns)}); leave out the age limits"
        )
    ages = [age_years(None if pd.isna(age) else str(age)) or (float("nan"),) * 2 for age in corpus.clips["age"]]
    age = pd.DataFrame(ages, columns=["youngest", "oldest"])
    fits = (age["youngest"] >= minimum) & (age["oldest"] <= maximum)
    if "corpus" in corpus.clips:
        fits |= ~corpus.clips["corpus"].isin(corpus.clips["corpus"][age["youngest"].notna()])
    kept = corpus.clips[fits].reset_index(drop=True)
    if kept.empty:
        there = f"{age['youngest'].min():g} to {age['oldest'].max():g} are there"
        raise DatasetError(f"{corpus.name}: nobody is {minimum:g} to {maximum:g} years old ({there}); widen the limits")
    return replace(corpus, clips=kept)


def keep_labelled(corpus: Corpus, label: str) -> Corpus:
    """Keep clips that have `label`; for the label "speaker", those of speakers with at least SPEAKER_CLIPS clips.

    Raises DatasetError when the column is missing or fewer than two classes are left.
    """
    if label == "speaker":
        return _keep_heard_often(corpus)
    if label not in corpus.labels:
        raise DatasetError(
            f"{corpus.name}: no label '{label}'; it has: {', '.join(corpus.labels) or 'none'}; name one with --label"
        )
    kept = corpus.clips[corpus.clips[label].notna()].reset_index(drop=True)
    classes = sorted(kept[label].unique())
    if len(classes) < 2:
        others = ", ".join(name for name in corpus.labels if len(set(corpus.clips[name].dropna())) > 1)
        raise DatasetError(
            f"{corpus.name}: label '{label}' has {len(classes)} class ({', '.join(classes) or 'none'}); two are needed to train; "
            f"labels with more: {others or 'none'}"
        )
    return replace(corpus, clips=kept)


def _keep_heard_often(corpus: Corpus) -> Corpus:
    clips = corpus.clips
    kept = clips[clips.groupby("speaker")["path"].transform("size") >= SPEAKER_CLIPS].reset_index(drop=True)
    if kept["speaker"].nunique() < 2:
        raise DatasetError(
            f"{corpus.name}: {kept['speaker'].nunique()} of {clips['speaker'].nunique()} speakers have {SPEAKER_CLIPS} clips or "
            "more; two are needed to learn who speaks"
        )
    return replace(corpus, clips=kept)

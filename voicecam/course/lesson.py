"""A notebook's corpus, its images and its trained runs: made on first use, found again by every other notebook."""

import os
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import runs
from voicecam.config import DEMO, Config, recipe
from voicecam.corpora import Corpus, keep_ages, keep_labelled, open_corpus
from voicecam.corpora.sources import fetching, known_names
from voicecam.course import quick as quick_mode
from voicecam.course.display import progress, say
from voicecam.data.dataset import Dataset, make_images, read_dataset
from voicecam.data.map_file import map_path
from voicecam.errors import DatasetError, ModelError
from voicecam.explanation.mel_gradients import STEPS
from voicecam.files import digest, read_json, read_table
from voicecam.network import Model, load_model
from voicecam.network.learner import TrainConfig
from voicecam.runs.fold_clips import FoldClips, clips_of_run, fold_clips
from voicecam.runs.sample import sample_clips

QUICK = "VOICECAM_QUICK"  # environment variable: "1" takes a smaller corpus and shorter training
SMALLER = {"voices": 16, "digits": 3}  # of the demo voices, in quick mode
PER_SPEAKER, PER_SPEAKER_QUICK = 15, 6  # clips of each speaker that networks are trained and tested on: minutes, on 2 cores
TRAINING, TRAINING_QUICK = {"epochs": 5}, {"epochs": 5, "batch": 8}  # few clips: small batches, so that there are steps enough
STEPS_QUICK = 8  # points of integrated gradients in quick mode, not 32: maps correlate by 0.96 or more, sums are off by 8 %
EPOCHS_SHUFFLED = 3  # of the network on shuffled labels, in quick mode


@dataclass(frozen=True)
class LessonRun:
    """A trained and evaluated run, see `Lesson.run`. folder : in results/; dataset : its images; quick : see `Lesson`"""

    folder: Path
    dataset: Dataset
    quick: bool = False

    @cached_property
    def model(self) -> Model:
        """The network of the first fold."""
        return load_model(runs.fold_places(self.folder)[0])

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per tested clip: path, speaker, fold, true, predicted, decision, p_CLASS."""
        return runs.read_predictions(self.folder)

    @property
    def metrics(self) -> dict[str, Any]:
        """All scores with their intervals over speakers, as metrics.json has them."""
        return read_json(self.folder / "metrics.json", error=ModelError)

    @property
    def history(self) -> pd.DataFrame:
        """Training curves of the first fold, one row per epoch."""
        return read_table(self.folder / "fold1" / "history.csv")

    def clips(self, n: int, target: str = "true") -> FoldClips:
        """About n tested clips of the first fold, classes alike and as many speakers as there are; target as in explain.py."""
        return clips_of_run(self.folder, self.dataset, n, target, first=True)[0]

    def clips_of_pair(self, n: int, pair: tuple[str, str] | None = None) -> FoldClips:
        """About n tested clips of two classes of the first fold, each explained for its own class less the other of the two.

        pair : the classes; None takes the two with the most tested clips. Raises DatasetError where fewer than two are tested.
        """
        tested = self.predictions[self.predictions["fold"] == 1]
        chosen = list(pair or tested["true"].value_counts().index[:2])
        some = tested[tested["true"].isin(chosen)]
        if some["true"].nunique() < 2:
            raise DatasetError(f"{self.folder.name}: clips of {', '.join(some['true'].unique())} tested; two classes are needed")
        clips = fold_clips(self.folder, self.dataset, some.iloc[sample_clips(some, n)], "true")[0]
        contrast = sum(map(clips.model.classes.index, chosen)) - clips.target
        return replace(clips, contrast=contrast, steps=STEPS_QUICK if self.quick else STEPS)

    def shuffled(self) -> Model:
        """The same network trained on shuffled labels, a null for maps; see runs.shuffled_twin."""
        training = runs.open_run(self.folder).training
        training = replace(training, epochs=EPOCHS_SHUFFLED) if self.quick else training
        return runs.label_shuffled_model(self.folder / "fold1", self.dataset, self.model.label, training, log=lambda line: None)


@dataclass(frozen=True)
class Lesson:
    """One notebook's setting.

    home : the project's folder, which holds results/, maps/, mfc_dataset/ and cache/
    title : the corpus's name, for figures; whole : the corpus as it is on disk; corpus : its clips of the ages asked for
    label : what is learned; quick : smaller and shorter
    """

    home: Path
    title: str
    whole: Corpus
    corpus: Corpus
    label: str
    quick: bool

    @property
    def some(self) -> Corpus:
        """The clips that networks are trained and tested on: of each speaker the same number, drawn by chance, and of each class
        that the speaker says as nearly the same number as can be, at least one. Raises DatasetError where there is one class."""
        return self._drawn(PER_SPEAKER_QUICK if self.quick else PER_SPEAKER)

    def dataset(self, config: Config | None = None, *, per_speaker: int | None = None) -> Dataset:
        """The images of `some`, made in mfc_dataset/ and maps/ where they are not there yet; recipe mfcc without a config.

        per_speaker : this many clips of each speaker in place of the number in `some`, for methods that need no training
        """
        some = (self.some if per_speaker is None else self._drawn(per_speaker)).clips["path"]
        images, maps = self.home / "mfc_dataset", self.home / "maps"
        dataset = read_dataset(make_images(self.whole, config or recipe("mfcc"), images=images, maps=maps, progress=progress))
        chosen = dataset.clips["path"].isin(some)  # a clip that cannot be used has no image
        return dataset.keep(replace(dataset.corpus, clips=dataset.clips[chosen].reset_index(drop=True)))

    def run(
        self, name: str = "main", *, config: Config | None = None, split: str = "speakers", folds: int = 5, **training: Any
    ) -> LessonRun:
        """A network trained and tested on `some`; the one of the same name and settings is taken where it is there, and in quick
        mode the one that was made for these clips and settings, see quick.py.

        name : begins the name of its folder in results/; config : as for `dataset`
        split : "speakers", "folds" (as many as `folds` says) or "clips", see splits.make_splits; of "speakers", which needs five
            of each class, become "folds" where a class has three or four: as many folds as it has speakers
        training : settings of learner.TrainConfig
        """
        folder, dataset = self._begin(name, self.dataset(config), split, folds, training)
        if not (folder / "metrics.json").exists():
            if self.quick and quick_mode.lay_down(folder):
                say("*Quick mode:* this network was trained beforehand, on other demo voices than those that are tested here.")
            runs.train_run(folder, dataset, log=print)
            runs.evaluate_run(folder, dataset)
        return LessonRun(folder, dataset, self.quick)

    def _begin(self, name: str, dataset: Dataset, split: str, folds: int, training: dict[str, Any]) -> tuple[Path, Dataset]:
        """The folder of a run, with its settings, and its images."""
        usual = TRAINING_QUICK if self.quick else TRAINING
        fewest = int(dataset.clips.groupby(self.label)["speaker"].nunique().min())
        if split == "speakers" and fewest < 5:
            split, folds = "folds", max(3, fewest)
        settings = runs.Settings(
            map=str(map_path(self.whole, dataset.config, self.home / "maps")),
            label=self.label,
            split=split,
            folds=folds,
            training=TrainConfig(**{**usual, **training}),
        )
        training_of = {key: value for key, value in asdict(settings.training).items() if value != getattr(TrainConfig(), key)}
        named = {**asdict(settings), "map": Path(settings.map).name, "training": training_of}
        named = {key: value for key, value in named.items() if key not in ("young", "leave_out")}  # no lesson asks for them
        known_by = digest(named, length=6)  # the same wherever it lies, and by a program that knows more settings
        folder = self.home / "results" / f"course-{name}-{known_by}"
        runs.start_run(folder, settings, command=f"notebook run {name}")
        return folder, dataset

    def _drawn(self, limit: int) -> Corpus:
        clips = keep_labelled(self.corpus, self.label).clips
        drawn = clips.iloc[np.random.default_rng(0).permutation(len(clips))]
        limit = max(limit, drawn[self.label].nunique())
        of_class = drawn.groupby(["speaker", self.label]).cumcount().sort_values(kind="stable")
        turn = drawn.loc[of_class.index].groupby("speaker").cumcount()
        return replace(self.corpus, clips=clips.loc[sorted(turn.index[turn < limit])].reset_index(drop=True))


def open_lesson(corpus: str = "demo", *, label: str = "gender", min_age: float = 0.0) -> Lesson:
    """Begin a notebook: find the project's folder, where the scripts work too, open its corpus, and say what is in it.

    corpus : "demo" (the voices that come with voicecam), a name that `voicecam corpus get` fetches into cache/ ("fsdd",
        "audiomnist-mini", "baved" ...), or the path of another one, from the project's folder
    label : the column to learn; min_age : youngest speakers kept, in years (14 for BAVED); 0 keeps all
    The environment variable VOICECAM_QUICK=1 makes everything smaller. Raises DatasetError like `open_corpus`.
    """
    home, quick = _project(), os.environ.get(QUICK) == "1"
    opened = _demo(quick) if corpus == "demo" else open_corpus(_real(home, corpus))
    kept = keep_ages(opened, minimum=min_age) if min_age > 0 else opened
    who = f"{len(kept.clips)} clips of {kept.clips['speaker'].nunique()} speakers"
    say(f"**{opened.name}**{', quick mode' if quick else ''}: {who}. {opened.note}".strip())
    return Lesson(home, opened.name, opened, kept, label, quick)


def make_quick(home: Path) -> list[Path]:
    """Make the networks of quick mode again, see quick.py; returns their folders. home : the project's folder"""
    made = []
    for label in quick_mode.LABELS:
        few, every = (
            Lesson(home, demo.name, demo, demo, label, small) for small, demo in ((True, _demo(True)), (False, _demo(False)))
        )
        folder, dataset = few._begin("main", few.dataset(), "speakers", 5, {})
        made.append(quick_mode.make(folder, dataset, every.dataset(per_speaker=len(every.corpus.clips))))
    return made


def _demo(quick: bool) -> Corpus:
    """The demo voices; in quick mode the first of each gender and accent, and their first digits."""
    demo = open_corpus(DEMO)
    if not quick:
        return demo
    people = demo.clips.drop_duplicates("speaker")
    groups = people.groupby(["gender", "accent"])
    few = people[groups.cumcount() < SMALLER["voices"] // groups.ngroups]["speaker"]
    chosen = demo.clips["speaker"].isin(few) & (demo.clips["digit"].astype(int) < SMALLER["digits"])
    return replace(demo, clips=demo.clips[chosen].reset_index(drop=True))


def _real(home: Path, corpus: str) -> Path:
    """The folder of a corpus that was fetched, or the path as it was given."""
    if corpus not in known_names() or (home / corpus).exists():
        return home / corpus
    fetched = home / "cache" / corpus
    if not fetched.exists():
        raise DatasetError(f"{corpus}: not in {fetched}; fetch it in a terminal: {fetching(corpus)} --home {home}")
    return fetched


def _project() -> Path:
    """The folder that holds nbs/, seen from a notebook in it; elsewhere the folder one is in."""
    here = Path.cwd()
    return next((folder.parent for folder in (here, *here.parents) if folder.name == "nbs"), here)

"""The public face: load a model, classify a recording, explain it, train a new one. `import voicecam` hands these on.

A few lines over the modules that do the work; the model itself is in voice_model.py. The examples of both files run under test,
in a folder with me.wav (a synthetic voice that counts to four), a small corpus voices/, and a run on it, results/pitch.

Example:
    >>> import voicecam
    >>> voicecam.load().classify("me.wav")
    Prediction(female 0.89, 1.37 s of speech, F0 177 Hz)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from voicecam.checks import check_run
from voicecam.errors import ModelError
from voicecam.files import read_json
from voicecam.network import load_model
from voicecam.voice_model import VoiceModel

if TYPE_CHECKING:
    from fastai.learner import Learner

    from voicecam.audio import Signal


@dataclass(frozen=True, repr=False)
class Run:
    """A trained and evaluated run in results/. folder : where it lies

    Example:
        >>> from pathlib import Path
        >>> import voicecam
        >>> voicecam.Run(Path("results/pitch"))
        Run(results/pitch: balanced accuracy 1.000, 1 fold(s))
    """

    folder: Path

    def __repr__(self) -> str:
        score = self.metrics["fold_mean"]
        ends = "" if score["low"] is None else f" [{score['low']:.3f}, {score['high']:.3f}]"
        return f"Run({self.folder}: balanced accuracy {score['value']:.3f}{ends}, {len(self.metrics['folds'])} fold(s))"

    @property
    def metrics(self) -> Mapping[str, Any]:
        """All scores with their intervals, see results/README.md.

        Example:
            >>> from pathlib import Path
            >>> import voicecam
            >>> run = voicecam.Run(Path("results/pitch"))
            >>> run.metrics["network"]["balanced_accuracy"]["value"]
            1.0
        """
        return read_json(self.folder / "metrics.json", error=ModelError, needs={"network": dict})

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per tested clip, see results/README.md.

        Example:
            >>> from pathlib import Path
            >>> import voicecam
            >>> tested = voicecam.Run(Path("results/pitch")).predictions
            >>> tested[["true", "predicted"]].value_counts()
            true  predicted
            high  high         3
            low   low          3
            Name: count, dtype: int64
        """
        from voicecam import runs  # here and below: training and reports take seconds to import, and `load` needs neither

        return runs.read_predictions(self.folder)

    @property
    def model(self) -> VoiceModel:
        """The network of the first fold.

        Example:
            >>> from pathlib import Path
            >>> import voicecam
            >>> voicecam.Run(Path("results/pitch")).model
            VoiceModel(label: high, low; small on logmel pictures, trained on voices)
        """
        from voicecam import runs

        return VoiceModel(load_model(runs.fold_places(self.folder)[0]))

    @cached_property
    def learner(self) -> "Learner":
        """fastai's Learner of the first fold, with its loaders and its trained weights.

        Example:
            >>> from pathlib import Path
            >>> import voicecam
            >>> learner = voicecam.Run(Path("results/pitch")).learner
            >>> learner.dls.vocab
            ['high', 'low']
            >>> learner.dls.show_batch(max_n=2)
        """
        from voicecam import runs

        return runs.run_learner(self.folder)

    def explain(self, **options: Any) -> Mapping[str, Any]:
        """Maps of every tested clip; options as for `runs.explain_run`. Returns what explanation.json holds.

        Example:
            >>> from pathlib import Path
            >>> import voicecam
            >>> found = voicecam.Run(Path("results/pitch")).explain()
            fold 1: ...
            >>> found["method"], found["layer"], found["clips"]
            ('HiRes-CAM', 'layer3', 6)
        """
        from voicecam import runs

        return runs.explain_run(self.folder, runs.run_dataset(runs.open_run(self.folder)), **options)

    def report(self, **options: Any) -> Path:
        """Make the maps and their tests where they are not there yet, and the report; returns the page's path.

        options : effort and bands, as for `runs.check_run`

        Example:
            >>> from pathlib import Path
            >>> import voicecam
            >>> voicecam.Run(Path("results/pitch")).report().name
            fold 1: ...
            'report.html'
        """
        from voicecam import runs
        from voicecam.commands import run_report

        dataset = runs.run_dataset(runs.open_run(self.folder))
        runs.explain_run(self.folder, dataset)
        check_run(self.folder, dataset, **{**runs.run_maps(self.folder), "sizes": runs.CheckSizes(), **options})
        return run_report.write_run_report(self.folder, dataset)


def load(name: str | PathLike[str] = "voice") -> VoiceModel:
    """A model: one that comes with the package by its name, a saved model's folder, a run's folder or its name in results/, or
    one of the Hugging Face hub ("owner/name", where huggingface_hub is installed).

    Raises ModelError where there is none.

    Example:
        >>> import voicecam
        >>> voicecam.load().classes
        ('female', 'male')
        >>> voicecam.load("pitch").classes  # a run in results/
        ('high', 'low')
    """
    return VoiceModel.from_pretrained(name)


def train(corpus: str | PathLike[str] | Sequence[str | PathLike[str]], *, run: str, label: str = "gender", **options: Any) -> Run:
    """Images, training, and evaluation on speakers held back: what `voicecam run` does, without maps and report.

    corpus : folder or CSV of a corpus, several to join them, "demo" (comes with voicecam), "espeak" (made on first use)
    run : name of the run, a new folder in results/ or a stopped run to go on with; label : what to learn
    options : those of `voicecam run`, with _ for -: recipe="voice", folds=5, epochs=12, arch="small", init="none", ...
    Raises VoicecamError for options that are not known or out of range, like the command.

    Example:
        >>> import voicecam
        >>> small = {"recipe": "logmel", "image_size": [32, 32], "arch": "small", "init": "none"}
        >>> run = voicecam.train("voices", run="quick", label="label", epochs=2, **small)
        images of voices
        ...
        >>> len(run.predictions)  # clips of the two speakers held back
        6
    """
    from voicecam.commands import jobs

    corpora = [str(corpus)] if isinstance(corpus, str | PathLike) else [str(one) for one in corpus]
    return Run(jobs.trained_run(corpora, run=run, label=label, **options))


def record(seconds: float = 5.0, *, device: str | None = None) -> "Signal":
    """Record from the microphone until the word is over, or for `seconds`; needs the extra `mic`.

    device : a part of its name; the default one by default. Prints "speak now" when it listens. Raises AudioError where there is
        no microphone.

    Example:
        >>> import voicecam
        >>> voicecam.load().classify(voicecam.record(seconds=3))  # doctest: +SKIP
        Prediction(female 0.98, 0.61 s of speech, F0 214 Hz)
    """
    from voicecam.audio.microphone import record_word

    return record_word(seconds, device=device)

"""An explained run -> its checks, each whole or not at all in results/RUN/checks/, and the sections of its report."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicecam import engine, runs
from voicecam.checks import (
    acoustics,
    audible,
    bands,
    centroid,
    confounds,
    counterfactual,
    embeddings,
    faithfulness,
    planted,
    randomisation,
    sound_bands,
    tones,
)
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.data.dataset import Dataset
from voicecam.errors import ExplainError
from voicecam.explanation.audible import wav_bytes
from voicecam.explanation.draws import draws_doubt
from voicecam.explanation.methods import METHODS
from voicecam.explanation.pointing import planted_doubt
from voicecam.files import free_path, read_json, write_bytes, write_json, write_text
from voicecam.progress import Log, Progress
from voicecam.report import Answer, Section
from voicecam.runs.check_files import BANDS, CHECKS_FOLDER, CheckSizes, check_settings, other_version

CHECKS = {
    check.name: check
    for check in (
        tones.CHECK,
        centroid.CHECK,
        bands.CHECK,
        sound_bands.CHECK,
        embeddings.CHECK,
        audible.CHECK,
        planted.CHECK,
        faithfulness.CHECK,
        randomisation.CHECK,
        acoustics.CHECK,
        counterfactual.CHECK,
        confounds.CHECK,
    )
}  # in the report's order
SHARE_CLIPS = (centroid.CHECK.name, bands.CHECK.name, audible.CHECK.name)  # see CheckContext.band_clips
MOST_BESIDE = 2  # processes: each takes a gigabyte or two; with more cores each has more threads
SOUND_BANDS = sound_bands.CHECK.name  # the check of a speech model's maps
FIRST_SCREEN = ("confounds", "randomisation", "planted", "faithfulness")  # checks that answer a question there


def check_run(
    folder: Path,
    dataset: Dataset,
    *,
    place: Path | None = None,
    method: str,
    layer: str,
    bands: str = BANDS,
    sizes: CheckSizes,
    log: Log = print,
    progress: Progress = lambda items, total: items,
) -> list[str]:
    """Make every one of CHECKS that the run allows and that is not there yet; returns the names of those that are there.

    place : folder of the explanation, the run's own by default
    method : the one of its maps; layer : stage that methods on the grid "layer" look at;
    bands : see explanation.bands.band_set; sizes : how much work
    Where a network costs much and there are cores, checks are made side by side in processes of few threads each: that takes less
    time than all cores at one check, and far less where others use the computer too. Then log speaks when a check is done.
    Checks by another version of the program are moved aside, to checks-VERSION. Raises ExplainError when those that are there
    were made with other settings.
    """
    place, asked = (place or folder) / CHECKS_FOLDER, check_settings(method=method, layer=layer, bands=bands, sizes=sizes)
    path = place / "settings.json"
    if other := other_version(place.parent):
        aside = place.rename(free_path(place.parent, f"{CHECKS_FOLDER}-{other}", ""))
        log(f"checks by another version of voicecam, moved to {aside}")
    if path.exists() and read_json(path, error=ExplainError) != asked:
        raise ExplainError(f"{place}: holds checks made with other settings; give another place, see runs.explanation_place")
    write_json(path, asked)
    context = CheckContext(
        folder=folder, dataset=dataset, method=method, layer=layer, bands=bands, sizes=sizes, log=log, progress=progress
    )
    made = [name for name, check in CHECKS.items() if possible(check, context)]
    missing = [name for name in made if not (place / f"{name}.json").exists()]
    workers = 1 if context.light or dataset.config.of_sound or _gpu() else min(engine.beside(), MOST_BESIDE, len(missing))
    if workers < 2:
        _make(missing, place, context)
    else:
        _make_beside(_groups(missing), place, context, workers)
    return made


def _make(names: Sequence[str], place: Path, context: CheckContext) -> None:
    """Make some checks, one after another."""
    for name in names:
        context.log(f"check: {CHECKS[name].title}")
        write_result(place, name, CHECKS[name].measure(context))


def _gpu() -> bool:
    """Whether there is a GPU, whose memory processes would have to share."""
    import torch

    return torch.cuda.is_available()


def _make_beside(groups: Sequence[tuple[str, ...]], place: Path, context: CheckContext, workers: int) -> None:
    """Make groups of checks in so many processes, which share the cores."""
    threads, alone = max(1, engine.beside() // workers), replace(context, log=print, progress=_as_it_is)
    jobs = [(group,) for group in groups]
    with closing(engine.spread(_make_there, jobs, shared=(place, alone, threads), workers=workers, long=True)) as said:
        for lines in context.progress(said, len(jobs)):
            for line in lines:
                context.log(line)


def _make_there(place: Path, context: CheckContext, threads: int, names: Sequence[str]) -> list[str]:
    """In a process beside: make some checks; returns what was said."""
    import torch

    torch.set_num_threads(threads)
    said: list[str] = []
    _make(names, place, replace(context, log=said.append))
    return said


def _as_it_is(items: Iterable[Any], total: int) -> Iterable[Any]:
    return items


def _groups(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The checks, those together that ask for the same passes of a network."""
    together = tuple(name for name in names if name in SHARE_CLIPS)
    return [together if name in together else (name,) for name in names if name not in together[1:]]


def possible(check: Check, context: CheckContext) -> bool:
    """Whether the run has what a check needs; a check of a speech model asks nothing else, and no other check asks one."""
    if context.dataset.config.of_sound or check.of_sound:
        given = check.of_sound and context.dataset.config.of_sound
        return given and not (check.needs_vectors and context.dataset.config.encoder_output != "vector")
    stretched = context.dataset.matrices.shape[1] != context.dataset.config.n_rows
    return not (
        (check.needs_sound and context.dataset.corpus.matrices)
        or (check.needs_two and len(context.classes) != 2)
        or (check.needs_mel and stretched)
    )


def write_result(place: Path, name: str, part: CheckResult) -> None:
    """A part's tables and sounds; its facts last, which mark it as complete."""
    for table_name, table in part.tables.items():
        write_text(place / f"{table_name}.csv", table.to_csv(index=False, float_format="%.6g"))
    for sound_name, sound in part.sounds.items():
        write_bytes(place / f"{sound_name}.wav", wav_bytes(sound))
    write_json(place / f"{name}.json", part.summary)


def sections(folder: Path, classes: tuple[str, ...]) -> tuple[Section, ...]:
    """The sections of whatever checks the run has, in the order of the report; classes in the network's order.

    Raises ExplainError for checks made by another version of the program.
    """
    runs.check_version(folder)
    return tuple(check.section(folder, classes) for name, check in CHECKS.items() if runs.read_summary(folder, name) is not None)


def answers(folder: Path, title: str, score: Mapping[str, float]) -> tuple[Answer, ...]:
    """The first screen's questions on the maps and recordings, each with its answer, in the order they are to be asked in.

    title : of the maps' method; score : the network's balanced accuracy, with low and high
    """
    asked = [SOUND_BANDS] if runs.read_summary(folder, SOUND_BANDS) is not None else FIRST_SCREEN
    return tuple(_answer(CHECKS[name], folder, _method(title), score) for name in asked if name in CHECKS)


def _answer(check: Check, folder: Path, method: str, score: Mapping[str, float]) -> Answer:
    if check.answer is None or runs.read_summary(folder, check.name) is None:
        return Answer(question=check.question, answer="not tested", numbers="this check was not made for the run")
    return check.answer(folder, method, score)


def _method(title: str) -> str:
    """The key of a method by its title."""
    return next((key for key, known in METHODS.items() if known.title == title), title)


def map_doubts(folder: Path, title: str) -> tuple[str, ...]:
    """Why the maps of a run are to be doubted, by its own tests on random weights and planted cues; title : the method's.

    Nothing where the tests were not made, or passed.
    """
    method = _method(title)
    tests = {"randomisation": ("random_weights", draws_doubt), "planted": ("planted", planted_doubt)}
    made = {name: test for name, test in tests.items() if runs.read_summary(folder, name) is not None}
    return tuple(filter(None, (doubt(runs.read_table(folder, table), method) for table, doubt in made.values())))

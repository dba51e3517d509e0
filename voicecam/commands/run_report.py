"""A finished run -> its figures, its report and, last, its manifest. Computes no metric and no map."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from voicecam import figures, runs
from voicecam.checks.run_checks import answers, map_doubts, sections
from voicecam.commands.report_clips import example_rows, mistake_rows, picture_axes, report_clip
from voicecam.commands.report_speech import phase_sections, sureness_sections
from voicecam.config import HEADS, TRANSFORMERS, Config, TrainConfig
from voicecam.data.dataset import Dataset
from voicecam.data.duplicates import duplicates_warning, find_duplicates
from voicecam.data.splits import Split, shared_speakers
from voicecam.errors import ExplainError
from voicecam.explanation.bands import mean_maps
from voicecam.explanation.listening import N_BANDS, N_STEPS
from voicecam.features.image import SPREADS
from voicecam.files import file_sha256, read_json, read_table, safe_name, write_bytes, write_json
from voicecam.network import versions
from voicecam.report import ReportContent, ReportExplanation, write_report
from voicecam.runs import mistakes


def write_run_report(folder: Path, dataset: Dataset, *, place: Path | None = None) -> Path:
    """Write figures/, report.html and, last, the run's manifest.json of an explained run; returns the report's path.

    place : folder of the explanation that is shown, where figures and report go too; the run's own by default, whose page lists
        the others and is written again for that
    Raises ExplainError when there is no explanation.
    """
    place = place or folder
    if not (place / "explanation.json").exists():
        raise ExplainError(f"{place}: not explained yet; run voicecam explain --run {folder.name} first")
    for shown in dict.fromkeys([place, folder]):
        if shown == place or (shown / "report.html").exists():
            _write_page(folder, dataset, shown)
    _write_manifest(folder, dataset)
    return place / "report.html"


def _write_page(folder: Path, dataset: Dataset, place: Path) -> None:
    """report.html and figures/ of one explanation."""
    pictures = write_report(place / "report.html", run_content(folder, dataset, place=place))
    for name, png in zip(file_names(pictures), pictures.values()):
        write_bytes(place / "figures" / f"{name}.png", png)
    for fold in runs.fold_places(folder):
        _write_lr_curve(fold, place / "figures" / f"lr_find_{fold.name}.png")


def run_content(folder: Path, dataset: Dataset, *, place: Path | None = None) -> ReportContent:
    """All that the report of an explained run shows, with the explanation in `place`, or the run's own."""
    place = place or folder
    settings, places, stored = runs.open_run(folder), runs.fold_places(folder), read_json(folder / "run.json")
    models = [read_json(place / "meta.json") for place in places]
    splits = [runs.read_split(place, dataset) for place in places]
    predictions = runs.read_predictions(folder)
    rows, columns = picture_axes(dataset)
    method, metrics = read_json(place / "explanation.json")["method"], read_json(folder / "metrics.json")
    return ReportContent(
        title=folder.name if place == folder else f"{folder.name}: {place.name}",
        corpus=dataset.corpus.name,
        corpus_note=dataset.corpus.note,
        duplicates=duplicates_warning(find_duplicates(dataset.clips, dataset.fingerprints, splits)),
        label=settings.label,
        classes=tuple(models[0]["classes"]),
        split=_split_sentence(settings, len(splits)),
        split_warning=splits[0].warning,
        unseen_speakers=not any(shared_speakers(dataset.clips, split) for split in splits),
        counts={part: _counts(dataset.clips, part, splits) for part in runs.PARTS},
        repairs=dataset.corpus.repairs,
        failed=dataset.failed,
        start=_sentence(models[0]["meta"]["init"]),
        training=_training_sentence(settings, models),
        command=stored["command"],
        seed=settings.training.seed,
        settings=_flat({"config": dataset.config.to_dict(), **stored["settings"]}),
        versions=versions(),
        metrics=metrics,
        per_speaker=read_table(folder / "per_speaker.csv"),
        histories=tuple(read_table(place / "history.csv") for place in places),
        best_epochs=tuple(model["meta"]["best_epoch"] for model in models),
        rows=rows,
        columns=columns,
        picture_size=_picture_size(dataset.config),
        spreads=None if dataset.config.features == "mfcc-2020" or dataset.config.of_sound else SPREADS,
        examples=tuple(report_clip(row, folder, dataset, place) for row in example_rows(_explained(predictions, place))),
        mistakes=tuple(report_clip(row, folder, dataset, place) for row in mistake_rows(predictions)),
        explanation=_explanation(place),
        others={_title(other): _link(other / "report.html", place) for other in _others(folder, place)},
        mistakes_page=_mistakes_link(folder, place),
        map_doubts=map_doubts(place, method),
        answers=answers(place, method, metrics["network"]["balanced_accuracy"]),
        per_group=_table(folder / "per_group.csv"),
        risk_coverage=_table(folder / "risk_coverage.csv"),
        of_sound=dataset.config.of_sound,
        about=(*phase_sections(places), *sureness_sections(predictions, models[0]["classes"])) if dataset.config.of_sound else (),
        sections=sections(place, tuple(models[0]["classes"])),
    )


def _table(path: Path) -> pd.DataFrame | None:
    """A table of the run; None where an older program evaluated the run."""
    return read_table(path) if path.exists() else None


def file_names(names: Iterable[str]) -> list[str]:
    """A name for each figure's file: what cannot stand in one becomes a hyphen, and -2, -3 and so on follow where it is taken."""
    found: Counter[str] = Counter()
    safe = [safe_name(name, longest=80, extra="_") for name in names]
    for i, name in enumerate(safe):
        found[name.casefold()] += 1  # some systems see no difference between Yes and yes
        safe[i] = name if found[name.casefold()] == 1 else f"{name}-{found[name.casefold()]}"
    return safe


def _split_sentence(settings: runs.Settings, n: int) -> str:
    return {
        "speakers": "Speakers were divided once, by chance within each class: 3 in 5 train, 1 validates, 1 is tested.",
        "folds": f"Speakers were divided into {n} folds; each was tested once, by a network trained on the others; "
        "the numbers for training and validation are means over the folds.",
        "published": f"The {n} published folds of the corpus, each tested once.",
        "corpora": f"Corpora that have every class were held back in turn, {settings.leave_out} at a time, and each was tested "
        f"once, by one of {n} networks trained and validated on speakers of the others.",
        "none": "Nobody was held back to be tested: a tenth of the speakers validates.",
        "clips": "Clips were divided by chance, whoever speaks: a fifth to test.",
    }[settings.split]


def _training_sentence(settings: runs.Settings, models: list[dict[str, Any]]) -> str:
    training, rate = settings.training, models[0]["meta"]["lr"]
    if training.arch in HEADS:
        return _head_sentence(training, models)
    if training.arch in TRANSFORMERS:
        return f"The whole model was fine-tuned in the phases of system {training.phases}, each from the last one's best epoch."
    if training.schedule == "2020":
        how = "the schedule of 2020: the head for 2 epochs, then all layers for 1"
    else:
        how = f"{training.epochs} epochs at most, highest learning rate {rate:.1e}"
        how = f"the head alone, {how}" if training.schedule == "head" else how
    if not training.augment:
        change = "without augmentation"
    elif models[0]["config"]["windows"] == "all":
        change = f"on windows of each clip and of {training.n_augmented} degraded copies of it, with time and row masks"
    else:
        change = "with changes of tempo, time shift, filters, time and row masks"
    extras = [
        (training.ema_decay > 0, "a running mean of the weights"),
        (training.label_smoothing > 0, f"{training.label_smoothing:.0%} of each label spread over all classes"),
        (training.mixup > 0, "clips blended two by two (mixup)"),
        (bool(training.auxiliary_label), f"'{training.auxiliary_label}' learned beside it"),
    ]
    also = "".join(f", {text}" for used, text in extras if used)
    network = "network of four plain blocks" if training.arch == "small" else training.arch
    return f"A {network} was trained for {how}, {change}{also}; classes weigh equally."


def _head_sentence(training: TrainConfig, models: list[dict[str, Any]]) -> str:
    config = models[0]["config"]
    given = f"the {config['encoder_output']} that {config['encoder']} gives of {config['seconds']:g} s of speech"
    if training.arch == "logistic":
        then = ", from whom it then learned too" if training.refit else ""
        return f"Logistic regression on {given}; its strength was chosen on validation speakers{then}; classes weigh equally."
    return (
        f"A {training.arch} network on {given}, for {training.epochs} epochs at most by Adam; the learning rate falls from "
        f"{training.lr:.0e} where validation stands still; classes weigh equally; the encoder is not trained."
    )


def _picture_size(config: Config) -> tuple[int, int]:
    """Rows and columns of the picture that a map's cells are parts of; of a speech model's map the cells are even parts."""
    return (N_BANDS, N_STEPS) if config.of_sound else (config.image_rows, config.image_columns)


def _explained(predictions: pd.DataFrame, place: Path) -> pd.DataFrame:
    """Those that have a map: of a speech model some."""
    with np.load(place / "cams.npz", allow_pickle=False) as arrays:
        return predictions[predictions["path"].isin(arrays["path"])]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _counts(clips: pd.DataFrame, part: str, splits: Sequence[Split]) -> dict[str, int]:
    """Clips and speakers of a part; over folds, the mean for training and validation, and all for the test."""
    parts = [getattr(split, part) for split in splits]
    counted = [np.unique(np.concatenate(parts))] if part == "test" else parts
    per_fold = [(len(rows), clips["speaker"].iloc[rows].nunique()) for rows in counted]
    return {name: round(float(np.mean(values))) for name, values in zip(("clips", "speakers"), zip(*per_fold))}


def _others(folder: Path, place: Path) -> list[Path]:
    """Folders of the run's other explanations that have a report."""
    return [other for other in runs.explanation_places(folder) if other != place and (other / "report.html").exists()]


def _title(place: Path) -> str:
    """What an explanation is, in a line: its folder's name says what its method, layer and target do not."""
    facts = read_json(place / "explanation.json")
    beside = f" ({place.name})" if place.parent.name == runs.EXPLANATIONS else ""
    return f"{facts['method']} at layer {facts['layer']}, for {_target_words(facts['target'])}{beside}"


def _link(page: Path, place: Path) -> str:
    """Where a page of the run lies, seen from the report in `place`."""
    return quote(Path(os.path.relpath(page, place)).as_posix())


def _mistakes_link(folder: Path, place: Path) -> str:
    """Where the page to hear all mistakes lies; "" where there is none, or one of answers that changed since."""
    page = folder / mistakes.FOLDER / "index.html"
    return _link(page, place) if page.exists() and page.with_name(mistakes.TABLE).exists() else ""


def _target_words(target: str) -> str:
    return {"true": "the true class", "predicted": "the predicted class"}.get(target, f"the class {target}")


def _explanation(place: Path) -> ReportExplanation:
    facts = read_json(place / "explanation.json")
    with np.load(place / "cams.npz", allow_pickle=False) as arrays:
        means = mean_maps(arrays["maps"], arrays["true"], arrays["speaker"])
        total = {name: int((arrays["true"] == name).sum()) for name in facts["blank"]}
    return ReportExplanation(
        method=facts["method"],
        layer=facts["layer"],
        target=_target_words(facts["target"]),
        grid=tuple(facts["grid"]),
        maps={name: total[name] - facts["blank"][name] for name in total},
        blank=facts["blank"],
        bands=_bands(place),
        mean_maps={name: mean for name, mean in means.items() if np.isfinite(mean).all()},
    )


def _bands(place: Path) -> pd.DataFrame:
    """Shares per class and band over all clips, with those of right and wrong answers as columns beside them."""
    table = read_table(place / "bands_by_class.csv")
    parts = {name: part.reset_index(drop=True) for name, part in table.groupby("clips_of")}
    return parts["all"].assign(right_share=parts["right"]["share"], wrong_share=parts["wrong"]["share"])


def _write_lr_curve(place: Path, path: Path) -> None:
    """The figure of lr_find, where it ran."""
    curve = read_json(place / "lr_find.json")
    if curve is None:
        return
    fig, ax = figures.figure(2.8)
    figures.plot_lr_find(np.array(curve["lrs"]), np.array(curve["losses"]), curve["valley"], ax=ax)
    write_bytes(path, figures.png_bytes(fig))


def _write_manifest(folder: Path, dataset: Dataset) -> None:
    """What the run holds, with a SHA-256 of every file; written last, so that it marks a complete run."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    run = read_json(folder / "run.json")
    manifest = {
        **run,
        "corpus": dataset.corpus.name,
        "clips": len(dataset.clips),
        "config": dataset.config.to_dict(),
        "versions": versions(),
        "files": {path.relative_to(folder).as_posix(): file_sha256(path) for path in files},
    }
    write_json(folder / "manifest.json", manifest)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found

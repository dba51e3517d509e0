"""The commands' work, from their options to their last line: images, training, evaluation, explanation, report."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from voicecam import engine, figures, runs
from voicecam.checks import check_run
from voicecam.commands import cli, run_report
from voicecam.commands.corpus import config_of, corpus_of, weights_of
from voicecam.config import PRESETS, SOUND_RECIPES, TrainConfig
from voicecam.corpora import keep_ages
from voicecam.corpora.labels import listing
from voicecam.data.dataset import Dataset, make_images
from voicecam.data.duplicates import duplicates_warning, find_duplicates
from voicecam.errors import ModelError
from voicecam.files import alone_in, file_sha256, write_bytes, writing
from voicecam.network import torchrun
from voicecam.network.classifier import load_classifier
from voicecam.network.speech_training import check_start
from voicecam.report.mistakes import write_mistakes_page
from voicecam.runs import challenge, external, leaderboard, leakage, mistakes, robustness


def whole_job(args: argparse.Namespace) -> str:
    """All steps of `voicecam run`; steps that are done are not done again."""
    folder = cli.run_folder(args.run)
    if (folder / "manifest.json").exists():
        torchrun.check_alone(f"{folder} is trained; the rest of the run")
        runs.start_run(folder, settings_of(args, map_of(args)), command=cli.command_line())
        page = _explanation_place(folder, args) / "report.html"
        return f"{folder} is complete: open {page}" if page.exists() else explain_job(args)
    trained = train_job(args)
    if torchrun.rank():
        return ""
    if args.split == "none":
        return f"{trained}; nobody was held back to test it on"
    cli.log(evaluate_job(args))
    return explain_job(args)


def trained_run(corpora: Sequence[str], **options: Any) -> Path:
    """Images, training and evaluation as voicecam.train asks for them; returns the run's folder."""
    args = cli.parse_run(corpora, **options)
    with engine.on(args.engine):
        torchrun.check_alone("voicecam.train")
        cli.log(train_job(args))
        if args.split != "none":
            cli.log(evaluate_job(args))
    return cli.run_folder(args.run)


def train_job(args: argparse.Namespace, map_path: Path | None = None) -> str:
    """Train the folds of a run, in all processes that torchrun started; returns the last line. map_path : None is `map_of`"""
    if args.find_lr:
        torchrun.check_alone("--find-lr")
    with torchrun.group():
        return _train_together(args, map_path)


def _train_together(args: argparse.Namespace, map_path: Path | None) -> str:
    folder = cli.run_folder(args.run)
    with torchrun.first_alone():
        settings = settings_of(args, map_path or map_of(args))
        dataset = runs.run_dataset(settings, progress=cli.progress)
        runs.check_arch(dataset.config, settings.training.arch)
        runs.run_splits(settings, dataset)  # now: clips that cannot be divided must not leave a run's folder behind
        runs.start_run(folder, settings, command=cli.command_line())
    who = f"{len(dataset.clips)} clips of {dataset.clips['speaker'].nunique()} speakers"
    cli.log(f"{dataset.corpus.name}: {who}, label {settings.label}")
    if warning := duplicates_warning(find_duplicates(dataset.clips, dataset.fingerprints)):
        cli.log(f"warning: {warning}")
    with writing(folder):
        runs.train_run(folder, dataset, log=cli.log)
    if torchrun.rank():
        return ""
    return f"wrote {len(runs.fold_places(folder))} trained network(s) to {folder}"


def evaluate_job(args: argparse.Namespace) -> str:
    """Evaluate a run and make results.csv again; returns the last line."""
    folder, dataset = _open(args.run)
    with writing(folder):
        if getattr(args, "recalibrate", False):
            runs.recalibrate(folder, dataset)
        metrics = runs.evaluate_run(folder, dataset)
        if dataset.config.of_sound or getattr(args, "mistakes", False):
            cli.log(_keep_mistakes(folder, dataset))
    with alone_in(cli.RESULTS):
        leaderboard.write_results(cli.RESULTS)
    if getattr(args, "answers", None):
        cli.log(f"wrote {args.answers}: the answers to {challenge.write_answers(folder, args.answers)} clips")
    _say_how_few(metrics)
    n, classes = len(metrics["folds"]), len(metrics["network"]["per_class"])
    mean = f", mean over {n} folds" if n > 1 else ""
    together = " (all clips together)" if n > 1 else ""
    f1 = f", macro F1 {external.interval(metrics['network']['macro_f1'])}{together}" if classes > 2 else ""
    score, who = external.interval(metrics["fold_mean"]), "clips" if runs.open_run(folder).split == "clips" else "speakers"
    return f"wrote {folder / 'metrics.json'}: balanced accuracy {score}{mean}{f1}, on {who} held back"


def _keep_mistakes(folder: Path, dataset: Dataset) -> str:
    """Copy the wrongly answered clips, with a page to hear them; returns a line. A corpus of matrices has no clip to copy."""
    table, page = mistakes.copy_mistakes(folder, dataset), folder / mistakes.FOLDER / "index.html"
    write_mistakes_page(page, table, run=folder.name, most=mistakes.MOST)
    counts = ", ".join(f"{(table['part'] == part).sum()} {part}" for part in runs.PARTS)
    return f"mistakes ({counts}): listen to them in {page}"


def compare_job(args: argparse.Namespace) -> str:
    """Compare two evaluated runs and say what was found; returns the last line."""
    if len(args.run) != 2:
        raise ModelError(f"{len(args.run)} runs; give two, or --maps NAME to set the maps of several side by side")
    first, second = args.run
    found, path = leaderboard.compare_runs(cli.run_folder(first), cli.run_folder(second))
    cli.log(f"balanced accuracy on {found['clips']} clips of {found['speakers']} speakers, 95 % intervals over speakers:")
    for name, score in zip((first, second), found["balanced_accuracy"].values()):
        cli.log(f"  {name}: {external.interval(score)}")
    cli.log(f"  {first} - {second}: {external.interval(found['difference'])}")
    only = found["mcnemar"]
    counts = f"{only['only_first_right']} clips only {first} classified correctly, {only['only_second_right']} only {second}"
    cli.log(f"McNemar, exact, over clips: {counts}; p = {only['p']:.2g}")
    if found["left_out"]:
        cli.log(f"left out: {found['left_out']} clips that one of them could not use")
    cli.log(found["note"])
    if found["few_speakers"]:
        cli.log(found["few_speakers"])
    return f"wrote {path}: {better(first, second, found['difference'])}"


def better(first: str, second: str, difference: Mapping[str, float | None]) -> str:
    """Which of two runs is better by the interval of their difference (first - second), in words."""
    low, high = difference["low"], difference["high"]
    if low is None or high is None:
        return "the difference has no interval: it is alike in all tested speakers, or a class has one"
    if low <= 0 <= high:
        return "no difference was shown (its interval holds 0)"
    return f"{first if low > 0 else second} is better (the interval of the difference leaves out 0)"


def centroids_job(args: argparse.Namespace) -> str:
    """Set several trainings side by side and say where their evidence lies; returns the last line."""
    found, path = leaderboard.compare_trainings([cli.run_folder(name) for name in args.run])
    cli.log(f"difference of centroids in Hz, mean of {len(args.run)} trainings (lowest to highest):")
    for _, row in found.iterrows():
        spread = f"{row['mean']:+.0f} ({row['lowest']:+.0f} to {row['highest']:+.0f}), {row['above']} above 0"
        rare = "" if pd.isna(row["rare"]) else f", rare among random networks in {row['rare']:.0f}"
        cli.log(f"  {row['method']}, {row['target']}: {spread}{rare}")
    alike = found[(found["above"] == found["trainings"]) | (found["above"] == 0)]
    return f"wrote {path}: the sign is the same in all trainings for {len(alike)} of {len(found)} rows"


def leak_job(args: argparse.Namespace) -> str:
    """Train and test under a split by clip and a split by speaker, and draw both; returns the last line."""
    folder, settings = cli.run_folder(args.run), settings_of(args, map_of(args))
    dataset = runs.run_dataset(settings, progress=cli.progress)
    with writing(folder):
        facts = leakage.measure_leak(folder, dataset, settings, command=cli.command_line(), log=cli.log)
        fig, ax = figures.figure(3.4)
        figures.plot_leak(leakage.rows(facts), chance=facts["chance"], ax=ax)
        write_bytes(folder / "leak.png", figures.png_bytes(fig))
    cli.log(f"wrote {folder / 'leak.json'} and leakage.png")
    return leakage.summary(facts)


def robustness_job(args: argparse.Namespace) -> str:
    """Make the table of short and noisy clips and draw it; returns the last line."""
    folder, which = cli.run_folder(args.run), {"limit": args.limit, "seed": args.seed}
    table = robustness.run_robustness(folder, **which, log=cli.log, progress=cli.progress)
    fig, ax = figures.figure(5.5)
    figures.plot_robustness(table, ax=ax)
    path = robustness.table_path(folder, **which)
    write_bytes(folder / "figures" / f"{path.stem}.png", figures.png_bytes(fig))
    clean, worst = table.iloc[0], table.loc[table["balanced_accuracy"].idxmin()]
    values = f"{clean['balanced_accuracy']:.3f} clean, least with {worst['condition']}: {worst['balanced_accuracy']:.3f}"
    return f"wrote {path} and figures/{path.stem}.png: balanced accuracy {values}"


def explain_job(args: argparse.Namespace) -> str:
    """Explain a run, test its maps and write its report; returns the last line."""
    folder, dataset = _open(args.run)
    place, how = _explanation_place(folder, args), _how(folder, args)
    cli.log("maps of the tested clips" if place == folder else f"maps of the tested clips, beside the run's own: {place}")
    with writing(folder):
        asked = {**how, "target": args.target, "full": args.full, "bar": cli.somebody_watches(), "progress": cli.progress}
        runs.explain_run(folder, dataset, place=place, log=cli.log, **asked)
        if not args.maps_only:
            sizes = runs.FULL if args.full else runs.CheckSizes()
            checked = {**how, "bands": args.bands, "sizes": sizes}
            check_run(folder, dataset, place=place, **checked, log=cli.log, progress=cli.progress)
        return f"wrote {run_report.write_run_report(folder, dataset, place=place)}"


def report_job(args: argparse.Namespace) -> str:
    """Write a run's report again; returns the last line."""
    folder, dataset = _open(args.run)
    with writing(folder):
        return f"wrote {run_report.write_run_report(folder, dataset)}"


def _explanation_place(folder: Path, args: argparse.Namespace) -> Path:
    asked = {name: getattr(args, name) for name in ("target", "bands", "full", "maps_only")}
    return runs.explanation_place(folder, **(asked | _how(folder, args)))


def _how(folder: Path, args: argparse.Namespace) -> dict[str, str]:
    """Method and layer of a run's maps."""
    return runs.run_maps(folder, method=args.method, layer=args.layer)


def _say_how_few(metrics: Mapping[str, Any]) -> None:
    """How many speakers the scores rest on, and why there is no interval, or one to distrust; metrics : of a run."""
    each = metrics["network"]["per_class"].items()
    if all("effective_speakers" in one for _, one in each):  # not in runs of older programs
        found = sorted((one["effective_speakers"], name, one["speakers"]) for name, one in each if one["effective_speakers"])
        cli.log("effective speakers: " + listing([f"{name} {n:.1f} of {tested}" for n, name, tested in found], most=20))
    for reason in ("no_interval", "few_speakers"):
        if metrics.get(reason):
            cli.log(metrics[reason])


def test_job(args: argparse.Namespace) -> str:
    """Score a saved model on corpora that are new to it; returns the last line."""
    folder, classifier, corpus = cli.run_folder(args.run), load_classifier(args.model), corpus_of(args)
    if args.min_age > 0 or args.max_age is not None:
        corpus = keep_ages(corpus, minimum=args.min_age, maximum=args.max_age or float("inf"))
    if args.new_speakers:
        corpus = external.new_speakers(corpus, classifier.model.met, progress=cli.progress)
    facts = {
        "command": cli.command_line(),
        "model": str(args.model),
        "weights_sha256": file_sha256(args.model / "model.safetensors"),
    }
    known = args.new_speakers
    metrics = external.score_model(folder, classifier, corpus, facts=facts, known_corpus=known, progress=cli.progress)
    for line in external.corpus_lines(metrics):
        cli.log(line)
    _say_how_few(metrics)
    unsure = metrics["abstention"]
    cli.log(f"ECE {external.interval(metrics['calibration']['ece'])}; uncertain {external.interval(unsure['uncertain'])}")
    cli.log(f"error {external.interval(unsure['error_all'])}, of those answered {external.interval(unsure['error_answered'])}")
    if metrics["failed"]:
        name, reason = metrics["failed"][0]
        first = reason if name in reason else f"{name}: {reason}"
        cli.log(f"{len(metrics['failed'])} clip{'s' * (len(metrics['failed']) > 1)} could not be used; the first: {first}")
    return f"wrote {folder / 'metrics.json'}: balanced accuracy {external.interval(metrics['fold_mean'])}"


def settings_of(args: argparse.Namespace, map_path: Path) -> runs.Settings:
    """The run's Settings that the options ask for."""
    training = {field.name: getattr(args, field.name) for field in fields(TrainConfig) if field.name != "augment"}
    if getattr(args, "recipe", "") == "waveform":  # a speech model that is trained whole starts from its weights
        training |= {"init": weights_of(args)} | ({"arch": args.encoder} if args.encoder else {})
    return runs.Settings(
        map=str(map_path),
        label=args.label,
        split="folds" if args.folds and args.split == "speakers" else args.split,
        folds=args.folds or runs.Settings.folds,
        split_seed=args.seed,
        min_age=args.min_age,
        max_age=args.max_age,
        young=args.young,
        leave_out=args.leave_out,
        max_error=args.max_error,
        training=TrainConfig(**training, augment=not args.no_augment),
    )


def map_of(args: argparse.Namespace) -> Path:
    """The map of the corpus that the options name, made where it is not there, with its images or encodings."""
    kind = PRESETS[args.recipe].get("features", args.recipe)
    if kind == "waveform":
        check_start(args.encoder or args.arch, weights_of(args))
    if kind in SOUND_RECIPES:
        torchrun.check_alone(torchrun.SPEECH)
    cli.log(f"{'speech' if kind in SOUND_RECIPES else 'images'} of {', '.join(args.corpus)}")
    corpus = corpus_of(args)
    config = config_of(args, corpus)
    return make_images(corpus, config, images=cli.IMAGES, maps=cli.MAPS, workers=args.workers, progress=cli.progress)


def _open(run: str) -> tuple[Path, Dataset]:
    folder = cli.run_folder(run)
    return folder, runs.run_dataset(runs.open_run(folder), progress=cli.progress)

"""The scripts' work, from their options to their last line: images, training, evaluation, explanation, report."""

import argparse
from dataclasses import fields
from pathlib import Path

from voicecam import cli, pages, runs
from voicecam.dataset import Dataset, make_images
from voicecam.errors import ModelError
from voicecam.learner import Training


def whole_job(args: argparse.Namespace) -> str:
    """All steps of scripts/run_all.py; steps that are done are not done again."""
    folder = _folder(args.run)
    if (folder / "manifest.json").exists():
        runs.start_run(folder, settings_of(args, _map_of(args)), command=cli.command_line())
        return f"{folder} is complete: open {folder / 'report.html'}"
    train_job(args, _map_of(args))
    cli.say(evaluate_job(args))
    return explain_job(args)


def train_job(args: argparse.Namespace, map_path: Path) -> str:
    """Train the folds of a run; returns the last line."""
    folder, settings = _folder(args.run), settings_of(args, map_path)
    dataset = runs.run_dataset(settings)
    runs.start_run(folder, settings, command=cli.command_line())
    who = f"{len(dataset.clips)} clips of {dataset.clips['speaker'].nunique()} speakers"
    cli.say(f"{dataset.corpus.name}: {who}, label {settings.label}")
    runs.train_run(folder, dataset, say=cli.say)
    return f"wrote {len(runs.fold_places(folder))} trained network(s) to {folder}"


def evaluate_job(args: argparse.Namespace) -> str:
    """Evaluate a run; returns the last line."""
    folder, dataset = _open(args.run)
    metrics = runs.evaluate_run(folder, dataset)
    balanced, n = metrics["fold_mean"], len(metrics["folds"])
    mean = f", mean over {n} folds" if n > 1 else ""
    interval = f"{balanced['value']:.3f} [{balanced['low']:.3f}, {balanced['high']:.3f}]"
    return f"wrote {folder / 'metrics.json'}: balanced accuracy {interval}{mean}, on speakers held back"


def explain_job(args: argparse.Namespace) -> str:
    """Explain a run and write its report; returns the last line."""
    folder, dataset = _open(args.run)
    cli.say("Grad-CAM of the tested clips")
    runs.explain_run(folder, dataset, layer=args.layer, target=args.target, bar=cli.somebody_watches())
    return f"wrote {pages.write_run_report(folder, dataset)}"


def settings_of(args: argparse.Namespace, map_path: Path) -> runs.Settings:
    """The run's Settings that the options ask for."""
    named = {field.name for field in fields(Training)} & set(vars(args))
    training = {name: getattr(args, name) for name in named}
    return runs.Settings(
        map=str(map_path),
        label=args.label,
        split="folds" if args.folds and args.split == "speakers" else args.split,
        folds=args.folds or runs.Settings.folds,
        split_seed=args.seed,
        min_age=args.min_age,
        max_age=args.max_age,
        training=Training(**training, augment=not args.no_augment),
    )


def _map_of(args: argparse.Namespace) -> Path:
    """The map of the corpus that the options name, made where it is not there."""
    cli.say(f"images of {', '.join(args.corpus)}")
    return make_images(
        cli.corpus_of(args), cli.config_of(args), images=cli.IMAGES, maps=cli.MAPS, workers=args.workers, progress=cli.progress
    )


def _folder(run: str) -> Path:
    """The run's folder. Raises ModelError for a name that is none."""
    if not run or run.startswith(".") or "/" in run or "\\" in run:
        raise ModelError(f"run name {run!r}: must be a plain folder name, such as demo")
    return cli.RESULTS / run


def _open(run: str) -> tuple[Path, Dataset]:
    folder = _folder(run)
    return folder, runs.run_dataset(runs.open_run(folder))

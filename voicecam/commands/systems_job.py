"""The work of `voicecam systems`: a run for each system, then the table (CSV, Markdown) and the figure of them all."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam import audio, figures
from voicecam.audio.pitch import median_f0
from voicecam.commands import cli, jobs
from voicecam.commands.corpus import corpus_of
from voicecam.commands.systems import ROWS
from voicecam.corpora import keep_ages, keep_labelled
from voicecam.data.splits import make_splits
from voicecam.errors import AudioError, DatasetError, ModelError
from voicecam.files import write_bytes, write_text, writing
from voicecam.runs.systems import COLUMNS, f0_row, system_row

PITCH = "pitch"
HEAD = ("system", "balanced accuracy", "lowest corpus or fold", "ECE", "uncertain", "wrong of answered", "seconds needed",
        "noise 10 dB", "telephone", "room 0.8 s", "clips a second", "weights, MB", "explained by", "licence")  # fmt: skip


def systems_job(args: argparse.Namespace) -> str:
    """Make the runs that are not there yet, and the table; returns the last line."""
    folder, rows, missing = cli.run_folder(args.run), {}, {}
    with writing(folder):
        for name in args.systems:
            cli.log(f"system {name}")
            try:
                rows[name] = _pitch_row(args) if name == PITCH else _row(args, name)
            except ModelError as reason:  # weights or packages that cannot be had here
                missing[name] = str(reason)
                cli.log(f"left out: {reason}")
        if not rows:
            raise ModelError(f"none of {', '.join(args.systems)} can run here; the first: {next(iter(missing.values()))}")
        table = pd.DataFrame([{"system": name, **row} for name, row in rows.items()], columns=["system", *COLUMNS])
        write_text(folder / "systems.csv", table.to_csv(index=False, float_format="%.6g"))
        write_text(folder / "systems.md", markdown(table, missing))
        write_bytes(folder / "systems.png", _figure(table))
    cli.log(markdown(table, missing))
    best = table.loc[table["balanced_accuracy"].idxmax()]
    return f"wrote {folder / 'systems.md'}, .csv and .png: best {best['system']}, {best['balanced_accuracy']:.3f}"


def _row(args: argparse.Namespace, name: str) -> dict[str, Any]:
    run = f"{args.run}-{name}"
    folder = cli.run_folder(run)
    if not (folder / "metrics.json").exists():
        split = {"split": "corpora"} if len(args.corpus) > 1 else {"folds": args.folds}
        encoder = {"weights": args.weights, "tiny": args.tiny} if "system" in ROWS[name] else {}
        shared = {"label": args.label, "layout": args.layout, "min_age": args.min_age, "seed": args.seed}
        jobs.trained_run(args.corpus, run=run, **shared, **split, **ROWS[name], **encoder)
    return system_row(folder, limit=args.limit)


def _pitch_row(args: argparse.Namespace) -> dict[str, Any]:
    """A threshold on the median pitch, by the same splits; pitches are kept in the table's folder."""
    corpus = keep_labelled(corpus_of(args), args.label)
    if args.min_age > 0:
        corpus = keep_ages(corpus, minimum=args.min_age, maximum=float("inf"))
    if corpus.clips[args.label].nunique() != 2:
        raise ModelError(f"a threshold on pitch: for two classes, {args.label} has {corpus.clips[args.label].nunique()}")
    kind = "corpora" if len(args.corpus) > 1 else "folds"
    splits = make_splits(corpus, args.label, kind=kind, folds=args.folds, seed=args.seed)
    path = cli.run_folder(args.run) / "pitch.csv"
    known = pd.read_csv(path).set_index("path")["f0"].to_dict() if path.exists() else {}
    names = list(corpus.clips["path"])
    for name in cli.progress(names, len(names)):
        if name not in known:
            known[name] = _f0(corpus.root / name)
    write_text(path, pd.DataFrame({"path": list(known), "f0": list(known.values())}).to_csv(index=False))
    return f0_row(corpus, args.label, splits, np.array([known[name] for name in names], dtype=float))


def _f0(path: Path) -> float:
    try:
        return median_f0(audio.read(path)) or np.nan
    except (AudioError, OSError, DatasetError):
        return np.nan


def markdown(table: pd.DataFrame, missing: dict[str, str]) -> str:
    """The table in Markdown, a line for each system that was left out below it."""
    lines = [
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
        *(f"| {' | '.join(_cells(row))} |" for _, row in table.iterrows()),
    ]
    return "\n".join([*lines, "", *(f"- {name}: not run here. {reason}" for name, reason in missing.items())]).rstrip() + "\n"


def _cells(row: pd.Series) -> list[str]:
    ends = "" if pd.isna(row["low"]) else f" [{row['low']:.3f}, {row['high']:.3f}]"
    shares = ("worst_corpus", "ece", "uncertain", "error_answered")
    under = ("noise_10_db", "telephone", "room_0.8_s")
    return [
        row["system"],
        f"{row['balanced_accuracy']:.3f}{ends}",
        *(_number(row[name], ".3f") for name in shares),
        _number(row["seconds_needed"], "g"),
        *(_number(row[name], ".3f") for name in under),
        _number(row["clips_per_second"], ".1f"),
        _number(row["weights_mb"], "g"),
        str(row["explains"]),
        str(row["licence"]),
    ]


def _number(value: Any, form: str) -> str:
    return "-" if value is None or pd.isna(value) else format(float(value), form)


def _figure(table: pd.DataFrame) -> bytes:
    fig, ax = figures.figure(0.9 + 0.5 * len(table))
    rows = table.rename(columns={"system": "name", "balanced_accuracy": "value"})[["name", "value", "low", "high"]]
    figures.plot_comparison(rows, chance=0.5, ax=ax)
    ax.set_xlim(0.4, 1.01)
    return figures.png_bytes(fig)

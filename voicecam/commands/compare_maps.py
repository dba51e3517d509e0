"""The work of `voicecam compare --maps`: one figure of several runs' maps, one table of how they go with bands taken out."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voicecam import audio, figures, runs
from voicecam.checks.side_by_side import agreement_rows, band_map, common_bands, common_clips
from voicecam.commands import cli
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.features import column_axis, log_mel_energies, row_axis
from voicecam.files import write_bytes, write_text, writing
from voicecam.report.format import format_interval

HEAD = ("system", "maps", "bands", "with the score lost per band", "with random weights", "clips", "speakers")
CAPTION = "red speaks for the clip's class, blue against it; each map is of the window that its system took, in its seconds"
ENDS, RANDOM_ENDS = ("low", "high"), ("random_low", "random_high")


def compare_maps_job(args: argparse.Namespace) -> str:
    """Write maps.csv, maps.md and maps.png of explained runs; returns the last line."""
    folders, place = [cli.run_folder(name) for name in args.run], cli.run_folder(args.maps)
    if place in folders:
        raise ExplainError(f"--maps {args.maps}: is one of the runs; give the table another name")
    table = pd.concat([agreement_rows(folder) for folder in folders], ignore_index=True)
    clips = common_clips(folders, args.clips)
    with writing(place):
        write_text(place / "maps.csv", table.to_csv(index=False, float_format="%.6g"))
        write_text(place / "maps.md", markdown(table))
        write_bytes(place / "maps.png", _figure(folders, clips))
    cli.log(markdown(table))
    return f"wrote {place / 'maps.png'}, maps.csv and maps.md: {len(folders)} systems, {len(clips)} clips that all explained"


def markdown(table: pd.DataFrame) -> str:
    """The table in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(_cells(row) for _, row in table.iterrows())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(row: pd.Series) -> list[str]:
    found = [format_interval(row[[name, *ends]], name) for name, ends in (("spearman", ENDS), ("random", RANDOM_ENDS))]
    return [row["system"], row["method"], f"{row['bands']:.0f}", *found, f"{row['clips']:.0f}", f"{row['speakers']:.0f}"]


def _figure(folders: Sequence[Path], clips: pd.DataFrame) -> bytes:
    """A row a clip: its mel energies, then a map a system, each in colours up to its own largest size, which stands above it."""
    datasets = [runs.run_dataset(runs.open_run(folder)) for folder in folders]
    fig, axes = figures.grid(len(clips), 1 + len(folders), width=3.4 * (1 + len(folders)), height=0.5 + 2.2 * len(clips))
    for number, (line, clip) in enumerate(zip(axes, clips.to_dict("records"))):
        _draw_clip(datasets[0].corpus.root / clip["path"], ax=line[0])
        line[0].set_title(f"{clip['true']}: {clip['speaker']}", size=9, loc="left")
        for ax, folder, dataset in zip(line[1:], folders, datasets):
            found = band_map(folder, dataset, clip["path"])
            figures.plot_band_time_map(found.matrix, common_bands().limits, found.seconds, ax=ax, bar=False)
            ax.set_ylabel("")
            ax.set_title(f"\N{PLUS-MINUS SIGN}{np.abs(found.matrix).max():.1g}", size=8, loc="right")
            if number == 0:
                ax.set_title(f"{folder.name}\n{found.title}", size=9, loc="left")
        for ax in line if number < len(clips) - 1 else ():
            ax.set_xlabel("")
    fig.suptitle(CAPTION, size=9)
    return figures.png_bytes(fig)


def _draw_clip(path: Path, *, ax: Axes) -> None:
    """Mel energies of the whole recording."""
    config = recipe("logmel")
    heard = audio.resample(audio.read(path), config.sample_rate).samples
    energies = log_mel_energies(heard, config).T
    figures.plot_matrix(energies, row_axis(config), column_axis(config, energies.shape[1]), ax=ax)

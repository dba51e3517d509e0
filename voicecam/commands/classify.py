"""Say of recordings what the model hears in their speech: a class, "uncertain" or "no speech"."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voicecam.commands import cli
from voicecam.config import SHIPPED_MODEL
from voicecam.errors import AudioError
from voicecam.files import shown, write_json

if TYPE_CHECKING:
    from voicecam.network.classifier import Classifier
    from voicecam.network.recordings import Prediction

EXAMPLE = "my_wavs --json recordings.json --cam maps/mine"
STOPPED = "stopped"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE|FOLDER", help="recordings, or folders that hold some")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="folder of a saved model")
    parser.add_argument("--json", metavar="FILE", help="write a list with one object per recording; '-' prints only that")
    parser.add_argument("--cam", type=Path, metavar="DIR", help="write each recording's picture with its map there")
    parser.add_argument("--workers", type=cli.WORKERS, help="recordings read at a time (default: one per core)")
    cli.add_engine_option(parser)


def work(args: argparse.Namespace) -> str:
    """Judge the recordings; returns the last line. Raises AudioError at the end where some could not be used.

    Whatever ends it, the answers so far are written first.
    """
    _check_any(args.paths)
    from voicecam.audio.sound_files import listing
    from voicecam.network import recordings  # imports what hears: not before the options are known to be good
    from voicecam.network.classifier import load_classifier

    files, others = recordings.sound_files(args.paths)
    if others:
        print(f"passed over {len(others)} file{'s' * (len(others) != 1)} that are no sound: {listing(others)}", file=sys.stderr)
    classifier = load_classifier(args.model, light=not args.cam)
    judged: list = []
    try:
        keep = _kept(args, classifier)
        found = recordings.predict_files(classifier, files, workers=args.workers, keep=keep)
        for prediction in cli.progress(found, len(files)):
            judged.append(prediction)
            _say(prediction, classifier.threshold, quiet=args.json == "-")
    except BaseException:
        if judged:
            cli.log(_written(args, judged, classifier))
        raise
    last = _written(args, judged, classifier)
    broken = sum(prediction.error is not None for prediction in judged)
    if broken:
        cli.log(last)
        raise AudioError(f"{broken} of {len(files)} recordings could not be used; their reasons stand above")
    return last


def _check_any(paths: Sequence[Path]) -> None:
    """Raise AudioError where none of the paths is there: nobody waits for a network that has nothing to hear."""
    if any(map(os.path.lexists, paths)):
        return
    for path in paths:
        print(f"{shown(path)}: no such file; check the path", file=sys.stderr)
    raise AudioError(f"{len(paths)} of {len(paths)} recordings could not be used; their reasons stand above")


def _kept(args: argparse.Namespace, classifier: "Classifier") -> tuple[str, ...]:
    """What of predictions the pictures need; a speech model's map is made of the sound."""
    return (("matrix", "log_mel") + ("spoken",) * classifier.model.config.of_sound) if args.cam else ()


def _say(prediction: "Prediction", threshold: float, *, quiet: bool) -> None:
    """Print the answer, unless `quiet`, or why there is none."""
    from voicecam.network import recordings

    for line in recordings.lines(prediction, threshold=threshold):
        if prediction.error is not None:
            print(line, file=sys.stderr)
        elif not quiet:
            cli.log(line)


def _written(args: argparse.Namespace, judged: "list[Prediction]", classifier: "Classifier") -> str:
    """Write what the options ask for; returns one line, or the JSON itself."""
    from voicecam.network import recordings

    rows, written = [recordings.row(prediction) for prediction in judged], []
    if args.json and args.json != "-":
        write_json(Path(args.json), rows)
        written.append(args.json)
    if args.cam:
        from voicecam.commands.recording_maps import write_maps

        written.append(f"{len(write_maps(args.cam, judged, classifier.model))} pictures in {args.cam}")
    if args.json == "-":
        return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
    return f"wrote {' and '.join(written)}" if written else f"{len(rows)} recording{'s' * (len(rows) != 1)}; model {args.model}"

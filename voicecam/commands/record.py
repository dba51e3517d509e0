"""Record a word from the microphone into my_wavs/: countdown, level meter, stops by itself when the word is over."""

import argparse
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from voicecam.commands import cli
from voicecam.config import RECORDINGS, SHIPPED_MODEL
from voicecam.errors import AudioError

if TYPE_CHECKING:
    from voicecam.audio import Signal

EXAMPLE = "--word seven --name ada --classify"
STOPPED = "stopped; nothing was recorded"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--list", action="store_true", help="list the microphones and stop")
    parser.add_argument("--device", metavar="NAME", help="microphone, by its name or a part of it (default: the system's)")
    parser.add_argument("--word", default="word", help="what is said, for the file's name")
    parser.add_argument("--name", default="me", help="who says it, for the file's name")
    parser.add_argument("--seconds", type=cli.real(0.1, 3600), default=10.0, help="longest recording, in s")
    parser.add_argument("--countdown", type=cli.whole(0, 60), default=3, help="s before it starts")
    parser.add_argument("--whole", action="store_true", help="record all of --seconds, also after the word is over")
    parser.add_argument("--play", action="store_true", help="play it back")
    parser.add_argument("--classify", action="store_true", help="say at once what the shipped model hears")
    parser.add_argument("--folder", type=Path, default=RECORDINGS, help="where recordings go")


def work(args: argparse.Namespace) -> str:
    """List the microphones, or record; returns the last line."""
    return listing() if args.list else record(args)


def listing() -> str:
    """Print the microphones; returns the last line."""
    from voicecam.audio import microphone

    found = microphone.devices()
    for device in found:
        cli.log(f"{'*' if device.default else ' '} {device.name} ({device.host}, {device.channels} channels, {device.rate} Hz)")
    return f"{len(found)} microphones; * is the system's; choose another with --device and a part of its name"


def record(args: argparse.Namespace) -> str:
    """Record, save, and play or classify if wanted; returns the last line."""
    from voicecam.audio import microphone, recorder

    device = microphone.find_device(args.device, microphone.devices())
    cli.log(f"microphone: {device.name}")
    if device.listens_to_output:
        cli.log("warning: by its name this device records what the computer plays; see --list and --device")
    over = recorder.EndpointDetector()

    def hear(block: "Signal") -> bool:
        if sys.stdout.isatty():
            print(f"\r{recorder.meter(block)}", end="", flush=True)
        done = over(block)
        return done and not args.whole

    signal, lost = microphone.record(device, seconds=args.seconds, start=lambda: count_down(args.countdown), hear=hear)
    if sys.stdout.isatty():
        print()
    if not len(signal.samples):
        raise AudioError("0.00 s recorded; let it run longer before Ctrl-C")
    path = recorder.save(signal, args.folder, word=args.word, name=args.name, now=datetime.now())
    warnings = recorder.warnings_of(signal, heard=over.heard)
    for line in warnings + ([f"{lost} blocks were lost: the computer was too busy"] if lost else []):
        cli.log(f"warning: {line}")
    after(args, path, signal)
    peak = recorder.decibels(float(abs(signal.samples).max()))
    return f"wrote {path}: {signal.seconds:.2f} s, peak {peak:.0f} dBFS"


def count_down(seconds: int) -> None:
    """Count down and say when to speak."""
    for left in range(seconds, 0, -1):
        cli.log(f"{left} ...")
        time.sleep(1)
    cli.log("speak now (Ctrl-C stops)")


def after(args: argparse.Namespace, path: Path, signal: "Signal") -> None:
    """Classify and play, where the options or the person at the terminal say so."""
    if args.classify or agreed("classify it?"):
        from voicecam.network import recordings
        from voicecam.network.classifier import load_classifier

        classifier = load_classifier(SHIPPED_MODEL)
        for line in recordings.lines(recordings.predict_file(classifier, path), threshold=classifier.threshold):
            cli.log(line)
    if args.play or agreed("play it back?"):
        from voicecam.audio import microphone

        microphone.play(signal)


def agreed(question: str) -> bool:
    """Ask, where somebody sits at a terminal; no is the default."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False

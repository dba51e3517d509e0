"""What the scripts share: options and their ranges, one-line errors, progress bars. Only scripts import it."""

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from voicecam.commands.ending import finish, somebody_watches  # noqa: F401  every script ends with cli.finish
from voicecam.config import AUTO, PRESETS, Config, recipe
from voicecam.corpora import LAYOUTS, Corpus, merge, open_corpus
from voicecam.corpora.demo import make_demo_corpus
from voicecam.corpora.matrices import ready_config
from voicecam.data.splits import SPLITS
from voicecam.errors import VoicecamError

DEMO = Path("cache/demo")
MAPS, IMAGES, RESULTS = Path("maps"), Path("mfc_dataset"), Path("results")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but for switches and where none says nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see --help\n")


class _Strict(_Parser):
    """The same for a caller in Python, who gets an exception."""

    def error(self, message: str) -> NoReturn:
        raise VoicecamError(f"{message}; the options are those of scripts/run_all.py --help, with _ for -")


def parse_run(corpora: Sequence[str], *, run: str, label: str, **options: Any) -> argparse.Namespace:
    """The options of scripts/run_all.py given as Python values: True and False switch, a list is several values.

    Raises VoicecamError for one that is not known or out of range.
    """
    parser = _Strict()
    parser.add_argument("--run")
    add_corpus_options(parser)
    add_run_options(parser)
    argv = ["--run", run, "--label", label, "--corpus", *corpora]
    for name, value in options.items():
        values = value if isinstance(value, list | tuple) else [value] * (not isinstance(value, bool))
        asked = name if value is not False else f"no_{name}"
        if value is not False or name == "augment":
            argv += [f"--{asked.replace('_', '-')}", *map(str, values)]
    return parser.parse_args(argv)


def make_parser(doc: str, example: str) -> argparse.ArgumentParser:
    """A parser that shows defaults, and an example below them."""
    return _Parser(description=doc, epilog=f"example: {example}", formatter_class=_Help)


def whole(low: int, high: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from `low` to `high`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {low} to {high}")
        return number

    return read


def real(low: float, high: float, *, below: bool = False) -> Callable[[str], float]:
    """The type of an option that takes a number from `low` to `high`; `below`: `high` itself is too much."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low <= number <= high or (below and number == high):
            raise argparse.ArgumentTypeError(f"{text!r} must be a number from {low:g} to {'below ' * below}{high:g}")
        return number

    return read


SEED = whole(0, 2**32 - 1)  # what every library here takes
AGE = real(0, 150)  # years
WORKERS = whole(1, 256)


def log(line: str) -> None:
    """Print a line of progress at once, also into a log."""
    print(line, flush=True)


def progress(items: Iterable, total: int) -> Iterable:
    """A progress bar where somebody watches."""
    return tqdm(items, total=total, unit="clip", disable=not somebody_watches())


def command_line() -> str:
    """The command as it was typed, for the record."""
    return shlex.join(["python", *sys.argv])


def add_corpora_option(parser: argparse.ArgumentParser) -> None:
    """Which corpora."""
    group = parser.add_argument_group("corpus")
    group.add_argument(
        "--corpus",
        nargs="+",
        required=True,
        metavar="PATH",
        help="folder or CSV of a corpus, several to join them, or 'demo' (synthetic voices)",
    )
    group.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto", help="how the corpus lies on disk")


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Which corpus, and how its clips become images."""
    add_corpora_option(parser)
    group = parser.add_argument_group("images")
    group.add_argument("--recipe", choices=tuple(PRESETS), default="mfcc", help="features")
    group.add_argument("--seconds", type=real(0.05, 60), help="length every clip is fitted to, in s (default: the recipe's)")
    group.add_argument(
        "--image-size",
        type=whole(8, 1024),
        nargs=2,
        metavar=("ROWS", "COLUMNS"),
        help="pixels given to the network (default: the recipe's)",
    )
    group.add_argument("--workers", type=WORKERS, help="processes that make images (default: one per core)")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What to learn, on whom, and how."""
    group = parser.add_argument_group("what to learn, on whom")
    group.add_argument(
        "--label", default="gender", help="label to learn: gender, digit, age_group, emotion, accent, or a column of your CSV"
    )
    group.add_argument(
        "--split",
        choices=SPLITS,
        default="speakers",
        help="who is held back; 'corpora': one joined corpus after another; only 'clips' lets speakers stand on both sides",
    )
    group.add_argument(
        "--folds", type=whole(2, 1000), help="test every speaker once, in this many folds; the same as --split folds"
    )
    group.add_argument("--min-age", type=AGE, default=0.0, help="youngest speakers kept, in years; 0 keeps unknown ages too")
    group.add_argument("--max-age", type=AGE, help="oldest speakers kept, in years")
    group = parser.add_argument_group("how to learn")
    for name, kind, text in TRAINING_OPTIONS:
        group.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=text)
    group.add_argument("--no-augment", action="store_true", help="train without time shift and masks")
    group.add_argument(
        "--find-lr", action="store_true", help="take the learning rate that fastai's lr_find suggests, and plot its curve"
    )
    group.add_argument(
        "--max-error",
        type=real(0, 1, below=True),
        default=0.02,
        help="share of each class's clips that may be answered wrongly, on validation speakers; what is less sure is uncertain",
    )
    group.add_argument("--bfloat16", action="store_true", help="faster on processors and GPUs that multiply bfloat16")
    group.add_argument("--seed", type=SEED, default=0, help="of split, weights and order")


def add_explain_options(parser: argparse.ArgumentParser) -> None:
    """How the maps are made, for which class, and how much work goes into testing them."""
    group = parser.add_argument_group("explanation")
    group.add_argument(
        "--method",
        default=AUTO,
        choices=(AUTO, *MAP_METHODS),
        help="how the maps are made; auto: what suits network and features",
    )
    group.add_argument(
        "--layer",
        default=AUTO,
        choices=(AUTO, "layer1", "layer2", "layer3", "layer4"),
        help="stage of the network that is mapped; auto: likewise",
    )
    group.add_argument(
        "--target",
        default="true",
        help="class each map is for: true, predicted, a class name, or two with a minus between (female-male) for their contrast",
    )
    group.add_argument(
        "--bands",
        default="third-octaves",
        choices=("third-octaves", "octaves", "formants", "mel"),
        help="bands that are taken out of the sound; formants: the regions of F0, F1, F2, F3",
    )
    how_much = group.add_mutually_exclusive_group()
    how_much.add_argument("--full", action="store_true", help="test every method, on more clips and all folds; takes much longer")
    how_much.add_argument("--maps-only", action="store_true", help="make the maps and do not test them; a later explain.py does")


MAP_METHODS = (  # explanation.METHODS, named here so that this module need not import torch
    "grad-cam",
    "grad-cam++",
    "hires-cam",
    "layer-cam",
    "eigen-cam",
    "score-cam",
    "ablation-cam",
    "integrated-gradients",
    "occlusion",
)
TRAINING_OPTIONS = (  # defaults are Training's own; named in the help so that this module need not import torch
    ("arch", str, "resnet18, resnet34, resnet50, or small: four plain blocks (default: resnet18)"),
    ("init", str, "weights to start from: auto, imagenet, shipped, none, a file or a saved model's folder (default: auto)"),
    ("schedule", str, "default, or seed: the one of 2020, head 2 epochs, then all layers 1 epoch (default: default)"),
    ("epochs", whole(1, 10_000), "passes over the training clips (default: 6)"),
    ("lr", real(1e-9, 10), "highest learning rate (default: 0.002)"),
    ("batch", whole(2, 65_536), "clips per step (default: 32)"),
    ("patience", whole(1, 10_000), "epochs without a better one before training stops (default: 5)"),
    ("n_augmented", whole(0, 100), "degraded copies of each training clip, recipe voice only (default: 8)"),
    (
        "ema_decay",
        real(0, 1, below=True),
        "decay per step of a running mean of the weights, which is then kept; 0 is none (default: 0)",
    ),
    ("label_smoothing", real(0, 1, below=True), "share of each label that is spread over all classes (default: 0)"),
    ("auxiliary_label", str, "another label, learned at the same time from the training clips and then dropped (default: none)"),
    ("mixup", real(0, 100), "Beta parameter of blending clips and their labels; 0 is none (default: 0)"),
)


def config_of(args: argparse.Namespace, corpus: Corpus) -> Config:
    """The Config that the options ask for; that of ready-made matrices is in their file, but for the image size."""
    if corpus.matrices is not None:
        if args.seconds is not None or args.recipe not in ("mfcc", "mfcc-2020"):
            raise VoicecamError(f"{corpus.matrices}: its matrices are ready-made; leave out --recipe and --seconds")
        return ready_config(corpus.matrices, image_size=args.image_size)
    changes: dict[str, Any] = {}
    if args.seconds is not None:
        changes["seconds"] = args.seconds
    if args.image_size is not None:
        changes["image_rows"], changes["image_columns"] = args.image_size
    return recipe(args.recipe, **changes)


def corpus_of(args: argparse.Namespace) -> Corpus:
    """The corpus that the options ask for, after a line for each of its remarks and repairs; the demo corpus is made where it is
    not there."""
    places = [make_demo_corpus(DEMO) if path == "demo" else path for path in args.corpus]
    corpus = merge([open_corpus(place, layout=args.layout) for place in places])
    for line in (*corpus.remarks, *(f"repaired: {line}" for line in corpus.repairs)):
        log(line)
    return corpus

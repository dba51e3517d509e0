"""What the commands share: options and their ranges, one-line errors, progress bars. Imports nothing heavy."""

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from voicecam.commands.ending import STOPPED, finish, somebody_watches  # noqa: F401  every command ends with cli.finish
from voicecam.commands.engine_option import add_engine_option  # handed on
from voicecam.commands.options_file import options_in, words
from voicecam.config import (  # noqa: F401
    AUTO,
    BAND_SETS,
    DEMO,
    IMAGES,
    LAYERS,
    MAPS,
    OUTPUTS,
    PRESETS,
    RESULTS,
    SPLITS,
    SYSTEMS,
    Config,
    TrainConfig,
    recipe,
)
from voicecam.errors import ModelError, VoicecamError
from voicecam.explanation.method_table import METHODS
from voicecam.files import DEVICES
from voicecam.network.torchrun import rank


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but for switches and where none says nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False, "") else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, "" if rank() else f"error: {message}; see --help\n")


class _Strict(_Parser):
    """The same for a caller in Python, who gets an exception."""

    def error(self, message: str) -> NoReturn:
        raise VoicecamError(f"{message}; the options are those of voicecam run --help, with _ for -")


def parse_run(corpora: Sequence[str], *, run: str, label: str, **options: Any) -> argparse.Namespace:
    """The options of `voicecam run` given as Python values: True and False switch, a list is several values.

    Raises VoicecamError for one that is not known or out of range.
    """
    parser = _Strict()
    parser.add_argument("--run")
    add_corpus_options(parser)
    add_run_options(parser)
    system = SYSTEMS.get(options.get("system") or "", {})
    return parser.parse_args(words({**system, "run": run, "label": label, "corpus": corpora, **options}))


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """The options of a command line. Those of its --system, or of the one that a file names, and then those of the file that it
    names with --config stand before its own, which win."""
    finder = _Parser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", type=Path)
    finder.add_argument("--system", choices=tuple(SYSTEMS))
    named = finder.parse_known_args(argv)[0]
    try:
        of_file = options_in(named.config) if named.config else {}
        return parser.parse_args([*words(SYSTEMS.get(named.system or str(of_file.get("system")), {})), *words(of_file), *argv])
    except VoicecamError as reason:
        parser.error(str(reason))


def run_folder(name: str) -> Path:
    """The folder of a run. Raises ModelError for a name that is none."""
    if not name or name.startswith(".") or name.endswith((".", " ")) or set(name) & set('/\\:*?"<>|') or DEVICES.fullmatch(name):
        raise ModelError(f"run name {name!r}: must be a plain folder name, such as demo")
    return RESULTS / name


def add_done_run(parser: argparse.ArgumentParser, **how: Any) -> None:
    """Which run, or runs, in results/: they must be there."""
    parser.add_argument("--run", required=True, **how)
    parser.set_defaults(done=True)


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
    installed = Path(sys.argv[0]).stem in ("voicecam", "__main__")
    return shlex.join(["voicecam", *sys.argv[1:]] if installed else ["python", *sys.argv])


def add_corpora_option(parser: argparse.ArgumentParser) -> None:
    """Which corpora."""
    from voicecam.corpora import LAYOUTS

    group = parser.add_argument_group("corpus")
    group.add_argument(
        "--corpus",
        nargs="+",
        required=True,
        metavar="PATH",
        help="folder or CSV of a corpus, several to join them, 'demo' (the voices that come with voicecam) "
        "or 'espeak' (synthetic voices, made on first use)",
    )
    group.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto", help="how the corpus lies on disk")


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Which corpus, and how its clips become images."""
    add_corpora_option(parser)
    group = parser.add_argument_group("images")
    group.add_argument("--recipe", choices=tuple(PRESETS), default="mfcc", help="features; the last three are of speech models")
    group.add_argument("--seconds", type=real(0.05, 60), help="length every clip is fitted to, in s (default: the recipe's)")
    group.add_argument(
        "--image-size",
        type=whole(8, 1024),
        nargs=2,
        metavar=("ROWS", "COLUMNS"),
        help="pixels given to the network (default: the recipe's)",
    )
    group.add_argument("--workers", type=WORKERS, help="processes that make images (default: one per core)")
    add_engine_option(group)
    add_encoder_options(parser)


def add_encoder_options(parser: argparse.ArgumentParser) -> None:
    """Which speech model, and where its weights are."""
    group = parser.add_argument_group("speech models")
    group.add_argument(
        "--system",
        choices=tuple(SYSTEMS),
        help="in place of a picture network. A: speaker embedding and a small network; B: wav2vec2's frames and convolutions; "
        "C: XLS-R fine-tuned in three phases; D: XLS-R for emotions. Each sets options that those given here overrule",
    )
    group.add_argument(
        "--encoder", metavar="NAME", help="resemblyzer, ecapa, wav2vec2, wavlm, xls-r and more; default: the system's"
    )
    group.add_argument("--encoder-output", choices=OUTPUTS, help="what the head is shown (default: the recipe's)")
    group.add_argument("--weights", default="hub", help="of the speech model: hub, or a folder in the hub's own format")
    group.add_argument("--tiny", action="store_true", help="the same architecture small with random weights, to try a command")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What to learn, on whom, and how."""
    group = parser.add_argument_group("what to learn, on whom")
    group.add_argument(
        "--label",
        default="gender",
        help="label to learn: gender, digit, age_group, teen_adult, emotion, emotion_gender3, accent, speaker, or a column of "
        "your CSV",
    )
    group.add_argument(
        "--split",
        choices=SPLITS,
        default="speakers",
        help="who is held back; 'corpora': one joined corpus after another; 'clips' lets speakers stand on both sides",
    )
    group.add_argument(
        "--folds", type=whole(2, 1000), help="test every speaker once, in this many folds; the same as --split folds"
    )
    group.add_argument("--min-age", type=AGE, default=0.0, help="youngest speakers kept, in years; 0 keeps unknown ages too")
    group.add_argument("--max-age", type=AGE, help="oldest speakers kept, in years")
    group.add_argument(
        "--young",
        type=AGE,
        default=0.0,
        help="speakers known to be younger train towards no class, so that the network is undecided about them; every other one "
        "of them is held back, and none validates or is tested (recipe voice; 0: nobody)",
    )
    group.add_argument("--leave-out", type=whole(1, 1000), default=1, help="corpora held back at a time by --split corpora")
    group = parser.add_argument_group("how to learn")
    for one in fields(TrainConfig):
        if one.metadata and one.name != "seed":
            kind, choices = _kind_of(one.type, **one.metadata)
            group.add_argument(
                f"--{one.name.replace('_', '-')}", type=kind, choices=choices, default=one.default, help=one.metadata["text"]
            )
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
    group.add_argument(
        "--refit",
        action="store_true",
        help="arch logistic: learn from validation speakers too, once they have chosen its strength, temperature and threshold",
    )
    group.add_argument("--bfloat16", action="store_true", help="faster on processors and GPUs that multiply bfloat16")
    group.add_argument("--seed", type=SEED, default=0, help="of split, weights and order")
    group.add_argument(
        "--config", metavar="FILE", help="JSON or YAML file of options by name, or a run's run.json; those given here win"
    )


def _kind_of(
    type_: Any, *, low: float, high: float, below: bool, choices: Sequence[str], text: str
) -> tuple[Callable[[str], Any], Sequence[str] | None]:
    """How an option reads a setting of Training, and the names it may have."""
    numbers = {int: lambda: whole(int(low), int(high)), float: lambda: real(low, high, below=below)}
    return numbers.get(type_, lambda: str)(), choices or None


def add_explain_options(parser: argparse.ArgumentParser) -> None:
    """How the maps are made, for which class, and how much work goes into testing them."""
    group = parser.add_argument_group("explanation")
    group.add_argument(
        "--method",
        default=AUTO,
        choices=(AUTO, *METHODS),
        help="how the maps are made; auto: what suits network and features",
    )
    group.add_argument(
        "--layer",
        default=AUTO,
        choices=(AUTO, *LAYERS),
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
        choices=BAND_SETS,
        help="bands that are taken out of the sound; formants: the regions of F0, F1, F2, F3",
    )
    how_much = group.add_mutually_exclusive_group()
    how_much.add_argument("--full", action="store_true", help="test every method, on more clips and all folds; takes much longer")
    how_much.add_argument("--maps-only", action="store_true", help="make the maps and do not test them; a later explain.py does")

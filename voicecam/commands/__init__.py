"""The command `voicecam`: the table of its commands, and the way from a command line to the function that does the work.

A command is a module of this folder, named as the command: its docstring is the help's first line, EXAMPLE the options of its
example, add_options(parser) gives its options, and work(args) does what was asked and returns the last line; STOPPED, where it is
there, is what Ctrl-C leaves to say. scripts/ holds doors to them. Nothing heavy is imported before options and paths are good.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from voicecam import __version__, engine
from voicecam.commands import interrupt
from voicecam.network import torchrun

os.environ.setdefault(engine.BLAS, "1")  # numpy, which is not imported yet, reads it then

HOME_HELP = "folder that holds mfc_dataset, maps, results, my_wavs and cache (default: VOICECAM_HOME, or the current one)"
COMMANDS = {  # in the order of the help
    "classify": "say of recordings what the model hears: a class, uncertain or no speech",
    "record": "record a word from the microphone",
    "serve": "the page in the browser: record or drop a file, see and hear what the model hears",
    "run": "the main job: images, training, scores, maps and report of a corpus",
    "corpus voices": "make the demo voices again, which come with voicecam",
    "corpus espeak": "make the espeak corpus of synthetic voices",
    "corpus get": "fetch a real corpus: FSDD, AudioMNIST, EMO-DB, RAVDESS, BAVED or nEMO",
    "images": "turn the clips of a corpus into images",
    "train": "train a network on images, into a new run",
    "train-encoder": "train a speech model on a corpus, into a new run: systems A to D",
    "evaluate": "measure a run on the speakers it held back",
    "explain": "maps of a run's tested clips, tests of the maps, and the report",
    "report": "write the report of an explained run again",
    "compare": "compare two runs on the same clips",
    "systems": "set speech models and the picture network side by side: one table, one figure",
    "centroids": "compare where in Hz the evidence of several trainings lies",
    "leakage": "what a random split by clip adds to the score",
    "robustness": "scores of a run on short, noisy, reverberant and telephoned clips",
    "external": "scores of a saved model on corpora that are new to it",
    "bands": "what each band is worth to a saved model on its training clips",
    "ship": "copy a run's network into a folder of its own, with its scores",
    "site": "the live page as plain files that any web host serves",
    "export-web": "write a picture network as an ONNX file that a browser runs",
    "notebooks": "execute the notebooks of the course",
}


PLACES = str.maketrans(" -", "__")  # a command's name -> that of its module


def door(name: str, script: str) -> Callable[[Sequence[str] | None], int]:
    """The `main` of a script that is a door to a command. script : the script's __file__"""

    def main(argv: Sequence[str] | None = None) -> int:
        """Run the command; returns its exit status."""
        return run_command(name, sys.argv[1:] if argv is None else argv, called=f"python scripts/{Path(script).name}")

    return main


def job(name: str) -> Callable[[argparse.Namespace], str]:
    """A command's `work`: the function of this name in jobs.py."""

    def work(args: argparse.Namespace) -> str:
        from voicecam.commands import jobs  # imports torch: not before the options are known to be good

        return getattr(jobs, name)(args)

    return work


def console() -> int:
    """What the installed command `voicecam` starts; returns the exit status."""
    interrupt.end_imports()
    return main(sys.argv[1:])


def main(argv: Sequence[str]) -> int:
    """`voicecam COMMAND ...`; returns the exit status: 0, 2 after a mistake that is said in one line, 130 after Ctrl-C."""
    given = _at_home(argv)
    name = next((name for name in (" ".join(given[:2]), " ".join(given[:1])) if name in COMMANDS), None)
    if name is not None:
        return run_command(name, given[len(name.split()) :], called=f"voicecam {name}")
    if given[:1] == ["--version"]:
        print(f"voicecam {__version__}")
        return 0
    if given[:1] in (["-h"], ["--help"], []):
        print(overview())
        return 0 if given else 2
    known = [one for one in COMMANDS if one.startswith(f"{given[0]} ")] or list(COMMANDS)
    print(f"error: voicecam {' '.join(given[:2])}: no such command; use one of {', '.join(known)}", file=sys.stderr)
    return 2


def overview() -> str:
    """The help of `voicecam`: its commands, a line each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: voicecam [--version] [--home DIR] COMMAND ...",
            "",
            "See what a CNN hears: speech to pictures, a network, and maps of what it looks at.",
            "",
            *lines,
            "",
            f"--home DIR: {HOME_HELP}.",
            "Each command has its own help: voicecam COMMAND --help",
            "example: voicecam classify me.wav",
        ]
    )


def run_command(name: str, argv: Sequence[str], *, called: str) -> int:
    """Read a command's options and do its work; returns the exit status. called : how it was called, for its help"""
    given = _at_home(argv)
    from voicecam.commands import cli  # now: the work folder is read when settings are imported
    from voicecam.commands.places import check_places

    command = import_module(f"voicecam.commands.{name.translate(PLACES)}")
    parser = cli.make_parser(command.__doc__ or "", f"{called} {command.EXAMPLE}")
    parser.prog = called
    parser.add_argument("--home", metavar="DIR", help=HOME_HELP)
    try:
        command.add_options(parser)
    except ModuleNotFoundError as missing:  # installed to classify alone
        return cli.finish(partial(_raise, missing))
    if torchrun.rank():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  until the process ends: the first one speaks
    args = cli.parse(parser, given)

    def work() -> str:
        if name not in torchrun.COMMANDS:
            torchrun.check_alone(name)
        check_places(args)
        with engine.on(getattr(args, "engine", None)):
            return command.work(args)

    return cli.finish(work, stopped=getattr(command, "STOPPED", cli.STOPPED))


def _raise(error: Exception) -> str:
    raise error


def _at_home(argv: Sequence[str]) -> list[str]:
    """The words of a command line without --home DIR, which becomes the environment's, for processes beside this one too."""
    words = [part for word in argv for part in (word.split("=", 1) if word.startswith("--home=") else [word])]
    place = words.index("--home") if "--home" in words[:-1] else None
    if place is None:
        return words
    home = os.path.abspath(os.path.expanduser(words[place + 1]))
    there = sys.modules.get("voicecam.config")
    if there is not None and str(there.HOME) != home:
        print(f"error: --home {home}: this program works in {there.HOME.absolute()} already; start a new one", file=sys.stderr)
        raise SystemExit(2)
    os.environ["VOICECAM_HOME"] = home
    return words[:place] + words[place + 2 :]

"""Execute notebooks in order, each in a fresh kernel, into results/notebooks/; one that fails is not written."""

import argparse
from pathlib import Path

from voicecam.commands import cli
from voicecam.config import RESULTS

EXAMPLE = "nbs/06_gradcam.ipynb --quick"
STOPPED = "stopped; notebooks that were done are kept"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks to execute (default: all in nbs/ and nbs/solutions/)")
    parser.add_argument("--quick", action="store_true", help="smaller corpus, shorter training: under a minute each")
    parser.add_argument("--make-quick", action="store_true", help="train the networks of quick mode again, and nothing else")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, default=RESULTS / "notebooks", help="folder for the executed notebooks")
    where.add_argument("--in-place", action="store_true", help="write each over the notebook itself instead")


def work(args: argparse.Namespace) -> str:
    """Execute the notebooks; returns the last line."""
    from voicecam.course.execute import execute, notebooks  # Jupyter: an extra
    from voicecam.course.lesson import make_quick

    if args.make_quick:
        return f"wrote {', '.join(map(str, make_quick(Path.cwd())))}"
    course = Path("nbs")
    chosen = args.notebooks or [*notebooks(course), *notebooks(course / "solutions")]
    for path in chosen:
        to = path if args.in_place else args.out / ("solutions" * (path.parent.name == "solutions")) / path.name
        seconds = execute(path, to, quick=args.quick)
        cli.log(f"{to}: {seconds:.0f} s, {to.stat().st_size / 1000:.0f} kB")
    return f"executed {len(chosen)} notebook(s)"

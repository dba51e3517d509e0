"""Execute notebooks in place, in order, each in a fresh kernel; a notebook that fails is left as it was."""

import sys
from collections.abc import Sequence
from pathlib import Path

import _start  # noqa: F401  first of all

from voicecam import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python scripts/run_notebooks.py nbs/06_gradcam.ipynb --quick")
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks to execute (default: all in nbs/ and nbs/solutions/)")
    parser.add_argument("--quick", action="store_true", help="smaller corpus, shorter training: under a minute each")
    args = parser.parse_args(argv)

    def work() -> str:
        from voicecam.course.execute import execute, notebooks

        chosen = args.notebooks or [*notebooks(Path("nbs")), *notebooks(Path("nbs/solutions"))]
        for path in chosen:
            seconds = execute(path, quick=args.quick)
            cli.say(f"{path}: {seconds:.0f} s, {path.stat().st_size / 1000:.0f} kB")
        return f"executed {len(chosen)} notebook(s)"

    return cli.finish(work, stopped="stopped; notebooks that were done are kept")


if __name__ == "__main__":
    sys.exit(main())

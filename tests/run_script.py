"""Scripts called in this process, as their command lines would: folder, options, output and exit status. Saves their imports."""

import contextlib
import io
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).parent.parent / "scripts"


@cache
def load_script(script: str | Path) -> ModuleType:
    """A script as a module; script : name of one in scripts/, or the file."""
    path = SCRIPTS / f"{script}.py" if isinstance(script, str) else script
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = spec_from_file_location(f"script_{path.stem}", path)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


def run_script(script: str | Path, *args: object, cwd: Path) -> tuple[int, str, str]:
    """Exit status, standard output and error output of a script that works in the folder `cwd`. A bug is raised."""
    out, err, words, before = io.StringIO(), io.StringIO(), list(map(str, args)), sys.argv
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.argv = [str(load_script(script).__file__), *words]
        try:
            status = load_script(script).main(words)
        except SystemExit as stop:  # argparse
            status = stop.code
        finally:
            sys.argv = before
    return status, out.getvalue(), err.getvalue()


def output_of(script: str | Path, *args: object, cwd: Path, status: int = 0) -> str:
    """What a script printed; its error output where another status than 0 is right. Fails with both when it ends otherwise."""
    found, said, error = run_script(script, *args, cwd=cwd)
    assert found == status, f"status {found}\n{said}\n{error}"
    return said if status == 0 else error


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def one_line_error(status: int, error: str) -> None:
    """What every mendable error is: status 2 and one line."""
    assert status == 2, error
    assert error.startswith("error: "), error
    assert len(error.splitlines()) == 1, error

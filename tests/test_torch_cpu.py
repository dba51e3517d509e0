"""make TORCH=cpu: the CPU build of torch from its own index, here a folder served on this computer; or a line on why not."""

import functools
import http.server
import shutil
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMES = ("torch", "torchvision", "torchaudio")


def versions():
    lines = [line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()]
    return {name: version[0].strip() for name, *version in lines if name in NAMES}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def index_of(folder, wheels):
    """A simple package index on this computer, with empty wheels of these names and versions."""
    for name, version in wheels.items():
        place = folder / name
        place.mkdir(parents=True)
        wheel, about = f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
        with zipfile.ZipFile(place / wheel, "w") as file:
            file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr(f"{about}/RECORD", "")
        (place / "index.html").write_text(f'<a href="{wheel.replace("+", "%2B")}">{wheel}</a>')
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def installed(tmp_path):
    """Function: run the script against an index; gives its line, and the versions that it installed."""
    uv = Path(sys.executable).parent / "uv"
    uv = uv if uv.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    place = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--no-config", "--python", sys.executable, place], check=True)

    def run(index):
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TORCH_INDEX": index, "UV_HTTP_RETRIES": "0", "UV_NO_CACHE": "1"}
        command = [ROOT / ".ci" / "torch-cpu", place / "bin" / "python", uv]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        (line,) = done.stdout.splitlines()
        found = [path.name.removesuffix(".dist-info").split("-") for path in place.glob("lib/*/site-packages/*.dist-info")]
        return line, {name: version for name, version in found if name in NAMES}

    return run


@pytest.mark.slow
def test_the_build_of_its_own_index_is_taken_where_that_is_reached(installed, tmp_path):
    wanted = {name: f"{version}+cpu" for name, version in versions().items()}
    with index_of(tmp_path / "index", wanted) as index:
        line, found = installed(index)
    assert line == f"torch: the CPU build, from {index}"
    assert found == wanted


@pytest.mark.slow
def test_without_that_index_nothing_is_installed_and_a_line_says_so(installed):
    line, found = installed("http://127.0.0.1:9")
    assert line.startswith("torch: no CPU build from http://127.0.0.1:9")
    assert found == {}


@pytest.mark.slow
def test_an_index_with_other_versions_alone_is_passed_over(installed, tmp_path):
    with index_of(tmp_path / "index", dict.fromkeys(NAMES, "0.1+cpu")) as index:
        line, found = installed(index)
    assert line.startswith("torch: no CPU build")
    assert found == {}


def test_make_asks_for_it_only_when_told_and_before_the_rest():
    steps = {
        how: subprocess.run(["make", "-n", "-W", "pyproject.toml", "demo", *how], cwd=ROOT, capture_output=True, text=True).stdout
        for how in ((), ("TORCH=cpu",))
    }
    assert ".ci/torch-cpu" not in steps[()]
    told = steps[("TORCH=cpu",)]
    assert told.index("pip uv") < told.index(".ci/torch-cpu") < told.index("--editable")

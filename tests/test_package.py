"""The wheel as a stranger has it: built, unpacked in a folder of its own, and used from an empty one, without the repository."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import voicecam
from voicecam import commands
from voicecam.errors import ModelError
from voicecam.network import build, start_weights

ROOT = Path(__file__).parent.parent
SPOKEN = ROOT / "tests" / "recordings" / "spoken.flac"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel, built offline from a copy of what is in the repository."""
    place = tmp_path_factory.mktemp("package")
    ours = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "voicecam", place / "source" / "voicecam", ignore=ours)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "source" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(place), str(place / "source")]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = place.glob("*.whl")
    subprocess.run([*pip, "install", "--no-index", "--no-deps", "--target", str(place / "site"), str(wheel)], check=True)
    shutil.rmtree(place / "source")
    return place


def run(installed, *command, cwd):
    """Run Python with the unpacked wheel before the editable install; the tests' own packages stay."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("VOICECAM")}
    env["PYTHONPATH"] = str(installed / "site")
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


FIVE_LINES = """
import voicecam
model = voicecam.load()
p = model.classify("spoken.flac")
e = model.explain("spoken.flac")
e.plot().figure.savefig("why.png")
import time
print(voicecam.__file__, p.label, p.probability, e.map.shape, time.process_time(), sep="|")
"""


@pytest.mark.slow
def test_five_lines_work_from_an_empty_folder_with_the_wheel(installed, tmp_path):
    shutil.copy(SPOKEN, tmp_path)
    status, said, error = run(installed, "-c", FIVE_LINES, cwd=tmp_path)
    assert status == 0, error
    file, label, p, shape, seconds = said.strip().splitlines()[-1].split("|")
    assert Path(file).is_relative_to(installed / "site")
    assert label == "female", "a synthetic woman"
    assert float(p) > 0.9
    assert shape == "(10, 20)"
    print(f"{seconds} s of CPU")
    with Image.open(tmp_path / "why.png") as picture:
        assert min(picture.size) > 200
        assert len(set(picture.convert("L").resize((64, 64)).tobytes())) > 20, "more than a blank page"


def test_the_installed_command_runs_and_its_work_lies_at_home(installed, tmp_path):
    command = installed / "site" / "bin" / "voicecam"
    assert run(installed, command, "--version", cwd=tmp_path) == (0, f"voicecam {voicecam.__version__}\n", "")
    asked = ["corpus", "espeak", "--voices", "2", "--digits", "1", "--takes", "1", "--home", "mine"]
    status, _, error = run(installed, command, *asked, cwd=tmp_path)
    assert status == 0, error
    assert len(list((tmp_path / "mine" / "cache" / "espeak").rglob("*.wav"))) == 2
    assert not (tmp_path / "cache").exists()


def test_the_wheel_holds_what_it_needs_and_not_the_large_backbone(installed):
    (wheel,) = installed.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        str(path.relative_to(ROOT)) for path in (ROOT / "voicecam").rglob("*") if path.suffix in (".html", ".js", ".css", ".pyi")
    }
    model = {f"voicecam/models/voice/{name}" for name in ("meta.json", "model.safetensors", "bands.json")}
    assert data | model | {"voicecam/py.typed"} <= names
    assert not [name for name in names if "backbone" in name]
    assert {name.split("/")[0] for name in names} == {"voicecam", "voicecam-0.1.0.dist-info"}
    assert wheel.stat().st_size < 9_000_000  # 6 MB of them voices


def test_the_backbone_that_did_not_come_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(start_weights, "SHIPPED_BACKBONE", tmp_path)
    with pytest.raises(ModelError, match=r"^the shipped backbone comes with the repository .*; use --init none or imagenet$"):
        start_weights.load_initial(build("small", 2), "small", "shipped", corpora=["x"])


def test_the_metadata_says_who_what_and_for_whom(installed):
    (meta,) = (installed / "site").glob("voicecam-*.dist-info/METADATA")
    head = meta.read_text().split("\n\n")[0]
    for line in ("Author: voicecam developers", "Keywords: speech,", "Classifier: Typing :: Typed", "License-File: LICENSE"):
        assert line in head
    assert "License-Expression: Apache-2.0 AND CC-BY-NC-SA-4.0" in head, "the weights have a licence of their own"


def test_extras_are_built_of_one_another():
    extras = PROJECT["optional-dependencies"]
    others = {"cluster", "formats", "imagenet", "mic", "torchrun", "web", "notebooks", "book", "encoders"}
    assert set(extras) == {"light", "full", "dev"} | others
    assert "voicecam[cluster,encoders,formats,imagenet,mic,torchrun,web,notebooks,book]" in extras["dev"]
    assert extras["light"] == [], "what the package needs by itself classifies"
    for name in others:
        assert any(one.startswith("voicecam[") for one in extras[name]), f"{name} brings what it builds on"
    every = [name for names in extras.values() for name in names if not name.startswith("voicecam[")]
    assert len(every) == len(set(every)), "a package stands in one extra"
    base = {re.split("[<>=]", name)[0] for name in PROJECT["dependencies"]}
    assert not base & set(every)
    assert "umap-learn" in extras["encoders"]


def test_make_installs_for_a_target_only_what_it_needs():
    shown = {name: _steps(name) for name in ("demo", "serve", "site", "lab")}
    asked = {name: re.findall(r"--editable '?\.(?:\[(\w+)\])?", text) for name, text in shown.items()}
    assert asked == {"demo": ["full"], "serve": ["full", "web"], "site": ["full"], "lab": ["full", "notebooks"]}


def _steps(target):
    """What make would do for a target in a fresh folder."""
    command = ["make", "-n", "-B", target, "VENV=nowhere"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_entry_point_is_the_table_of_commands():
    assert PROJECT["scripts"] == {"voicecam": "voicecam.commands:console"}
    modules = {path.stem for path in (ROOT / "voicecam" / "commands").glob("[a-z]*.py")}
    assert {name.translate(commands.PLACES) for name in commands.COMMANDS} <= modules

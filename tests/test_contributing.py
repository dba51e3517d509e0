"""What a contributor meets first holds: examples of CONTRIBUTING.md, hooks, workflow, citation, coverage, types."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from coverage import CoverageData

import voicecam

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_yaml(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_contributing_shows_lines_that_are_there():
    pairs = re.findall(r"```python\n# do: (\S+)\n(.*?)\n# don't\n(.*?)\n```", CONTRIBUTING, flags=re.DOTALL)
    assert len(pairs) == CONTRIBUTING.count("```python") >= 8
    for path, do, dont in pairs:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert do in text, f"{path} has no\n{do}"
        assert dont not in text
    assert len(CONTRIBUTING.splitlines()) < 200


def test_contributing_names_targets_of_the_makefile():
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    asked = set(re.findall(r"(?:^|`)make ([a-z-]+)", CONTRIBUTING, flags=re.MULTILINE))
    assert {"lint", "test", "coverage"} <= asked <= known | {"test-fast"}


def test_hooks_run_what_is_installed_and_fetch_nothing():
    hooks = [hook for repo in read_yaml(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"] if repo["repo"] == "local"]
    assert {"ruff", "ruff-format", "mypy"} <= {hook["id"] for hook in hooks}
    assert len(hooks) == sum(len(repo["hooks"]) for repo in read_yaml(".pre-commit-config.yaml")["repos"])
    for hook in hooks:
        assert hook["language"] in ("system", "fail")
        command, *words = hook["entry"].split()
        if command.startswith(".venv/bin/"):  # wherever these tests run: beside their Python
            tool = Path(sys.executable).parent / Path(command).name
            asked = [tool, *[word for word in words if not word.startswith("-")], "--help"]
            assert subprocess.run(asked, capture_output=True).returncode == 0, hook["entry"]
        elif hook["language"] == "system":
            assert shutil.which(command), command


def test_no_recording_gets_past_the_hooks():
    (hook,) = [hook for hook in read_yaml(".pre-commit-config.yaml")["repos"][0]["hooks"] if hook["id"] == "recordings"]
    for name in ("my_wavs/ana_hello_20260504T130201.WAV", "a/b.flac", "results/demo/fold1/model.safetensors", "cams.npz"):
        assert re.search(hook["files"], name), name
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    caught = [
        name for name in listed.stdout.splitlines() if re.search(hook["files"], name) and not re.search(hook["exclude"], name)
    ]
    assert not caught


def test_the_workflow_runs_what_every_change_must_pass():
    job = read_yaml(".github/workflows/test.yml")["jobs"]["test"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-1] == "bash .ci/run"
    for path in re.findall(r"\.ci/\S+\b", " ".join(commands)):
        assert subprocess.run(["bash", "-n", ROOT / path]).returncode == 0
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
    assert SETTINGS["project"]["requires-python"] == f">={python}"


def test_the_citation_is_of_this_version():
    cited = read_yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # what version 1.2.0 of the format demands
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == voicecam.__version__
    assert " AND ".join(cited["license"]) == SETTINGS["project"]["license"]
    assert all({"name"} <= set(one) or {"family-names", "given-names"} <= set(one) for one in cited["authors"])
    assert cited["type"] == "software"


def test_types_are_demanded_of_every_function(tmp_path):
    """mypy with the project's settings refuses a function without types."""
    (tmp_path / "bare.py").write_text("def twice(x):\n    return 2 * x\n")
    asked = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        ROOT / "pyproject.toml",
        "--cache-dir",
        tmp_path,
        tmp_path / "bare.py",
    ]
    said = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path)
    assert said.returncode == 1
    assert "no-untyped-def" in said.stdout


@pytest.mark.slow
def test_coverage_counts_what_started_processes_run_too(tmp_path):
    """A test that starts a process: the lines of errors.py, which only that process imports, are counted."""
    probe, data = tmp_path / "test_probe.py", tmp_path / "data"
    probe.write_text(
        "import subprocess, sys\n\n\ndef test_it():\n"
        "    subprocess.run([sys.executable, '-c', 'import voicecam.errors'], check=True)\n"
    )
    asked = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "--rootdir", ".", "--cov", "--cov-report=", probe]
    environment = {**os.environ, "COVERAGE_FILE": str(data), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*asked, "-p", "no:cacheprovider"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = CoverageData(str(data))
    found.read()
    assert found.lines(str(ROOT / "voicecam" / "errors.py"))
    assert not found.lines(str(ROOT / "voicecam" / "network.py"))

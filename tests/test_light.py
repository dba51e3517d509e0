"""Classifying without torch: the shipped networks on onnxruntime give torch's logits, and the command the same verdicts."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import demo_speech
from voicecam.config import SHIPPED, SHIPPED_MODEL
from voicecam.errors import ModelError
from voicecam.network.light import load_light
from voicecam.network.model import load_model

ROOT = Path(__file__).parent.parent
MISSING = (
    "torch",
    "torchvision",
    "torchaudio",
    "fastai",
    "safetensors",
    "scipy",
    "pandas",
    "PIL",
    "librosa",
    "skimage",
    "sklearn",
)
LIGHT = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {MISSING}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
import importlib.util
there = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in {MISSING} else there(name, *more)
sys.meta_path.insert(0, Missing())
"""
CALL = "from voicecam.commands import main; sys.exit(main(sys.argv[1:]))"


def said(code, *words, cwd):
    command = [sys.executable, "-c", code + CALL, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["voice", "digits"])
def test_the_shipped_graph_gives_the_logits_of_the_shipped_weights(name, rng):
    light, whole = load_light(SHIPPED / name), load_model(SHIPPED / name)
    matrices = rng.normal(0, 2, (70, whole.config.n_rows, whole.config.n_frames)).astype(np.float32)
    np.testing.assert_allclose(light.logits(matrices), whole.logits(matrices), atol=1e-5)
    assert light.logits(matrices[:0]).shape == (0, len(whole.classes))
    assert (light.temperature, light.described, light.classes) == (whole.temperature, whole.described, whole.classes)


@pytest.mark.slow
def test_without_torch_the_command_gives_the_same_verdicts(tmp_path):
    demo_speech(tmp_path / "voices", speakers=8, takes=3)
    words = ("classify", "voices", "--json", "-")
    whole, light = said("import sys\n", *words, cwd=tmp_path), said(LIGHT, *words, cwd=tmp_path)
    assert (whole.returncode, light.returncode) == (0, 0), light.stderr
    rows, others = json.loads(whole.stdout), json.loads(light.stdout)
    assert len(rows) == len(others) == 24
    for row, other in zip(rows, others):
        assert {key: row[key] for key in ("path", "prediction", "label", "speech_seconds", "doubtful", "f0")} == {
            key: other[key] for key in ("path", "prediction", "label", "speech_seconds", "doubtful", "f0")
        }
        assert row["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
        assert [part["probabilities"] for part in row["windows"]] == [
            pytest.approx(part["probabilities"], abs=1e-5) for part in other["windows"]
        ]


@pytest.mark.slow
def test_what_needs_torch_says_so_in_one_line(tmp_path):
    demo_speech(tmp_path / "voices", speakers=2, takes=1)
    done = said(LIGHT, "run", "--corpus", "voices", "--run", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not installed here; run:" in done.stderr
    assert "[full]" in done.stderr


@pytest.mark.parametrize("harm", ["network.onnx", "light.json", "other weights"])
def test_a_graph_that_is_missing_damaged_or_of_other_weights_is_refused(tmp_path, harm):
    folder = Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))
    if harm == "network.onnx":
        (folder / harm).unlink()
    elif harm == "light.json":
        (folder / "network.onnx").write_bytes(b"no graph")
    else:
        shutil.copy(SHIPPED / "digits" / "network.onnx", folder)
        shutil.copy(SHIPPED / "digits" / "light.json", folder)
    with pytest.raises(ModelError, match=r"network\.onnx: (none|damaged)"):
        load_light(folder)

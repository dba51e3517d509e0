"""The networks of quick mode: trained once, on all demo voices but those that quick mode validates and tests. What is kept of one
is what differs from the shipped backbone (its batch norms, and the head): 1 MB. Decides nothing about a lesson.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save

from voicecam import runs
from voicecam.config import SHIPPED, SHIPPED_BACKBONE, from_dict
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.errors import ModelError
from voicecam.features.image import Scale
from voicecam.files import read_json, write_bytes
from voicecam.network import Model, build, load_model, save_model
from voicecam.network.learner import TrainConfig

COURSE = SHIPPED / "course"  # a folder for each network, named as the run whose place it takes
LABELS = ("gender",)  # others have too few quick voices for one split, and are trained where they are asked for
TRAINING = TrainConfig(init="shipped", schedule="head", epochs=5, batch=16)  # the body stays the backbone's
WEIGHTS, SAVED = "changed.safetensors", "model.safetensors"  # float16
BESIDE = ("history.csv", "lr_find.json", "split.json")


def lay_down(run: Path) -> bool:
    """Write the network that was made for this run as its fold1; False where there is none, or where the run has been trained.

    A run's name holds a fingerprint of its clips, label, split and settings: no other run gets it.
    """
    kept, fold = COURSE / run.name, run / "fold1"
    if fold.exists() or not (kept / "meta.json").exists() or not (SHIPPED_BACKBONE / SAVED).exists():
        return False
    values = read_json(kept / "meta.json", error=ModelError)
    network = build(values["arch"], len(values["classes"]))
    network.load_state_dict(_body() | load_file(kept / WEIGHTS))
    for name in BESIDE:
        write_bytes(fold / name, (kept / name).read_bytes())
    scale, config = Scale.from_dict(values["scale"]), from_dict(values["config"])
    model = Model(network, values["arch"], values["label"], tuple(values["classes"]), config, scale, values["meta"])
    save_model(fold, model, half=True)
    return True


def make(run: Path, dataset: Dataset, whole: Dataset) -> Path:
    """Train the network for a run of quick mode, and keep it in COURSE; returns its folder.

    run : a run's folder with its settings, not trained; dataset : the run's images; whole : those of all clips there are
    Validation and test speakers are the run's own, with all their clips; all others train. About three minutes on one core.
    """
    settings = runs.open_run(run)
    (split,) = runs.run_splits(settings, dataset)
    speakers = {part: dataset.clips["speaker"].iloc[getattr(split, part)].unique() for part in ("valid", "test")}
    found = {part: whole.clips["speaker"].isin(names).to_numpy() for part, names in speakers.items()}
    train, valid, test = (np.flatnonzero(rows) for rows in (~(found["valid"] | found["test"]), found["valid"], found["test"]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "results" / run.name
        runs.start_run(folder, runs.Settings(map="quick", label=settings.label, training=TRAINING), command="quick mode")
        runs.train_run(folder, whole, splits=[Split(train, valid, test)])
        shutil.rmtree(COURSE / run.name, ignore_errors=True)
        for name in ("history.csv", "lr_find.json", "meta.json"):
            write_bytes(COURSE / run.name / name, (folder / "fold1" / name).read_bytes())
        state = load_model(folder / "fold1").network.state_dict()
    body = _body()
    changed = {key: value.contiguous() for key, value in state.items() if not torch.equal(value, body.get(key, value[..., None]))}
    half = {key: value.half() if value.is_floating_point() else value for key, value in changed.items()}
    write_bytes(COURSE / run.name / WEIGHTS, save(half))
    runs.write_split(COURSE / run.name, dataset, split)
    return COURSE / run.name


def _body() -> dict[str, torch.Tensor]:
    """The shipped backbone's body, as float32."""
    state = load_file(SHIPPED_BACKBONE / SAVED)
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items() if key.startswith("0.")}

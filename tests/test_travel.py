"""A run, its images and maps are copied to another folder: work that is done is not done again, and the figures are the same."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from conftest import voice
from voicecam import runs
from voicecam.api import Run
from voicecam.commands import run_report
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data import dataset as images
from voicecam.data.dataset import make_images
from voicecam.errors import DatasetError
from voicecam.files import read_json, write_json
from voicecam.network.learner import TrainConfig
from voicecam.runs import explaining, scoring, training

CONFIG = recipe("logmel", seconds=0.5, image_rows=32, image_columns=32)


def quiet(line):
    """Say nothing."""


def places(project):
    return {"images": project / "mfc_dataset", "maps": project / "maps"}


def write_clips(project):
    for speaker in range(20):
        rng = np.random.default_rng(speaker)
        name, f0 = ("low", 90 + 4 * speaker) if speaker % 2 else ("high", 210 + 4 * speaker)
        (project / "voices" / name).mkdir(parents=True, exist_ok=True)
        for take in range(2):
            sf.write(project / "voices" / name / f"s{speaker:02d}_{take}.wav", voice(f0, rng, seconds=0.6), 16_000)


@pytest.fixture(scope="module")
def travelled(tmp_path_factory):
    """A run made in one project, as it lies in a copy of it; the original is gone, and we work in a third folder.

    Gives the copy's folder, what the run's files held, and what training gave.
    """
    made, copy, elsewhere = (
        tmp_path_factory.mktemp("a") / "made",
        tmp_path_factory.mktemp("b") / "copy",
        tmp_path_factory.mktemp("c"),
    )
    trained, train = [], training.train
    with pytest.MonkeyPatch.context() as patch:
        write_clips(made)
        patch.chdir(made)
        patch.setattr(training, "train", lambda *args, **more: trained.append(train(*args, **more)) or trained[-1])
        how = TrainConfig(arch="small", init="none", epochs=2, batch=8, lr=3e-3, patience=6)
        path = make_images(open_corpus(Path("voices")), CONFIG, workers=1)
        settings = runs.Settings(map=str(path), label="label", training=how)
        folder = Path("results/small")
        data = runs.run_dataset(settings)
        runs.start_run(folder, settings, command="made in a test")
        runs.train_run(folder, data, log=quiet)
        runs.evaluate_run(folder, data)
        runs.explain_run(folder, data, log=quiet)
        run_report.write_run_report(folder, data)
        held = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        shutil.copytree(made, copy, copy_function=shutil.copy)  # without time stamps
        shutil.rmtree(made)
        patch.chdir(elsewhere)
        yield copy, held, trained


def refuse(*args, **more):
    raise AssertionError("this was done before the run travelled")


def test_a_copied_run_does_no_work_twice_and_shows_the_same_figures(travelled, monkeypatch):
    copy, held, _ = travelled
    for module, name in ((images, "_convert"), (training, "train"), (scoring, "_predict"), (explaining, "fold_clips")):
        monkeypatch.setattr(module, name, refuse)
    run = Run(copy / "results" / "small")
    settings = runs.open_run(run.folder)
    assert str(make_images(open_corpus(copy / "voices"), CONFIG, workers=1, **places(copy))) == settings.map
    data = runs.run_dataset(settings)
    runs.start_run(run.folder, settings, command="again")
    runs.train_run(run.folder, data, log=quiet)
    assert runs.evaluate_run(run.folder, data) == run.metrics
    run.explain()
    run_report.write_run_report(run.folder, data)
    files = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert files == set(held)
    assert [name for name in sorted(held) if (run.folder / name).read_bytes() != held[name]] == []
    assert not os.listdir(), "nothing is written in the folder one happens to be in"


def test_no_file_of_a_run_or_map_names_the_folder_it_was_made_in(travelled):
    copy, held, _ = travelled
    assert [name for name, data in held.items() if str(copy.parent.parent).encode() in data] == []
    (path,) = (copy / "maps").iterdir()
    assert (read_json(path)["root"], read_json(copy / "results/small/run.json")["settings"]["map"]) == (
        "voices",
        f"maps/{path.name}",
    )


def test_what_a_copied_run_lacks_is_made_with_the_same_figures(travelled, tmp_path):
    """Evaluation and maps in a copy of the images and maps alone: they need no sound."""
    copy, held, _ = travelled
    for name in ("results", "maps", "mfc_dataset"):
        shutil.copytree(copy / name, tmp_path / name)
    folder = tmp_path / "results" / "small"
    for name in ("metrics.json", "predictions.csv", "explanation.json", "cams.npz", "bands_by_class.csv"):
        (folder / name).unlink()
    data = runs.run_dataset(runs.open_run(folder))
    assert data.corpus.root == tmp_path / "voices"
    runs.evaluate_run(folder, data)
    runs.explain_run(folder, data, log=quiet)
    for name in ("metrics.json", "predictions.csv", "bands_by_class.csv", "explanation.json"):
        assert (folder / name).read_bytes() == held[name], name


def test_another_method_goes_beside_the_first_and_both_reports_name_both(travelled):
    copy, held, _ = travelled
    run = Run(copy / "results" / "small")
    data, first = runs.run_dataset(runs.open_run(run.folder)), read_json(run.folder / "explanation.json")
    facts = run.explain(method="layer-cam", layer="layer2")
    beside = run.folder / "explanations" / "layer-cam-layer2-true"
    assert runs.explanation_places(run.folder) == [run.folder, beside]
    assert (facts["method"], facts["layer"]) == ("Layer-CAM", "layer2")
    assert facts == read_json(beside / "explanation.json")
    page = run_report.write_run_report(run.folder, data, place=beside).read_text()
    for name in ("cams.npz", "bands_by_class.csv", "explanation.json", "predictions.csv", "fold1/model.safetensors"):
        assert (run.folder / name).read_bytes() == held[name], name
    own = (run.folder / "report.html").read_text()
    assert f'<a href="explanations/{beside.name}/report.html">Layer-CAM at layer layer2, for the true class' in own
    assert f'<a href="../../report.html">{first["method"]} at layer {first["layer"]}, for the true class' in page
    assert f"{first['method']} at layer {first['layer']}, for the true class, gives each clip" in own, "it shows the first"
    shutil.rmtree(run.folder / "explanations")


def test_training_changes_no_models_meta_in_place(travelled):
    copy, _, trained = travelled
    saved = read_json(copy / "results" / "small" / "fold1" / "meta.json")["meta"]
    added = set(saved) - set(trained[0].model.meta)
    assert {"split", "temperature", "threshold"} <= added


def test_renderings_are_kept_in_the_project_of_the_map(travelled, tmp_path, monkeypatch):
    copy, _, _ = travelled
    path = make_images(
        open_corpus(copy / "voices"), recipe("voice"), workers=1, maps=tmp_path / "maps", images=tmp_path / "mfc_dataset"
    )
    asked = []
    monkeypatch.setattr(training, "render", lambda corpus, config, *, cache, **more: asked.append(cache))
    runs.run_dataset(runs.Settings(map=str(path), label="label"))
    assert asked == [tmp_path / "cache" / "augmented"]


def test_a_run_on_a_map_of_an_earlier_version_gets_one_line(travelled, tmp_path):
    copy, _, _ = travelled
    shutil.copytree(copy / "maps", tmp_path / "maps")
    shutil.copytree(copy / "results", tmp_path / "results")
    (path,) = (tmp_path / "maps").iterdir()
    write_json(path, {**read_json(path), "format": 2})
    with pytest.raises(DatasetError, match=r"of an earlier version \(format 2, this one reads 3\); make images and run again"):
        runs.run_dataset(runs.open_run(tmp_path / "results" / "small"))

"""What the notebooks share: a small corpus and its runs, predictions on answers, what stands where no kernel runs, execution."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import soundfile as sf
import torch
from run_script import output_of
from safetensors.torch import load_file

from voicecam.audio.fingerprints import count_copies
from voicecam.config import SHIPPED_BACKBONE
from voicecam.corpora import open_corpus
from voicecam.course import check, compare, display, grid, interact, open_lesson, progress, show, table
from voicecam.course.checking import array_problem, number_problem
from voicecam.course.execute import execute, notebooks
from voicecam.course.quick import COURSE
from voicecam.data.splits import make_splits
from voicecam.errors import VoicecamError
from voicecam.figures import png_bytes

ROOT = Path(__file__).parent.parent


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project's folder with nbs/, in which one works."""
    (tmp_path / "nbs").mkdir()
    monkeypatch.chdir(tmp_path / "nbs")
    return tmp_path


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as text."""
    found = []

    def keep(thing, **how):
        data = thing if isinstance(thing, dict) else thing.data
        found.append(data)

    for module in ("voicecam.course.display", "voicecam.course.checking"):
        monkeypatch.setattr(f"{module}.display", keep)
    return found


def fetched(place, name, folder, speakers, digits, takes):
    """A corpus as it was fetched into cache/: tones by FSDD's names."""
    corpus = place / "cache" / name / folder
    corpus.mkdir(parents=True)
    for i, who in enumerate(speakers):
        for digit in range(digits):
            for take in range(takes):
                tone = np.sin(np.arange(800) * (0.05 + 0.05 * digit + 0.003 * i))
                sf.write(corpus / f"{digit}_{who}_{take}.wav", 0.3 * tone, 8000)


SIX = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def test_a_lesson_opens_a_fetched_corpus_by_its_name_or_says_how_to_fetch_it(place, shown):
    for name, command in (("fsdd", "get fsdd"), ("audiomnist-mini", "get audiomnist --mini")):
        with pytest.raises(VoicecamError, match=f"^{name}: not in .*cache/{name}; fetch it .*: voicecam corpus {command} --home"):
            open_lesson(name, label="digit")
    fetched(place, "fsdd", "recordings", SIX[:2], 2, 1)
    assert open_lesson("fsdd", label="digit").title == "FSDD"
    assert open_lesson("cache/fsdd", label="digit").whole.root == place / "cache" / "fsdd" / "recordings"


def test_a_lesson_draws_every_digit_of_every_speaker_and_tests_all_in_three_folds(place, shown, monkeypatch):
    """Ten classes, one gender, six speakers: fewer clips than classes would leave a class without the speakers it needs."""
    monkeypatch.setenv("VOICECAM_QUICK", "1")
    fetched(place, "fsdd", "recordings", SIX, 10, 3)
    lesson = open_lesson("fsdd", label="digit")
    assert (lesson.some.clips.groupby(["speaker", "digit"]).size() == 1).all()
    assert len(lesson.some.clips) == 60
    assert {len(split.test) for split in make_splits(lesson.some, "digit", kind="folds", folds=3)} == {20}
    run = lesson.run("tiny", split="folds", folds=3, arch="small", init="none", epochs=1)
    assert run.predictions["path"].is_unique
    assert set(run.predictions["fold"]) == {1, 2, 3}
    assert set(run.predictions["path"]) == set(lesson.some.clips["path"])
    for pair in (None, ("7", "2")):
        clips = run.clips_of_pair(4, pair)
        assert len(clips.table) == 4
        assert set(clips.classes_of) == set(pair or clips.classes_of)
        asked = {(run.model.classes[a], run.model.classes[b]) for a, b in zip(clips.target, clips.contrast)}
        assert asked == {tuple(sorted(set(clips.classes_of))), tuple(sorted(set(clips.classes_of), reverse=True))}
        assert [run.model.classes[a] for a in clips.target] == clips.classes_of
    with pytest.raises(VoicecamError, match="two classes are needed"):
        run.clips_of_pair(4, ("7", "7"))
    with pytest.raises(VoicecamError, match=r"label 'gender' has 1 class \(male\).*labels with more: digit, take$"):
        open_lesson("fsdd").dataset()


@pytest.mark.slow
def test_a_lesson_works_in_the_project_and_takes_the_same_number_of_clips_of_everybody(place, monkeypatch, shown):
    monkeypatch.setenv("VOICECAM_QUICK", "1")
    lesson = open_lesson()
    assert os.getcwd() == str(place / "nbs"), "nobody's folder is changed"
    assert lesson.home == place
    assert "demo voices" in shown[0]
    assert "quick mode" in shown[0]
    assert lesson.some.clips["speaker"].value_counts().unique().tolist() == [6]
    assert set(lesson.some.clips["speaker"]) == set(lesson.corpus.clips["speaker"])
    pd.testing.assert_frame_equal(lesson.some.clips, open_lesson().some.clips)
    dataset = lesson.dataset()
    assert list(dataset.clips["path"]) == list(lesson.some.clips["path"])
    assert len(dataset.matrices) == len(dataset.clips)
    run = lesson.run("tiny", arch="small", init="none", epochs=2)
    assert run.folder.parent == place / "results"
    assert not os.listdir(), "nothing is written beside the notebook"
    stamp = (place / run.folder / "fold1" / "model.safetensors").stat().st_mtime_ns
    again = lesson.run("tiny", arch="small", init="none", epochs=2)
    assert (again.folder, (place / again.folder / "fold1" / "model.safetensors").stat().st_mtime_ns) == (run.folder, stamp)
    assert lesson.run("tiny", arch="small", init="none", epochs=1).folder != run.folder, "other settings, another folder"
    clips = run.clips(4)
    assert set(clips.classes_of) == set(lesson.corpus.clips["gender"])
    assert not set(clips.speakers) & set(json_of(place / run.folder / "fold1" / "split.json", lesson))
    assert len(run.history) == 2
    assert 0 <= run.metrics["fold_mean"]["value"] <= 1


@pytest.mark.slow
def test_quick_mode_takes_a_network_that_was_trained_on_other_voices(place, monkeypatch, shown):
    monkeypatch.setenv("VOICECAM_QUICK", "1")
    lesson = open_lesson()
    run = lesson.run("main")
    assert run.model.meta["n_clips"]["train"] > len(lesson.some.clips), "trained on more than quick mode has"
    assert "trained beforehand" in " ".join(map(str, shown))
    tested = run.dataset.clips["path"].isin(run.predictions["path"]).to_numpy()
    assert count_copies(run.dataset.fingerprints[tested], run.model.met) == 0
    assert count_copies(run.dataset.fingerprints[~tested], run.model.met) == (~tested).sum()
    right = run.predictions.eval("true == predicted").groupby(run.predictions["true"]).mean()
    assert right.mean() >= 0.75, "well above one half"
    body = [
        run.model.network.state_dict()["0.7.1.conv2.weight"],
        load_file(SHIPPED_BACKBONE / "model.safetensors")["0.7.1.conv2.weight"],
    ]
    assert torch.equal(body[0], body[1].float()), "what is not kept is the backbone's"
    assert lesson.run("main", epochs=1).model.meta["n_clips"]["train"] < 96, "other settings are trained"
    assert sum(file.stat().st_size for file in COURSE.rglob("*")) < 3_000_000


def json_of(path, lesson):
    """Speakers of the training clips."""
    paths = json.loads(path.read_text())["train"]
    return lesson.corpus.clips.set_index("path")["speaker"][paths]


def test_a_clip_that_cannot_be_used_is_left_out_of_a_lesson(place, write_voices, shown):
    root = write_voices(speakers=4, takes=2)
    broken = next((root / "low").glob("*.wav"))
    broken.write_bytes(b"RIFF")
    lesson = open_lesson(str(root), label="label")
    assert len(lesson.some.clips) == 8
    assert len(lesson.dataset().clips) == 7
    assert broken.name not in " ".join(lesson.dataset().clips["path"])
    assert len(open_corpus(root).clips) == 8


@pytest.mark.parametrize(
    ("answer", "begins", "says"),
    [
        (..., "…", "in place of the three dots"),
        ((1, ...), "…", "in place of the three dots"),
        (3, "✔", "as it should be"),
        (4, "✘", "too high"),
        ("three", "✘", "this is a str"),
        (np.zeros(2), "✘", "this is a ndarray"),
    ],
)
def test_an_answer_gets_a_verdict(shown, answer, begins, says):
    check(answer, lambda given: number_problem(given, 3, within=0.1), right="as it should be")
    assert shown[0].startswith(begins)
    assert says in shown[0]


def test_a_strange_answer_gets_a_line_and_no_traceback(shown):
    check([1, 2], lambda given: given.shape)
    assert "AttributeError" in shown[0]


@pytest.mark.parametrize(
    ("answer", "says"),
    [([1, 2, 3], None), ([1, 2], "shape"), ([1, 2, 4], "1 of 3"), ([1, np.nan, 3], "not finite")],
)
def test_an_array_is_told_what_is_off(answer, says):
    problem = array_problem(answer, np.array([1, 2, 3]), within=0.01)
    assert problem is None if says is None else says in problem


def test_a_table_shows_no_row_numbers_and_few_digits(shown):
    table(pd.DataFrame({"share": [0.123456]}), digits=1)
    assert "0.1<" in shown[0]
    assert "<th></th>" not in shown[0]


def test_the_largest_difference_is_said_and_two_shapes_are_refused(shown):
    compare(np.array([1, 250], dtype=np.uint8), np.array([3, 10], dtype=np.uint8), "lib.f", unit=" dB")
    compare(np.array([1 + 1j]), np.array([1 - 2j]), "lib.g")
    assert shown == ["Largest difference from `lib.f`: 2e+02 dB.", "Largest difference from `lib.g`: 3."]
    with pytest.raises(VoicecamError, match=r"lib.h: shape \(3, 1\), here \(3,\)"):
        compare(np.zeros(3), np.zeros((3, 1)), "lib.h")


def test_controls_draw_when_they_are_moved_and_leave_a_line_where_no_kernel_runs(shown):
    drawn, slider = [], ipywidgets.IntSlider(min=0, max=10, value=1)
    interact(lambda value, method: drawn.append((value, method)), value=slider, method=["grad-cam", "hires-cam"])
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert "interactive(" not in shown[0]["text/plain"]
    assert not drawn
    slider.value = 4
    assert drawn == [(4, "grad-cam")]
    assert slider.description == "value"


def test_progress_gives_everything_back_also_without_a_page():
    assert list(progress(range(5), 5)) == list(range(5))
    assert display.DPI > 72


def notebook(path, *sources):
    path.parent.mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_notebook_is_written_executed_and_a_failing_one_is_not(tmp_path):
    good = notebook(tmp_path / "01_good.ipynb", "import os", "print(os.environ['VOICECAM_QUICK'])")
    bad = notebook(tmp_path / "02_bad.ipynb", "1 / 0")
    assert notebooks(tmp_path) == [good, bad]
    before = good.read_bytes()
    assert execute(good, tmp_path / "made" / "01.ipynb", quick=True) > 0
    assert good.read_bytes() == before
    made = nbformat.read(tmp_path / "made" / "01.ipynb", as_version=4)
    assert [cell.execution_count for cell in made.cells] == [1, 2]
    assert made.cells[1].outputs[0].text == "1\n"
    assert "execution" not in made.cells[0].metadata
    before = bad.read_bytes()
    with pytest.raises(VoicecamError, match="ZeroDivisionError"):
        execute(bad, bad)
    assert bad.read_bytes() == before


def test_the_script_leaves_a_notebook_as_it_is_unless_asked(tmp_path):
    path = notebook(tmp_path / "nbs" / "01_good.ipynb", "print(6 * 7)")
    before = path.read_bytes()
    output_of("run_notebooks", "nbs/01_good.ipynb", cwd=tmp_path)
    assert path.read_bytes() == before
    made = nbformat.read(tmp_path / "results" / "notebooks" / "01_good.ipynb", as_version=4)
    assert made.cells[0].outputs[0].text == "42\n"
    output_of("run_notebooks", "nbs/01_good.ipynb", "--in-place", cwd=tmp_path)
    assert nbformat.read(path, as_version=4).cells[0].outputs[0].text == "42\n"


@pytest.mark.slow
def test_ctrl_c_ends_a_notebook_and_its_kernel_in_a_line(tmp_path):
    begun = tmp_path / "kernel"
    cell = f"import os, pathlib, time\npathlib.Path({str(begun)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    path = notebook(tmp_path / "nbs" / "01_long.ipynb", cell)
    command = [sys.executable, ROOT / "scripts" / "run_notebooks.py", "nbs/01_long.ipynb"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True, start_new_session=True)
    while not (begun.exists() and begun.read_text()):
        assert child.poll() is None
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130
    assert [line for line in error.splitlines() if "stopped" in line] == error.splitlines()[-1:]
    assert "Traceback" not in error
    assert "died" not in error
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)
    assert not (tmp_path / "results" / "notebooks").exists() or not list((tmp_path / "results" / "notebooks").iterdir())
    assert nbformat.read(path, as_version=4).cells[0].execution_count is None


def test_outputs_that_are_too_large_are_refused(tmp_path):
    large = notebook(tmp_path / "01_large.ipynb", "print('x' * 1_200_000)")
    with pytest.raises(VoicecamError, match="1 MB is allowed"):
        execute(large, large)
    with pytest.raises(VoicecamError, match="no numbered notebooks"):
        notebooks(tmp_path / "none")
    with pytest.raises(VoicecamError, match="no such notebook"):
        execute(tmp_path / "03_none.ipynb", tmp_path / "03_none.ipynb")


def test_a_figure_is_shown_in_its_colours_at_few_bytes(shown):
    fig, axes = grid(1, 1, width=3, height=2)
    axes[0, 0].imshow(np.arange(400.0).reshape(20, 20))
    show(fig)
    picture = PIL.Image.open(io.BytesIO(shown[0]))
    exact = PIL.Image.open(io.BytesIO(png_bytes(fig, dpi=display.DPI)))
    assert picture.size == exact.size
    off = np.abs(np.asarray(picture.convert("RGB"), dtype=float) - np.asarray(exact.convert("RGB"), dtype=float))
    assert off.mean() < 2
    assert len(shown[0]) < 20_000

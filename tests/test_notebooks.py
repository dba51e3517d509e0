"""The notebooks: all of them run in quick mode, and what is committed of them is executed, short, in order and plain."""

import ast
import itertools
import json
import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import pytest
from forked_kernels import forked_kernels

from voicecam.course.execute import execute

ROOT = Path(__file__).parent.parent
NUMBERED = sorted((ROOT / "nbs").glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted((ROOT / "nbs" / "solutions").glob("*.ipynb"))
COURSE = [
    "00_tour",
    "01_explore",
    "02_hear_and_see",
    "03_wav_to_image",
    "04_train",
    "05_evaluate",
    "06_gradcam",
    "07_is_it_true",
    "08_hear_it_and_break_it",
    "09_your_voice",
    "10_our_class",
    "11_speech_models",
    "12_other_networks",
]
RAW = re.compile(r"<[\w.]+( object)? at 0x|^array\(|^tensor\(|^\[<|interactive\(children|Figure size|<Axes")
FASTAI = {  # what a person who knows fastai looks for, by notebook
    "00_tour": ("DataBlock", "show_batch", "vision_learner", "lr_find", "ClassificationInterpretation", "plot_top_losses"),
    "04_train": ("lr_find", "fine_tune", "freeze"),
}
FOLDED = re.compile(r"<details>\s*<summary>(.+?)</summary>\s*\n\n(.+?)\n\n\s*</details>", re.DOTALL)
RIGHT, NOT_YET, OPEN = "✔", "✘", "…"  # how course.check begins what it says


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path, kind=None):
    return [cell for cell in read(path)["cells"] if kind in (None, cell["cell_type"])]


def source(cell):
    return "".join(cell["source"])


def verdicts_of(some):
    """How the predictions on answers begin that code cells showed, in order."""
    data = [output.get("data", {}) for cell in some for output in cell.get("outputs", [])]
    texts = ["".join(entry["text/markdown"]) for entry in data if "text/markdown" in entry]
    return [text[0] for text in texts if text[:1] in (RIGHT, NOT_YET, OPEN)]


def python_of(path):
    """The code cells as Python: IPython's own lines (%pip) are left out."""
    return [re.sub(r"^(\s*)%.*", r"\1pass", source(cell), flags=re.MULTILINE) for cell in cells(path, "code")]


def names(paths):
    return [path.stem for path in paths]


def test_the_course_is_whole_and_in_order():
    assert names(NUMBERED) == COURSE
    assert names(SOLUTIONS) == COURSE
    index = (ROOT / "nbs" / "README.md").read_text()
    places = [index.find(f"({name}.ipynb)") for name in COURSE]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("path", NUMBERED, ids=names(NUMBERED))
def test_a_notebook_is_short_and_made_to_be_read(path):
    every, code = cells(path), cells(path, "code")
    assert 25 <= len(every) <= (27 if path.stem == "00_tour" else 47)
    assert len(code) <= 21
    assert every[0]["cell_type"] == every[-1]["cell_type"] == "markdown"
    kinds = [cell["cell_type"] for cell in every]
    assert ("code", "code") not in itertools.pairwise(kinds[2:]), "prose between code cells, but for the first two"
    assert max(len(source(cell).splitlines()) for cell in code) <= 15
    assert "**Guess first" in "".join(map(source, every))
    exercises = re.findall(r"^#+ Exercise (\d+)\.(\d+)", "\n".join(map(source, cells(path, "markdown"))), flags=re.MULTILINE)
    assert 2 <= len(exercises) <= 4
    assert {int(number) for number, _ in exercises} == {int(path.stem[:2])}


@pytest.mark.parametrize("path", [*NUMBERED, *SOLUTIONS], ids=[*names(NUMBERED), *(f"solution {n}" for n in names(SOLUTIONS))])
def test_what_is_committed_is_executed_in_order_and_clean(path):
    assert path.stat().st_size < 1_000_000
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert read(path)["metadata"]["kernelspec"]["name"] == "python3"
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", "".join(output.get("text", ""))
            if output["output_type"] == "execute_result":
                assert not RAW.search("".join(output["data"].get("text/plain", "")))


@pytest.mark.parametrize("path", [*NUMBERED, *SOLUTIONS], ids=[*names(NUMBERED), *(f"solution {n}" for n in names(SOLUTIONS))])
def test_the_code_of_a_notebook_runs_anywhere_and_hides_nothing(path):
    for cell in cells(path, "code"):
        text = source(cell)
        assert not re.search(r"^\s*!", text, flags=re.MULTILINE)
        assert not re.search(r"\.cuda\(|filterwarnings|simplefilter|%%capture|catch_warnings", text)
        assert not re.search(r"[\"'](/|[A-Z]:\\|~)(?![\"'])\w*", text), "an absolute path"
    for text in python_of(path):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                assert node.end_lineno - node.lineno + 1 <= 8, f"{node.name} is long; it belongs into voicecam"


@pytest.mark.parametrize("path", SOLUTIONS, ids=names(SOLUTIONS))
def test_every_exercise_is_solved_and_every_solution_right(path):
    asked = sum(source(cell).count("check(") for cell in cells(ROOT / "nbs" / path.name, "code"))
    assert verdicts_of(cells(path)) == [RIGHT] * asked
    assert verdicts_of(cells(ROOT / "nbs" / path.name)) == [OPEN] * asked


def test_each_number_that_teaching_asks_of_06_stands_in_its_run():
    """The questions to 06: a number in them is in the notebook's outputs or text."""
    teaching = (ROOT / "nbs" / "TEACHING.md").read_text(encoding="utf-8")
    table = teaching.partition("\n**06**\n")[2].partition("\n**07**\n")[0]
    asked = set(re.findall(r"(?<![\w.,-])\d[\d,.]*\d", table)) - {"12"}  # a section
    assert len(asked) > 4
    some = json.dumps(
        [
            [cell["source"], [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])]]
            for cell in cells(ROOT / "nbs" / "06_gradcam.ipynb")
        ]
    )
    there = set(re.findall(r"\d+", some))
    assert sorted(asked - there) == []


EVERY = [*NUMBERED, *SOLUTIONS]
EVERY_NAME = [*names(NUMBERED), *(f"solution {name}" for name in names(SOLUTIONS))]


@pytest.mark.parametrize("path", EVERY, ids=EVERY_NAME)
def test_code_fits_into_88_columns(path):
    wide = [line for cell in cells(path, "code") for line in source(cell).splitlines() if len(line) > 88]
    assert [line for line in wide if not line.lstrip().startswith("%")] == []


@pytest.mark.parametrize("path", EVERY, ids=EVERY_NAME)
def test_every_figure_has_a_text_for_those_who_cannot_see_it(path):
    figures = [output for cell in cells(path, "code") for output in cell["outputs"] if "image/png" in output.get("data", {})]
    texts = [{**figure["metadata"], **figure["metadata"].get("image/png", {})}.get("alt", "") for figure in figures]
    assert [text for text in texts if len(text) < 8 or text == "figure without words"] == []


@pytest.mark.parametrize("path", NUMBERED, ids=names(NUMBERED))
def test_every_exercise_has_a_hint_and_a_link_to_its_solution(path):
    asked = [text for cell in cells(path, "markdown") for text in re.split(r"^(?=#{1,6} )", source(cell), flags=re.MULTILINE)]
    exercises = [text for text in asked if re.match(r"### Exercise \d+\.\d+", text)]
    assert exercises
    for text in exercises:
        assert any("Hint" in summary for summary, _ in FOLDED.findall(text)), text.splitlines()[0]
        assert f"[Solution](solutions/{path.name})" in text, text.splitlines()[0]


@pytest.mark.parametrize("path", NUMBERED, ids=names(NUMBERED))
def test_a_quiz_of_five_with_folded_answers_stands_before_what_one_can_say(path):
    texts = [source(cell) for cell in cells(path, "markdown")]
    place = next((i for i, text in enumerate(texts) if text.startswith("## Quiz")), None)
    assert place is not None, "no quiz"
    folded = FOLDED.findall(texts[place])
    assert len(folded) == 5
    assert len({question for question, _ in folded}) == 5
    assert any("What you can say now" in text for text in texts[place + 1 :])


@pytest.mark.parametrize("path", NUMBERED, ids=names(NUMBERED))
def test_verdicts_stand_in_what_code_says_beside_a_number(path):
    """What a cell printed and calls held, shown, better or worse has a number in the same output cell."""
    word = re.compile(r"\b(leak is shown|was shown|not shown|stays alike|changes|holds|better|worse|works)\b")
    for cell in cells(path, "code"):
        data = [output.get("data", {}) for output in cell["outputs"]]
        shown, tables = (["".join(each[kind]) for each in data if kind in each] for kind in ("text/markdown", "text/html"))
        said = [text for text in shown if word.search(text) and text[:1] not in (RIGHT, NOT_YET, OPEN)]
        assert not said or re.search(r"\d", " ".join([*shown, *tables])), said[:1]


@pytest.mark.parametrize("name", sorted(FASTAI))
def test_people_who_know_fastai_find_its_names(name):
    text = "\n".join(map(source, cells(ROOT / "nbs" / f"{name}.ipynb")))
    assert [word for word in FASTAI[name] if not re.search(rf"\b{word}\b", text)] == []


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A copy of nbs/ in a folder of its own: what the notebooks make stays out of the project's folders."""
    place = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "nbs", place / "nbs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return place / "nbs"


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """Environment variables under which kernels do not each import the large libraries."""
    with forked_kernels(tmp_path_factory.mktemp("kernels")) as variables:
        yield variables


def both_in_one(course, name):
    """A notebook that runs the one of this name, forgets its variables, and runs its solutions where they lie; its file, and the
    number of the cell that stands between. One kernel imports once what both need."""
    first, second = (read(course / folder / f"{name}.ipynb") for folder in ("", "solutions"))
    between = f"%reset -f\nimport os\n\nos.chdir({str(course / 'solutions')!r})"
    turn = {"cell_type": "code", "id": "turn", "metadata": {}, "source": between, "outputs": [], "execution_count": None}
    for side, part in (("a", first), ("b", second)):
        for cell in part["cells"]:
            cell["id"] = f"{side}-{cell['id']}"
    path = course / f"{name}-both.ipynb"
    path.write_text(json.dumps({**first, "cells": [*first["cells"], turn, *second["cells"]]}), encoding="utf-8")
    return path, len(first["cells"])


@pytest.mark.slow
def test_a_forked_kernel_is_a_kernel_of_its_own(kernels, tmp_path, monkeypatch):
    """Two notebooks: each in its own process and folder, nothing of the first in the second, and voicecam not yet imported."""
    for variable, value in {"PYTHONPATH": str(ROOT), **kernels}.items():
        monkeypatch.setenv(variable, value)
    about = "os.getpid(), type(get_ipython()).__name__, os.getcwd(), 'voicecam' in sys.modules, 'x' in dir()"
    asked = f"import os, sys\nprint({about})\nx = 1"
    said = []
    for name in ("a", "b"):
        path = tmp_path / name / "01_x.ipynb"
        path.parent.mkdir()
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(asked)]), path)
        execute(path, path, quick=True)
        said.append("".join(read(path)["cells"][0]["outputs"][0]["text"]).split())
    first, second = said
    assert first[0] != second[0] != str(os.getpid()) != first[0]
    assert [one[1:] for one in said] == [["ZMQInteractiveShell", str(tmp_path / name), "False", "False"] for name in ("a", "b")]
    ended = time.monotonic() + 10
    while any(Path("/proc", number).exists() for number in (first[0], second[0])):
        assert time.monotonic() < ended, "a kernel that was shut down goes on"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", names(NUMBERED))
def test_a_notebook_and_its_solutions_run(course, kernels, name, monkeypatch):
    for variable, value in {"PYTHONPATH": str(ROOT), **kernels}.items():
        monkeypatch.setenv(variable, value)
    path, turn = both_in_one(course, name)
    execute(path, path, quick=True)
    shown = [cell["outputs"] for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    streams = [output for outputs in shown for output in outputs if output.get("name") == "stderr"]
    assert not streams, "".join(streams[0]["text"])
    begun, solved = (verdicts_of(cells) for cells in (read(path)["cells"][:turn], read(path)["cells"][turn:]))
    assert set(begun) == {OPEN}
    assert set(solved) == {RIGHT}
    folders = {place.name for place in (*course.iterdir(), *(course / "solutions").iterdir()) if place.is_dir()}
    assert folders <= {"solutions", ".ipynb_checkpoints"}, "what is made lies in the project's folders, not beside the notebooks"

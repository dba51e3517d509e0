"""Names that programs like to misread: classes called 0, NA or $x$, long ones, other scripts. Through the command line."""

import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from run_script import last_line, output_of
from test_run_all import run

from conftest import voice
from voicecam import figures, runs
from voicecam.checks import run_checks
from voicecam.commands import run_report
from voicecam.files import atomic_path, free_path, read_table, safe_name

IMAGES = ["--image-size", "32", "32", "--seconds", "0.5"]
TINY = ["--arch", "small", "--init", "none", "--epochs", "4", "--batch", "8"]
CLASSES = ("$x$", "NA", "_u", "Ünï cödé")
SPEAKERS = ("007", "1.0", "José Ortega", "True", "Zoë", "a$b^", "null")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("names")


def digits(place, n, takes):
    run("make_espeak_corpus", "--out", f"d{n}", "--voices", "10", "--digits", n, "--takes", takes, cwd=place)


@pytest.mark.slow
@pytest.mark.usefixtures("few_checked")
def test_digits_go_through_all_checks_with_three_classes_and_with_ten(place):
    """The planted cues tell of no run: the second run takes over those of the first, and is made by steps, with one report."""
    digits(place, 3, 2)
    output_of("run_all", "--corpus", "d3", "--run", "d3", "--label", "digit", *IMAGES, *TINY, cwd=place)
    digits(place, 10, 1)
    found = last_line(run("make_images", "--corpus", "d10", *IMAGES, cwd=place)).split()[1].rstrip(":")
    run("train", "--map", found, "--run", "d10", "--label", "digit", *TINY, cwd=place)
    run("evaluate", "--run", "d10", cwd=place)
    checks = [place / "results" / name / "checks" for name in ("d3", "d10")]
    checks[1].mkdir()
    for name in ("settings.json", "planted.csv", "planted.json"):
        shutil.copy(checks[0] / name, checks[1])
    output_of("explain", "--run", "d10", cwd=place)
    for n, folder in zip((3, 10), checks):
        names = {str(digit) for digit in range(n)}
        made = {path.stem for path in folder.glob("*.json")}
        assert made >= {"confounds", "bands", "faithfulness", "randomisation", "planted"}
        confounds = read_table(folder / "confounds.csv").set_index("fact")
        np.testing.assert_allclose(confounds["chance"], 1 / n, atol=1e-5)
        assert confounds["balanced_accuracy"].between(0, 1).all()
        assert set(read_table(folder / "band_drops.csv")["class"]) == names
        (lines,) = (
            drawn.plot(*drawn.data, ax=figures.figure(3)[1])
            for section in run_checks.sections(folder.parent, tuple(sorted(names)))
            for drawn in section.drawings
            if drawn.plot is figures.plot_drops
        )
        assert [line.get_label() for line in lines] == sorted(names), "a class that was read as a number has no line"
        assert (folder.parent / "report.html").is_file()


@pytest.fixture(scope="module")
def odd(place):
    """A finished run on classes and speakers of odd names, without the checks; its folder."""
    for number, name in enumerate(CLASSES):
        (place / "odd" / name).mkdir(parents=True)
        for i, speaker in enumerate(SPEAKERS):
            rng = np.random.default_rng(i)
            for take in range(2):
                samples = voice((95 + 60 * number + 3 * i) * rng.uniform(0.97, 1.03), rng, seconds=0.6)
                sf.write(place / "odd" / name / f"{speaker}_$ {take}.wav", samples, 16_000)
    said = run("run_all", "--corpus", "odd", "--run", "odd", "--label", "label", *IMAGES, *TINY, cwd=place)
    assert "7 speakers (from file names): 007 (8 clips), 1.0 (8)" in said
    return place / "results" / "odd"


@pytest.mark.slow
def test_classes_and_speakers_are_the_words_they_are(odd, place, monkeypatch):
    monkeypatch.chdir(place)
    predictions = runs.read_predictions(odd)
    assert set(predictions["true"]) == set(CLASSES)
    assert set(predictions["speaker"]) <= set(SPEAKERS)
    assert list(json.loads((odd / "fold1" / "meta.json").read_text())["classes"]) == list(CLASSES)
    content = run_report.run_content(Path("results/odd"), runs.run_dataset(runs.open_run(odd)))
    assert content.explanation is not None
    assert set(content.explanation.bands["class"]) == set(CLASSES)
    assert set(content.explanation.mean_maps) <= set(CLASSES)
    assert set(content.per_speaker["speaker"]) == set(predictions["speaker"])
    assert content.per_group is not None
    assert set(content.per_group["group"]) == set(CLASSES)
    page = (odd / "report.html").read_text()
    assert all(name in page for name in CLASSES)
    assert not {"nan", "NaN"} & set(page.replace(">", " ").replace("<", " ").split())


@pytest.mark.slow
def test_each_figure_has_a_file_of_its_own(odd):
    names = [path.stem for path in (odd / "figures").glob("class_map_*.png")]
    assert len(names) == len(set(map(str.casefold, names))) > 1
    twins = run_report.file_names(["map_@x@", "map_$x$", "map_Yes", "map_yes", "map_" + "日" * 90])
    assert len({name.casefold() for name in twins}) == 5
    assert all(len(name.encode()) <= 120 and "/" not in name for name in twins)


def test_a_class_called_na_is_in_the_chapters(tmp_path):
    (tmp_path / "checks").mkdir()
    numbers = {"band": 0, "from": 900.0, "to": 1100.0, "drop": 1.5, "low": 1.0, "high": 2.0, "clips": 4, "speakers": 2}
    pd.DataFrame({"class": CLASSES, "name": "1 kHz", **numbers}).to_csv(tmp_path / "checks" / "band_drops.csv", index=False)
    (tmp_path / "checks" / "bands.json").write_text('{"clips": 16, "speakers": 2, "gap": 0.01, "gap_most": 0.05}')
    (section,) = run_checks.sections(tmp_path, CLASSES)
    assert section.table is not None
    assert list(section.table["Class"]) == list(CLASSES)


def test_a_table_is_read_as_it_was_written(tmp_path):
    names = ["NA", "nan", "None", "null", "1", "1.0", "True", "007", "", "#N/A", "1e5"]
    written = pd.DataFrame({"class": names, "drop": [0.5, np.nan, *range(9)], "flagged": True, "recipe": "x"})
    written.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), written, check_dtype=False)
    assert list(read_table(tmp_path / "t.csv", text=("drop",))["drop"])[:2] == ["0.5", ""]


@pytest.mark.slow
def test_dollar_signs_and_the_longest_names_get_their_map(place, odd):
    """On recordings whose names take all 255 bytes, in one and in three bytes a letter."""
    speech = sorted((place / "d3" / "data").rglob("*.wav"))[0] if (place / "d3").exists() else None
    if speech is None:
        run("make_espeak_corpus", "--out", "d3", "--voices", "10", "--digits", "3", "--takes", "2", cwd=place)
        speech = sorted((place / "d3" / "data").rglob("*.wav"))[0]
    (place / "said").mkdir()
    for name in ("$a^$", "x" * 251, "日" * 83 + "zz"):
        shutil.copy(speech, place / "said" / f"{name}.wav")
    said = run("classify", "said", "--model", odd / "fold1", "--cam", "cams", cwd=place)
    assert last_line(said) == "wrote 3 pictures in cams"
    written = {path.name for path in (place / "cams").iterdir()}
    assert "$a^$.png" in written
    assert len(written) == 3
    assert all(len(name.encode()) <= 255 and name.endswith(".png") for name in written)


def test_text_in_figures_is_no_formula():
    widths = []
    for text in ("$x$", "x"):
        fig, ax = figures.figure(2)
        label = ax.set_title(text)
        figures.png_bytes(fig)
        widths.append(label.get_window_extent().width)
    assert widths[0] > 2 * widths[1], "the two signs must be drawn"
    fig, ax = figures.figure(2)
    ax.set_xticks([0, 1], ["$^", "$\\frac$"])
    lines = [ax.plot([0, 1], label=name)[0] for name in ("$_{", "_u")]
    ax.legend(handles=lines)
    assert figures.png_bytes(fig).startswith(b"\x89PNG")
    fig, ax = figures.figure(2)
    figures.plot_lr_find(np.geomspace(1e-6, 1, 20), np.linspace(2, 1, 20), 1e-3, ax=ax)
    figures.png_bytes(fig)
    assert "1e-03" in {label.get_text() for label in ax.get_xticklabels()}


def test_the_images_of_long_names_are_made(place):
    long = "ü" * 127
    for name, letter in ((long, "a"), ("y", "b")):
        (place / long / name).mkdir(parents=True)
        for speaker in "pqrst":
            for take in "12":
                stem = f"{speaker}_{take}{letter * 247}"[:251]
                rng = np.random.default_rng(ord(speaker))
                sf.write(place / long / name / f"{stem}.wav", voice(150, rng, seconds=0.6), 16_000)
    said = run("make_images", "--corpus", long, "--image-size", "32", "32", "--seconds", "0.5", cwd=place)
    assert "20 images" in last_line(said)


def test_whole_names_stay_within_255_bytes(tmp_path):
    for name in ("x" * 255, "日" * 83 + ".wav", "é" * 125 + ".png"):
        with atomic_path(tmp_path / name) as temporary:
            temporary.write_text("whole")
        assert (tmp_path / name).read_text() == "whole"
        free = free_path(tmp_path, Path(name).stem, Path(name).suffix)
        free.write_text("beside")
        assert free_path(tmp_path, Path(name).stem, Path(name).suffix) not in (free, tmp_path / name)
    assert all(len(path.name.encode()) <= 255 for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seven", "seven"),
        ("Zoë Müller", "Zoë-Müller"),
        ("Анна", "Анна"),
        ("日本", "日本"),
        ("محمد", "محمد"),
        ("हिन्दी", "हिन्दी"),
        ("../../etc/passwd", "etc-passwd"),
        ("a_b.c", "a-b-c"),
        ("", "unnamed"),
        ("?!*", "unnamed"),
        ("x" * 99, "x" * 40),
    ],
)
def test_names_are_safe_in_any_script(text, expected):
    assert safe_name(text) == expected
    assert safe_name(unicodedata.normalize("NFD", text)) == expected, "macOS writes letters and marks apart"
    assert len(safe_name("𐎀" * 99).encode()) <= 100

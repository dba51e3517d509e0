"""Clips that a run answered wrongly: the right ones, by name, byte by byte; against the model asked about each file anew."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from run_script import one_line_error, output_of

from conftest import demo_speech, speech_run, voice
from voicecam import audio, runs
from voicecam.commands.run_report import write_run_report
from voicecam.errors import DatasetError, ModelError
from voicecam.network.classifier import load_classifier
from voicecam.report.mistakes import write_mistakes_page
from voicecam.runs import mistakes

NAME = re.compile(r"(female|male)-as-(female|male)-([01]\.\d{3})-(.+)")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A run of system A in two folds on demo voices, the second word of each of which is said to be of the other gender."""
    pytest.importorskip("resemblyzer")
    place = tmp_path_factory.mktemp("planted")
    path = demo_speech(place / "clips", speakers=8, takes=6)
    rows = list(csv.DictReader(path.open()))
    wrong, seen = set(), {}
    for row in rows:
        seen[row["speaker"]] = seen.get(row["speaker"], 0) + 1
        row["said"] = row["gender"]
        if seen[row["speaker"]] == 2:
            row["said"] = {"female": "male", "male": "female"}[row["gender"]]
            wrong.add(row["path"])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=["path", "speaker", "said"])
        writer.writeheader()
        writer.writerows({name: row[name] for name in writer.fieldnames} for row in rows)
    folder = speech_run(place, path, label="said", folds=2)
    dataset = runs.run_dataset(runs.open_run(folder))
    return folder, dataset, wrong, mistakes.copy_mistakes(folder, dataset)


def asked_again(folder, root, said):
    """(fold, part, path) -> predicted class and its probability of wrong answers: each file read and asked about by itself."""
    found = {}
    for fold in sorted(folder.glob("fold*")):
        classifier = load_classifier(fold)
        classes = classifier.model.classes
        for part, paths in json.loads((fold / "split.json").read_text()).items():
            for path in paths if part != "warning" else ():
                p = classifier.probabilities([audio.read(Path(root) / path)])[0]
                if classes[p.argmax()] != said[path]:
                    found[int(fold.name[4:]), part, path] = (classes[p.argmax()], p.max())
    return found


def test_mistakes_are_those_of_the_model_asked_file_by_file(planted):
    folder, dataset, wrong, table = planted
    said = dict(zip(dataset.clips["path"], dataset.clips["said"]))
    expected = asked_again(folder, dataset.corpus.root, said)
    rows = {(row["fold"], row["part"], row["path"]): row for row in table.to_dict("records")}
    assert rows.keys() == expected.keys()
    for key, (predicted, p) in expected.items():
        assert rows[key]["predicted"] == predicted
        assert rows[key]["p"] == pytest.approx(p, abs=1e-4)
        assert rows[key]["true"] == said[key[2]]
    tested = {path for _, part, path in expected if part == "test"}
    assert wrong <= tested  # planted clips were heard as who speaks in them
    assert len(wrong) == 8


def test_copies_are_byte_by_byte_the_clips_they_are_named_after(planted):
    folder, dataset, _, table = planted
    there = {path.relative_to(folder / "mistakes").as_posix() for path in folder.glob("mistakes/*/*")}
    assert there == set(table["file"])
    assert len(there) == len(table)
    for row in table.to_dict("records"):
        copy, clip = folder / "mistakes" / row["file"], Path(dataset.corpus.root) / row["path"]
        assert copy.read_bytes() == clip.read_bytes()
        true, predicted, p, rest = NAME.fullmatch(copy.stem).groups()
        assert (true, predicted) == (row["true"], row["predicted"])
        assert float(p) == pytest.approx(row["p"], abs=6e-4)
        assert rest.startswith(f"{row['speaker']}-")
        assert copy.suffix == clip.suffix
        assert copy.parent.name == row["part"]


def test_the_test_parts_mistakes_are_those_of_the_predictions(planted):
    folder, _, _, table = planted
    rows = list(csv.DictReader((folder / "predictions.csv").open()))
    said = {row["path"] for row in rows if row["true"] != row["predicted"]}
    assert {*table.loc[table["part"] == "test", "path"]} == said
    assert next(iter(csv.DictReader((folder / "mistakes" / "mistakes.csv").open())))["path"] == table["path"].iloc[0]


class Players(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources, self.others = [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "audio":
            self.sources.append(unquote(values["src"]))
        self.others += [value for key, value in attrs if key in ("src", "href") and tag != "audio"]


def test_the_page_has_a_player_for_each_copy_the_surest_first(planted):
    folder, _, _, table = planted
    page = folder / "mistakes" / "index.html"
    write_mistakes_page(page, table, run="speech", most=mistakes.MOST)
    found = Players()
    found.feed(page.read_text())
    assert sorted(found.sources) == sorted(table["file"])
    assert all((page.parent / source).is_file() for source in found.sources)
    assert set(found.others) <= {"data:,", "mistakes.csv"}  # nothing from elsewhere
    for part in ("train", "valid", "test"):
        sure = [float(NAME.fullmatch(Path(name).stem)[3]) for name in found.sources if name.startswith(part)]
        assert sure == sorted(sure, reverse=True)
        assert f"clips: {len(sure)} wrong" in page.read_text()


def test_only_the_surest_are_copied_and_the_page_says_of_how_many(planted, tmp_path, monkeypatch):
    folder, dataset, *_ = planted
    own = tmp_path / "results" / "own"
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns("mistakes"))
    monkeypatch.setattr(mistakes, "MOST", 3)
    gone = Path(dataset.corpus.root) / mistakes.copy_mistakes(own, dataset)["path"].iloc[0]
    table = mistakes.copy_mistakes(own, dataset)  # read again
    wrong = table[table["part"] == "test"]
    assert len(wrong) > 3
    assert list(wrong["file"] != "") == [True] * 3 + [False] * (len(wrong) - 3)
    assert len(list((own / "mistakes" / "test").iterdir())) == 3
    write_mistakes_page(own / "mistakes" / "index.html", table, run="own", most=3)
    assert f"3 of {len(wrong)} are here: the 3 surest" in (own / "mistakes" / "index.html").read_text()
    (own / "mistakes" / "mistakes.csv").unlink()  # as a stopped one leaves it
    aside = gone.rename(tmp_path / "aside.wav")
    try:
        again = mistakes.copy_mistakes(own, dataset)
    finally:
        aside.rename(gone)
    assert (again["file"] == "").sum() == (table["file"] == "").sum() + (again["path"].head(3) == again["path"].iloc[0]).sum()
    assert len(list(own.glob("mistakes/*/*"))) == (again["file"] != "").sum()


def test_a_chosen_temperature_makes_the_mistakes_anew(planted, tmp_path):
    folder, dataset, *_ = planted
    own = tmp_path / "results" / "own"
    shutil.copytree(folder, own)
    runs.recalibrate(own, dataset)
    with pytest.raises(ModelError, match="not evaluated"):
        mistakes.copy_mistakes(own, dataset)


def test_a_run_on_pictures_copies_its_mistakes_when_asked_and_its_report_links_to_them(tmp_path, rng, monkeypatch):
    import soundfile as sf

    for i in range(12):  # pitch says nothing of the label
        name = "ab"[i % 2]
        (tmp_path / "voices" / name).mkdir(parents=True, exist_ok=True)
        for take in range(2):
            sound = voice(rng.uniform(90, 250), rng, seconds=0.5)
            sf.write(tmp_path / "voices" / name / f"s{i:02d}_{take}.wav", sound, 16_000)
    small = ["--recipe", "logmel", "--image-size", "32", "32", "--seconds", "0.5", "--label", "label", "--arch", "small"]
    output_of("run_all", "--corpus", "voices", "--run", "chance", *small, "--init", "none", "--epochs", "1", "--maps-only",
              "--method", "hires-cam", "--layer", "layer1", cwd=tmp_path)  # fmt: skip
    folder = tmp_path / "results" / "chance"
    assert not (folder / "mistakes").exists()
    said = output_of("evaluate", "--run", "chance", "--mistakes", cwd=tmp_path)
    rows = list(csv.DictReader((folder / "mistakes" / "mistakes.csv").open()))
    assert f"({sum(row['part'] == 'train' for row in rows)} train" in said
    assert (folder / "mistakes" / "index.html").is_file()
    assert all(
        (folder / "mistakes" / row["file"]).read_bytes() == (tmp_path / "voices" / row["path"]).read_bytes() for row in rows
    )
    tested = {row["path"] for row in csv.DictReader((folder / "predictions.csv").open()) if row["true"] != row["predicted"]}
    assert {row["path"] for row in rows if row["part"] == "test"} == tested

    def linked():
        """Pages of mistakes that the report links to, as files."""
        found = Players()
        found.feed((folder / "report.html").read_text())
        return [folder / unquote(link) for link in found.others if "mistakes/" in link]

    assert linked() == []  # made before them
    monkeypatch.chdir(tmp_path)
    dataset = runs.run_dataset(runs.open_run(folder))
    write_run_report(folder, dataset)
    assert linked() == [folder / "mistakes" / "index.html"]
    (folder / "mistakes" / "mistakes.csv").unlink()  # as a new temperature leaves it
    write_run_report(folder, dataset)
    assert linked() == []


def test_matrices_have_no_clip_to_copy(tmp_path, rng):
    names = np.array([f"{name}{i}" for name in "ab" for i in range(6)])
    arrays = {"matrices": rng.normal(size=(12, 8, 20)).astype(np.float32), "name": names, "speaker": names}
    (tmp_path / "ready").mkdir()
    np.savez(tmp_path / "ready" / "matrices.npz", **arrays, label=np.array([name[0] for name in names]))
    output_of("run_all", "--corpus", "ready", "--run", "m", "--label", "label", "--arch", "small", "--init", "none", "--epochs",
              "1", "--batch", "4", "--maps-only", "--method", "hires-cam", "--layer", "layer1", cwd=tmp_path)  # fmt: skip
    one_line_error(2, output_of("evaluate", "--run", "m", "--mistakes", cwd=tmp_path, status=2))
    folder = tmp_path / "results" / "m"
    with pytest.raises(DatasetError, match="no recordings"):
        mistakes.copy_mistakes(folder, runs.run_dataset(runs.open_run(folder)))

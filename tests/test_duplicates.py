"""One speaker copied under another name, in other files: found, listed, and said in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import soxr
from run_script import run_script

from voicecam.checks import confounds
from voicecam.corpora.espeak import RATE, Word, speak
from voicecam.data.dataset import read_dataset
from voicecam.data.duplicates import duplicates_sentences, duplicates_warning, find_duplicates
from voicecam.data.splits import Split
from voicecam.explanation.confounds import audit

VOICES = {"anna": "en-us+f2", "bert": "en-us+m3", "cora": "en-us+f4", "dirk": "en-gb-x-rp+m7"}
WORDS = ("seven", "umbrella", "yesterday")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four speakers; "ghost" is cora at half the rate and a quarter of the level, and one clip of bert lies there twice.
    Gives the images and what the script printed."""
    place = tmp_path_factory.mktemp("copies")
    spoken = iter(speak([Word(word, voice, 160, 45, 50) for voice in VOICES.values() for word in WORDS]))
    for name in VOICES:
        folder = place / "voices" / ("female" if name in ("anna", "cora") else "male")
        folder.mkdir(parents=True, exist_ok=True)
        for word in WORDS:
            samples = np.asarray(next(spoken), np.float64) / 32768
            sf.write(folder / f"{name}_{word}.wav", samples, RATE)
            if name == "cora":
                sf.write(folder / f"ghost_{word}.flac", 0.25 * soxr.resample(samples, RATE, RATE // 2), RATE // 2)
    shutil.copy(place / "voices" / "male" / "bert_seven.wav", place / "voices" / "male" / "bert_again.wav")
    words = ["--corpus", place / "voices", "--recipe", "logmel", "--workers", "1"]
    status, _, warnings = run_script("make_images", *words, cwd=place)
    assert status == 0, warnings
    [path] = (place / "maps").glob("*.json")
    return read_dataset(path, images=place / "mfc_dataset"), warnings


def names(found):
    return {frozenset((Path(row.path).stem, Path(row.other_path).stem)) for row in found.across.itertuples()}


def test_a_speaker_under_two_names_is_found_in_other_files(made):
    dataset, _ = made
    found = find_duplicates(dataset.clips, dataset.fingerprints)
    assert names(found) == {frozenset((f"cora_{word}", f"ghost_{word}")) for word in WORDS}
    assert {tuple(sorted(pair)) for pair in zip(found.across["speaker"], found.across["other_speaker"])} == {("cora", "ghost")}
    assert found.within == 1, "bert's clip that lies there twice"
    assert not found.across["apart"].any(), "no split was given"


def test_the_script_says_it_in_one_line(made):
    [line] = [line for line in made[1].splitlines() if line.startswith("warning: ")]
    assert "3 pairs" in line
    assert "cora and ghost (3)" in line or "ghost and cora (3)" in line


def test_pairs_on_two_sides_of_a_test_are_told_from_those_on_one(made):
    dataset, _ = made
    stems = [Path(path).stem for path in dataset.clips["path"]]
    number = {name: i for i, name in enumerate(stems)}
    rest = [i for i, name in enumerate(stems) if name.startswith(("anna", "bert", "dirk"))]
    test = np.array([number["cora_seven"], number["cora_umbrella"], number["ghost_umbrella"]])
    train = np.array([number["ghost_seven"], *rest])
    valid = np.array([number["cora_yesterday"], number["ghost_yesterday"]])
    found = find_duplicates(dataset.clips, dataset.fingerprints, [Split(train, valid, test), Split(rest, valid, test[1:])])
    apart = {Path(row.path).stem.split("_")[1]: row.apart for row in found.across.itertuples()}
    assert apart == {"seven": True, "umbrella": False, "yesterday": False}
    assert "1 of them stood on both sides" in duplicates_warning(found)


def test_nothing_is_said_where_nothing_is_doubled_and_silence_is_no_copy(made):
    dataset, _ = made
    rows = [i for i, name in enumerate(dataset.clips["path"]) if "ghost" not in name and "again" not in name]
    prints = dataset.fingerprints[rows].copy()
    prints[[0, 5]] = 0  # two clips in which nothing sounds
    alone = find_duplicates(dataset.clips.iloc[rows].reset_index(drop=True), prints)
    assert (len(alone.across), alone.within) == (0, 0)
    assert duplicates_warning(alone) == ""
    assert not any(line.startswith("Warning") for line in duplicates_sentences(alone))
    assert find_duplicates(dataset.clips, None).across.empty, "ready-made matrices have no fingerprints"


def test_the_chapter_warns_and_lists_them(made, tmp_path):
    dataset, _ = made
    found, rng = find_duplicates(dataset.clips, dataset.fingerprints), np.random.default_rng(0)
    speakers = np.repeat(np.arange(8).astype(str), 2)
    table = audit(pd.DataFrame({"level_dbfs": rng.normal(size=16)}), np.where(speakers < "4", "a", "b"), speakers)
    (tmp_path / "checks").mkdir()
    table.to_csv(tmp_path / "checks" / "confounds.csv", index=False)
    found.across.assign(speaker="007").to_csv(tmp_path / "checks" / "duplicates.csv", index=False)
    (tmp_path / "checks" / "confounds.json").write_text(json.dumps({"copies_within": found.within}))
    chapter = confounds.section(tmp_path, ("a", "b"))
    assert any("3 pairs" in line for line in chapter.warnings)
    assert list(chapter.table["Speaker"]) == ["007"] * 3
    assert any("1 pair of copies" in line for line in chapter.sentences)

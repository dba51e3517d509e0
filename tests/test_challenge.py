"""Answers in the challenge's form: of tables written by hand, and of a real run on a small corpus laid out as CORAA SER."""

import csv

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from run_script import one_line_error, output_of, run_script

from conftest import voice
from voicecam.errors import DatasetError, ModelError
from voicecam.runs.challenge import write_answers

HEAD = "path,speaker,fold,true,predicted,decision,p_neutral,p_non-neutral female,p_non-neutral male\n"


def evaluated(folder, *lines):
    folder.mkdir()
    (folder / "metrics.json").write_text("{}")
    (folder / "predictions.csv").write_text(HEAD + "".join(f"{line}\n" for line in lines))
    return folder


def test_answers_are_names_and_likeliest_classes_as_the_challenge_spells_them(tmp_path):
    run = evaluated(
        tmp_path / "run",
        "x/m01h01.wav,m01,1,non-neutral male,non-neutral male,uncertain,0.3,0.3,0.4",
        "x/f1/dis-f1-b1.wav,f1,1,neutral,non-neutral female,non-neutral female,0.1,0.8,0.1",
        '"x/a, b.wav",f1,2,neutral,neutral,neutral,0.8,0.1,0.1',
    )
    assert write_answers(run, tmp_path / "answers.csv") == 3
    expected = 'wav_file,label\n"a, b.wav",neutral\ndis-f1-b1.wav,non-neutral-female\nm01h01.wav,non-neutral-male\n'
    assert (tmp_path / "answers.csv").read_bytes() == expected.encode()


def test_with_coraas_test_set_they_are_of_it_alone(tmp_path):
    run = evaluated(
        tmp_path / "run",
        "CORAA/test_ser/a1.wav,r1,1,neutral,neutral,neutral,0.8,0.1,0.1",
        "CORAA/train/r1_s1_neutral.wav,r1,1,neutral,neutral,neutral,0.8,0.1,0.1",
        "RAVDESS/Actor_01/03.wav,01,1,neutral,neutral,neutral,0.8,0.1,0.1",
    )
    assert write_answers(run, tmp_path / "answers.csv") == 1
    assert (tmp_path / "answers.csv").read_text() == "wav_file,label\na1.wav,neutral\n"


def test_names_that_tell_no_clip_apart_and_runs_without_predictions_are_refused(tmp_path):
    lines = [f"{place}/a.wav,s,1,neutral,neutral,neutral,0.8,0.1,0.1" for place in "xy"]
    run = evaluated(tmp_path / "run", *lines)
    with pytest.raises(DatasetError, match=r"1 of 2 held back clips share a file name .*; evaluate a run on one corpus$"):
        write_answers(run, tmp_path / "answers.csv")
    (run / "metrics.json").unlink()
    with pytest.raises(ModelError, match="not evaluated yet"):
        write_answers(run, tmp_path / "answers.csv")
    assert not (tmp_path / "answers.csv").exists()


CLASSES = ("neutral", "non-neutral-female", "non-neutral-male")


def write_coraa(root, *, recordings=5, takes=2):
    """Sounds of three pitches in CORAA SER's layout: two training clips and one test clip of each recording and class."""
    (root / "train").mkdir(parents=True)
    (root / "test_ser").mkdir()
    lines = ["wav_file,label,file"]
    for recording in range(recordings):
        for number, label in enumerate(CLASSES):
            rng = np.random.default_rng([recording, number])
            names = [f"bfam{recording:02d}_segment{number}{take}_{label}.wav" for take in range(takes + 1)]
            for take, name in enumerate(names):
                place = f"train/{name}" if take < takes else f"test_ser/{recording}x{number}.wav"
                sf.write(root / place, voice((110, 180, 290)[number] * rng.uniform(0.95, 1.05), rng, seconds=0.5), 16_000)
            lines.append(f"{recording}x{number}.wav,{label},{names[-1]}")
    (root / "test_ser_metadata.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.slow
def test_a_run_answers_every_clip_of_the_test_set_once_as_its_own_table_says(tmp_path):
    write_coraa(tmp_path / "CORAA")
    pictures = ["--corpus", "CORAA", "--recipe", "logmel", "--seconds", "0.5", "--image-size", "32", "32"]
    output_of("make_images", *pictures, cwd=tmp_path)
    (made,) = (tmp_path / "maps").glob("*.json")
    words = ["--label", "emotion_gender3", "--folds", "5", "--arch", "small", "--init", "none", "--epochs", "2", "--batch", "8"]
    output_of("train", "--map", made, "--run", "coraa", *words, cwd=tmp_path)
    said = output_of("evaluate", "--run", "coraa", "--answers", "sent/answers.csv", cwd=tmp_path)
    assert "wrote sent/answers.csv: the answers to 15 clips" in said
    with open(tmp_path / "sent" / "answers.csv", newline="") as file:
        header, *rows = csv.reader(file)
    with open(tmp_path / "CORAA" / "test_ser_metadata.csv", newline="") as file:
        asked = {line["wav_file"] for line in csv.DictReader(file)}
    assert header == ["wav_file", "label"]
    assert len(rows) == len(dict(rows)) == 15
    assert set(dict(rows)) == asked
    table = pd.read_csv(tmp_path / "results" / "coraa" / "predictions.csv").set_index("path")
    p = table[["p_neutral", "p_non-neutral female", "p_non-neutral male"]].to_numpy()
    expected = {path: CLASSES[best] for path, best in zip(table.index, p.argmax(axis=1))}
    assert dict(rows) == {path.removeprefix("test_ser/"): name for path, name in expected.items() if path.startswith("test_ser/")}
    (tmp_path / "wall").write_text("")
    status, _, error = run_script("evaluate", "--run", "coraa", "--answers", "wall/answers.csv", cwd=tmp_path)
    one_line_error(status, error)

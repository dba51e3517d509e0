"""Exercises of notebook 00: right answers pass, and of likely wrong ones it is said what is off."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from voicecam.course import exercises_00 as exercises

FILES = [
    Path(f"pictures/{'female' if voice < 4 else 'male'}/{voice}_{word}_{voice}{word}.png") for voice in range(8) for word in "abc"
]


def test_speakers_known_from_training():
    test = exercises.known_speakers(FILES[1:], [FILES[0], *FILES[-3:]])
    assert test(2) is None
    assert "whose they are" in test(0)
    assert "only 2 speakers" in test(8)
    assert "a number is asked for" in test("all")
    apart = exercises.known_speakers(FILES[:12], FILES[12:])
    assert apart(0) is None
    assert "too high" in apart(4)


def test_a_split_that_asks_for_new_words():
    test = exercises.new_words(FILES)
    assert test(lambda file: exercises.part_of(file, exercises.WORD) == "b") is None
    assert test(lambda file: file.name.split("_")[1] in ("a", "b")) is None
    assert "a function" in test("b")
    assert "all clips are for training" in test(lambda file: False)
    assert "all clips are for validation" in test(lambda file: True)
    assert "3 words stand on both sides, such as a" in test(lambda file: file.name.split("_")[0] == "3")
    lone = exercises.new_words([file for file in FILES if not (file.parent.name == "male" and "_c_" in file.name)])
    assert "lacks a class" in lone(lambda file: "_c_" in file.name)
    words = exercises.new_words([Path(f"pictures/{word}/{voice}_{word}_0.png") for voice in range(3) for word in "abc"])
    assert words(lambda file: file.parent.name == "a") is None


def test_the_answers_are_a_table_in_the_order_of_the_files():
    clips = pd.DataFrame({"path": ["a.wav", "b.wav", "c.wav"], "speaker": ["1", "2", "3"], "gender": ["female", "male", "male"]})
    valid = SimpleNamespace(items=[Path("male/3_hi_2.png"), Path("female/1_hi_0.png"), Path("male/2_hi_1.png")])
    said = torch.tensor([[0.2, 0.8], [0.7, 0.3], [0.9, 0.1]])
    dls = SimpleNamespace(valid=valid, vocab=["female", "male"])
    found = exercises.answers(SimpleNamespace(dls=dls, get_preds=lambda: (said, None)), clips, "gender")
    assert list(found["path"]) == ["c.wav", "a.wav", "b.wav"]
    assert list(found["predicted"]) == ["male", "female", "female"]
    assert list(found["right"]) == [True, True, False]
    assert found["p"].tolist() == pytest.approx([0.8, 0.7, 0.9])

"""The exercises of notebook 01: the right answer passes, plausible wrong ones are told what is off."""

import numpy as np
import pandas as pd
import pytest

from voicecam.course import exercises_01 as exercises


@pytest.fixture
def clips():
    """Kino: 1 woman, 4 men; studio: 3 women, 2 men; two clips each."""
    rooms = ["Kino"] * 5 + ["studio"] * 5
    genders = ["female"] + ["male"] * 4 + ["female"] * 3 + ["male"] * 2
    people = pd.DataFrame({"speaker": [f"{i:02d}" for i in range(10)], "room": rooms, "gender": genders})
    return pd.concat([people, people], ignore_index=True)


def test_the_room_rule_counts_speakers_room_by_room(clips):
    test = exercises.room_rule(clips)
    assert test(0.7) is None
    assert "share from 0 to 1" in test(70)
    assert "without looking at the room" in test(0.6)
    assert "too high" in test(0.9)


def decibels(x):
    return 10 * np.log10(np.mean((x - x.mean()) ** 2))


@pytest.mark.parametrize(
    ("answer", "off"),
    [
        (lambda x: 20 * np.log10(np.abs(x).max()), "peak"),
        (lambda x: 10 * np.log10(np.sqrt(np.mean(x**2))), "20 log10"),
        (lambda x: 10 * np.log10(np.mean(x**2)), "mean off"),
        (lambda x: 20 * np.log10(np.mean(np.abs(x))), "-3.01"),
        (-3.01, "function"),
    ],
)
def test_a_wrong_level_is_named(answer, off):
    assert off in exercises.level(answer)


def test_the_level_is_right():
    assert exercises.level(decibels) is None


def test_two_rooms_that_look_alike_break_the_repair():
    assert exercises.wrongly_repaired(("studio left", "studio lift")) is None
    assert "same letters" in exercises.wrongly_repaired(("VR-Room", "vr room"))
    assert "more than one letter" in exercises.wrongly_repaired(("Kino", "library"))
    assert "digits" in exercises.wrongly_repaired(("studio-01", "studio-02"))
    assert "pair" in exercises.wrongly_repaired("studio")


def test_a_planted_level_must_tell_the_label(rng):
    speakers = np.repeat([f"{i:02d}" for i in range(20)], 6)
    labels = np.where(np.arange(120) // 6 % 2, "male", "female")
    facts = pd.DataFrame({"level_dbfs": rng.uniform(-38, -22, 120)})
    test = exercises.planted_level(facts, labels, speakers)
    assert test(np.where(labels == "male", -18.0, 0.0)) is None
    assert "level alone" in test(np.zeros(120))
    assert "re full scale" in test(np.where(labels == "male", 40.0, 0.0))
    assert "shape" in test(12.0)
    assert "finite" in test(np.full(120, np.nan))

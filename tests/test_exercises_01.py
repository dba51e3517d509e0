"""The exercises of notebook 01: the right answer passes, plausible wrong ones are told what is off."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from voicecam.audio import median_f0, read
from voicecam.audio.fingerprints import fingerprint
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.corpora.espeak_corpus import make_espeak_corpus
from voicecam.course import exercises_01 as exercises
from voicecam.course import faults
from voicecam.data.duplicates import find_duplicates
from voicecam.explanation.confounds import corpus_features


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


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    source = make_espeak_corpus(folder / "espeak", voices=faults.VOICES, digits=2, takes=2, progress=False)
    return source, faults.plant_faults(source, folder / "faulty")


def test_the_speakers_whose_names_do_not_fit():
    parts = ("mixed", "donor", "wrong", "clipped", "silent", "swapped", "odd_age")
    names = {part: f"{i:02d}" for i, part in enumerate(parts)}
    where = faults.Planted(Path("faulty"), copied=("08", "09"), hummed=(), **names)
    test = exercises.misnamed(where)
    assert test((where.wrong, where.mixed)) is None
    assert "other way round" in test((where.mixed, where.wrong))
    assert "two groups" in test((where.wrong, "20"))
    assert "listed gender" in test(("20", where.mixed))
    assert "neither" in test(("20", "21"))
    assert "a pair" in test("20")


@pytest.mark.slow
def test_the_planted_faults_are_where_they_are_said_to_be(planted):
    source, where = planted
    clean, faulty = open_corpus(source), open_corpus(where.folder)
    true = clean.clips.drop_duplicates("speaker").set_index("speaker")["gender"]
    listed = faulty.clips.drop_duplicates("speaker").set_index("speaker")
    assert list(true.index[true != listed["gender"]]) == [where.wrong]
    assert set(listed.index[listed["room"] == "Kino"]) == set(where.hummed)
    assert set(listed["room"]) == {"Kino", "vr-room"}
    assert listed["age"].isna().sum() == 1
    assert len(faulty.repairs) == 4
    facts = corpus_features(faulty, recipe("mfcc")).assign(speaker=faulty.clips["speaker"], path=faulty.clips["path"])
    assert set(facts.loc[facts["clipped"] > 0.01, "speaker"]) == {where.clipped}
    assert facts.loc[facts["level_dbfs"] < -70, "path"].tolist() == [where.silent]
    sounds = [read(faulty.root / path) for path in faulty.clips["path"]]
    copies = find_duplicates(faulty.clips, np.stack([fingerprint(sound) for sound in sounds])).across
    assert set(zip(copies["speaker"], copies["other_speaker"])) == {where.copied}
    hum = [np.abs(np.fft.rfft(one.samples[: one.rate // 5]))[10] for one in sounds]  # 50 Hz: the tenth of 0.2 s
    louder = pd.Series(hum).groupby(listed.loc[faulty.clips["speaker"], "room"].to_numpy()).median()
    assert louder["Kino"] > 5 * louder["vr-room"]


@pytest.mark.slow
def test_the_voice_under_another_name_is_the_donors(planted):
    source, where = planted
    ours = read(where.folder / "data" / where.mixed / f"1_{where.mixed}_1.wav")
    theirs = read(source / "data" / where.donor / f"1_{where.donor}_1.wav")
    assert abs(median_f0(ours) / median_f0(theirs) - 1) < 0.02
    assert not (where.folder / "data" / where.donor / f"1_{where.donor}_1.wav").exists()


@pytest.mark.slow
def test_planted_faults_are_made_once(planted):
    source, where = planted
    before = sorted((path, path.stat().st_mtime_ns) for path in where.folder.rglob("*"))
    assert faults.plant_faults(source, where.folder) == where
    assert before == sorted((path, path.stat().st_mtime_ns) for path in where.folder.rglob("*"))

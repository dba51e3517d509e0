"""Notebook 10: the class's recordings become a corpus, are split, and are gone after deletion; and its exercises."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from voicecam.config import DEMO
from voicecam.corpora import open_corpus
from voicecam.course import exercises_10 as exercises
from voicecam.course import our_class
from voicecam.data.splits import Split
from voicecam.errors import DatasetError


@pytest.fixture
def demo():
    """The demo corpus, two digits of it."""
    corpus = open_corpus(DEMO)
    return type(corpus)(corpus.name, corpus.root, corpus.clips[corpus.clips["digit"].isin(["3", "7"])].reset_index(drop=True))


def record(home, *names, room="kitchen"):
    for i, name in enumerate(names):
        path = home / "my_wavs" / "class" / "recordings" / room / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, 0.3 * np.sin(np.arange(4000) * (0.1 + 0.01 * i)), 16_000)


def test_without_recordings_eight_demo_voices_speak_in_two_rooms(tmp_path, demo):
    ours = our_class.open_class(tmp_path, demo)
    clips = ours.corpus.clips
    assert ours.demo
    assert ours.folder == tmp_path / "my_wavs" / "class-demo"
    assert len(clips) == 8 * 2 * 2
    assert (clips.groupby(["speaker", "word", "room"]).size() == 1).all()
    assert set(clips["word"]) == {"three", "seven"}
    people = demo.clips.drop_duplicates("speaker").set_index("speaker")
    kinds = people.loc[[name.removeprefix("voice") for name in clips["speaker"].unique()], ["gender", "accent"]]
    assert len(kinds.drop_duplicates()) == 8


def test_recordings_of_a_class_come_first_and_names_tell_who_says_what(tmp_path, demo):
    record(tmp_path, "Ada_Seven_20260504T130201", "bo_seven", "bo_one")
    record(tmp_path, "ada_one", room="hall")
    ours = our_class.open_class(tmp_path, demo)
    assert not ours.demo
    found = ours.corpus.clips[["speaker", "word", "room"]].to_numpy(dtype=str).tolist()
    assert sorted(found) == [
        ["ada", "one", "hall"],
        ["ada", "seven", "kitchen"],
        ["bo", "one", "kitchen"],
        ["bo", "seven", "kitchen"],
    ]
    record(tmp_path, "seven")
    with pytest.raises(DatasetError, match=r"seven.wav: no NAME_WORD in the name; rename it"):
        our_class.open_class(tmp_path, demo)


def test_words_are_tested_in_new_speakers_and_speakers_in_a_new_room(tmp_path, demo):
    corpus = our_class.open_class(tmp_path, demo).corpus
    who, room = corpus.clips["speaker"], corpus.clips["room"]
    folds = our_class.class_splits(corpus, "word")
    assert len(folds) == 8
    assert sorted(np.concatenate([split.test for split in folds])) == list(range(len(who)))
    for split in folds:
        assert len(set(who.iloc[split.test])) == 1
        assert not set(who.iloc[split.test]) & set(who.iloc[np.concatenate([split.train, split.valid])])
    halves = our_class.class_splits(corpus, "speaker")
    assert [set(room.iloc[split.test]) for split in halves] == [{"first-room"}, {"second-room"}]
    for split in halves:
        assert set(room.iloc[np.concatenate([split.train, split.valid])]).isdisjoint(room.iloc[split.test])
        assert set(who.iloc[split.train]) == set(who.iloc[split.valid]) == set(who)
    record(tmp_path, "ada_one", "bo_one")
    with pytest.raises(DatasetError, match="1 room"):
        our_class.class_splits(our_class.open_class(tmp_path, demo).corpus, "speaker")


def test_nothing_is_left_after_deletion_and_a_copy_elsewhere_is_found(tmp_path):
    record(tmp_path, "ada_one", "ada_two")
    ours = our_class.OurClass(tmp_path / "my_wavs" / "class", our_class.read_class(tmp_path / "my_wavs" / "class"), False)
    (ours.folder / "maps").mkdir()
    (ours.folder / "maps" / "class.json").write_text("{}")
    (tmp_path / "my_wavs" / "README.md").write_text("stays")
    known = our_class.contents_of(ours)
    (tmp_path / "cache" / "deep").mkdir(parents=True)
    copy = shutil.copy(ours.folder / "recordings" / "kitchen" / "ada_one.wav", tmp_path / "cache" / "deep" / "other.bin")
    assert len(our_class.left(tmp_path, known, ours)) == 4
    assert our_class.delete_all(ours) == 3
    assert our_class.left(tmp_path, known, ours) == [Path(copy)]
    Path(copy).unlink()
    assert our_class.left(tmp_path, known, ours) == []
    assert [file.name for file in (tmp_path / "my_wavs").iterdir()] == ["README.md"]


@pytest.mark.parametrize("place", ["my_wavs", "results/class", "my_wavs/else"])
def test_only_a_class_in_my_wavs_is_ever_deleted(tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "kept.wav").write_bytes(b"1")
    with pytest.raises(DatasetError, match="nothing was deleted"):
        our_class.delete_all(our_class.OurClass(folder, open_corpus(DEMO), False))
    assert (folder / "kept.wav").exists()


def test_git_ignores_what_a_class_records_and_makes():
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        pytest.skip("no git here")
    for name in ("class/recordings/hall/ada_one.wav", "class-demo/maps/x.json", "class/results/network/meta.json"):
        assert subprocess.run(["git", "check-ignore", "-q", f"my_wavs/{name}"], cwd=root, check=False).returncode == 0


def test_the_room_alone_names_as_many_words_as_there_are_rooms():
    test = exercises.by_room_alone(10, 2)
    assert test(0.2) is None
    assert "chance" in test(0.1)
    assert "too high" in test(0.5)
    assert "0.2" in test(20)
    assert exercises.by_room_alone(3, 2)(2 / 3) is None


def test_speakers_for_an_interval_by_simulation(rng):
    """Half the interval is 1.96 standard errors: of means of that many draws the middle 95 % span twice as much."""
    test = exercises.speakers_for(0.2, 0.05)
    means = rng.normal(0, 0.2, (20_000, 64)).mean(axis=1)
    assert np.quantile(means, 0.975) == pytest.approx(0.05, rel=0.05)
    assert test(64) is None
    assert "square it" in test(8)
    assert "too high" in test(200)
    assert exercises.half_width(0.2, 8) == pytest.approx(2.365 * 0.2 / np.sqrt(8), rel=1e-3)


def test_which_networks_met_a_speaker():
    clips = pd.DataFrame({"speaker": ["a", "b", "c"]})
    parts = [Split(np.array(t), np.array(v), np.array(x)) for t, v, x in (([0], [1], [2]), ([1], [2], [0]), ([2], [0], [1]))]
    test = exercises.met(parts, clips, "a")
    assert test({1, 3}) is None
    assert "1 more met a" in test({1})
    assert "1 of yours never did" in test({1, 2, 3})
    assert "networks 1 to 3" in test({4})
    assert "a set of numbers" in test(2)

"""Every layout is read as its documentation says, repairs are named, refusals take one line. Expectations are written by hand."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from voicecam.corpora import LAYOUTS, Corpus, keep_ages, keep_labelled, open_corpus
from voicecam.corpora.labels import age_group, age_years
from voicecam.corpora.metadata import tidy_ages, tidy_genders, tidy_words
from voicecam.errors import DatasetError


def put(root: Path, *paths: str) -> Path:
    """Empty files: adapters go by names and never open a clip."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


def row(corpus: Corpus, path: str) -> dict[str, str | None]:
    """One clip's row, with None for what is missing."""
    found = corpus.clips[corpus.clips["path"] == path].iloc[0]
    return {str(name): None if pd.isna(value) else str(value) for name, value in found.items()}


def refusal(path: Path, layout: str = "auto") -> str:
    with pytest.raises(DatasetError) as caught:
        open_corpus(path, layout=layout)
    message = str(caught.value)
    assert "\n" not in message
    return message


# AudioMNIST ----------------------------------------------------------------------------------------------------------------


def person(**more) -> dict[str, object]:
    return {"accent": "German", "age": "25", "gender": "male", "native speaker": "no", "recordingroom": "vr-room"} | more


def audiomnist(root: Path, people: dict[str, dict]) -> Path:
    put(root, *(f"data/{speaker}/{digit}_{speaker}_{take}.wav" for speaker in people for digit in (0, 7) for take in (0, 13)))
    (root / "data" / "audioMNIST_meta.txt").write_text(json.dumps(people))
    return root


def test_audiomnist_reads_clips_and_labels(tmp_path):
    people = {"01": person(), "12": person(gender="female", age=41, accent="Tamil", recordingroom="Kino")}
    corpus = open_corpus(audiomnist(tmp_path, people))
    assert corpus.name == "AudioMNIST"
    assert len(corpus.clips) == 8
    assert (corpus.root / "12/7_12_13.wav").is_file()
    assert row(corpus, "12/7_12_13.wav") == {
        "path": "12/7_12_13.wav",
        "speaker": "12",
        "digit": "7",
        "take": "13",
        "gender": "female",
        "age": "41",
        "age_group": "40-49",
        "teen_adult": "adult",
        "accent": "Tamil",
        "native": "no",
        "room": "Kino",
    }


def test_audiomnist_root_and_data_folder_give_the_same_table(tmp_path):
    root = audiomnist(tmp_path, {"01": person(), "02": person()})
    assert open_corpus(root).clips.equals(open_corpus(root / "data").clips)


DIRTY = {f"{s:02d}": person() for s in range(1, 61)} | {
    "01": person(accent="german", age=30),
    "23": person(recordingroom="VR-Room"),
    "31": person(recordingroom="VR-room"),
    "32": person(accent="Egyptian_American?"),
    "45": person(age="1234"),
    "52": person(recordingroom="vr-romm"),
    "60": person(recordingroom="library"),
}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory) -> Corpus:
    return open_corpus(audiomnist(tmp_path_factory.mktemp("audiomnist"), DIRTY))


@pytest.mark.parametrize(
    ("speaker", "label", "value", "line"),
    [
        ("01", "accent", "German", 'accent: "german" -> "German" (speaker 01)'),
        ("01", "age", "30", 'age: 30 -> "30" (speaker 01)'),
        ("23", "room", "vr-room", 'room: "VR-Room" -> "vr-room" (speaker 23)'),
        ("31", "room", "vr-room", 'room: "VR-room" -> "vr-room" (speaker 31)'),
        ("32", "accent", "Egyptian American", 'accent: "Egyptian_American?" -> "Egyptian American" (speaker 32)'),
        ("45", "age", None, 'age: "1234" -> missing (speaker 45)'),
        ("52", "room", "vr-room", 'room: "vr-romm" -> "vr-room" (speaker 52)'),
    ],
)
def test_audiomnist_repairs(dirty, speaker, label, value, line):
    assert row(dirty, f"{speaker}/0_{speaker}_0.wav")[label] == value
    assert line in dirty.repairs


def test_audiomnist_repairs_nothing_else(dirty):
    assert len(dirty.repairs) == 7
    assert row(dirty, "60/0_60_0.wav")["room"] == "library"
    assert row(dirty, "45/0_45_0.wav")["age_group"] is None


def test_folds_are_the_published_ones(dirty):
    assert {label: len(folds) for label, folds in dirty.folds.items()} == {"gender": 4, "digit": 5}
    second = dirty.folds["gender"][1]
    assert set(second.train) == {"26", "12", "57", "43", "28", "52", "25", "37", "45", "48", "53", "41"}
    assert set(second.valid) == {"58", "59", "60", "07", "23", "38"}
    assert set(second.test) == {"36", "47", "56", "02", "44", "50"}
    last = dirty.folds["digit"][4]
    assert set(last.valid) == {"43", "58", "14", "25", "38", "03", "10", "20", "30", "40", "49", "55"}
    assert set(last.test) == {"12", "47", "59", "15", "27", "41", "04", "11", "21", "31", "44", "50"}


@pytest.mark.parametrize(("label", "people"), [("gender", 24), ("digit", 60)])
def test_folds_share_no_speaker_and_test_each_once(dirty, label, people):
    for fold in dirty.folds[label]:
        parts = [*fold.train, *fold.valid, *fold.test]
        assert len(parts) == len(set(parts)) == people
    tested = [speaker for fold in dirty.folds[label] for speaker in fold.test]
    assert len(tested) == len(set(tested)) == people


def test_folds_need_all_their_speakers(tmp_path):
    people = {speaker: DIRTY[speaker] for speaker in DIRTY if speaker != "01"}  # 01 is in the digit folds only
    assert list(open_corpus(audiomnist(tmp_path, people)).folds) == ["gender"]


def test_espeak_corpus_has_its_own_name_and_note_and_no_published_folds(tmp_path):
    root = audiomnist(tmp_path, {f"{s:02d}": person() for s in range(1, 61)})
    (root / "demo.json").write_text(json.dumps({"name": "demo (synthetic voices)", "note": "Made by a program."}))
    corpus = open_corpus(root)
    assert (corpus.name, corpus.note, dict(corpus.folds)) == ("demo (synthetic voices)", "Made by a program.", {})


def test_audiomnist_fields_that_the_metadata_lacks_are_no_labels(tmp_path):
    corpus = open_corpus(audiomnist(tmp_path, {"01": {"gender": "male", "accent": "en-us"}, "02": {"gender": "female"}}))
    assert corpus.labels == ["digit", "take", "gender", "accent"]


def test_audiomnist_speaker_without_metadata_is_reported(tmp_path):
    root = put(audiomnist(tmp_path, {"01": person()}), "data/02/0_02_0.wav")
    corpus = open_corpus(root)
    assert row(corpus, "02/0_02_0.wav")["gender"] is None
    assert "no metadata, so no labels, for speaker 02" in corpus.repairs


def test_audiomnist_refusals(tmp_path):
    bare = put(tmp_path / "bare", "data/01/0_01_0.wav")
    assert "audioMNIST_meta.txt: is missing" in refusal(bare)
    broken = put(tmp_path / "broken", "data/01/0_01_0.wav", "data/audioMNIST_meta.txt")
    assert "not readable as JSON" in refusal(broken)
    swapped = put(audiomnist(tmp_path / "swapped", {"01": person(), "02": person()}), "data/01/3_02_0.wav")
    assert "01/3_02_0.wav: folder and file name disagree on the speaker (1 clips)" in refusal(swapped)


def test_words_keep_what_differs_in_more_than_spelling():
    rooms = {str(n): "room-01" for n in range(12)} | {"a": "room-02", "b": "cellar", "c": "  ?", "d": None}
    tidied, lines = tidy_words(rooms, "room", misspelt=True)
    assert (tidied["a"], tidied["b"], tidied["c"], tidied["d"]) == ("room-02", "cellar", None, None)
    assert lines == ['room: "  ?" -> missing (speaker c)']
    peoples = {str(n): "Australian" for n in range(12)} | {"a": "Austrian"}
    assert tidy_words(peoples, "accent") == (peoples, [])


def test_ages_and_genders():
    assert tidy_ages({"a": 30, "b": 41}) == ({"a": "30", "b": "41"}, [])  # numbers throughout are no fault
    assert tidy_ages({"a": "0", "b": "x", "c": None, "d": "27"})[0] == {"a": None, "b": None, "c": None, "d": "27"}
    assert tidy_genders({"a": "F", "b": "male", "c": "?"}) == (
        {"a": "female", "b": "male", "c": None},
        ['gender: "F" -> "female" (speaker a)', 'gender: "?" -> missing (speaker c)'],
    )


# The other named corpora ---------------------------------------------------------------------------------------------------


def test_baved(tmp_path):
    corpus = open_corpus(put(tmp_path, "0/0-m-21-0-1-105.wav", "6/50-f-5-6-2-3.wav", "6/50-f-5-6-0-4.wav", "6/readme.wav"))
    assert (corpus.name, len(corpus.clips)) == ("BAVED", 3)
    child = {"path": "6/50-f-5-6-2-3.wav", "speaker": "50", "gender": "female", "age": "5", "age_group": "child", "word": "6"}
    child |= {"teen_adult": None}
    assert row(corpus, "6/50-f-5-6-2-3.wav") == child | {"emotion": "high", "emotion_gender3": "non-neutral female"}
    assert row(corpus, "6/50-f-5-6-0-4.wav")["emotion"] == "low"
    assert row(corpus, "0/0-m-21-0-1-105.wav")["emotion_gender3"] == "neutral"
    assert corpus.repairs == ("1 files left out: their names do not fit the layout (first: readme.wav)",)


@pytest.mark.parametrize("top", ["", "Audio_Speech_Actors_01-24/"])
def test_ravdess(tmp_path, top):
    song, video = "Actor_01/03-02-06-01-02-01-01.wav", "Actor_01/01-01-06-01-02-01-01.wav"
    names = ("Actor_12/03-01-06-01-02-01-12.wav", "Actor_01/03-01-08-02-01-02-01.wav", song, video)
    corpus = open_corpus(put(tmp_path, *(top + name for name in names)))
    assert (corpus.name, len(corpus.clips)) == ("RAVDESS", 2)
    assert row(corpus, "Actor_12/03-01-06-01-02-01-12.wav") == {
        "path": "Actor_12/03-01-06-01-02-01-12.wav",
        "speaker": "12",
        "gender": "female",
        "emotion": "fearful",
        "intensity": "normal",
        "statement": "dogs",
        "take": "1",
        "emotion_gender3": "non-neutral female",
    }
    man = row(corpus, "Actor_01/03-01-08-02-01-02-01.wav")
    assert (man["gender"], man["emotion"], man["intensity"], man["statement"]) == ("male", "surprised", "strong", "kids")


@pytest.mark.parametrize("top", ["", "wav/"])
def test_emodb(tmp_path, top):
    corpus = open_corpus(put(tmp_path, *(f"{top}{n}.wav" for n in ("03a01Fa", "16b10Lb", "08a02N", "99a01Wa"))))
    assert (corpus.name, len(corpus.clips)) == ("EMO-DB", 4)
    first = row(corpus, "03a01Fa.wav")
    assert (first["speaker"], first["gender"], first["age"], first["emotion"], first["sentence"]) == (
        "03",
        "male",
        "31",
        "happy",
        "a01",
    )
    assert (row(corpus, "16b10Lb.wav")["gender"], row(corpus, "16b10Lb.wav")["emotion"]) == ("female", "bored")
    assert (row(corpus, "08a02N.wav")["emotion_gender3"], row(corpus, "08a02N.wav")["take"]) == ("neutral", None)
    assert row(corpus, "99a01Wa.wav")["gender"] is None
    assert row(corpus, "99a01Wa.wav")["emotion_gender3"] is None


@pytest.mark.parametrize("top", ["", "recordings/"])
def test_fsdd(tmp_path, top):
    corpus = open_corpus(put(tmp_path, f"{top}7_jackson_32.wav", f"{top}0_newcomer_1.wav"))
    jackson = {"path": "7_jackson_32.wav", "speaker": "jackson", "gender": "male", "digit": "7", "take": "32"}
    assert (corpus.name, row(corpus, "7_jackson_32.wav")) == ("FSDD", jackson)
    assert row(corpus, "0_newcomer_1.wav")["gender"] is None


@pytest.mark.parametrize("top", ["", "samples"])
def test_nemo(tmp_path, top):
    table = 'file_id\temotion\traw_text\tspeaker_id\tgender\tage\nWR0_fear_4.wav\tfear\t\u201eR"d\t        WR0\tmale\t23\n'
    put(tmp_path, *(f"samples/{n}.wav" for n in ("WR0_fear_4", "EB0_surprised_80", "EB0_unknown_1")))
    (tmp_path / "data.tsv").write_text(table, encoding="utf-8")
    corpus = open_corpus(tmp_path / top)
    man = {"speaker": "WR0", "gender": "male", "age": "23", "emotion": "fearful", "sentence": "4", "age_group": "20-29"}
    found = row(corpus, "WR0_fear_4.wav")
    assert (corpus.name, {name: found[name] for name in man}) == ("nEMO", man)
    assert row(corpus, "EB0_surprised_80.wav")["gender"] is None
    assert corpus.repairs == ("1 files left out: their names do not fit the layout (first: EB0_unknown_1.wav)",)


def test_nemo_without_its_table_is_refused(tmp_path):
    put(tmp_path, "samples/WR0_fear_4.wav")
    assert "data.tsv: is missing; copy it" in refusal(tmp_path)
    (tmp_path / "data.tsv").write_text("file_id\temotion\n")
    assert "has no columns speaker_id, gender and age" in refusal(tmp_path)


# Lists and folders ---------------------------------------------------------------------------------------------------------

TABLE = """path,speaker,gender,age,emotion,duration
a/1.flac,s1,F,13,neutral,0.5
2.flac,s2,male,14,fear,0.6
3.flac,s2,male,,,0.6
"""


def test_table(tmp_path):
    root = put(tmp_path / "mine", "audio/a/1.flac", "audio/2.flac", "audio/3.flac")
    (root / "clips.csv").write_text(TABLE)
    corpus = open_corpus(root)
    assert corpus.name == "mine"
    assert sorted(corpus.labels) == ["age", "age_group", "emotion", "emotion_gender3", "gender", "teen_adult"]
    assert all((corpus.root / path).is_file() for path in corpus.clips["path"])
    first = row(corpus, "a/1.flac")
    assert (first["gender"], first["age_group"], first["emotion_gender3"]) == ("female", "child", "neutral")
    assert row(corpus, "2.flac")["age_group"] == "14-19"
    assert row(corpus, "2.flac")["emotion_gender3"] == "non-neutral male"
    assert (row(corpus, "3.flac")["emotion"], row(corpus, "3.flac")["emotion_gender3"]) == (None, None)
    assert corpus.repairs == ('gender: "F" -> "female" (1 clips)',)
    assert f"give the folder, {root}, whose clips lie in audio/" in refusal(root / "clips.csv")


def write_csv(root: Path, text: str, *, encoding: str = "utf-8") -> Path:
    put(root, "a.wav", "sub/b.wav")
    (root / "list.csv").write_text(text, encoding=encoding)
    return root / "list.csv"


def test_csv_with_byte_order_mark_backslashes_and_own_labels(tmp_path):
    text = "path,speaker,mood\na.wav,x,happy\nsub\\b.wav,y,NA\n,,\n"
    corpus = open_corpus(write_csv(tmp_path, text, encoding="utf-8-sig"))
    assert (corpus.name, corpus.root, corpus.labels) == ("list", tmp_path, ["mood"])
    assert row(corpus, "sub/b.wav")["mood"] == "NA"  # a word like any other, not a missing value
    assert len(corpus.clips) == 2


def test_csv_without_neutral_gets_no_neutral_class(tmp_path):
    corpus = open_corpus(write_csv(tmp_path, "path,speaker,gender,emotion\na.wav,x,male,joy\nsub/b.wav,y,female,fear\n"))
    assert corpus.labels == ["gender", "emotion"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("file,speaker\na.wav,x\n", "no column path (columns: file, speaker)"),
        ("path;speaker\na.wav;x\n", "no column path or speaker (columns: path;speaker)"),
        ("", "no column path or speaker (columns: none)"),
        ("path,speaker\na.wav,x\nno1.wav,x\nno2.wav,y\n", "2 of 3 listed files are not in"),
        ("path,speaker\na.wav,x\nno1.wav,x\nno2.wav,y\n", "(first: no1.wav)"),
        ("path,speaker\na.wav,x,extra\n", "row 2 has 3 cells, the first line has 2"),
        ("path,speaker\n../a.wav,x\n", "1 paths lead out of"),
        ("path,speaker,x,x\na.wav,s,1,2\n", "column x stands twice"),
        ("path,speaker\na.wav,\n", "1 clips have no speaker"),
        ("path,speaker\na.wav,x\na.wav,x\n", "a.wav is listed 2 times"),
        ("path,speaker\n", "no list clips found"),
    ],
)
def test_csv_refusals(tmp_path, text, part):
    assert part in refusal(write_csv(tmp_path, text))


def test_csv_in_another_encoding_is_refused(tmp_path):
    assert "UTF-8" in refusal(write_csv(tmp_path, "path,speaker\na.wav,Zoë\n", encoding="latin-1"))


def test_folders(tmp_path):
    corpus = open_corpus(
        put(tmp_path / "pets", "cat/ann_1.wav", "dog/ann_1.wav", "dog/bob_x_2.wav", "dog/.hidden.wav", "dog/notes.txt")
    )
    assert (corpus.name, corpus.labels, len(corpus.clips)) == ("pets", ["label"], 3)
    assert row(corpus, "dog/bob_x_2.wav") == {"path": "dog/bob_x_2.wav", "speaker": "bob", "label": "dog"}


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (("cat/ann_1.wav", "dog/rex.wav"), "1 file names have no speaker before a '_' (first: dog/rex.wav)"),
        (("cat/_1.wav", "dog/ann_1.wav"), "(first: cat/_1.wav)"),
        (("cat/rec_1.wav", "dog/rec_2.wav"), "by their names all files are of one speaker, 'rec'"),
        (("cat/cat_1.wav", "cat/cat_2.wav", "dog/Dog_1.wav"), "file names give the class ('cat') for the speaker"),
        (("cat/001_x.wav", "dog/002_x.wav"), "no speaker has two clips"),
    ],
)
def test_folders_refuse_names_that_tell_no_speakers(tmp_path, names, part):
    message = refusal(put(tmp_path, *names))
    assert part in message
    assert "speakers are needed for a split: rename to SPEAKER_xxx.wav" in message


DATE = "20260504-130201"  # as record_wav.py dated its files when it wrote the word first; now a T stands for the hyphen


def speakers_of(root: Path, *paths: str) -> list[str]:
    """Speakers of recordings; `@` in a path stands for the older date, `#` for the one with a T."""
    dated = [path.replace("@", DATE).replace("#", DATE.replace("-", "T")) for path in paths]
    return open_corpus(put(root, *(f"{path}.wav" for path in dated))).clips["speaker"].tolist()


@pytest.mark.parametrize(
    "paths",
    [
        ("f/ana_seven_#", "f/ana_two_#", "m/ben_seven_#", "m/ben_two_#-2"),
        ("f/seven_ana_@", "f/two_ana_@", "m/seven_ben_@", "m/two_ben_@-2"),  # words in both classes, people in one
        ("f/hey_ana_@", "f/hey_ana_@-2", "m/hey_ben_@", "m/hey_ben_@-2"),  # all say one word
        ("no/no_ana_@", "yes/yes_ana_@", "no/no_ben_@", "yes/yes_ben_@"),  # the word is the class
        ("no/ana_no_@", "yes/ana_yes_@", "no/ben_no_@", "yes/ben_yes_@"),
        ("f/seven_ana_@", "f/ana_two_#", "m/seven_ben_@", "m/ben_two_#", "m/two_ben_@", "f/two_ana_@"),
    ],
)
def test_recordings_are_of_the_people_whatever_the_version(tmp_path, paths):
    assert speakers_of(tmp_path, *paths) == [name for path in sorted(paths) for name in ("ana", "ben") if name in path]


@pytest.mark.parametrize(
    "paths",
    [
        ("f/ana_seven_@", "f/ana_two_@", "m/ben_seven_@", "m/ben_two_@"),  # words? or somebody swapped the parts
        ("happy/seven_ana_@", "sad/seven_ana_@", "happy/two_ben_@", "sad/two_ben_@"),  # both in both classes
        ("f/ana_hey_@", "f/ana_hey_@-2", "m/ben_hey_@", "m/ben_hey_@-2"),
    ],
)
def test_older_recordings_that_tell_no_speaker_are_refused(tmp_path, paths):
    message = refusal(put(tmp_path, *(f"{path.replace('@', DATE)}.wav" for path in paths)))
    assert f"{len(paths)} names such as" in message
    assert "rename them to NAME_WORD_" in message


def test_words_before_speakers_are_doubted(tmp_path):
    """Where a words-first corpus can be seen: words in all classes, people in one each and beside several words."""
    words = open_corpus(put(tmp_path / "a", "f/two_ana_1.wav", "f/six_ana_1.wav", "m/two_ben_1.wav", "m/six_ben_1.wav"))
    assert "speakers (six, two) stands in several classes" in words.note
    assert words.remarks[1:] == (f"warning: {words.note}",)
    people = ("f/ana_two_1.wav", "f/ana_six_1.wav", "m/ben_two_1.wav", "m/ben_six_1.wav")
    takes = ("joy/ana_1_x.wav", "joy/ana_2_x.wav", "fear/ana_3_x.wav", "fear/ben_4_x.wav", "joy/ben_5_x.wav")
    for root, paths in ((tmp_path / "b", people), (tmp_path / "c", takes)):
        assert open_corpus(put(root, *paths)).note == ""
    own = open_corpus(put(tmp_path / "d", *(f"{who}_20260504T13020{i}.wav" for who in ("f/ana_two", "m/ben_six") for i in "12")))
    assert "one word of their own" in own.note


def test_one_person_is_one_speaker_however_it_is_spelled(tmp_path):
    corpus = open_corpus(
        put(tmp_path, "f/Zoë_1.wav", "f/Zoë_2.wav", "f/zoe_3.wav", "m/कमल_1.wav", "m/कोमल_1.wav", "f/Zoe\u0308_4.wav")
    )
    assert corpus.clips["speaker"].value_counts().to_dict() == {"Zoë": 4, "कमल": 1, "कोमल": 1}
    assert corpus.repairs == ('speaker: "zoe" -> "Zoë" (1 clips)',)


def test_a_speaker_of_two_genders_has_none(tmp_path):
    text = "path,speaker,gender,emotion\na.wav,x,F,neutral\nsub/b.wav,x,male,joy\nc.wav,y,male,joy\nd.wav,y,,joy\n"
    put(tmp_path, "c.wav", "d.wav")
    corpus = open_corpus(write_csv(tmp_path, text))
    assert [row(corpus, path)["gender"] for path in ("a.wav", "sub/b.wav", "c.wav", "d.wav")] == [None, None, "male", None]
    assert row(corpus, "sub/b.wav")["emotion_gender3"] is None
    assert "gender: speaker x is called female and male -> missing" in corpus.repairs
    baved = open_corpus(put(tmp_path / "baved", "0/7-m-21-0-1-1.wav", "6/7-f-21-6-2-2.wav", "6/8-f-21-6-2-2.wav"))
    assert row(baved, "0/7-m-21-0-1-1.wav")["gender"] is row(baved, "0/7-m-21-0-1-1.wav")["emotion_gender3"] is None
    assert row(baved, "6/8-f-21-6-2-2.wav")["gender"] == "female"
    assert baved.repairs == ("gender: speaker 7 is called female and male -> missing",)


@pytest.mark.parametrize("closed", ["voices/b", "Actor_02", "voices"])
def test_a_folder_that_cannot_be_read_is_no_empty_folder(closed):
    """As another user where these tests run as root, who may read everything."""
    voices = [f"voices/{name}/s{i}_{take}.wav" for name in "abc" for i in "12" for take in "12"]
    with tempfile.TemporaryDirectory() as made:
        root = put(Path(made), *voices, *(f"Actor_0{i}/03-01-06-01-02-01-0{i}.wav" for i in (1, 2)))
        root.chmod(0o755)
        (root / closed).chmod(0)
        opened = root if closed.startswith("Actor") else root / "voices"
        code = (
            "import os, sys; from voicecam.corpora import open_corpus\n"
            "if os.getuid() == 0: os.setuid(65534)\n"
            "open_corpus(sys.argv[1])"
        )
        done = subprocess.run([sys.executable, "-c", code, opened], capture_output=True, text=True, check=False)
        (root / closed).chmod(0o755)
    assert f"DatasetError: {root / closed}: cannot be read; allow it (chmod u+rx)" in done.stderr


# What is common to all -----------------------------------------------------------------------------------------------------


def test_unrecognised_folder_lists_what_was_looked_for(tmp_path):
    message = refusal(put(tmp_path, "notes.txt", "more/deep/x.wav"))
    assert "holds more, notes.txt" in message
    assert all(layout in message for layout in LAYOUTS)


def test_wrong_paths_and_layouts(tmp_path):
    assert "no such folder or CSV file" in refusal(tmp_path / "absent")
    put(tmp_path, "clip.wav")
    assert "is a file, which is no layout" in refusal(tmp_path / "clip.wav")
    assert "layout 'timit' is unknown; use auto, table, csv" in refusal(tmp_path, "timit")
    assert "not layout ravdess; it should look like Actor_12/" in refusal(tmp_path, "ravdess")


def test_a_named_layout_wins_over_the_detected_one(tmp_path):
    put(tmp_path, "recordings/7_jackson_32.wav", "recordings/7_theo_1.wav", "other/7_theo_2.wav", "other/7_theo_3.wav")
    assert open_corpus(tmp_path).name == "FSDD"
    assert "by their names all files are of one speaker, '7'" in refusal(tmp_path, "folders")


def test_tables_are_text_sorted_and_unique(dirty):
    paths = dirty.clips["path"].tolist()
    assert paths == sorted(set(paths))
    assert {str(kind) for kind in dirty.clips.dtypes} == {"string"}
    assert dirty.clips.columns[:2].tolist() == ["path", "speaker"]


def test_reexported_filters(dirty):
    with pytest.raises(DatasetError):
        keep_labelled(dirty, "gender")  # all men here
    assert set(keep_ages(dirty, minimum=30).clips["speaker"]) == {"01"}


@pytest.mark.parametrize(
    ("text", "years", "group"),
    [
        ("27", (27, 27), "20-29"),
        ("20-29", (20, 29), "20-29"),
        ("Twenties", (20, 29), "20-29"),
        ("fourties", (40, 49), "40-49"),
        ("30-49", (30, 49), None),
        ("50-69", (50, 69), "50+"),
        ("teens", (13, 19), None),
        ("1234", None, None),
        ("29-20", None, None),
        ("-4", None, None),
        ("old", None, None),
        (None, None, None),
    ],
)
def test_ages_may_be_bands(text, years, group):
    assert age_years(text) == years
    assert age_group(text) == group


def test_a_band_of_ages_must_lie_within_the_limits(tmp_path):
    ages = {"ana": "27", "ben": "20-29", "cem": "teens", "dan": "thirties", "eva": ""}
    lines = [f"{name}.wav,{name},{age}" for name, age in ages.items()]
    (tmp_path / "mine.csv").write_text("\n".join(["path,speaker,age", *lines]))
    for name in ages:
        (tmp_path / f"{name}.wav").write_bytes(b"")
    corpus = open_corpus(tmp_path / "mine.csv")
    assert set(keep_ages(corpus, minimum=18).clips["speaker"]) == {"ana", "ben", "dan"}
    assert set(keep_ages(corpus, maximum=29).clips["speaker"]) == {"ana", "ben", "cem"}
    assert set(keep_ages(corpus, minimum=25, maximum=40).clips["speaker"]) == {"ana", "dan"}


@pytest.mark.parametrize(
    ("text", "is_now"),
    [
        *[(age, None) for age in ("5", "12", "12.9", "8-12", "12-14", "13-25", "19-20", "1234", "old", "", None)],
        *[(age, "teen") for age in ("13", "19", "19.5", "13-19", "14-17", "teens", "Teens")],
        *[(age, "adult") for age in ("20", "20-29", "30-49", "50-69", "thirties", "nineties", "101")],
    ],
)
def test_teens_are_13_to_19_and_a_band_must_lie_on_one_side(tmp_path, text, is_now):
    corpus = open_corpus(write_csv(tmp_path, f"path,speaker,age\na.wav,x,{text or ''}\nsub/b.wav,y,44\n"))
    assert (row(corpus, "a.wav")["teen_adult"], row(corpus, "sub/b.wav")["teen_adult"]) == (is_now, "adult")

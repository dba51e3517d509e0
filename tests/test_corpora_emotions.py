"""The corpora of emotions are read as their authors publish them, and give the three classes of SE&R 2022, alone and joined.

Classes are those that the mapping of the challenge's winners gives (get_metadata.py of SE-R-2022-SER-Track), written by hand.
"""

from pathlib import Path

import pandas as pd
import pytest

from voicecam.corpora import merge, open_corpus
from voicecam.errors import DatasetError

NEUTRAL, WOMAN, MAN = "neutral", "non-neutral female", "non-neutral male"
NEMO = "file_id\tspeaker_id\tgender\tage\nEB0_anger_1.wav\tEB0\tfemale\t23\nWR0_neutral_4.wav\tWR0\tmale\t19\n"
CORAA = {
    "bfamcv02_segment110_non-neutral-female": WOMAN,
    "bfamcv02_segment111_non-neutral-male": MAN,
    "bpubdl01_segment3_neutral": NEUTRAL,
}
CLASSES = {  # layout -> file -> class
    "emovo": {
        **{f"f1/{emotion}-f1-b1": WOMAN for emotion in ("dis", "gio", "pau", "rab", "sor", "tri")},
        **{f"m3/{emotion}-m3-n5": MAN for emotion in ("dis", "gio", "pau", "rab", "sor", "tri")},
        "f2/neu-f2-l4": NEUTRAL,
        "m1/neu-m1-d2": NEUTRAL,
    },
    "emouerj": {
        **{f"m01{emotion}01": MAN for emotion in "has"},
        **{f"w04{emotion}11": WOMAN for emotion in "has"},
        "m02n01": NEUTRAL,
        "w03n12": NEUTRAL,
    },
    "coraa-ser": {f"train/{name}": is_now for name, is_now in CORAA.items()},
    "ravdess": {
        **{f"Actor_12/03-01-{emotion:02d}-01-02-01-12": WOMAN for emotion in range(2, 9)},  # 02 is calm
        **{f"Actor_07/03-01-{emotion:02d}-01-01-02-07": MAN for emotion in range(2, 9)},
        "Actor_07/03-01-01-01-02-01-07": NEUTRAL,
        "Actor_12/03-01-01-01-02-01-12": NEUTRAL,
    },
    "baved": {"0/1-m-21-0-0-1": MAN, "0/1-m-21-0-1-2": NEUTRAL, "0/1-m-21-0-2-3": MAN}  # low, neutral, high
    | {"6/2-f-21-6-0-4": WOMAN, "6/2-f-21-6-1-5": NEUTRAL, "6/2-f-21-6-2-6": WOMAN},
    "nemo": {"samples/EB0_anger_1": WOMAN, "samples/WR0_neutral_4": NEUTRAL, "samples/WR0_surprised_4": MAN},
}
NAMES = {"emovo": "EMOVO", "emouerj": "emoUERJ", "coraa-ser": "CORAA SER", "ravdess": "RAVDESS", "baved": "BAVED", "nemo": "nEMO"}


def put(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


def published(root: Path, layout: str) -> Path:
    put(root, *(f"{name}.wav" for name in CLASSES[layout]))
    if layout == "nemo":
        (root / "data.tsv").write_text(NEMO)
    return root


def cells(corpus, path: str, *columns: str) -> tuple:
    found = corpus.clips.set_index("path").loc[path, list(columns)]
    return tuple(None if pd.isna(value) else value for value in found)


@pytest.mark.parametrize("layout", CLASSES)
def test_three_classes_of_each(tmp_path, layout):
    corpus = open_corpus(published(tmp_path, layout))
    assert corpus.name == NAMES[layout]
    found = dict(zip(corpus.clips["path"].str.removesuffix(".wav"), corpus.clips["emotion_gender3"]))
    assert found == {name.removeprefix("samples/"): is_now for name, is_now in CLASSES[layout].items()}
    assert corpus.repairs == ()


def test_three_classes_of_all_joined(tmp_path):
    joined = merge([open_corpus(published(tmp_path / layout, layout)) for layout in CLASSES])
    expected = pd.Series({f"{layout}/{name}.wav": is_now for layout, names in CLASSES.items() for name, is_now in names.items()})
    found = joined.clips.set_index("path")["emotion_gender3"]
    assert found.to_dict() == expected.to_dict()
    assert set(joined.clips["corpus"]) == set(NAMES.values())
    assert {"EMOVO/f1", "emoUERJ/m01", "CORAA SER/bfamcv02", "RAVDESS/12", "BAVED/1", "nEMO/EB0"} <= set(joined.clips["speaker"])
    assert cells(joined, "nemo/samples/WR0_neutral_4.wav", "teen_adult") == ("teen",)
    assert cells(joined, "baved/0/1-m-21-0-1-2.wav", "teen_adult") == ("adult",)
    assert cells(joined, "emovo/f2/neu-f2-l4.wav", "teen_adult") == (None,)
    assert "stands for a speaker" in joined.note


@pytest.mark.parametrize("top", ["", "EMOVO/"])
def test_emovo(tmp_path, top):
    emotions = {
        "dis": "disgust",
        "gio": "happy",
        "neu": "neutral",
        "pau": "fearful",
        "rab": "angry",
        "sor": "surprised",
        "tri": "sad",
    }
    corpus = open_corpus(
        put(tmp_path, *(f"{top}f2/{name}-f2-l4.wav" for name in emotions), f"{top}m3/neu-m3-n1.wav", f"{top}m3/x.wav")
    )
    for name, emotion in emotions.items():
        found = cells(corpus, f"f2/{name}-f2-l4.wav", "speaker", "gender", "emotion", "sentence")
        assert found == ("f2", "female", emotion, "l4")
    assert cells(corpus, "m3/neu-m3-n1.wav", "speaker", "gender", "sentence") == ("m3", "male", "n1")
    assert corpus.repairs == ("1 files left out: their names do not fit the layout (first: x.wav)",)


@pytest.mark.parametrize("top", ["", "emoUERJ/"])
def test_emouerj(tmp_path, top):
    corpus = open_corpus(put(tmp_path, *(f"{top}{name}.wav" for name in ("w04a11", "m01h01", "w02s03", "m03n02", "m05h01"))))
    columns = ("speaker", "gender", "emotion", "take")
    assert cells(corpus, "w04a11.wav", *columns) == ("w04", "female", "angry", "11")  # the authors' own example
    assert cells(corpus, "m01h01.wav", *columns) == ("m01", "male", "happy", "01")
    assert cells(corpus, "w02s03.wav", *columns) == ("w02", "female", "sad", "03")
    assert cells(corpus, "m03n02.wav", *columns) == ("m03", "male", "neutral", "02")
    assert corpus.repairs == ("1 files left out: their names do not fit the layout (first: m05h01.wav)",)


def coraa(root: Path, lines: list[str], *clips: str) -> Path:
    published(root, "coraa-ser")
    put(root, *(f"test_ser/{clip}" for clip in clips))
    (root / "test_ser_metadata.csv").write_text("\n".join(["wav_file,label,file", *lines]))
    return root


@pytest.mark.parametrize(("opened", "place"), [("", "train/"), ("train", "")])
def test_coraa_training_set(tmp_path, opened, place):
    corpus = open_corpus(published(tmp_path, "coraa-ser") / opened)
    columns = ("speaker", "segment", "emotion", "part")
    told = ("bfamcv02", "segment110", "non-neutral", "train")
    assert cells(corpus, f"{place}bfamcv02_segment110_non-neutral-female.wav", *columns) == told
    assert "gender" not in corpus.labels, "a recording is several people"
    assert corpus.folds == {}


def test_coraa_test_set_is_known_by_its_table_whichever_column_names_the_clip(tmp_path):
    lines = ["a1b2.wav,non-neutral-male,bpubmn01_segment9_non-neutral-male.wav", "bfamcv02_segment2_neutral.wav,neutral,c3d4.wav"]
    corpus = open_corpus(coraa(tmp_path, lines, "a1b2.wav", "c3d4.wav"))
    columns = ("speaker", "segment", "emotion_gender3", "part")
    assert cells(corpus, "test_ser/a1b2.wav", *columns) == ("bpubmn01", "segment9", MAN, "test")
    assert cells(corpus, "test_ser/c3d4.wav", *columns) == ("bfamcv02", "segment2", NEUTRAL, "test")
    assert corpus.clips["part"].value_counts().to_dict() == {"train": 3, "test": 2}


@pytest.mark.parametrize(
    "line",
    [
        "gone.wav,neutral,bfamcv02_segment2_neutral.wav",
        "a1b2.wav,neutral,told.wav",
        "a1b2.wav,neutral,bfamcv02_segment2_non-neutral-male.wav",
        "a1b2.wav",
    ],
)
def test_coraa_faulty_test_set_is_one_line(tmp_path, line):
    with pytest.raises(DatasetError, match=r"^.*test_ser_metadata.csv: line 2 .* fits no clip of test_ser/; fetch both again$"):
        open_corpus(coraa(tmp_path, [line], "a1b2.wav"))


def test_coraa_test_set_needs_its_table(tmp_path):
    coraa(tmp_path, [], "a1b2.wav")
    (tmp_path / "test_ser_metadata.csv").write_text("a,b\n")
    with pytest.raises(DatasetError, match="has no columns wav_file, label and file; copy it"):
        open_corpus(tmp_path)
    (tmp_path / "test_ser_metadata.csv").unlink()
    with pytest.raises(DatasetError, match=r"is missing, and test_ser/ is there; copy it"):
        open_corpus(tmp_path)

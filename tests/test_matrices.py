"""Ready-made matrices: one .npz becomes a corpus and a dataset, without a sound file or an image; faulty files are refused."""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from run_script import output_of

from voicecam.commands.corpus import config_of
from voicecam.corpora import merge, open_corpus
from voicecam.corpora.matrices import ready_config
from voicecam.corpora.table import Fold
from voicecam.data.dataset import make_images, read_dataset
from voicecam.data.splits import make_splits, shared_speakers
from voicecam.errors import DatasetError, VoicecamError

SCRIPTS = Path(__file__).parent.parent / "scripts"
CLIPS, ROWS, FRAMES = 48, 12, 98


@pytest.fixture
def arrays(rng):
    """12 speakers, 4 clips each; every clip's first cell tells its number. Women's clips are bright, men's are dark."""
    speaker = np.repeat(np.arange(1, 13), 4).astype(np.uint8)
    female = (speaker % 2).astype(np.uint8)
    matrices = rng.integers(0, 60, (CLIPS, ROWS, FRAMES)) + 150 * female[:, None, None]
    matrices[:, 0, 0] = np.arange(CLIPS)
    order = rng.permutation(CLIPS)  # names are not in the order of the file
    name = np.array([f"clip_{i:02d}.jpg" for i in order])
    return {"mfc": matrices.astype(np.uint8), "name": name, "speaker": speaker, "female": female, "digit": order % 3}


def save(folder, arrays, **beside):
    folder.mkdir(exist_ok=True)
    np.savez(folder / "matrices.npz", **arrays)
    for name, value in beside.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def dataset_of(folder, place, **options):
    corpus = open_corpus(folder)
    path = make_images(corpus, ready_config(corpus.matrices, **options), images=place / "mfc_dataset", maps=place / "maps")
    return read_dataset(path, images=place / "mfc_dataset")


def test_each_clip_keeps_its_matrix_and_its_labels(arrays, tmp_path):
    dataset = dataset_of(save(tmp_path / "old", arrays), tmp_path)
    assert not (tmp_path / "mfc_dataset").exists()
    assert list(dataset.clips["path"]) == sorted(arrays["name"])
    for row, matrix in zip(dataset.clips.to_dict("records"), dataset.matrices):
        i = int(matrix[0, 0])  # place in the file
        assert row["path"] == arrays["name"][i]
        assert row["speaker"] == f"{arrays['speaker'][i]:02d}"
        assert row["gender"] == ("female" if arrays["female"][i] else "male")
        assert row["digit"] == str(arrays["digit"][i])
        np.testing.assert_array_equal(matrix, arrays["mfc"][i])
    assert dataset.corpus.name == "old"
    assert "female" not in dataset.clips


def test_grey_levels_stay_values_and_the_picture_has_the_size_asked_for(arrays, tmp_path):
    folder = save(tmp_path / "old", arrays)
    config = ready_config(folder / "matrices.npz")
    assert (config.features, config.n_rows, config.n_frames) == ("mfcc-2020", ROWS, FRAMES)
    assert (config.image_rows, config.image_columns) == (2 * ROWS, FRAMES)
    assert dataset_of(folder, tmp_path, image_size=(32, 64)).config.image_columns == 64


@pytest.mark.parametrize("frames", [20, 61, 98, 200])
def test_float_matrices_of_any_length_get_a_config_of_that_shape(arrays, tmp_path, frames):
    arrays["mfc"] = np.resize(arrays["mfc"].astype(np.float32) - 100, (CLIPS, 20, frames))
    config = ready_config(save(tmp_path / "old", arrays) / "matrices.npz")
    assert (config.features, config.n_rows, config.n_frames) == ("mfcc", 20, frames)


def test_speakers_and_folds_beside_it_are_read_and_repaired(arrays, tmp_path):
    del arrays["female"]
    people = {str(i): {"gender": "f" if i % 2 else "male", "age": "1234" if i == 3 else 20 + i} for i in range(1, 13)}
    blocks = {"A": [1, 2, 3, 4], "B": [5, 6, 7, 8], "C": [9, 10, 11, 12]}
    folds = {
        "gender": [{"train": [1, 2, 3, 4, 5, 6], "validate": [7, 8], "test": [9, 10]}],
        "digit_blocks": blocks,
        "digit": [{"train": "A", "validate": "B", "test": "C"}, {"train": "BC", "validate": "A", "test": ""}],
    }
    corpus = open_corpus(save(tmp_path / "old", arrays, speakers=people, folds=folds))
    genders = corpus.clips.drop_duplicates("speaker").set_index("speaker")["gender"].to_dict()
    assert genders == {f"{i:02d}": "female" if i % 2 else "male" for i in range(1, 13)}
    assert corpus.clips.loc[corpus.clips["speaker"] == "03", "age"].isna().all()
    assert any("1234" in line and "speaker 03" in line for line in corpus.repairs)
    assert set(corpus.folds) == {"gender", "digit"}
    assert corpus.folds["digit"][0] == Fold(("01", "02", "03", "04"), ("05", "06", "07", "08"), ("09", "10", "11", "12"))
    (split,) = make_splits(corpus, "gender", kind="published")
    assert set(corpus.clips["speaker"].iloc[split.test]) == {"09", "10"}
    assert not shared_speakers(corpus.clips, split)


def without(name):
    return lambda arrays: arrays.pop(name)


def with_array(name, values):
    return lambda arrays: arrays.update({name: np.asarray(values)})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without("speaker"), "no array speaker"),
        (without("name"), "no array name"),
        (without("mfc"), r"0 arrays of shape \(clip, row, frame\)"),
        (with_array("mel", np.zeros((CLIPS, 3, 3), np.uint8)), r"2 arrays of shape \(clip, row, frame\)"),
        (with_array("digit", np.zeros(CLIPS - 1, int)), rf"digit has shape \({CLIPS - 1},\), mfc has {CLIPS} clips"),
        (with_array("mfc", np.zeros((CLIPS, 3, 3), np.int32)), "mfc is int32"),
        (with_array("mfc", np.full((CLIPS, 3, 3), np.nan)), "not finite"),
        (with_array("mfc", np.zeros((CLIPS, 0, 3), np.uint8)), "empty"),
        (with_array("female", np.arange(CLIPS)), "female holds"),
        (with_array("name", ["same"] * CLIPS), f"same is listed {CLIPS} times"),
        (with_array("speaker", [None] * CLIPS), "not readable as arrays"),
    ],
)
def test_a_faulty_file_is_refused_in_one_line(arrays, tmp_path, spoil, words):
    spoil(arrays)
    with pytest.raises(DatasetError, match=words) as caught:
        open_corpus(save(tmp_path / "old", arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"speakers": ["01"]}, "not a table of speakers"),
        ({"folds": {"gender": [{"train": [1]}]}}, "not a table of folds"),
        ({"folds": {"gender": [{"train": "A", "validate": "B", "test": "C"}]}}, "not a table of folds"),
        ({"folds": {"gender": [{"train": [1, 2], "validate": [3], "test": [77]}]}}, "speakers without clips: 77"),
    ],
)
def test_faulty_files_beside_it_are_refused(arrays, tmp_path, beside, words):
    with pytest.raises(DatasetError, match=words):
        open_corpus(save(tmp_path / "old", arrays, **beside))


def test_two_files_are_no_layout_and_it_cannot_be_joined(arrays, tmp_path, write_voices):
    folder = save(tmp_path / "old", arrays)
    with pytest.raises(DatasetError, match="cannot be joined"):
        merge([open_corpus(folder), open_corpus(write_voices())])
    np.savez(folder / "more.npz", **arrays)
    with pytest.raises(DatasetError, match="no layout known here"):
        open_corpus(folder)


@pytest.mark.parametrize(("recipe", "seconds"), [("logmel", None), ("mfcc", 0.5)])
def test_features_cannot_be_asked_of_them(arrays, tmp_path, recipe, seconds):
    corpus = open_corpus(save(tmp_path / "old", arrays))
    with pytest.raises(VoicecamError, match="ready-made; leave out --recipe and --seconds"):
        config_of(Namespace(recipe=recipe, seconds=seconds, image_size=None), corpus)


def test_a_clip_that_left_the_file_is_missed(arrays, tmp_path):
    folder = save(tmp_path / "old", arrays)
    corpus = open_corpus(folder)
    path = make_images(corpus, ready_config(corpus.matrices), maps=tmp_path / "maps")
    arrays["name"][7] = "renamed.jpg"
    save(folder, arrays)
    with pytest.raises(DatasetError, match="no longer holds"):
        read_dataset(path)


@pytest.mark.slow
@pytest.mark.usefixtures("few_checked")
def test_all_steps_run_on_it_and_the_report_does_without_sound(arrays, tmp_path):
    folder = save(tmp_path / "old", arrays)
    command = ["--corpus", folder, "--split", "clips", "--run", "old", "--arch", "small", "--init", "none"]
    small = ["--epochs", "2", "--batch", "8", "--image-size", "32", "32"]
    output_of("run_all", *command, *small, cwd=tmp_path)
    page = (tmp_path / "results" / "old" / "report.html").read_text()
    assert "<audio" not in page
    assert "pictures and no sound" in page
    assert not list(tmp_path.glob("mfc_dataset/**/*.png"))
    with Image.open(tmp_path / "results" / "old" / "figures" / "example_1.png") as picture:
        assert picture.size[0] > 300


def test_a_value_that_is_no_number_is_no_class(tmp_path):
    arrays = {"cube": np.zeros((3, 4, 5), np.uint8), "name": ["a", "b", "c"], "speaker": ["x", "y", "z"]}
    np.savez(tmp_path / "m.npz", **arrays, score=np.array([1.0, np.nan, 2.5]))
    assert open_corpus(tmp_path).clips["score"].isna().tolist() == [False, True, False]

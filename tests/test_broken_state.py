"""Stored files that somebody changed: each is refused in one line, or means what it meant before. Nothing is believed unread."""

import copy
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import voicecam
from voicecam import audio, runs
from voicecam.config import SHIPPED_MODEL, TrainConfig, recipe
from voicecam.corpora import espeak_corpus, open_corpus
from voicecam.data.dataset import make_images, read_dataset
from voicecam.data.splits import Split
from voicecam.errors import DatasetError, ModelError, VoicecamError
from voicecam.explanation import training_ranges
from voicecam.files import file_sha256
from voicecam.network.classifier import load_classifier
from voicecam.runs import explaining
from voicecam.runs.folder import open_run, read_split, write_split

SPOKEN = audio.read(Path(__file__).parent / "recordings" / "spoken.flac")
GONE = object()
VALUES = [GONE, None, True, -1, 0, 1e9, -1e300, 10**11, 10**400, math.nan, math.inf, "x", [], {}, [1, 2]]
NOT_JSON = ["", "[" * 100_000, "{", '{"format": ' + "9" * 5001 + "}", '{"format": NaN}', "\x00"]
OTHER_JSON = ["[]", "null", "1", '"x"', "{}", '{"format": true}', '{"format": -1}', '{"format": 99}']


def places(value, above=()):
    """The ways to every entry of nested dicts, but for what lies in lists."""
    for name, inner in value.items():
        yield (*above, name)
        if isinstance(inner, dict):
            yield from places(inner, (*above, name))


def changed(value, place, new):
    """A copy with another value at a place, or without it."""
    found = copy.deepcopy(value)
    inner = found
    for name in place[:-1]:
        inner = inner[name]
    if new is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    return found


@pytest.fixture(scope="module")
def shipped():
    return json.loads((SHIPPED_MODEL / "meta.json").read_text()), load_classifier(SHIPPED_MODEL).probabilities([SPOKEN])


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))


READ = ("format", "arch", "label", "classes", "config", "scale", "weights_sha256", "meta")  # of meta.json, what decides answers
FREE = ("temperature", "level_dbfs", "full_scale", "pre_emphasis", "f_min", "f_max", "centre")  # other values may be meant
INNER = ("temperature", "threshold", "fingerprints", "corpora")


def test_a_changed_model_is_refused_or_answers_as_before(shipped, copied):
    meta, expected = shipped
    read = [place for place in places(meta) if place[0] in READ and (place[0] != "meta" or place[1:2] == () or place[1] in INNER)]
    read = [place for place in read if place[0] != "meta" or len(place) < 3]
    said, wrong = [], []
    for place in read:
        for value in VALUES:
            (copied / "meta.json").write_text(json.dumps(changed(meta, place, value)))
            try:
                found = load_classifier(copied).probabilities([SPOKEN])
            except VoicecamError as reason:
                said.append(str(reason))
                continue
            if place[-1] not in FREE and np.abs(found - expected).max() > 1e-6 and (place[0], value) != ("meta", {}):
                wrong.append((place, value))
            assert found.argmax() == expected.argmax(), (place, value)
    assert not wrong, "neither refused nor as before"
    assert len(said) > 350
    assert max(map(len, said)) < 400
    assert "\n" not in "".join(said)


@pytest.mark.parametrize("text", NOT_JSON + OTHER_JSON)
def test_what_is_no_description_of_a_model_is_refused(copied, text):
    (copied / "meta.json").write_text(text)
    with pytest.raises(ModelError):
        load_classifier(copied)


def test_newer_models_say_so_and_nan_weights_are_found(shipped, copied):
    meta, _ = shipped
    (copied / "meta.json").write_text(json.dumps({**meta, "format": 99}))
    with pytest.raises(ModelError, match="made by a newer voicecam"):
        load_classifier(copied)
    weights = load_file(copied / "model.safetensors")
    name = next(name for name, value in weights.items() if value.is_floating_point())
    weights[name].view(-1)[0] = math.nan
    save_file(weights, copied / "model.safetensors")
    (copied / "meta.json").write_text(json.dumps({**meta, "weights_sha256": file_sha256(copied / "model.safetensors")}))
    with pytest.raises(ModelError, match="no numbers"):
        load_classifier(copied)


@pytest.fixture
def made(write_voices, tmp_path):
    """A map of eight clips."""
    config = recipe("mfcc", seconds=0.5, image_rows=32, image_columns=32)
    corpus = open_corpus(write_voices(speakers=4, takes=2))
    return make_images(corpus, config, images=tmp_path / "mfc_dataset", maps=tmp_path / "maps", workers=1)


def test_a_changed_map_is_refused_or_read_as_before(made):
    values, before = json.loads(made.read_text()), read_dataset(made)
    first = next(iter(values["entries"]))
    read = [place for place in places(values) if place[0] != "entries" or len(place) == 1 or place[1] == first]
    refused = 0
    for place in read:
        for value in VALUES:
            made.write_text(json.dumps(changed(values, place, value)))
            try:
                found = read_dataset(made)
            except VoicecamError:
                refused += 1
                continue
            assert found.matrices.shape == before.matrices.shape or place[0] == "entries", (place, value)
            assert np.isfinite(found.matrices).all(), (place, value)
    assert refused > 150


@pytest.mark.parametrize("text", NOT_JSON + OTHER_JSON)
def test_what_is_no_map_is_refused(made, text):
    made.write_text(text)
    with pytest.raises(DatasetError):
        read_dataset(made)


def test_a_changed_run_is_refused_or_opens_as_before(made, tmp_path):
    folder = tmp_path / "results" / "r"
    settings = runs.Settings(map=str(made), label="label", training=TrainConfig(arch="small", init="none"))
    runs.start_run(folder, settings, command="c")
    values, before = json.loads((folder / "run.json").read_text()), open_run(folder)
    kept = 0
    for place in places(values["settings"]):
        for value in VALUES:
            (folder / "run.json").write_text(json.dumps({**values, "settings": changed(values["settings"], place, value)}))
            try:
                found = open_run(folder)
            except VoicecamError:
                continue
            kept += 1
            assert type(found) is type(before)
    assert 0 < kept < 250, "words may be others; numbers and kinds may not"
    (folder / "run.json").write_text(json.dumps({"settings": {**values["settings"], "colour": "red"}}))
    with pytest.raises(ModelError, match="colour; made by a newer voicecam"):
        open_run(folder)
    for text in NOT_JSON + OTHER_JSON:
        (folder / "run.json").write_text(text)
        with pytest.raises(ModelError):
            open_run(folder)


def test_a_changed_split_is_refused(made, tmp_path):
    dataset, rows = read_dataset(made), np.arange(8)
    write_split(tmp_path / "fold1", dataset, Split(rows[:4], rows[4:6], rows[6:]))
    values = json.loads((tmp_path / "fold1" / "split.json").read_text())
    for value in VALUES:
        (tmp_path / "fold1" / "split.json").write_text(json.dumps(changed(values, ("train",), value)))
        try:
            found = read_split(tmp_path / "fold1", dataset)
        except VoicecamError:
            continue
        assert len(found.train) == 0
        assert value == []


def test_what_commands_read_back_is_refused_in_one_line_where_it_was_changed(tmp_path):
    """Metrics, explanations, checks, bands, corpora that were made, copies: of each the entries that are read."""
    explanation = {"method": "Grad-CAM", "layer": "layer3", "target": "true"}
    ranges = {"format": training_ranges.FORMAT, "weights_sha256": "x", "names": ["a"], "classes": {}}
    espeak = {"format": espeak_corpus.FORMAT, "settings": {}, "files": 0}
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    ranges["weights_sha256"] = file_sha256(tmp_path / "model.safetensors")
    (tmp_path / "fold1").mkdir()
    meta = {"config": recipe("mfcc").to_dict(), "arch": "small"}
    readers = [
        ("explanation.json", explanation, lambda: explaining.read_explanation(tmp_path)),
        ("bands.json", ranges, lambda: training_ranges.load_ranges(tmp_path)),
        ("demo.json", espeak, lambda: espeak_corpus._is_complete(tmp_path, {})),
        ("metrics.json", {"network": {}}, lambda: voicecam.Run(tmp_path).metrics),
        ("fold1/meta.json", meta, lambda: explaining.run_maps(tmp_path)),
    ]
    (tmp_path / "run.json").write_text('{"settings": {"map": "m", "label": "l"}}')
    for name, values, read in readers:
        path, refused = tmp_path / name, 0
        path.write_text(json.dumps(values))
        read()
        for text in [*NOT_JSON, *OTHER_JSON, *(json.dumps(changed(values, (key,), new)) for key in values for new in VALUES)]:
            path.write_text(text)
            try:
                read()
            except VoicecamError as error:
                refused += 1
                reason = str(error)
                assert "\n" not in reason
                assert len(reason) < 700
        assert refused > 12, name
        path.write_text(json.dumps(values))

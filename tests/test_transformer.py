"""Speech transformers as classifiers of waveforms, against transformers' own feature extractor, loader and writer."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from voicecam.encoders import ENCODERS
from voicecam.errors import ModelError
from voicecam.network.transformer import NAMES, build_transformer, load_transformer, save_transformer

ROOT = Path(__file__).parent.parent
CLASSES = ("female", "male")


@pytest.fixture(scope="module")
def sounds():
    """Three clips, float32 (3, 8000): one that fills its length, off zero; one of 5000 samples; one of 3300, soft."""
    rng = np.random.default_rng(0)
    clips = np.zeros((3, 8000), np.float32)
    clips[0] = 0.1 * rng.normal(size=8000) + 0.05
    clips[1, :5000] = 0.4 * rng.normal(size=5000)
    clips[2, :3300] = 0.01 * rng.normal(size=3300) - 0.02
    return clips


def library_logits(folder, clips, lengths):
    """Logits by transformers alone: clips of their own lengths, its extractor as the folder names it, its model."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    extractor = AutoFeatureExtractor.from_pretrained(folder)
    model = AutoModelForAudioClassification.from_pretrained(folder).eval()
    raw = [clip[:length] for clip, length in zip(clips, lengths)]
    given = extractor(raw, sampling_rate=16_000, padding="max_length", max_length=clips.shape[1], return_tensors="pt")
    with torch.no_grad():
        return model(**given).logits.numpy()


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_the_library_and_a_folder_keeps_them(name, sounds, tmp_path):
    network = build_transformer(name, CLASSES, weights="tiny")
    save_transformer(tmp_path / "saved", network)
    ours = network.logits(sounds, batch=2)
    np.testing.assert_allclose(ours, library_logits(tmp_path / "saved", sounds, [8000, 5000, 3300]), atol=2e-6)
    assert np.ptp(ours, axis=0).min() > 1e-4  # the clips differ, so equal is not for nothing
    back = load_transformer(tmp_path / "saved")
    assert (back.classes, back.normalise, back.mask) == (CLASSES, network.normalise, network.mask)
    np.testing.assert_array_equal(back.logits(sounds, batch=2), ours)
    assert not list(tmp_path.rglob("*.bin"))
    assert not list(tmp_path.rglob(".arriving"))


def test_padding_is_heard_only_where_the_architecture_has_no_mask(sounds):
    short = sounds[1:2, :5000]
    for name, same in (("xls-r", True), ("wav2vec2", False)):
        network = build_transformer(name, CLASSES, weights="tiny")
        assert np.allclose(network.logits(sounds[1:2]), network.logits(short), atol=1e-6) is same, name
    changed = sounds[1:2] + np.float32(1e-9)  # silence that is not digital any more
    network = build_transformer("xls-r", CLASSES, weights="tiny").eval()
    with torch.no_grad():
        told = network(torch.from_numpy(changed), torch.tensor([5000])).numpy()
    np.testing.assert_allclose(told, network.logits(short), atol=1e-6)


@pytest.mark.parametrize("name", ["wav2vec2", "xls-r"])
def test_level_and_offset_do_not_matter_where_clips_are_normalised(name, sounds):
    network = build_transformer(name, CLASSES, weights="tiny")
    np.testing.assert_allclose(network.logits(sounds[:1] * 0.5 + 0.1), network.logits(sounds[:1]), atol=1e-4)


def test_the_gradient_on_the_waveform_is_the_slope(sounds):
    network = build_transformer("xls-r", CLASSES, weights="tiny").double().eval()
    network.prepare = lambda given, lengths=None: {"input_values": (given - given.mean()) / torch.sqrt(given.var(correction=0))}
    clip = torch.from_numpy(sounds[:1]).double().requires_grad_()
    (slope,) = torch.autograd.grad(network(clip)[0, 0], clip)
    step = torch.zeros_like(clip)
    step[0, 4000] = 1e-4
    with torch.no_grad():
        measured = (network(clip + step)[0, 0] - network(clip - step)[0, 0]) / 2e-4
    assert slope[0, 4000].item() == pytest.approx(measured.item(), rel=1e-3)


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_alone(sounds):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first, second, other = (build_transformer("wavlm", CLASSES, weights="tiny", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(first.logits(sounds), second.logits(sounds))
    assert not np.allclose(first.logits(sounds), other.logits(sounds))


def test_classes_stand_in_alphabetic_order_in_the_file(tmp_path):
    save_transformer(tmp_path, build_transformer("wav2vec2", ["male", "female"], weights="tiny"))
    labels = json.loads((tmp_path / "config.json").read_text())
    assert labels["label2id"] == {"female": 0, "male": 1}
    assert labels["id2label"] == {"0": "female", "1": "male"}


@pytest.mark.parametrize(("name", "kind"), [("wavlm", "WavLM"), ("wav2vec2", "Wav2Vec2"), ("xls-r", "Wav2Vec2")])
def test_an_encoder_that_the_library_saved_is_taken_whole(name, kind, tmp_path, sounds):
    """As on the hub: an encoder without a head, and no file of preprocessing."""
    import transformers

    small = build_transformer(name, CLASSES, weights="tiny").model.config
    torch.manual_seed(5)
    encoder = getattr(transformers, f"{kind}Model")(small)
    encoder.save_pretrained(tmp_path)
    network = build_transformer(name, ["neutral", "female", "male"], weights=tmp_path)
    kept = network.model.base_model.state_dict()
    assert encoder.state_dict().keys() == kept.keys()
    assert all(torch.equal(value, kept[key]) for key, value in encoder.state_dict().items())
    assert network.classes == ("female", "male", "neutral")
    assert network.logits(sounds).shape == (3, 3)
    with pytest.raises(ModelError, match=r"no trained classifier"):
        load_transformer(tmp_path)


def test_a_trained_classifier_that_the_library_saved_loads(tmp_path, sounds):
    model = build_transformer("wavlm", CLASSES, weights="tiny").model
    model.save_pretrained(tmp_path)
    assert load_transformer(tmp_path).classes == CLASSES
    assert build_transformer("wavlm", ["a", "b", "c"], weights=tmp_path).logits(sounds).shape == (3, 3)


def one_line(caught):
    return "\n" not in str(caught.value)


def test_pickles_are_refused_and_not_read(tmp_path):
    model = build_transformer("wav2vec2", CLASSES, weights="tiny").model
    model.config.save_pretrained(tmp_path)

    torch.save(Trap(str(tmp_path / "ran")), tmp_path / "pytorch_model.bin")
    for read in (load_transformer, lambda folder: build_transformer("wav2vec2", CLASSES, weights=folder)):
        with pytest.raises(ModelError, match=r"only \*\.bin.*save_pretrained") as caught:
            read(tmp_path)
        assert one_line(caught)
    assert not (tmp_path / "ran").exists()


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (Path(self.path),))


def test_folders_that_cannot_be_used_are_told_in_a_line(tmp_path):
    good = tmp_path / "good"
    save_transformer(good, build_transformer("wav2vec2", CLASSES, weights="tiny"))
    weights = (good / "model.safetensors").read_bytes()
    config = json.loads((good / "config.json").read_text())
    cases = {
        "empty": ({}, "no such file"),
        "config": ({"config.json": b"{"}, "not readable as JSON"),
        "other": ({"config.json": json.dumps({"model_type": "bert"}).encode()}, "model_type 'bert'"),
        "bare": ({"config.json": json.dumps(config).encode()}, "no model.safetensors"),
        "cut": ({"config.json": json.dumps(config).encode(), "model.safetensors": weights[:5000]}, "not readable"),
        "wide": (
            {"config.json": json.dumps({**config, "hidden_size": 48}).encode(), "model.safetensors": weights},
            "not readable|no trained|lacks",
        ),
    }
    for name, (files, said) in cases.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content)
        with pytest.raises(ModelError, match=said) as caught:
            load_transformer(tmp_path / name)
        assert one_line(caught), name
        assert name in str(caught.value)
    with pytest.raises(ModelError, match="holds a wav2vec2, not the wavlm"):
        build_transformer("wavlm", CLASSES, weights=good)
    with pytest.raises(ModelError, match=r"lacks|not readable"):
        build_transformer("wav2vec2", CLASSES, weights=tmp_path / "wide")


def test_saving_again_replaces_the_weights_and_leaves_other_files(tmp_path, sounds):
    first, second = (build_transformer("xls-r", CLASSES, weights="tiny", seed=seed) for seed in (1, 2))
    (tmp_path / "meta.json").write_text("{}")
    (tmp_path / ".arriving").mkdir()
    (tmp_path / ".arriving" / "model.safetensors").write_text("what a killed process left")
    for network in (first, second):
        save_transformer(tmp_path, network)
        np.testing.assert_array_equal(load_transformer(tmp_path).logits(sounds), network.logits(sounds))
    names = {"config.json", "meta.json", "model.safetensors", "preprocessor_config.json"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached_is_told_in_a_line(tmp_path):
    code = (
        "from voicecam.errors import ModelError\nfrom voicecam.network.transformer import build_transformer\n"
        "try:\n    build_transformer('xls-r', ['a', 'b'])\nexcept ModelError as error:\n    print(error)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    env.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=True)
    (line,) = done.stdout.splitlines()
    for said in ("facebook/wav2vec2-xls-r-300m", "1270 MB", "Apache-2.0", "--weights FOLDER", "--tiny"):
        assert said in line
    assert "Retrying" not in done.stderr


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A hub's cache with XLS-R's three files at the pinned revision, made small; its weights' SHA-256 is the one we expect."""
    from huggingface_hub import constants

    from voicecam.network import hub

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    revision = ENCODERS["xls-r"].revision
    folder = tmp_path / "models--facebook--wav2vec2-xls-r-300m" / "snapshots" / revision

    def put(content):
        save_transformer(folder, build_transformer("xls-r", CLASSES, weights="tiny", seed=7))
        (folder / "model.safetensors").unlink()
        torch.save(content, folder / "pytorch_model.bin")
        sha256 = hashlib.sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()
        monkeypatch.setitem(hub.SHA256, "xls-r", sha256)
        return folder

    return put


def test_weights_in_the_hubs_cache_are_read_without_a_connection(cached):
    encoder = build_transformer("xls-r", CLASSES, weights="tiny", seed=8).model.base_model
    cached({f"wav2vec2.{key}": value for key, value in encoder.state_dict().items()} | {"quantizer.codevectors": torch.zeros(3)})
    network = build_transformer("xls-r", CLASSES)
    kept = network.model.base_model.state_dict()
    assert all(torch.equal(value, kept[key]) for key, value in encoder.state_dict().items())
    assert network.mask


def test_weights_of_the_hub_that_are_others_or_hold_code_are_refused(cached, tmp_path):
    folder = cached({"a": torch.zeros(1)})
    (folder / "pytorch_model.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match="SHA-256") as caught:
        build_transformer("xls-r", CLASSES)
    assert one_line(caught)
    cached(Trap(str(tmp_path / "ran")))
    with pytest.raises(ModelError, match="not readable") as caught:
        build_transformer("xls-r", CLASSES)
    assert one_line(caught)
    assert not (tmp_path / "ran").exists()

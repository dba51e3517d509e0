"""The network: its input, its start, training that learns, and a saved model that comes back the same."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torchvision import models as tv

from conftest import voice
from voicecam import audio
from voicecam.audio.fingerprints import to_text
from voicecam.config import recipe
from voicecam.corpora.table import make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import make_splits
from voicecam.errors import ModelError
from voicecam.explanation.methods import attribute
from voicecam.features import features
from voicecam.network import Model, build, load_model, save_model, start_weights, to_input
from voicecam.network.learner import TrainConfig, train
from voicecam.network.loaders import augment, make_loaders
from voicecam.network.start_weights import load_initial, met_before

SMALL = recipe("mfcc", seconds=0.5, image_rows=32, image_columns=32)
SMALL_NETWORK = {"arch": "small", "init": "none"}  # where steps are tested


@pytest.fixture(scope="module")
def dataset():
    """High and low buzzes of 20 made voices, 8 clips each."""
    rows, matrices = [], []
    for speaker in range(20):
        rng = np.random.default_rng(speaker)
        for take in range(8):
            f0 = (95 if speaker % 2 else 220) * rng.uniform(0.85, 1.15)
            signal = audio.prepare(audio.from_samples(voice(f0, rng, seconds=0.5), 16_000), SMALL)
            matrices.append(features(signal, SMALL).matrix)
            rows.append(
                {"path": f"{speaker:02d}_{take}.wav", "speaker": f"{speaker:02d}", "pitch": "low" if speaker % 2 else "high"}
            )
    return Dataset(make_corpus("buzz", ".", rows), np.stack(matrices), SMALL)


@pytest.fixture(scope="module")
def trained(dataset):
    split = make_splits(dataset.corpus, "pitch")[0]
    said = []
    return train(dataset, split, "pitch", TrainConfig(init="none", epochs=4, batch=8), log=said.append), split, said


def test_input_is_stretched_repeated_and_normalised_like_imagenet(rng):
    pictures = torch.from_numpy(rng.integers(0, 256, (2, 20, 98), dtype=np.uint8))
    found = to_input(pictures, recipe("mfcc", image_rows=64, image_columns=96))
    assert found.shape == (2, 3, 64, 96)
    transform = tv.ResNet18_Weights.IMAGENET1K_V1.transforms()
    for channel, (mean, std) in enumerate(zip(transform.mean, transform.std)):
        back = found[:, channel] * std + mean
        expected = F.interpolate(pictures[:, None].float() / 255, size=(64, 96), mode="bilinear", align_corners=False)[:, 0]
        torch.testing.assert_close(back, expected, atol=1e-6, rtol=0)


@pytest.mark.slow
def test_training_learns_what_is_there_and_keeps_the_best_epoch(trained, dataset):
    result, split, said = trained
    p = result.model.probabilities(dataset.matrices[split.test])
    truth = dataset.clips["pitch"].to_numpy()[split.test]
    assert (np.asarray(result.model.classes)[p.argmax(axis=1)] == truth).mean() >= 0.9
    best = result.history["valid_balanced_accuracy"].max()
    assert result.model.meta["valid_balanced_accuracy"] == best
    valid = result.model.probabilities(dataset.matrices[split.valid]).argmax(axis=1)
    right = np.asarray(result.model.classes)[valid] == dataset.clips["pitch"].to_numpy()[split.valid]
    classes = dataset.clips["pitch"].to_numpy()[split.valid]
    assert np.mean([right[classes == name].mean() for name in ("high", "low")]) == pytest.approx(best)
    assert said[0] == "start: random weights"
    assert result.lr_curve is None


def test_the_same_seed_gives_the_same_weights(dataset):
    split = make_splits(dataset.corpus, "pitch")[0]
    once, again, other = (
        train(dataset, split, "pitch", TrainConfig(init="none", epochs=1, seed=seed), log=lambda line: None).model
        for seed in (1, 1, 2)
    )
    for name, value in once.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    assert not torch.equal(once.network[0][0].weight, other.network[0][0].weight)


def test_labels_that_say_nothing_are_not_learned(dataset):
    """Shuffled over speakers, the labels must give chance on new speakers: anything better would be a leak."""
    speakers = dataset.clips["speaker"].unique()
    shuffled = dict(zip(speakers, np.random.default_rng(5).permutation(["high", "low"] * 10)))
    clips = dataset.clips.assign(pitch=dataset.clips["speaker"].map(shuffled))
    other = replace(dataset, corpus=replace(dataset.corpus, clips=clips))
    split = make_splits(other.corpus, "pitch")[0]
    model = train(other, split, "pitch", TrainConfig(init="none", epochs=3), log=lambda line: None).model
    answers = np.asarray(model.classes)[model.probabilities(other.matrices[split.test]).argmax(axis=1)]
    assert (answers == clips["pitch"].to_numpy()[split.test]).mean() < 0.85


def test_lr_find_gives_its_curve_and_its_suggestion_is_used(dataset):
    split = make_splits(dataset.corpus, "pitch")[0]
    result = train(dataset, split, "pitch", TrainConfig(**SMALL_NETWORK, epochs=1, batch=8, find_lr=True), log=lambda line: None)
    assert len(result.lr_curve["lrs"]) == len(result.lr_curve["losses"]) > 10
    assert result.model.meta["lr"] == result.lr_curve["valley"] != TrainConfig().lr


def test_early_stop_ends_before_the_last_epoch(dataset):
    split = make_splits(dataset.corpus, "pitch")[0]
    said = []
    result = train(dataset, split, "pitch", TrainConfig(**SMALL_NETWORK, epochs=12, patience=1, lr=1e-6), log=said.append)
    assert len(result.history) < 12
    assert said[-1].startswith("stopped: no better")


def test_seed_schedule_trains_the_head_twice_then_everything_once(dataset, tmp_path):
    torch.manual_seed(0)
    save_file({k: v for k, v in tv.resnet18(num_classes=5).state_dict().items()}, tmp_path / "w.safetensors")
    split = make_splits(dataset.corpus, "pitch")[0]
    result = train(
        dataset, split, "pitch", TrainConfig(init=str(tmp_path / "w.safetensors"), schedule="2020"), log=lambda line: None
    )
    assert result.history["epoch"].tolist() == [1, 2, 3]


def test_schedule_head_leaves_the_bodys_convolutions_as_they_were(dataset, tmp_path):
    torch.manual_seed(0)
    start = {k: v for k, v in tv.resnet18(num_classes=5).state_dict().items()}
    save_file(start, tmp_path / "w.safetensors")
    split = make_splits(dataset.corpus, "pitch")[0]
    training = TrainConfig(init=str(tmp_path / "w.safetensors"), schedule="head", epochs=2)
    state = train(dataset, split, "pitch", training, log=lambda line: None).model.network.state_dict()
    assert torch.equal(state["0.0.weight"], start["conv1.weight"])
    assert torch.equal(state["0.7.1.conv2.weight"], start["layer4.1.conv2.weight"])
    assert not torch.equal(state["0.7.1.bn2.weight"], start["layer4.1.bn2.weight"]), "batch norms learn, as in fastai"


@pytest.mark.slow
def test_a_saved_model_predicts_the_same(trained, dataset, tmp_path):
    model = trained[0].model
    save_model(tmp_path, model)
    back = load_model(tmp_path)
    np.testing.assert_array_equal(back.probabilities(dataset.matrices), model.probabilities(dataset.matrices))
    assert (back.classes, back.label, back.config, back.scale) == (model.classes, "pitch", SMALL, model.scale)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["meta.json", "model.safetensors"]
    save_model(tmp_path / "half", model, half=True)
    np.testing.assert_allclose(
        load_model(tmp_path / "half").probabilities(dataset.matrices), model.probabilities(dataset.matrices), atol=0.02
    )


@pytest.mark.slow
def test_a_damaged_or_foreign_model_is_refused(trained, tmp_path):
    save_model(tmp_path, trained[0].model)
    weights = tmp_path / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="missing or damaged"):
        load_model(tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps(meta | {"format": 99}))
    with pytest.raises(ModelError, match="format 99"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match="no such file"):
        load_model(tmp_path / "none")


def test_start_from_a_file_puts_its_weights_into_the_body(tmp_path):
    torch.manual_seed(1)
    source = tv.resnet18(num_classes=7)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save(source.state_dict(), tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        net = build("resnet18", 2)
        head = net[1][2].weight.clone()
        assert load_initial(net, "resnet18", str(tmp_path / name), corpora=["x"]).endswith(name)
        x = torch.randn(1, 3, 64, 64)
        body = torch.nn.Sequential(*list(source.children())[:-2]).eval()
        torch.testing.assert_close(net.eval()[0](x), body(x))
        assert torch.equal(net[1][2].weight, head)


@pytest.mark.slow
def test_start_from_a_saved_model(trained, tmp_path):
    save_model(tmp_path, trained[0].model)
    net = build("resnet18", 4)
    load_initial(net, "resnet18", str(tmp_path), corpora=["x"])
    assert torch.equal(net[0][0].weight, trained[0].model.network[0][0].weight)


def test_starts_that_cannot_be_had_say_so(tmp_path):
    with pytest.raises(ModelError, match="no such weights; give imagenet, shipped, none"):
        load_initial(build("resnet18", 2), "resnet18", "nowhere.pth", corpora=["x"])
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not readable as weights"):
        load_initial(build("resnet18", 2), "resnet18", str(tmp_path / "bad.safetensors"), corpora=["x"])
    save_file(tv.resnet34().state_dict(), tmp_path / "34.safetensors")
    with pytest.raises(ModelError, match="does not fit this architecture"):
        load_initial(build("resnet18", 2), "resnet18", str(tmp_path / "34.safetensors"), corpora=["x"])


def test_the_shipped_backbone_is_not_used_on_speakers_it_has_met(monkeypatch, tmp_path):
    meta = json.loads((start_weights.SHIPPED_BACKBONE / "meta.json").read_text())
    met = meta["meta"]["corpora"][0]
    with pytest.raises(ModelError, match=f"was trained on {met.lower()}"):
        load_initial(build("resnet18", 2), "resnet18", "shipped", corpora=[met.upper(), "x"])
    net = build("resnet18", 2)
    load_initial(net, "resnet18", "shipped", corpora=["x"])
    stored = load_file(start_weights.SHIPPED_BACKBONE / "model.safetensors")
    assert torch.equal(net[0][0].weight, stored["0.0.weight"].float())


def test_weights_are_not_used_on_recordings_they_have_met_under_another_name(monkeypatch, tmp_path, rng):
    """Through training: a network learns from a corpus; as a backbone it must refuse a copy of that corpus, by `auto` too."""
    met, other = (rng.integers(0, 256, (12, 32), dtype=np.uint8) for _ in range(2))
    known = {"corpora": ["slr45"], "fingerprints": to_text(met)}
    meta = {"arch": "resnet18", "label": "speaker", "classes": ["a", "b"], "meta": known}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    save_file(
        {key: value.contiguous() for key, value in build("resnet18", 2).state_dict().items()}, tmp_path / "model.safetensors"
    )
    monkeypatch.setattr(start_weights, "SHIPPED_BACKBONE", tmp_path)
    some = np.concatenate([other, met[:3]])
    with pytest.raises(ModelError, match="copies of 3 of these 15 clips"):
        load_initial(build("resnet18", 2), "resnet18", "shipped", corpora=["ST-AEDS"], clips=some)
    line = load_initial(build("resnet18", 2), "resnet18", "shipped", corpora=["ST-AEDS"], clips=other)
    assert line.endswith("learned speaker (2 classes)")
    monkeypatch.setattr(start_weights, "_imagenet_start", _no_way)
    line = load_initial(build("resnet18", 2), "resnet18", "auto", corpora=["ST-AEDS"], clips=some)
    assert line.startswith("start: random weights")
    assert np.array_equal(met_before("shipped", "start: the shipped backbone in models/"), met)
    assert met_before("none", "start: random weights") is None


def _no_way(*_arguments):
    raise ModelError("cannot be fetched")


def test_auto_takes_the_shipped_backbone_where_imagenet_cannot_be_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # an empty cache
    url = "http://127.0.0.1:9/resnet18.pth"  # nobody listens on the discard port
    monkeypatch.setattr(start_weights, "_imagenet_url", lambda arch: url)
    line = load_initial(build("resnet18", 2), "resnet18", "auto", corpora=["x"])
    assert "shipped backbone" in line
    with pytest.raises(ModelError, match="cannot be fetched"):
        load_initial(build("resnet18", 2), "resnet18", "imagenet", corpora=["x"])


def test_augmentation_never_turns_time_round_or_changes_its_input():
    """A picture whose grey level tells its column: whatever is not hidden must rise from left to right."""
    pictures = torch.arange(64).float().repeat(50, 16, 1)
    found = augment(pictures, torch.Generator().manual_seed(0))
    for clip in found:
        for row in clip:
            seen = row[row != 127.5]
            assert (seen.diff() >= -1e-4).all(), "time runs forward"
    assert torch.equal(pictures, torch.arange(64).float().repeat(50, 16, 1))


def test_augmentation_moves_filters_and_hides_within_its_limits():
    pictures = torch.arange(64).float().repeat(400, 16, 1)
    found = augment(pictures, torch.Generator().manual_seed(0))
    hidden = found == 127.5
    assert 0.05 < hidden.float().mean() < 0.2
    offsets = (found[:, :, 32] - 32)[~hidden[:, :, 32]]  # time shift of up to 8 columns, and the row's constant
    assert offsets.std() == pytest.approx(np.hypot(8.0, 8 / np.sqrt(3)), rel=0.1)
    steps = found.diff(dim=2)[:, :, 20:40]
    whole = ~(hidden[:, :, 20:40] | hidden[:, :, 21:41])
    assert steps[whole].mean() == pytest.approx(1.0, abs=0.03), "as much faster as slower"


def test_augmentation_is_for_training_only(dataset):
    split = make_splits(dataset.corpus, "pitch")[0]
    pictures = np.clip(dataset.matrices - dataset.matrices.min(), 0, 255).astype(np.uint8)
    loaders = make_loaders(pictures, np.zeros(len(pictures), np.int64), split, SMALL, batch=32, augmented=True, seed=0)
    seen = torch.cat([x.cpu().as_subclass(torch.Tensor) for x, _ in loaders.valid])
    torch.testing.assert_close(seen, to_input(torch.from_numpy(pictures[split.valid]), SMALL))


@pytest.mark.parametrize("changes", [{"arch": "vgg"}, {"schedule": "long"}, {"epochs": 0}, {"lr": -1.0}])
def test_training_refuses_bad_settings(changes):
    with pytest.raises(ModelError, match=str(next(iter(changes.values())))):
        TrainConfig(**changes)


@pytest.mark.parametrize("arch", ["resnet18", "resnet34", "resnet50"])
def test_each_architecture_runs_and_has_its_stages(arch):
    model = Model(build(arch, 3).eval(), arch, "x", ("a", "b", "c"), SMALL, trained_scale())
    with torch.inference_mode():
        assert model.network(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
        x, sizes = torch.zeros(1, 3, 64, 64), []
        for place, stage in enumerate(model.network[0]):
            x = stage(x)
            if place >= 4:
                sizes.append(x.shape[-1])
    assert sizes == [16, 8, 4, 2]
    assert model.stage("layer3") is model.network[0][6]


@pytest.fixture
def small():
    torch.manual_seed(2)
    return Model(build("small", 2).eval(), "small", "x", ("a", "b"), SMALL, trained_scale(), {"temperature": 1.5})


def stage_outputs(model, x):
    """What each stage gives, running through them one after the other."""
    outputs = []
    with torch.inference_mode():
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = model.stage(name)(x)
            outputs.append(x)
    return outputs


def test_the_small_network_halves_its_picture_at_each_stage(small):
    x = torch.randn(2, 3, 64, 64)
    outputs = stage_outputs(small, x)
    assert [tuple(out.shape[2:]) for out in outputs] == [(32, 32), (16, 16), (8, 8), (4, 4)]
    with torch.inference_mode():
        assert torch.equal(outputs[-1], small.network[0](x)), "the stages are the whole body"
        assert small.network(x).shape == (2, 2)
    with pytest.raises(ModelError, match="layer5"):
        small.stage("layer5")


def test_a_cell_of_the_small_networks_last_stage_sees_31_pixels(small):
    """The cell (2, 2) has its centre on pixel (32, 32): what lies 15 pixels from it counts, what lies 16 away does not."""
    x = torch.randn(1, 3, 64, 64)
    before = stage_outputs(small, x)[-1][0, :, 2, 2]
    for way in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        for far, seen in ((15, True), (16, False)):
            changed = x.clone()
            changed[0, :, 32 + far * way[0], 32 + far * way[1]] += 1000
            assert torch.equal(stage_outputs(small, changed)[-1][0, :, 2, 2], before) != seen, (way, far)


def test_a_saved_small_network_comes_back_and_can_be_started_from(small, tmp_path):
    save_model(tmp_path, small)
    back, x = load_model(tmp_path), torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(back.network(x), small.network(x))
    assert (back.arch, back.temperature) == ("small", 1.5)
    other = build("small", 5)
    load_initial(other, "small", str(tmp_path), corpora=["x"])
    for name, value in small.network[0].state_dict().items():
        assert torch.equal(other[0].state_dict()[name], value), name


def test_the_small_network_has_no_weights_of_imagenet(tmp_path):
    with pytest.raises(ModelError, match="small has no ImageNet weights"):
        load_initial(build("small", 2), "small", "imagenet", corpora=["x"])
    assert load_initial(build("small", 2), "small", "auto", corpora=["x"]).startswith("start: random weights")
    save_file(tv.resnet18().state_dict(), tmp_path / "18.safetensors")
    with pytest.raises(ModelError, match="does not fit this architecture"):
        load_initial(build("small", 2), "small", str(tmp_path / "18.safetensors"), corpora=["x"])


def test_grad_cam_of_the_small_network_is_its_class_weights_on_its_last_maps(small):
    """The head is a mean and one linear layer: the map is sum_k w[class, k] a_k / (h w), known without a gradient."""
    x, targets = torch.randn(3, 3, 64, 64), np.array([0, 1, 1])
    found = attribute(small.network, x, targets, method="grad-cam", layer=small.stage("layer4"))
    last = stage_outputs(small, x)[-1]  # (clip, channel, 4, 4)
    expected = torch.einsum("nchw,nc->nhw", last, small.network[1][3].weight.detach()[targets]) / 16
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert attribute(small.network, x, targets, method="grad-cam", layer=small.stage("layer2")).shape == (3, 16, 16)


def trained_scale():
    from voicecam.features.image import Scale

    return Scale((0.0,) * 20, (1.0,) * 20)


def test_the_fine_networks_map_has_a_cell_for_four_pixels_and_adds_up_to_the_score():
    torch.manual_seed(4)
    model = Model(build("fine", 2).eval(), "fine", "x", ("a", "b"), SMALL, trained_scale())
    x = torch.randn(2, 3, 40, 79)
    outputs = stage_outputs(model, x)
    assert [tuple(out.shape[2:]) for out in outputs] == [(20, 40), (10, 20), (10, 20), (10, 20)]
    head = model.network[1][-1]
    with torch.inference_mode():
        cells = torch.einsum("nchw,kc->nkhw", outputs[-1], head.weight) / 200  # what each cell adds to each score
        assert torch.allclose(cells.sum(dim=(2, 3)) + head.bias, model.network(x), atol=1e-5)
    for class_index in (0, 1):
        found = attribute(model.network, x, np.full(2, class_index), method="hires-cam", layer=model.stage("layer4"))
        assert np.allclose(found, cells[:, class_index].numpy(), atol=1e-6), "HiRes-CAM is that"


def test_a_residual_block_adds_to_what_it_is_given():
    block = build("fine", 2).eval()[0][3][1]
    torch.nn.init.zeros_(block[0][0].weight)
    x = torch.rand(1, 96, 5, 5)
    with torch.inference_mode():
        assert torch.allclose(block(x), x, atol=1e-6), "a convolution of zeros leaves it as it was"

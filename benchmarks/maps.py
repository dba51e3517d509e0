"""Grad-CAM maps per second on a batch beside the forward pass alone, pytorch-grad-cam as its README uses it, and one picture at a
time with hooks: interleaved in one process, ratios with their spread. The maps are held to each other first."""

import time
from collections.abc import Callable

import numpy as np
import torch
from measure import keep, row
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from voicecam.explanation.methods import attribute_all
from voicecam.network import build, stages_of

CLIPS, ROUNDS, THREADS = 32, 5, 1
CASES = (("fine", "layer4", (40, 79)), ("resnet18", "layer4", (128, 128)), ("resnet18", "layer2", (128, 128)))

AIMS = {"forward alone": ("0.9", 0.9), "pytorch-grad-cam": ("3 times", 3.0), "hooks, one by one": ("10 times", 10.0)}


def main() -> None:
    """Measure and print one line per network and layer."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    rows = []
    for arch, name, size in CASES:
        network, inputs, target = build(arch, 2).eval(), torch.randn(CLIPS, 3, *size), np.arange(CLIPS) % 2
        layer = network[0].get_submodule(str(stages_of(arch)[name]))
        ways: dict[str, Callable[[], np.ndarray]] = {
            "ours": lambda n=network, i=inputs, t=target, a=layer: attribute_all(n, i, t, methods=["grad-cam"], layer=a)[
                "grad-cam"
            ],
            "forward alone": lambda n=network, i=inputs: forward(n, i),
            "pytorch-grad-cam": lambda n=network, i=inputs, t=target, a=layer: theirs(n, i, t, a),
            "hooks, one by one": lambda n=network, i=inputs, t=target, a=layer: one_by_one(n, i, t, a),
        }
        mine, looped = ways["ours"](), ways["hooks, one by one"]()
        apart = np.abs(mine - looped).max() / np.abs(looped).max()
        if apart > 1e-4:
            raise SystemExit(f"{arch} {name}: maps differ by {apart:.1e} of their peak")
        took = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, work in ways.items():
                start = time.process_time()
                work()
                took[way].append(time.process_time() - start)
        mine = np.array(took["ours"])
        work, note = f"Grad-CAM maps, {arch} {name}", f"{CLIPS / np.median(mine):.0f} maps a second"
        for way, (aim, least) in AIMS.items():
            rows.append(row(work, way, aim, np.array(took[way]), mine, note=note, least=least))
    keep("maps", rows)


def ours(network: torch.nn.Module, inputs: torch.Tensor, target: np.ndarray, layer: torch.nn.Module) -> np.ndarray:
    """As explain.py asks for them."""
    return attribute_all(network, inputs, target, methods=["grad-cam"], layer=layer)["grad-cam"]


def forward(network: torch.nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """The network's answer alone."""
    with torch.inference_mode():
        return network(inputs).numpy()


def theirs(network: torch.nn.Module, inputs: torch.Tensor, target: np.ndarray, layer: torch.nn.Module) -> np.ndarray:
    """pytorch-grad-cam as its README has it."""
    with GradCAM(model=network, target_layers=[layer]) as cam:
        return cam(input_tensor=inputs, targets=[ClassifierOutputTarget(int(k)) for k in target])


def one_by_one(network: torch.nn.Module, inputs: torch.Tensor, target: np.ndarray, layer: torch.nn.Module) -> np.ndarray:
    """The textbook's Grad-CAM: hooks, one picture at a time, gradients down to the weights."""
    seen: dict[str, torch.Tensor] = {}
    handles = [
        layer.register_forward_hook(lambda part, given, output: seen.update(a=output.clone())),
        layer.register_full_backward_hook(lambda part, given, slopes: seen.update(g=slopes[0])),
    ]
    maps = []
    for picture, k in zip(inputs, target):
        network.zero_grad()
        network(picture[None])[0, int(k)].backward()
        maps.append((seen["g"].mean(dim=(2, 3), keepdim=True) * seen["a"]).sum(dim=1)[0].detach().numpy())
    for handle in handles:
        handle.remove()
    return np.stack(maps)


if __name__ == "__main__":
    main()

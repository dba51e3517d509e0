"""Training a new head on a frozen body: its features computed once and kept, beside fastai's default, the body in every epoch.
ResNet-18, pictures without augmentation; both give the same head. The program itself shifts and masks each picture anew in
every epoch, so its own training of a head cannot keep them: this says what that costs."""

import copy

import numpy as np
import torch
from measure import in_turn, keep, row
from torch import nn

from voicecam.network import build

CLIPS, SIZE, EPOCHS, BATCH, ROUNDS = 64, 96, 6, 16, 3


def main() -> None:
    """Measure, print and keep."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    body, head = build("resnet18", 2).eval()
    for part in head.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # chance would make the two heads differ
    inputs, target = torch.randn(CLIPS, 3, SIZE, SIZE), torch.arange(CLIPS) % 2

    def each_epoch() -> nn.Module:
        return trained(copy.deepcopy(head), lambda some: _features(body, inputs[some]), target)

    def once() -> nn.Module:
        kept = torch.cat([_features(body, part) for part in inputs.split(BATCH)])
        return trained(copy.deepcopy(head), lambda some: kept[some], target)

    first, second = ([weight.detach().numpy() for weight in way().parameters()] for way in (each_epoch, once))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(first, second))
    if apart > 1e-3:
        raise SystemExit(f"the heads differ by {apart:.1e}")
    took = in_turn({"each": each_epoch, "once": once}, rounds=ROUNDS)
    note = f"{EPOCHS} epochs, the same head within {apart:.0e}; not in the program, whose pictures differ in every epoch"
    work = "head on a frozen ResNet-18, features kept"
    keep("head", [row(work, "the body in every epoch", "3 times", took["each"], took["once"], note=note, least=3)])


def _features(body: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return body(inputs)


def trained(head: nn.Module, features: object, target: torch.Tensor) -> nn.Module:
    """The head after EPOCHS of Adam in one order."""
    steps = torch.optim.Adam(head.parameters(), lr=1e-3)
    head.train()
    for _ in range(EPOCHS):
        for some in torch.arange(CLIPS).split(BATCH):
            steps.zero_grad()
            nn.functional.cross_entropy(head(features(some)), target[some]).backward()  # type: ignore[operator]
            steps.step()
    return head


if __name__ == "__main__":
    main()

"""Are the tests of random weights computed as Quantus has them? Likeness, smooth and efficient MPRT of a run's first fold by a
second implementation: CAMs by autograd, scipy's Spearman and entropy, loops. Trains nothing.

The formulas are those of Quantus' metrics MPRT, SmoothMPRT and EfficientMPRT (Hedström et al. 2023) as read there: similarity is
Spearman's correlation of absolute maps; smooth maps are means over noisy inputs, the last without noise, the noise's spread a
tenth of the input's range; entropy is that of a histogram of the signed map, its rise divided by the trained network's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import entropy, spearmanr

from voicecam import runs
from voicecam.explanation.draws import NOISE, draw_likeness
from voicecam.files import write_text
from voicecam.runs.fold_clips import FoldClips, clips_of_run

METHODS = ("grad-cam", "hires-cam", "layer-cam")
LARGEST = 1e-3  # difference that is rounding: maps are float32, and ranks of near-equal cells change places


def main(argv: Sequence[str] | None = None) -> int:
    """Print the largest difference of each measure and write them; returns 0, or 1 where one is larger than rounding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="espeak", help="an evaluated run in results/ (default: espeak)")
    parser.add_argument("--layer", default="layer3", help="stage of the network (default: layer3)")
    parser.add_argument("--clips", type=int, default=8, help="of the first fold (default: 8)")
    parser.add_argument("--draws", type=int, default=4, help="networks with random weights (default: 4)")
    parser.add_argument("--noisy", type=int, default=4, help="inputs of a smooth map (default: 4)")
    args = parser.parse_args(argv)
    folder = Path("results") / args.run
    [clips] = clips_of_run(folder, runs.run_dataset(runs.open_run(folder)), args.clips, "true", first=True)
    table = compare(clips, args.layer, args.draws, args.noisy)
    print(table.to_string(index=False))
    write_text(Path("results") / "audit" / "randomisation.csv", table.to_csv(index=False, float_format="%.3g"))
    return int((table["difference"] > LARGEST).any())


def compare(clips: FoldClips, layer: str, draws: int, noisy: int) -> pd.DataFrame:
    """Largest difference between the two implementations over methods and draws; one row per measure."""
    names = [f"clip{i}" for i in range(len(clips.table))]  # each a speaker of its own: a mean is a mean over clips
    asked = {"methods": METHODS, "layer": layer, "contrast": clips.contrast, "draws": draws, "noisy": noisy}
    ours = draw_likeness(clips.model, clips.inputs, clips.target, names, **asked).set_index(["method", "draw"])
    rng = torch.Generator().manual_seed(0)
    noise = [torch.randn(clips.inputs.shape, generator=rng) for _ in range(noisy - 1)] + [torch.zeros(clips.inputs.shape)]
    trained, found = plain_and_smooth(clips, clips.model, layer, noise), []
    for draw in range(draws):
        wiped = plain_and_smooth(clips, runs.randomised_model(clips.model, seed=1000 * draw), layer, noise)
        for name in METHODS:
            (a, a_smooth), (b, b_smooth) = trained[name], wiped[name]
            theirs = {"likeness": alike(a, b), "smooth": alike(a_smooth, b_smooth), "rise": rise(a, b)}
            found += [{"measure": key, "difference": abs(ours.loc[(name, draw), key] - value)} for key, value in theirs.items()]
    return pd.DataFrame(found).groupby("measure", as_index=False)["difference"].max()


def plain_and_smooth(clips: FoldClips, model, layer: str, noise: list[torch.Tensor]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Maps of each method, and their means over noisy inputs."""
    made = [cams(clips, model, layer, one) for one in noise]
    return {name: (made[-1][name], np.mean([maps[name] for maps in made], axis=0)) for name in METHODS}


def cams(clips: FoldClips, model, layer: str, noise: torch.Tensor) -> dict[str, np.ndarray]:
    """Three CAMs by autograd, clip by clip."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in METHODS}
    for i, one in enumerate(clips.inputs):
        kept = []
        x = (one + NOISE * (one.max() - one.min()) * noise[i])[None].requires_grad_()
        handle = model.stage(layer).register_forward_hook(lambda part, given, out, kept=kept: kept.append(out) or out.clone())
        logits = model.network.eval()(x)[0]
        handle.remove()
        score = logits[clips.target[i]] - (0 if clips.contrast is None else logits[clips.contrast[i]])
        g = torch.autograd.grad(score, kept[0])[0][0].detach()
        a = kept[0][0].detach()
        found["grad-cam"].append(torch.einsum("c,chw->hw", g.mean(dim=(1, 2)), a).numpy())
        found["hires-cam"].append((g * a).sum(dim=0).numpy())
        found["layer-cam"].append((g.clamp(min=0) * a).sum(dim=0).numpy())
    return {name: np.stack(maps) for name, maps in found.items()}


def alike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean([spearmanr(np.abs(x).ravel(), np.abs(y).ravel()).statistic for x, y in zip(a, b)]))


def rise(a: np.ndarray, b: np.ndarray) -> float:
    bins = int(np.clip(round(np.sqrt(a[0].size)), 10, 200))
    before, after = ([entropy(np.histogram(one, bins=bins)[0]) for one in maps] for maps in (a, b))
    return float(np.mean([(y - x) / x for x, y in zip(before, after)]))


if __name__ == "__main__":
    sys.exit(main())

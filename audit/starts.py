"""Do weights that learned something else help? The same training from several starts, and their bodies frozen under a logistic
regression; split by speaker. Long: trains a network of each start and fold. Weights that have met the corpus are not refused."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicecam.commands import cli

if TYPE_CHECKING:
    import numpy as np

    from voicecam.data.dataset import Dataset
    from voicecam.data.splits import Split

STARTS = ("resnet18:none", "resnet18:shipped", "efficientnet-lite0:none", "efficientnet-lite0:imagenet")
OUT = Path("results") / "audit" / "starts.csv"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python audit/starts.py --corpus cache/FSDD --label digit --image-size 64 64")
    cli.add_corpus_options(parser)
    parser.add_argument("--label", default="gender", help="label to learn")
    parser.add_argument("--min-age", type=cli.AGE, default=0.0, help="youngest speakers kept, in years")
    parser.add_argument("--start", nargs="+", default=STARTS, metavar="ARCH:INIT", help="networks, and what they start from")
    parser.add_argument("--per-speaker", type=cli.whole(1, 10_000), default=60, help="clips of each speaker, drawn by chance")
    parser.add_argument("--epochs", type=cli.whole(0, 1000), default=5, help="of training; 0: frozen bodies alone")
    parser.add_argument("--batch", type=cli.whole(2, 65_536), default=8, help="clips per step: few clips need small batches")
    parser.add_argument("--folds", type=cli.whole(2, 100), default=3, help="each speaker is tested in one")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes")
    return cli.finish(lambda: measure(parser.parse_args(argv)))


def measure(args: argparse.Namespace) -> str:
    """Train, test, print and write; returns the last line."""
    import pandas as pd

    from voicecam.data.splits import make_splits
    from voicecam.files import write_text

    dataset, rows = clips_of(args), []
    who = f"{len(dataset.clips)} clips of {dataset.clips['speaker'].nunique()} speakers"
    cli.log(f"{dataset.corpus.name}, {args.label}: {who}; chance {1 / dataset.clips[args.label].nunique():.3f}")
    for seed, split in enumerate(make_splits(dataset.corpus, args.label, kind="folds", folds=args.folds)):
        for start in args.start:
            for how, scores in scores_of(start, dataset, split, args, seed).items():
                rows.append({"start": start, "how": how, "fold": seed + 1, **scores})
                cli.log(f"fold {seed + 1}, {start}, {how}: validation {scores['valid']:.3f}, test {scores['test']:.3f}")
                write_text(args.out, pd.DataFrame(rows).to_csv(index=False, float_format="%.4f"))
    found = pd.DataFrame(rows).groupby(["how", "start"])[["valid", "test"]].agg(["mean", "min", "max"])
    cli.log(f"balanced accuracy over {args.folds} folds that share no speaker:\n{found.round(3).to_string()}")
    return f"wrote {args.out}"


def clips_of(args: argparse.Namespace) -> "Dataset":
    """The images of the clips asked for: of the right age, labelled, and as many of each speaker."""
    import numpy as np

    from voicecam.commands.corpus import config_of, corpus_of
    from voicecam.corpora import keep_ages, keep_labelled
    from voicecam.data.dataset import make_images, read_dataset

    corpus = corpus_of(args)
    dataset = read_dataset(make_images(corpus, config_of(args, corpus), images=cli.IMAGES, maps=cli.MAPS, workers=args.workers))
    kept = keep_ages(dataset.corpus, minimum=args.min_age) if args.min_age > 0 else dataset.corpus
    clips = keep_labelled(kept, args.label).clips
    drawn = clips.iloc[np.random.default_rng(0).permutation(len(clips))].groupby("speaker").head(args.per_speaker)
    return dataset.keep(replace(dataset.corpus, clips=drawn.sort_values("path", ignore_index=True)))


def scores_of(start: str, dataset: "Dataset", split: "Split", args: argparse.Namespace, seed: int) -> dict[str, dict[str, float]]:
    """Balanced accuracy on validation ("valid") and test clips of the body "frozen" and, with epochs, "trained"."""
    import torch

    from voicecam.config import TrainConfig
    from voicecam.network.learner import train

    arch, init = start.split(":", 1)
    torch.manual_seed(seed)
    found = {"frozen": frozen_scores(arch, init, dataset, split, args.label)}
    if args.epochs:
        training = TrainConfig(arch=arch, init=init, epochs=args.epochs, patience=args.epochs, batch=args.batch, seed=seed)
        model = train(dataset, split, args.label, training, log=lambda line: None).model
        names = [model.classes[i] for i in model.logits(dataset.matrices).argmax(axis=1)]
        found["trained"] = _scores(names, dataset, split, args.label)
    return found


def frozen_scores(arch: str, init: str, dataset: "Dataset", split: "Split", label: str) -> dict[str, float]:
    """Of a logistic regression on the means of the body's last channels over the picture."""
    import numpy as np
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from voicecam.features.image import fit_scale
    from voicecam.network import build, to_input
    from voicecam.network.start_weights import load_initial

    network = build(arch, 2)
    load_initial(network, arch, init, corpora=[dataset.corpus.name], clips=dataset.fingerprints)
    pictures = torch.from_numpy(fit_scale(dataset.matrices[split.train], dataset.config).to_gray(dataset.matrices))
    with torch.inference_mode():
        means = [network.eval()[0](to_input(some, dataset.config)).mean(dim=(2, 3)).numpy() for some in pictures.split(64)]
    X, y = np.concatenate(means), dataset.clips[label].to_numpy(dtype=str)
    by_line = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", C=0.01, max_iter=1000))
    return _scores(by_line.fit(X[split.train], y[split.train]).predict(X), dataset, split, label)


def _scores(names: "Sequence[str] | np.ndarray", dataset: "Dataset", split: "Split", label: str) -> dict[str, float]:
    import numpy as np
    from sklearn.metrics import balanced_accuracy_score

    true, said = dataset.clips[label].to_numpy(dtype=str), np.asarray(names, dtype=str)
    parts = {"valid": split.valid, "test": split.test}
    return {part: float(balanced_accuracy_score(true[rows], said[rows])) for part, rows in parts.items()}


if __name__ == "__main__":
    sys.exit(main())

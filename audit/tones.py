"""Which instrument finds a planted tone, for each recipe and architecture? Long: trains a network of each."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from voicecam.commands import cli

RECIPES, ARCHITECTURES = ("voice", "logmel", "mfcc"), ("small", "resnet18")
OUT = Path("results") / "audit" / "tones.csv"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python audit/tones.py --recipe voice mfcc --arch small --seeds 3")
    parser.add_argument("--recipe", nargs="+", choices=RECIPES, default=RECIPES, help="recipes of the pictures")
    parser.add_argument("--arch", nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES, help="networks")
    parser.add_argument("--init", default="none", help="weights that training starts from: none, or shipped for resnet18")
    parser.add_argument("--words", type=cli.whole(1, 8), default=8, help="recordings of each synthetic voice")
    parser.add_argument("--epochs", type=cli.whole(1, 1000), default=30, help="epochs of training")
    parser.add_argument("--clips", type=cli.whole(3, 192), default=192, help="tested clips that are asked about")
    parser.add_argument("--seeds", type=cli.whole(1, 100), default=1, help="trainings of each, with other voices held back")
    parser.add_argument("--layer", default="layer3", help="of the small and the large network, for maps of HiRes-CAM")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes")
    return cli.finish(lambda: measure(parser.parse_args(argv)))


def measure(args: argparse.Namespace) -> str:
    """Train, ask, print and write; returns the last line."""
    import pandas as pd

    from voicecam.checks.band_profiles import tone_profiles
    from voicecam.config import recipe
    from voicecam.explanation.bands import band_set
    from voicecam.explanation.planted_tones import hear_tones, tone_table, tone_training
    from voicecam.files import write_text

    tables = []
    for name, arch, seed in ((n, a, s) for n in args.recipe for a in args.arch for s in range(args.seeds)):
        config, short = recipe(name), tone_training(arch, args.init)
        training = replace(short, epochs=args.epochs, patience=args.epochs, seed=seed)
        heard = hear_tones(config, training, words=args.words, clips=args.clips, seed=seed)
        bands = band_set("third-octaves", config)
        profiles = tone_profiles(heard, bands, method="hires-cam", layer=args.layer, sound=True)
        table = tone_table(heard, profiles, bands).assign(recipe=name, arch=arch, seed=seed)
        tables.append(table)
        cli.log(f"{name}, {arch}, seed {seed}: accuracy {heard.accuracy:.3f}")
        for row in table.to_dict("records"):
            cli.log(
                f"  {row['instrument']}, {row['hz']:g} Hz: right {row['right']:.2f}, within one band {row['near']:.2f}, "
                f"top {row['top']:.0f} Hz, centroid {row['centroid']:.0f} Hz"
            )
        write_text(args.out, pd.concat(tables).to_csv(index=False, float_format="%.6g"))
    return f"wrote {args.out}"


if __name__ == "__main__":
    sys.exit(main())

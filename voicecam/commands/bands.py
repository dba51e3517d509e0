"""Measure what each band of the sound is worth to a saved model on its training clips; the web page lays clips beside that."""

import argparse
from pathlib import Path

from voicecam.commands import cli
from voicecam.config import SHIPPED_MODEL
from voicecam.errors import DatasetError

EXAMPLE = "--corpus cache/RAVDESS cache/ST-AEDS --min-age 14"
STOPPED = "stopped; nothing was written"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    cli.add_corpora_option(parser)
    parser.add_argument("--min-age", type=cli.AGE, default=0.0, help="youngest speakers kept, in years; 0 keeps unknown ages too")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="folder of the saved model; bands.json goes there")


def work(args: argparse.Namespace) -> str:
    """Measure and write; returns the last line."""
    import numpy as np

    from voicecam import audio  # imports torch: not before the options are known to be good
    from voicecam.commands.corpus import corpus_of
    from voicecam.corpora import keep_ages
    from voicecam.errors import AudioError
    from voicecam.explanation import training_ranges
    from voicecam.explanation.bands import band_set
    from voicecam.network import recordings  # imports torch: not before the options are known to be good
    from voicecam.network.classifier import load_classifier
    from voicecam.server.analysis import Explainer, bands_of

    classifier = load_classifier(args.model)
    if classifier.model.config.of_sound:
        raise DatasetError(f"{args.model}: hears sound and is shown no picture with bands; give another model")
    explainer, label = Explainer(classifier), classifier.model.label
    corpus = corpus_of(args)
    if args.min_age > 0:
        corpus = keep_ages(corpus, minimum=args.min_age)
    clips = training_ranges.choose(corpus.clips, label)
    clips = clips[clips[label].isin(classifier.model.classes)]
    drops, kept, unread = [], [], 0
    for clip in cli.progress(clips.to_dict("records"), len(clips)):
        try:
            found = recordings.predict_recording(classifier, audio.read(corpus.root / clip["path"]))
        except AudioError:
            unread += 1
            continue
        if found.matrix is not None:
            drops.append(bands_of(explainer, found, clip[label]))
            kept.append(clip)
    if not drops:
        raise DatasetError(f"{' '.join(args.corpus)}: no speech was found in any clip; give the corpora of the training")
    facts = training_ranges.summarise(
        np.stack(drops), [str(clip[label]) for clip in kept], [str(clip["speaker"]) for clip in kept]
    )
    names = band_set(training_ranges.BANDS, classifier.model.config).names
    path = training_ranges.write_ranges(args.model, names, facts, [Path(name).name for name in args.corpus])
    cli.log(f"left out: {unread} clips that cannot be read, {len(clips) - unread - len(kept)} without speech")
    return f"wrote {path}: {len(kept)} clips of {sum(one['speakers'] for one in facts.values())} speakers"

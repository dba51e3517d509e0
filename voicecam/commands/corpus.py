"""The corpus and the settings of its pictures that a command's options ask for."""

import argparse
import os
from typing import Any

from voicecam.commands.cli import log
from voicecam.config import DEMO, ESPEAK, PRESETS, Config, recipe
from voicecam.corpora import Corpus, merge, open_corpus
from voicecam.errors import VoicecamError


def config_of(args: argparse.Namespace, corpus: Corpus) -> Config:
    """The Config that the options ask for; that of ready-made matrices is in their file, but for the image size."""
    if corpus.matrices is not None:
        if args.seconds is not None or args.recipe not in ("mfcc", "mfcc-2020"):
            raise VoicecamError(f"{corpus.matrices}: its matrices are ready-made; leave out --recipe and --seconds")
        from voicecam.corpora.matrices import ready_config

        return ready_config(corpus.matrices, image_size=args.image_size)
    changes: dict[str, Any] = {}
    if args.seconds is not None:
        changes["seconds"] = args.seconds
    if args.image_size is not None:
        changes["image_rows"], changes["image_columns"] = args.image_size
    return recipe(args.recipe, **changes, **_encoder_of(args))


def _encoder_of(args: argparse.Namespace) -> dict[str, str]:
    """The encoder that the options ask for, where the recipe has one; weights in a folder by their absolute path."""
    kind = PRESETS[args.recipe].get("features", args.recipe)
    if kind != "encoder":
        if kind != "waveform" and (args.encoder or args.encoder_output or args.tiny or args.weights != "hub"):
            raise VoicecamError(f"--recipe {args.recipe}: takes no encoder; give --system A, B, C or D")
        return {}
    asked = {"encoder": args.encoder, "encoder_output": args.encoder_output, "encoder_weights": weights_of(args)}
    return {name: value for name, value in asked.items() if value}


def weights_of(args: argparse.Namespace) -> str:
    """Weights of the speech model as the options ask for them: "hub", "tiny" or an absolute path."""
    if args.tiny:
        return "tiny"
    return args.weights if args.weights == "hub" else os.path.abspath(args.weights)


def corpus_of(args: argparse.Namespace) -> Corpus:
    """The corpus that the options ask for, after a line for each of its remarks and repairs; the espeak corpus is made where it
    is not there."""
    from voicecam.corpora.espeak_corpus import make_espeak_corpus

    made = {"demo": lambda: DEMO, "espeak": lambda: make_espeak_corpus(ESPEAK)}
    places = [made[path]() if path in made else path for path in args.corpus]
    corpus = merge([open_corpus(place, layout=args.layout) for place in places])
    for line in (*corpus.remarks, *(f"repaired: {line}" for line in corpus.repairs)):
        log(line)
    return corpus

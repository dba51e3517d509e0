"""Can a known frequency be found in a network like this one? Planted tones, and every instrument that speaks of Hz."""

from pathlib import Path

import numpy as np
import pandas as pd

from voicecam import runs
from voicecam.checks.band_profiles import tone_profiles
from voicecam.checks.context import Check, CheckContext, CheckResult
from voicecam.explanation.planted_tones import (
    FOUND,
    LEARNED,
    LEVEL,
    TONE_S,
    Heard,
    found_by,
    hear_tones,
    tone_table,
    tone_training,
)
from voicecam.figures.canvas import percent
from voicecam.network import load_model
from voicecam.report import Section
from voicecam.report.format import capital
from voicecam.runs.check_files import CHECKS_FOLDER
from voicecam.runs.folder import fold_places, open_run

NOBODY = "claims in Hz about this run are not to be believed"


def measure(context: CheckContext) -> CheckResult:
    """Does each instrument find a tone of known frequency, in a network of this run's recipe and architecture?"""
    heard = _heard(context)
    sound = not context.dataset.corpus.matrices
    profiles = tone_profiles(heard, context.hz_bands, method=context.method, layer=context.layer, sound=sound)
    summary = {"accuracy": heard.accuracy, "bands": len(context.hz_bands.names), "start": heard.model.meta["init"]}
    return CheckResult(tables={"tones": tone_table(heard, profiles, context.hz_bands)}, summary=summary)


def _heard(context: CheckContext) -> Heard:
    """A network that learned tones, of the run's recipe and architecture, from weights of the same origin."""
    training = open_run(context.folder).training
    made = load_model(fold_places(context.folder)[0]).meta["init"]
    kinds = {"random weights": "none", "the shipped backbone": "shipped", "ImageNet": "imagenet"}
    start = next((kind for words, kind in kinds.items() if made.startswith(words)), training.init)
    return hear_tones(
        context.dataset.config,
        tone_training(training.arch, start),
        words=context.sizes.words,
        clips=context.affordable(context.sizes.tones),
    )


def section(folder: Path, classes: tuple[str, ...]) -> Section:
    table = runs.read_table(folder, "tones")
    summary, shown = runs.read_summary(folder, "tones") or {}, table.copy()
    tones = ", ".join(f"{hz:g}" for hz in sorted(table["hz"].unique()))
    doubt = believed(table) == ()
    columns = {
        "Instrument": [capital(name) for name in shown["instrument"]],
        "Tone": [f"{hz:g} Hz" for hz in shown["hz"]],
        "Right": [f"{percent(share)} %" for share in shown["right"]],
        "Within one band": [f"{percent(share)} %" for share in shown["near"]],
        "Top band": [f"{hz:.0f} Hz" for hz in shown["top"]],
        "Centroid": ["\N{EN DASH}" if np.isnan(hz) else f"{hz:.0f} Hz" for hz in shown["centroid"]],
    }
    return Section(
        name="tones",
        title="Can a known frequency be found in a network like this one?",
        sentences=(
            f"A network of this run's recipe, architecture and picture learned which soft tone ({tones} Hz, {TONE_S:g} s at a "
            f"random time, amplitude {LEVEL:g}), if any, lies under a synthetic voice. Then each instrument was asked which of "
            f"{summary['bands']} bands tells it. {tone_sentence(table)}",
            "A centroid is the centre of gravity of all that speaks for a class, so it is pulled to the middle by what lies "
            "elsewhere: read it beside the top band.",
        ),
        warnings=(capital(f"{NOBODY}: see below."),) if doubt else (),
        table=pd.DataFrame(columns),
        table_note="Right: the top band is the tone's. Top band and centroid: medians over the clips.",
    )


def believed(table: pd.DataFrame) -> tuple[str, ...]:
    """Instruments of a table "tones" that found the tone in FOUND of the clips, the best first; none where it was not learned."""
    shares = found_by(table)
    return tuple(map(str, shares.index[shares >= FOUND])) if table["learned"].all() else ()


def tone_sentence(table: pd.DataFrame) -> str:
    """What was found of planted tones, and which instrument is believed, from the table "tones"."""
    first = table.iloc[0]
    about = f"accuracy {first['accuracy']:.2f} on voices held back"
    if not first["learned"]:
        return (
            f"The tones were not learned in the time given ({about}; {LEARNED:g} is needed), so no instrument could "
            f"show what it finds: {NOBODY} yet (explain.py --full trains on twice as many clips)."
        )
    shares, n = found_by(table), int(table.groupby("instrument")["clips"].sum().iloc[0])
    said = "; ".join(f"{name} in {percent(share)} %" for name, share in shares.items())
    head = (
        f"In networks like this one ({about}) the top band is the tone's, of {n} clips, by {said}; by chance in "
        f"{percent(first['chance'])} %."
    )
    if not (names := believed(table)):
        return f"{head} No instrument finds {percent(FOUND)} %: {NOBODY}."
    return f"{head} Believed here: {'; '.join(names)}."


def read_tones(folder: Path) -> pd.DataFrame | None:
    return runs.read_table(folder, "tones") if (folder / CHECKS_FOLDER / "tones.csv").exists() else None


CHECK = Check("tones", "planted tones: is a known frequency found", measure, section, needs_mel=True)

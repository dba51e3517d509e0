"""Is speech found, and what is no speech refused? Every clip of corpora, damaged copies of some, recordings without speech from
Debian packages (nonspeech.py) and made ones are put to the detector; speakers and packages are halved by their names' hash.

The detector's weights and least evidence are chosen on half 1 (--choose prints that choice), and half 2 says what they are worth.
Trains nothing. Without apt-get: --no-packages.
"""

import argparse
import hashlib
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from nonspeech import PACKAGES, Clip, fetch, made, recorded
from scipy.special import logit

from voicecam import audio
from voicecam.audio import Signal, degrade, speech
from voicecam.audio.speech import FRAME, LEAST_SECONDS, RATE, SLOWER, SURE, SURE_SECONDS, Speech, find_speech
from voicecam.commands import cli
from voicecam.corpora import open_corpus
from voicecam.errors import DatasetError
from voicecam.files import write_text
from voicecam.network.recordings import sound_files

OUT = Path("results") / "audit" / "speech.csv"
SPEECH, DAMAGED, NONE = "corpus", "damaged", "no speech"
NOTHING_SAID = {  # clips of corpora that hold noise alone, by their spectrograms; counted in no row
    "M_1298640189_00.flac": "hyke: noise 70 dB below full scale",
    "M_1298656831_00.flac": "hyke: noise and a click",
}
LEAST_CHANGE_DB = 3.5  # of the rule before, where the detector was not sure


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit status."""
    parser = cli.make_parser(__doc__, "python audit/speech.py --corpus cache/RAVDESS cache/FSDD")
    parser.add_argument("--corpus", nargs="+", default=[], metavar="PATH", help="folders of speech, each a row of the table")
    parser.add_argument("--sounds", nargs="+", default=[], type=Path, metavar="FOLDER", help="more folders without speech")
    parser.add_argument("--no-packages", action="store_true", help="fetch no Debian packages (270 MB, kept in --cache)")
    parser.add_argument("--made", type=cli.whole(1, 10_000), default=60, help="made sounds without speech of each of 7 kinds")
    parser.add_argument("--cache", type=Path, default=Path("cache") / "nonspeech", help="where the packages lie")
    parser.add_argument("--damaged", type=cli.whole(0, 10_000), default=30, help="clips of each corpus that are damaged too")
    parser.add_argument("--choose", action="store_true", help="also choose the detector's weights on half 1")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes; the clips lie beside it")
    return cli.finish(lambda: measure(parser.parse_args(argv)))


def measure(args: argparse.Namespace) -> str:
    """Ask of every clip, print the table and write it; returns the last line."""
    rows = [_asked(clip, NONE) for clip in made(args.made)]
    if not args.no_packages:
        versions = fetch(args.cache)
        cli.log(" ".join(f"{name} {version};" for name, version in versions.items()))
        rows += [_asked(clip, NONE) for name in versions for clip in recorded(args.cache / name, name, PACKAGES[name])]
    for folder in args.sounds:
        rows += [_asked(clip, NONE) for clip in recorded(folder, folder.name, folder.name)]
    for path in args.corpus:
        rows += [_asked(clip, SPEECH) for clip in spoken(Path(path))]
        rows += [_asked(clip, DAMAGED) for clip in damaged(Path(path), args.damaged)]
    clips = pd.DataFrame(rows)
    table = summary(clips)
    for name, part in ((args.out, table), (args.out.with_name(f"{args.out.stem}-clips.csv"), clips)):
        write_text(name, part.to_csv(index=False, float_format="%.4f"))
    print(table.to_string(index=False, float_format="{:.3f}".format))
    if args.choose:
        print(choice(clips).head(12).to_string(index=False, float_format="{:.4f}".format))
    return f"wrote {args.out}: {len(clips)} clips"


def spoken(folder: Path, only: set[str] | None = None) -> Iterator[Clip]:
    """The clips of a corpus, or those named; the source is the speaker, or the clip where speakers are unknown."""
    corpus, files = folder.name, sound_files([folder])[0]
    try:
        table = open_corpus(folder)
        speakers = dict(zip(table.clips["path"].map(lambda path: Path(path).name), table.clips["speaker"]))
    except DatasetError:
        speakers = {}
    for path in cli.progress(files, len(files)):
        if path.name not in NOTHING_SAID and (only is None or path.name in only):
            yield Clip(corpus, f"{corpus}/{speakers.get(path.name, path.stem)}", path.name, audio.read(path))


def damaged(folder: Path, n: int) -> Iterator[Clip]:
    """`n` clips of a corpus in several states: 20 dB too loud and clipped, in a noisy room and clipped, over the telephone, with
    noise 10 dB below, and their loudest 0.14 s."""
    files = sorted(sound_files([folder])[0], key=lambda path: hashlib.sha256(path.name.encode()).digest())
    names = {path.name for path in [path for path in files if path.name not in NOTHING_SAID][:n]}
    for clip in spoken(folder, names):
        signal = audio.resample(audio.centre(clip.signal), RATE)
        x = signal.samples / np.abs(signal.samples).max()
        for name, change in DAMAGES.items():
            rng = np.random.default_rng(zlib.crc32(f"{clip.name} {name}".encode()))
            samples = np.asarray(change(x, rng), np.float32)
            yield Clip(name, clip.source, clip.name, Signal(samples, RATE))


def _room(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    far = degrade.room(x, RATE, rt60=0.4, direct_to_reverberant_db=3.0, rng=rng)
    return np.clip(4 * degrade.noise(far / np.abs(far).max(), RATE, snr_db=15, rng=rng, slope=1.0), -1, 1)


def _loudest(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = round(0.14 * RATE)
    energy = np.convolve(x**2, np.ones(n), "valid") if len(x) > n else np.zeros(1)
    return x[int(energy.argmax()) :][:n]


DAMAGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "clipped": lambda x, rng: np.clip(10 * x, -1, 1),
    "clipped in a noisy room": _room,
    "telephone": lambda x, rng: degrade.telephone(x, RATE),
    "noise 10 dB below": lambda x, rng: degrade.noise(x, RATE, snr_db=10, rng=rng, slope=1.0),
    "loudest 0.14 s": _loudest,
}


def _asked(clip: Clip, group: str) -> dict[str, str | float | bool]:
    """What is said of a clip, what the rule before said, and what both go by; half 1 chose, half 2 is for the report."""
    said = find_speech(clip.signal)
    ready = audio.set_level(audio.resample(audio.centre(clip.signal), RATE), speech.LEVEL_DBFS).samples
    p = speech.speech_probabilities(ready)
    found = Speech(speech._segments(p, len(ready)))
    row: dict[str, str | float | bool] = {"group": group, "kind": clip.kind, "source": clip.source, "name": clip.name}
    row |= {"half": 1 + zlib.crc32(clip.source.encode()) % 2, "found": bool(said), "doubtful": said.doubtful}
    row |= {"sure": bool(np.count_nonzero(p >= SURE) * FRAME >= SURE_SECONDS * RATE), "likeliest": p.max()}
    moved = speech.spectral_change(ready, found) if found and not row["sure"] else 0.0
    row["before"] = found.seconds >= LEAST_SECONDS and (row["sure"] or moved >= LEAST_CHANGE_DB)
    if not row["sure"]:
        slow = speech.slow_probabilities(ready)
        again = Speech(speech._segments(slow, len(ready), speed=SLOWER))
        longest = max(found, again, key=lambda one: one.seconds)
        row |= {"slower": slow.max(), "seconds": longest.seconds}
        row["change"] = speech.spectral_change(ready, longest) if longest else 0.0
    return row


def summary(clips: pd.DataFrame) -> pd.DataFrame:
    """A row per group, kind and half, and one for each group: how many clips, and the shares found before, found, doubtful."""
    rows = []
    for group, part in clips.groupby("group", sort=False):
        for kind, of_kind in [("all", part), *part.groupby("kind", sort=False)]:
            for half in (1, 2):
                some = of_kind[of_kind["half"] == half]
                if len(some):
                    shares = {"found_before": some["before"], "found": some["found"], "doubtful": some["doubtful"]}
                    head = {"group": group, "kind": kind, "half": half, "clips": len(some)}
                    rows.append(head | {name: values.astype(float).mean() for name, values in shares.items()})
    return pd.DataFrame(rows)


def choice(clips: pd.DataFrame) -> pd.DataFrame:
    """Weights of the likeliest frame's odds and of the slower hearing's, and least evidence, at which half 1 has 99.5 % of each
    corpus and as many damaged clips as before; those that refuse most there first, and what half 2 says of them."""
    heard, leasts, rows = clips["sure"] | (clips["seconds"] >= LEAST_SECONDS), np.arange(2.0, 12.0, 0.1), []
    odds = {name: logit(clips[name].fillna(1).clip(0.001, 0.9995)) for name in ("likeliest", "slower")}
    real = clips["group"].where(~clips["kind"].str.startswith("made"), "made")
    for first, again in product((0.5, 1.0, 2.0), (0.0, 0.25, 0.5, 1.0)):
        known = (first * odds["likeliest"] + again * odds["slower"] + clips["change"]).where(heard, -np.inf)
        known = known.where(~clips["sure"], np.inf)
        row: dict[str, np.ndarray | float] = {"likeliest": first, "again": again, "least": leasts}
        for half in (1, 2):
            of_half = known[clips["half"] == half]
            corpora = [_share(some, leasts) for _, some in of_half[real == SPEECH].groupby(clips["kind"])]
            row[f"worst_corpus_{half}"] = np.min(corpora, axis=0)
            row[f"damaged_{half}"] = _share(of_half[real == DAMAGED], leasts)
            row[f"refused_{half}"] = 1 - _share(of_half[real == NONE], leasts)
        rows.append(pd.DataFrame(row))
    table = pd.concat(rows, ignore_index=True)
    before = clips["before"][(real == DAMAGED) & (clips["half"] == 1)].astype(float).mean()
    good = (table["worst_corpus_1"] >= 0.995) & (table["damaged_1"] >= before)
    return table[good].sort_values("refused_1", ascending=False)


def _share(known: pd.Series, leasts: np.ndarray) -> np.ndarray:
    """The share of clips whose evidence is at least each of `leasts`."""
    return 1 - np.searchsorted(np.sort(known), leasts) / max(len(known), 1)


if __name__ == "__main__":
    sys.exit(main())

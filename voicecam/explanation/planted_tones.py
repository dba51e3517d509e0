"""Can what speaks of Hz find a known frequency in a network like this one? A network of the same recipe, architecture and picture
learns which soft tone, if any, lies under a voice; then each instrument is asked for the band that tells it.

Finding a planted tone is needed for finding a real cue, and does not prove it. Trains on synthetic voices; knows no run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal.windows import tukey

from voicecam import audio
from voicecam.config import CACHE, Config
from voicecam.corpora.table import Corpus, make_corpus
from voicecam.data.dataset import Dataset
from voicecam.data.splits import Split
from voicecam.explanation.bands import Bands
from voicecam.explanation.differences import height
from voicecam.explanation.planted import FOLDER, TESTED, VALIDATING, espeak_speech
from voicecam.features import features
from voicecam.files import digest
from voicecam.network import SMALL, Model, load_model, save_model
from voicecam.network.learner import TrainConfig, train

TONES = (630.0, 2000.0, 5040.0)  # Hz; middles of third-octaves, one in each of three octaves that speech fills
TONE_S, LEVEL = 0.3, 0.1  # s; amplitude re full scale, 3 dB above speech with an RMS of 0.05: softer ones take longer to learn
NONE = "none"  # the class without a tone
LEARNED = 0.9  # accuracy on voices held back, below which the network is no test of an instrument
FOUND = 0.9  # share of clips whose top band must be right for an instrument to be believed
TRAINED = CACHE / "tones"  # networks, made once for a recipe and an architecture
VERSION = 1  # of what is planted; another one is trained anew


@dataclass(frozen=True)
class Heard:
    """A network that learned the tones, and clips of held-back voices to explain it on.

    signals : prepared windows with a tone, of the tested voices; hz, speakers : (clip,) of each
    target, contrast : int (clip,), the class of the clip's tone, and the class without one
    accuracy : share of right answers over all classes, on the tested voices
    """

    model: Model
    signals: tuple[audio.Signal, ...]
    hz: np.ndarray
    speakers: np.ndarray
    target: np.ndarray
    contrast: np.ndarray
    accuracy: float


def tone_training(arch: str, init: str) -> TrainConfig:
    """How a network learns the tones: fast, and the same for every run of an architecture. start : see `TrainConfig`"""
    if arch == SMALL:
        return TrainConfig(arch=arch, init=init, epochs=20, lr=5e-3, batch=16, patience=20, augment=False)
    return TrainConfig(arch=arch, init=init, epochs=5, lr=6e-3, batch=16, patience=5, augment=False)


def plant_tones(
    speech: Sequence[audio.Signal], tones: Sequence[float] = TONES, *, seed: int = 0
) -> tuple[list[audio.Signal], np.ndarray]:
    """Each recording without a tone and with each of them, at a time drawn anew: (len(tones) + 1) n signals, and the tone of each
    in Hz, NaN for none; float (signal,).

    speech : prepared signals. The tone, TONE_S long or half the signal, is added after the level was set: setting it again would
    make all else softer, and so plant a second cue.
    """
    made, hz = [], []
    for number, signal in enumerate(speech):
        rng = np.random.default_rng((seed, number))
        for tone in (np.nan, *tones):
            made.append(signal if np.isnan(tone) else _with_tone(signal, tone, rng))
            hz.append(tone)
    return made, np.array(hz)


def hear_tones(
    config: Config,
    training: TrainConfig,
    *,
    words: int,
    clips: int | None = None,
    tones: Sequence[float] = TONES,
    folder: Path = FOLDER,
    kept: Path = TRAINED,
    seed: int = 0,
) -> Heard:
    """A network that learned the tones, trained or read from `kept`, with the tested clips that have a tone.

    config : the run's; training : see `tone_training`; words : of each synthetic voice, 8 at most; clips : how many of the
        tested clips are given, as many of each tone, spread over the voices; None is all; folder : of the synthetic voices
    """
    signals, speakers = espeak_speech(folder)
    first = pd.Series(speakers).groupby(speakers).cumcount().to_numpy() < words
    spoken = [audio.prepare(signal, config) for signal, target in zip(signals, first) if target]
    planted, hz = plant_tones(spoken, tones, seed=seed)
    voices = np.repeat(speakers[first], 1 + len(tones))
    matrices = np.stack([features(signal, config).matrix for signal in planted])
    names = np.array([NONE if np.isnan(tone) else f"{tone:05.0f} Hz" for tone in hz])
    split = _voices(voices, seed)
    dataset = Dataset(_corpus(voices, names), matrices, config)
    model = _trained(dataset, split, training, kept, [words, seed, *tones])
    answers = model.probabilities(matrices[split.test]).argmax(axis=1)
    truth = np.array([model.classes.index(name) for name in names[split.test]])
    rows = np.sort(np.concatenate([_spread(split.test[hz[split.test] == tone], clips, len(tones)) for tone in tones]))
    target = np.array([model.classes.index(name) for name in names[rows]])
    contrast = np.full(len(rows), model.classes.index(NONE))
    return Heard(
        model, tuple(planted[i] for i in rows), hz[rows], voices[rows], target, contrast, float((answers == truth).mean())
    )


def tone_table(heard: Heard, profiles: Mapping[str, np.ndarray], bands: Bands) -> pd.DataFrame:
    """Which band each instrument puts first, one row per instrument and tone.

    profiles : instrument -> weight of each band for the tone's class against none, float (clip, band), for heard's clips
    Returns columns instrument, hz; right, near (share of clips whose top band is the tone's, or next to it); top, centroid
    (medians in Hz, of the top band's middle and of the centre of gravity); chance (of right, by a guess), clips, speakers,
    accuracy, learned.
    """
    middles = np.sqrt(np.prod(bands.limits, axis=1))
    rows = []
    for name, given in profiles.items():
        profile = np.nan_to_num(given)
        top, centroids = profile.argmax(axis=1), height(profile, bands.limits)
        blank = np.isnan(centroids)  # points nowhere
        for tone in np.unique(heard.hz):
            here = heard.hz == tone
            own = next(i for i, (low, high) in enumerate(bands.limits) if low <= tone < high)
            off = np.where(blank[here], len(middles), np.abs(top[here] - own))
            found = {"right": (off == 0).mean(), "near": (off <= 1).mean(), "top": np.median(middles[top[here]])}
            found |= {"centroid": pd.Series(centroids[here]).median(), "chance": 1 / len(middles), "clips": int(here.sum())}
            rows.append({"instrument": name, "hz": tone, **found, "speakers": len(np.unique(heard.speakers[here]))})
    return pd.DataFrame(rows).assign(accuracy=heard.accuracy, learned=heard.accuracy >= LEARNED)


def found_by(table: pd.DataFrame) -> pd.Series:
    """Instrument -> share of clips whose top band is right, all tones together, the best first."""
    return table.groupby("instrument", sort=False)["right"].mean().sort_values(ascending=False, kind="stable")


def _with_tone(signal: audio.Signal, hz: float, rng: np.random.Generator) -> audio.Signal:
    n = min(round(TONE_S * signal.rate), len(signal.samples) // 2)
    start = rng.integers(0, len(signal.samples) - n)
    samples = signal.samples.copy()
    soft = tukey(n, 0.2)  # a tenth of it up and down: a hard edge would be a click
    samples[start : start + n] += (LEVEL * soft * np.sin(2 * np.pi * hz * np.arange(n) / signal.rate)).astype(samples.dtype)
    return audio.Signal(samples, signal.rate)


def _spread(rows: np.ndarray, clips: int | None, parts: int) -> np.ndarray:
    """A part's share of so many clips, evenly out of its rows."""
    n = len(rows) if clips is None else min(len(rows), -(-clips // parts))
    return rows[np.linspace(0, len(rows) - 1, n).round().astype(int)]


def _trained(dataset: Dataset, split: Split, training: TrainConfig, kept: Path, about: Sequence[float]) -> Model:
    """The network, read from the cache where one of the same making is there."""
    made_of = {"config": dataset.config.to_dict(), "training": asdict(training), "about": [VERSION, TONE_S, LEVEL, *about]}
    place = kept / digest(made_of)
    if not (place / "meta.json").exists():
        save_model(place, train(dataset, split, "tone", training, log=lambda line: None).model)
    return load_model(place)


def _corpus(voices: np.ndarray, names: np.ndarray) -> Corpus:
    rows = [{"path": f"{i:06d}", "speaker": str(who), "tone": str(name)} for i, (who, name) in enumerate(zip(voices, names))]
    return make_corpus("planted tones", Path(), rows)


def _voices(speakers: np.ndarray, seed: int) -> Split:
    """The voices shared out by chance: TESTED, VALIDATING, and the rest to train."""
    names = np.random.default_rng(seed).permutation(np.unique(speakers))
    test, valid = np.isin(speakers, names[:TESTED]), np.isin(speakers, names[TESTED : TESTED + VALIDATING])
    return Split(np.flatnonzero(~test & ~valid), np.flatnonzero(valid), np.flatnonzero(test))

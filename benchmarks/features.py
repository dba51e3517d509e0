"""Times voicecam's features beside librosa's on the same clips, side by side in one process; prints ratios, not promises."""

import time
from collections.abc import Callable

import librosa
import numpy as np
from tqdm import tqdm

from voicecam import audio
from voicecam.config import recipe
from voicecam.features import features
from voicecam.features.image import picture_2020

ROUNDS = 30


def librosa_mfcc(samples: np.ndarray) -> np.ndarray:
    """The recipe mfcc with librosa."""
    emphasised = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    return librosa.feature.mfcc(y=emphasised, sr=16_000, n_mfcc=20, lifter=22, n_fft=400, hop_length=160, n_mels=64, center=False)


def librosa_2020(samples: np.ndarray) -> np.ndarray:
    """The recipe of 2020 with librosa and the same stretch as ours."""
    emphasised = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    matrix = librosa.feature.mfcc(
        y=emphasised, sr=48_000, n_mfcc=12, lifter=22, n_fft=1200, hop_length=480, n_mels=40, center=False
    )
    return picture_2020(matrix)


def seconds(work: Callable[[], object]) -> float:
    """Time of one call, in s."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the median times, and the median of the ratios of calls made in turn."""
    ours(), theirs()  # warm up
    pairs = np.array([(seconds(ours), seconds(theirs)) for _ in tqdm(range(ROUNDS), desc=name, leave=False, disable=None)])
    a, b = np.median(pairs, axis=0) * 1000
    print(f"{name:28s} voicecam {a:7.2f} ms   librosa {b:7.2f} ms   ratio {np.median(pairs[:, 1] / pairs[:, 0]):5.1f}")


def pair(name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """Our call and librosa's for a recipe, on the same second of noise."""
    config = recipe(name)
    noise = 0.1 * np.random.default_rng(0).standard_normal(config.n_samples)
    signal = audio.prepare(audio.from_samples(noise, config.sample_rate), config)
    counts = signal.samples * np.float32(config.full_scale)
    if name == "mfcc-2020":
        return lambda: picture_2020(features(signal, config).matrix), lambda: librosa_2020(counts)
    return lambda: features(signal, config), lambda: librosa_mfcc(counts)


def main() -> None:
    """Compare recipe by recipe."""
    for name in ("mfcc", "mfcc-2020"):
        compare(name, *pair(name))


if __name__ == "__main__":
    main()

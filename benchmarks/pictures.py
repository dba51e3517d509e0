"""Sound file -> stored picture, beside the recipe of 2020 with the libraries it used: scipy, librosa, scikit-image, Pillow: clip
by clip, and a corpus by one command on all cores. And stored pictures read back for training, beside Pillow one by one."""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import scipy.io.wavfile
import soundfile as sf
from measure import ROOT, in_turn, keep, row, run
from PIL import Image
from skimage.transform import resize

from voicecam import audio
from voicecam.audio.fingerprints import fingerprint
from voicecam.config import DEMO, recipe
from voicecam.data.dataset import _convert, signal_matrix
from voicecam.data.matrix_file import stored_matrices
from voicecam.features.image import load_matrix, picture_2020, save_picture

SECONDS, RATE = 0.65, 48_000  # of the old corpus's clips
CLIPS, ROUNDS, STORED = 40, 9, 2_000


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=3_000, help="of the corpus (default %(default)s)")
    parser.add_argument("--old", nargs=2, type=Path, metavar=("FROM", "TO"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.old:
        for path in sorted(args.old[0].rglob("*.wav")):
            old(path, args.old[1] / f"{path.stem}.jpg")
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        clips = voices(place)
        keep("pictures", [*made(clips, place), corpus(clips, place, args.clips), reading(clips, place)])


def voices(place: Path) -> list[Path]:
    """Words of the demo voices as clips of SECONDS at RATE, 16-bit WAV."""
    paths = []
    for number, source in enumerate(sorted((DEMO / "data").rglob("*.ogg"))[:CLIPS]):
        signal = audio.resample(audio.read(source), RATE)
        paths.append(place / f"{number:03d}.wav")
        sf.write(paths[-1], np.resize(signal.samples, round(SECONDS * RATE)), RATE, subtype="PCM_16")
    return paths


def old(path: Path, out: Path) -> np.ndarray:
    """The recipe of 2020 as it was written: read, pre-emphasis, MFCC, stretch, JPEG."""
    rate, counts = scipy.io.wavfile.read(path)
    samples = counts.astype(np.float32)
    emphasised = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    shape = {"n_mfcc": 12, "lifter": 22, "n_fft": 1200, "hop_length": 480, "n_mels": 40, "center": False}
    matrix = librosa.feature.mfcc(y=emphasised, sr=rate, **shape)
    picture = np.clip(resize(matrix, (224, 224), order=1, preserve_range=True), 0, 255).astype(np.uint8)
    Image.fromarray(picture).convert("RGB").save(out)
    return picture


def made(clips: list[Path], place: Path) -> list[dict]:
    """Rows on making pictures; the same picture within a level is checked first."""
    own, matrix = recipe("mfcc-2020", seconds=SECONDS), recipe("mfcc", seconds=SECONDS)
    raw = [scipy.io.wavfile.read(path)[1] for path in clips]
    emphasised = [np.append(x[0], x[1:] - np.float32(0.97) * x[:-1]).astype(np.float32) for x in raw]
    windows = np.stack([np.lib.stride_tricks.sliding_window_view(x, 1200)[::480] for x in emphasised])  # (clip, frame, sample)
    new = (place / f"new{number}" for number in itertools.count())  # a file of its own for each, as a corpus has
    ways = {
        "old": lambda: [old(path, next(new).with_suffix(".jpg")) for path in clips],
        "picture": lambda: [_convert(path, next(new).with_suffix(".png"), own) for path in clips],
        "matrix": lambda: [_convert(path, next(new).with_suffix(".png"), matrix) for path in clips],
        "read": lambda: [audio.read(path) for path in clips],
        "fft": lambda: [np.fft.rfft(clip, axis=-1) for clip in windows],
        "stretch": lambda: [picture_2020(np.ones((12, 63), np.float32)) for _ in clips],
        "png": lambda: [save_picture(next(new).with_suffix(".png"), grey) for grey in greys],
        "fingerprint": lambda: [fingerprint(signal) for signal in signals],
    }
    signals = [audio.read(path) for path in clips]
    greys = [signal_matrix(signal, own).astype(np.uint8) for signal in signals]
    took = in_turn(ways, rounds=ROUNDS)
    each = {name: 1000 * float(np.median(seconds)) / CLIPS for name, seconds in took.items()}
    parts = (
        f"{each['picture']:.2f} ms a clip: reading {each['read']:.2f}, spectra {each['fft']:.2f} (the floor), stretch to 224 px "
        f"{each['stretch']:.2f}, PNG and its file {each['png']:.2f}, fingerprint {each['fingerprint']:.2f}; the recipe of 2020 "
        f"{each['old']:.2f}"
    )
    whole, small, against = "wav -> stored picture of 224 px", "wav -> stored matrix, enlarged at load", "the recipe of 2020"
    return [
        row(whole, against, "12 times", took["old"], took["picture"], note=parts, least=12),
        row(small, against, "20 times", took["old"], took["matrix"], note=f"{each['matrix']:.2f} ms a clip", least=20),
    ]


def corpus(clips: list[Path], place: Path, n: int) -> dict:
    """The row on a corpus of n clips, on the clock, from the start of a command to its end."""
    folder, cores, images = place / "corpus", os.cpu_count() or 1, itertools.count()
    for i in range(n):
        path = folder / "ab"[i % 2] / f"s{i % 50:02d}_{i:05d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(clips[i % len(clips)])
    memory = []

    def before() -> None:
        pictures = place / f"old{next(images)}"
        pictures.mkdir()
        run([sys.executable, str(Path(__file__)), "--old", str(folder), str(pictures)])

    def now() -> None:
        home = place / f"home{next(images)}"
        home.mkdir()
        command = [sys.executable, str(ROOT / "scripts" / "make_images.py"), "--corpus", str(folder), "--home", str(home)]
        memory.append(run([*command, "--seconds", str(SECONDS)])[2])
        (found,) = (home / "maps").glob("*.json")
        if sum("image" in entry for entry in json.loads(found.read_text())["entries"].values()) != n:
            raise SystemExit("not every clip has its image")

    took = in_turn({"old": before, "now": now}, rounds=1, clock=time.perf_counter)
    note = f"{n / took['now'][0]:.0f} clips a second, at most {max(memory):.0f} MB in a process; on the clock"
    work = f"a corpus of {n} clips of {SECONDS} s at {RATE // 1000} kHz -> stored matrices, {cores} cores, cold start"
    return row(work, "the recipe of 2020 in a loop", "12 times", took["old"], took["now"], note=note, least=12)


def reading(clips: list[Path], place: Path) -> dict:
    """The row on reading STORED matrices back; the array is checked against the pictures."""
    config, folder, entries = recipe("mfcc"), place / "images", {}
    for number in range(STORED):
        name = f"{number:05d}.png"
        first = folder / f"{number % CLIPS:05d}.png"
        if number < CLIPS:
            entries[name] = {**_convert(clips[number], folder / name, config), "image": name}
        else:
            (folder / name).hardlink_to(first)
            entries[name] = {**entries[first.name], "image": name}
    one_by_one = lambda: np.stack([load_matrix(folder / e["image"], e["low"], e["high"]) for e in entries.values()])  # noqa: E731
    whole = lambda: stored_matrices(entries, folder, name="bench", home=place).sum(axis=0)  # noqa: E731  every value is read
    if not np.array_equal(stored_matrices(entries, folder, name="bench", home=place), one_by_one()):
        raise SystemExit("the array is not what the pictures hold")
    took = in_turn({"pillow": one_by_one, "array": whole}, rounds=5)
    note, work = (
        f"{STORED} matrices, every value read, every picture's size and time looked up",
        "stored pictures read for training",
    )
    return row(work, "Pillow one by one", "10 times", took["pillow"], took["array"], note=note, least=10)


if __name__ == "__main__":
    main()

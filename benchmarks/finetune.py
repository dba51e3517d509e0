"""A whole fine-tuning of a ResNet-18 on a processor: what this program does beside fastai's default, which reads PNG files of 224
pixels in float32. The same clips of the demo voices, speakers' split, first weights and epochs; the measure is the processor time
until the balanced accuracy on validation speakers is what both end with, or better.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.callback.core import Callback
from fastai.data.transforms import Normalize
from fastai.torch_core import set_seed
from fastai.vision.all import ImageDataLoaders, imagenet_stats, resnet18, vision_learner
from measure import keep, row
from PIL import Image

from voicecam.config import DEMO, TrainConfig, recipe
from voicecam.corpora import open_corpus
from voicecam.data.dataset import Dataset, make_images, read_dataset
from voicecam.data.splits import Split, make_splits
from voicecam.network.learner import balanced_accuracy, train
from voicecam.network.start_weights import corpora_of, load_initial

CLIPS, EPOCHS, SEEDS, SIZE = 3, 4, (0, 1, 2), 224  # clips of each voice; pixels a side of fastai's pictures
LABEL = "gender"
Course = list[tuple[float, float]]  # after each epoch: processor s since the start, balanced accuracy on validation speakers


def main() -> None:
    """Measure, print and keep."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        corpus = open_corpus(DEMO)
        few = corpus.clips.groupby("speaker", sort=True).head(CLIPS)
        path = make_images(replace(corpus, clips=few), recipe("mfcc"), images=place / "mfc_dataset", maps=place / "maps")
        dataset = read_dataset(path)
        split = make_splits(dataset.corpus, LABEL)[0]
        table = pictures(dataset, split, place)
        ways = {
            "fastai": lambda seed: fastai_default(table, dataset, place, seed),
            "program": lambda seed: program(path, split, TrainConfig(epochs=EPOCHS, seed=seed)),
            "bfloat16": lambda seed: program(path, split, TrainConfig(epochs=EPOCHS, seed=seed, bfloat16=True)),
        }
        found: dict[str, list[Course]] = {way: [] for way in ways}
        for seed in SEEDS:
            for way, work in ways.items():
                found[way].append(work(seed))
                print(way, seed, [(round(seconds, 1), round(score, 3)) for seconds, score in found[way][-1]], flush=True)
    keep("finetune", [compared(found, "program", "defaults"), compared(found, "bfloat16", "--bfloat16")])


def compared(found: dict[str, list[Course]], way: str, called: str) -> dict:
    """The row of a way beside fastai's, seed by seed."""
    slow, fast, ends = [], [], []
    for theirs, ours in zip(found["fastai"], found[way]):
        target = min(theirs[-1][1], ours[-1][1])
        slow.append(reached(theirs, target))
        fast.append(reached(ours, target))
        ends.append((theirs[-1][1], ours[-1][1]))
    last = np.median(ends, axis=0)
    whole = np.median([theirs[-1][0] / ours[-1][0] for theirs, ours in zip(found["fastai"], found[way])])
    note = (
        f"{np.median(fast):.0f} s of a processor beside {np.median(slow):.0f}; {EPOCHS} epochs {whole:.1f} times as fast, "
        f"balanced accuracy {last[1]:.3f} beside {last[0]:.3f} then; medians of {len(SEEDS)} seeds"
    )
    against = f"fastai's default, {SIZE} px, float32, image files"
    work = f"whole fine-tune to equal validation score, {called}"
    return row(work, against, "3 times", np.array(slow), np.array(fast), note=note, least=3)


def reached(course: Course, target: float) -> float:
    """Processor seconds after the first epoch whose score is the target or better."""
    return next(seconds for seconds, score in course if score >= target)


def pictures(dataset: Dataset, split: Split, place: Path) -> pd.DataFrame:
    """Each clip's picture as a PNG of SIZE pixels a side, and the table that fastai reads: file, class, whether it validates."""
    low, high = np.percentile(dataset.matrices[split.train], [1, 99], axis=(0, 2))[..., None]
    rows = []
    (place / "png").mkdir()
    for part in ("train", "valid"):
        for clip in getattr(split, part):
            gray = np.clip((dataset.matrices[clip] - low) / (high - low) * 255, 0, 255).astype(np.uint8)[::-1]
            name = f"png/{clip}.png"
            Image.fromarray(gray).resize((SIZE, SIZE), Image.Resampling.BILINEAR).save(place / name)
            rows.append({"file": name, LABEL: dataset.clips[LABEL].iloc[clip], "valid": part == "valid"})
    return pd.DataFrame(rows)


class _Clock(Callback):
    """Processor time and score after each epoch."""

    order = 60  # after the Recorder

    def __init__(self, began: float):
        self.began, self.course = began, Course()

    def after_epoch(self) -> None:
        self.course.append((time.process_time() - self.began, float(self.recorder.values[-1][-1])))


def fastai_default(table: pd.DataFrame, dataset: Dataset, place: Path, seed: int) -> Course:
    """vision_learner on ImageDataLoaders, fine_tune: the head for an epoch, then all. Files are read in this process, whose time
    counts."""
    set_seed(seed, reproducible=True)
    clock = _Clock(time.process_time())
    columns = {"fn_col": "file", "label_col": LABEL, "valid_col": "valid"}
    normalise = Normalize.from_stats(*imagenet_stats)  # as vision_learner adds it with pretrained weights
    loaders = ImageDataLoaders.from_df(table, path=place, **columns, num_workers=0, batch_tfms=normalise)
    learner = vision_learner(loaders, resnet18, pretrained=False, metrics=balanced_accuracy())
    load_initial(learner.model, "resnet18", "auto", corpora=corpora_of(dataset), clips=dataset.fingerprints)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(EPOCHS - 1, cbs=clock)
    return clock.course


def program(path: Path, split: Split, training: TrainConfig) -> Course:
    """What scripts/train.py does: from reading the data set on."""
    times, began = [], time.process_time()

    def log(line: str) -> None:
        if line.startswith("epoch"):
            times.append(time.process_time() - began)

    trained = train(read_dataset(path), split, LABEL, training, log=log)
    return list(zip(times, trained.history["valid_balanced_accuracy"]))


if __name__ == "__main__":
    main()

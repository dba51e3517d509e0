"""The shipped model: seconds to load it after imports, and milliseconds from recording to prediction, beside a ResNet-18."""

import time
from dataclasses import replace

import numpy as np
import torch

from voicecam import audio
from voicecam.config import SHIPPED_MODEL
from voicecam.network import build
from voicecam.network.classifier import Classifier, load_classifier

SECONDS = 3.0  # length of the recording
TIMES = 50


def main() -> None:
    """Measure and print."""
    start = time.perf_counter()
    classifier = load_classifier(SHIPPED_MODEL)
    print(f"load {SHIPPED_MODEL.name}: {time.perf_counter() - start:.3f} s")
    rng = np.random.default_rng(0)
    recording = audio.from_samples(0.1 * rng.standard_normal(round(SECONDS * 48_000)).astype(np.float32), 48_000)
    big = Classifier(replace(classifier.model, network=build("resnet18", 2).eval()))
    took = {"shipped": [], "ResNet-18": []}
    for _ in range(TIMES):  # side by side, so that both meet the same machine
        for name, one in (("shipped", classifier), ("ResNet-18", big)):
            start = time.perf_counter()
            one.classify(recording)
            took[name].append(time.perf_counter() - start)
    middle = {name: 1000 * float(np.median(values)) for name, values in took.items()}
    late = 1000 * float(np.percentile(took["shipped"], 95))
    print(f"{SECONDS:g} s at 48 kHz, {torch.get_num_threads()} threads: {middle['shipped']:.1f} ms (p95 {late:.1f} ms)")
    print(f"ratio to the same with a ResNet-18 of the same picture size: {middle['shipped'] / middle['ResNet-18']:.2f}")


if __name__ == "__main__":
    main()

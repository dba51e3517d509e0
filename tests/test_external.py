"""External figures count "no speech": a corpus of spoken words and a tone, whose share and accuracy are known by counting."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from test_speech import RATE, words

from voicecam.corpora import open_corpus
from voicecam.network.classifier import load_classifier
from voicecam.runs.external import corpus_lines, score_model

MODEL = Path(__file__).parent.parent / "voicecam" / "models" / "voice"


def test_a_clip_in_which_nobody_speaks_counts_as_wrong(tmp_path):
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)
    sounds = [*words(), tone, tone[: RATE // 2]]
    gender = ["female", "female", "male", "male", "male", "female"]
    names = [f"{i}.wav" for i in range(len(sounds))]
    for name, samples in zip(names, sounds):
        sf.write(tmp_path / name, samples, RATE)
    table = pd.DataFrame({"path": names, "speaker": [f"s{i}" for i in range(6)], "gender": gender})
    table.to_csv(tmp_path / "clips.csv", index=False)
    metrics = score_model(tmp_path / "out", load_classifier(MODEL), open_corpus(tmp_path), facts={})
    said = pd.read_csv(tmp_path / "out" / "predictions.csv").set_index("path")
    right = (said["predicted"] == said["true"]) & ~said.index.isin(names[-2:])
    (row,) = metrics["by_corpus"]
    assert row["no_speech"] == pytest.approx(2 / 6)
    assert row["balanced_with_no_speech"]["value"] == pytest.approx(right.groupby(said["true"]).mean().mean())
    assert right.any()
    assert row["clips"] == 6, "the network itself is asked of every clip"
    assert corpus_lines(metrics)[0].endswith("| no speech | balanced accuracy with these as wrong |")
    assert pd.read_csv(tmp_path / "out" / "corpora.csv")["no_speech"].item() == pytest.approx(2 / 6, abs=1e-4)

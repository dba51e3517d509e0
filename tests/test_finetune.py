"""Fine-tuning in phases: it learns what was planted, is killed and goes on, draws as it says, and keeps validation clips out."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from voicecam.audio.degrade import STANDARD
from voicecam.errors import DatasetError, ModelError
from voicecam.network.drawing import Clips, Draws, class_weights, degraded
from voicecam.network.finetune import PHASES, Phase, finetune
from voicecam.network.transformer import build_transformer, load_transformer

ROOT = Path(__file__).parent.parent
CLASSES = ("high", "low")
FULL = Phase(name="full", frozen="none", epochs=4, lr=3e-3)


def made(n=96, samples=6400, seed=0):
    """Clips of eight speakers: a tone at 400 Hz (high) or 200 Hz (low), give or take the speaker's 4 %, in noise.
    Speakers 0 to 3 are corpus "a", the others "b" with an octave more; even speakers are high."""
    rng = np.random.default_rng(seed)
    speaker = np.arange(n) % 8
    low = speaker % 2
    hz = np.where(low, 200, 400) * (1 + 0.02 * (speaker // 2 - 1.5)) * np.where(speaker < 4, 1, 2.8)
    phase = rng.uniform(0, 6, (n, 1))
    sounds = 0.3 * np.sin(2 * np.pi * hz[:, None] * np.arange(samples) / 16_000 + phase) + 0.03 * rng.normal(size=(n, samples))
    return sounds.astype(np.float32), low, np.where(speaker < 4, "a", "b"), speaker


def split(speaker):
    return {"train": np.flatnonzero(~np.isin(speaker, [2, 3, 6, 7])), "valid": np.flatnonzero(np.isin(speaker, [2, 3, 6, 7]))}


def tuned(place, phases, name="xls-r", data=None, log=lambda line: None, **how):
    sounds, targets, domains, speaker = data or made()
    network = build_transformer(name, CLASSES, weights="tiny")
    how = {**split(speaker), "classes": CLASSES, "phases": phases, "batch": 8, "place": place, "log": log, **how}
    return finetune(network, sounds, targets, domains, **how)


def weights_of(folder):
    return load_transformer(folder).model.state_dict()


@pytest.mark.slow
def test_it_learns_the_planted_tone_and_shows_what_each_corpus_forgets(tmp_path):
    """Trained on corpus a, it does not know b's tones; the balanced phase on both knows them, and a still."""
    data = made()
    lines = []
    phases = [Phase(name="one", frozen="none", epochs=3, lr=3e-3, domains=("a",)), Phase(**{**vars(FULL), "balanced": True})]
    out = tuned(tmp_path, phases, data=data, log=lines.append)
    table = out.by_domain.set_index(["phase", "domain"])
    assert list(table.index) == [("one", "a"), ("one", "b"), ("full", "a"), ("full", "b")]
    assert list(table["clips"]) == [24, 24, 24, 24]
    assert table.loc[("one", "a"), "balanced_accuracy"] > 0.9 > table.loc[("one", "b"), "balanced_accuracy"]
    assert table.loc["full"]["balanced_accuracy"].min() > 0.9
    valid = split(data[3])["valid"]
    right = out.network.logits(data[0], valid).argmax(axis=1) == data[1][valid]
    assert right.mean() == pytest.approx(table.loc["full"]["balanced_accuracy"].mean())  # classes and corpora are equally many
    assert (
        list(out.history[["phase", "epoch"]].itertuples(index=False, name=None))
        == [
            *(("one", i) for i in (1, 2, 3)),
            *(("full", i) for i in (1, 2, 3, 4)),
        ][: len(out.history)]
    )
    assert np.isfinite(out.history.drop(columns="phase").to_numpy()).all()
    assert sum("epoch" in line and "macro F1" in line for line in lines) == len(out.history)
    assert not list(tmp_path.rglob("checkpoint*"))
    assert not list(tmp_path.rglob("*.bin"))
    best = weights_of(tmp_path / "2-full" / "best")
    assert all(torch.equal(value, best[key]) for key, value in out.network.model.state_dict().items())


def test_a_probe_leaves_the_encoder_and_a_full_phase_leaves_its_first_layers(tmp_path):
    start = build_transformer("wavlm", CLASSES, weights="tiny").model.state_dict()
    phases = [Phase(name="probe", frozen="encoder", epochs=1, lr=1e-2), Phase(name="full", frozen="features", epochs=1, lr=1e-3)]
    tuned(tmp_path, phases, name="wavlm", accumulate=2)
    probe, full = weights_of(tmp_path / "1-probe" / "best"), weights_of(tmp_path / "2-full" / "best")
    moved = {key for key in start if not torch.equal(start[key], probe[key])}
    assert moved == {"projector.weight", "projector.bias", "classifier.weight", "classifier.bias"}
    later = {key for key in start if not torch.equal(probe[key], full[key])}
    assert any("encoder.layers.1" in key for key in later)
    assert not any("feature_extractor" in key for key in later)


@pytest.mark.slow
def test_validation_clips_and_all_others_have_no_part_in_training(tmp_path):
    """Other sounds and labels there: each epoch's training loss stays as it was to the last bit. In training they change it."""
    sounds, targets, domains, speaker = made()
    parts = split(speaker)
    parts["valid"], beside = parts["valid"][:32], parts["valid"][32:]
    phase = [Phase(name="full", frozen="none", epochs=2, lr=1e-3, patience=9)]
    rng, losses = np.random.default_rng(1), []
    for touched in ([], np.concatenate([parts["valid"], beside]), parts["train"][:1]):
        other, labels = sounds.copy(), targets.copy()
        if len(touched):
            other[touched] = rng.normal(size=(len(touched), sounds.shape[1]))
            labels[touched] = rng.permutation(labels[touched])
        out = tuned(tmp_path / str(len(losses)), phase, data=(other, labels, domains, speaker), **parts)
        losses.append(list(out.history["train_loss"]))
    assert losses[0] == losses[1] != losses[2]


RUN = """
import sys
sys.path.insert(0, {tests!r})
from test_finetune import PARTS, tuned
tuned(sys.argv[1], PARTS, log=lambda line: print(line, flush=True), **{how!r})
"""
PARTS = (
    Phase(name="probe", frozen="encoder", epochs=1, lr=1e-2, patience=9),
    Phase(name="full", frozen="none", epochs=3, lr=1e-3, patience=9),
    Phase(name="adaptation", frozen="features", epochs=1, lr=1e-4, balanced=True, patience=9),
)


@pytest.mark.slow
def test_killed_in_the_second_phase_it_goes_on_to_the_same_end(tmp_path):
    """Killed by the system while it trains; what it left half-written is not read; numbers as of a run that nobody killed."""
    whole = tuned(tmp_path / "whole", PARTS, every=3)
    place = tmp_path / "killed"
    code = RUN.format(tests=str(ROOT / "tests"), how={"every": 3})
    command, env = [sys.executable, "-c", code, str(place)], {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as running:
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("phase full, epoch  2"):
                running.send_signal(signal.SIGKILL)
                break
    assert running.wait() == -signal.SIGKILL
    assert (place / "1-probe" / "done.json").is_file()
    assert not (place / "2-full" / "done.json").is_file()
    half = place / "2-full" / "checkpoints" / "checkpoint-9999"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    (half / "trainer_state.json").write_text('{"epoch"')
    lines = []
    out = tuned(place, PARTS, every=3, log=lines.append)
    assert lines[0] == "phase probe: finished before"
    assert not [line for line in lines if line.startswith(("phase probe, ", "phase full, epoch  1"))]
    pd.testing.assert_frame_equal(out.by_domain, whole.by_domain)
    columns = ["phase", "epoch", "valid_loss", "valid_balanced_accuracy", "macro_f1"]
    pd.testing.assert_frame_equal(out.history[columns], whole.history[columns], rtol=1e-4)
    assert list(out.history["epoch"]) == [1, 1, 2, 3, 1]
    again = tuned(place, PARTS, every=3, log=lines.append)
    assert lines[-3:] == [f"phase {phase.name}: finished before" for phase in PARTS]
    pd.testing.assert_frame_equal(again.history, out.history)
    assert all(torch.equal(value, out.network.model.state_dict()[key]) for key, value in again.network.model.state_dict().items())
    with pytest.raises(ModelError, match="other settings or clips"):
        tuned(place, PARTS, batch=4)


def test_patience_ends_a_phase_and_the_best_epoch_is_kept(tmp_path):
    out = tuned(tmp_path, [Phase(name="still", frozen="encoder", epochs=6, lr=1e-12, patience=2)])
    assert len(out.history) < 6
    best = out.history.sort_values(["macro_f1", "valid_loss"], ascending=[False, True]).iloc[0]
    assert len(out.history) - best["epoch"] == 2
    np.testing.assert_allclose(out.by_domain["balanced_accuracy"].mean(), best["valid_balanced_accuracy"])


def clips_of(counts):
    """Clips of {(class, domain): number}."""
    keys = [key for key, n in counts.items() for _ in range(n)]
    targets, domains = np.array([key[0] for key in keys]), np.array([key[1] for key in keys])
    return Clips(sounds=np.zeros((len(keys), 400), np.float32), targets=targets, domains=domains)


def test_balanced_draws_take_classes_and_their_corpora_equally():
    clips = clips_of({(0, "a"): 70, (0, "b"): 10, (1, "a"): 8, (1, "b"): 12})
    draws = Draws(clips, np.arange(100), balanced=True, seed=(0, 2))
    rows = np.array([row for *_, row in draws])
    drawn = pd.Series(list(zip(clips.targets[rows].tolist(), clips.domains[rows].tolist()))).value_counts()
    assert drawn.to_dict() == {(0, "a"): 25, (0, "b"): 25, (1, "a"): 25, (1, "b"): 25}
    times = np.bincount(rows, minlength=100)
    assert times[:70].max() == 1
    assert set(times[70:80]) == {2, 3}
    assert set(times[80:88]) == {3, 4}
    draws.epoch = 1
    assert [row for *_, row in draws] != rows.tolist()
    assert len(draws) == 100
    alone = Draws(clips_of({(0, "a"): 30, (1, "a"): 5, (1, "b"): 5}), np.arange(40), balanced=True, seed=(0,))
    targets = np.repeat([0, 1], [30, 10])
    assert np.bincount(targets[[row for *_, row in alone]]).tolist() == [20, 20]


def test_other_draws_take_every_training_clip_once_and_classes_weigh_by_the_inverse():
    clips, rows = clips_of({(0, "a"): 9, (1, "a"): 3}), np.array([0, 1, 2, 3, 4, 5, 9, 10])
    drawn = [row for *_, row in Draws(clips, rows, balanced=False, seed=(0, 0))]
    assert sorted(drawn) == rows.tolist()
    assert drawn != rows.tolist()
    weights = class_weights(clips.targets[rows]).tolist()  # 6 and 2 clips
    assert weights == pytest.approx([8 / 12, 8 / 4])
    assert 6 * weights[0] == pytest.approx(2 * weights[1])


def test_degraded_clips_keep_their_length_and_their_silence_at_the_end():
    rng = np.random.default_rng(0)
    sound = np.zeros(8000, np.float32)
    sound[:4000] = 0.1 * rng.normal(size=4000)
    for seed in range(8):
        other = degraded(sound, STANDARD, np.random.default_rng(seed))
        assert other.shape == sound.shape
        assert other.dtype == np.float32
        assert not np.array_equal(other, sound)
        assert np.flatnonzero(other)[-1] < 5000  # slower speech and another pitch lengthen it by some
        np.testing.assert_array_equal(other, degraded(sound, STANDARD, np.random.default_rng(seed)))
    silence = np.zeros(8000, np.float32)
    np.testing.assert_array_equal(degraded(silence, STANDARD, rng), silence)


def test_augmentation_changes_training_and_not_what_validation_hears(tmp_path):
    """The learning rate is next to nothing, so that validation's loss is that of the start weights, degraded or not."""
    phase = [Phase(name="still", frozen="encoder", epochs=2, lr=1e-12, patience=9)]
    plain, augmented = (tuned(tmp_path / str(how), phase, augment=how and STANDARD).history for how in (None, True))
    np.testing.assert_allclose(plain["valid_loss"], augmented["valid_loss"], rtol=1e-5)
    assert (np.abs(plain["train_loss"] - augmented["train_loss"]) > 1e-5).all()
    assert augmented["train_loss"].nunique() == 2  # anew in each epoch
    assert plain["train_loss"][0] == pytest.approx(plain["train_loss"][1], rel=1e-5)


def test_phases_of_the_two_systems():
    assert [(phase.name, phase.frozen, phase.balanced) for phase in PHASES["C"]] == [
        ("probe", "encoder", False),
        ("full", "features", False),
        ("adaptation", "features", True),
    ]
    assert PHASES["C"][2].lr < PHASES["C"][1].lr < PHASES["C"][0].lr
    assert len(PHASES["D"]) == 1


def test_what_cannot_be_trained_is_told_in_a_line(tmp_path):
    _, _, _, speaker = made()
    parts = split(speaker)
    for how, said in (
        ({"classes": ("low", "high")}, "the network has high, low"),
        ({"best": "loss"}, "macro_f1, balanced_accuracy"),
        ({"valid": parts["train"]}, "split by speaker"),
        ({"train": parts["train"][::2]}, "no clips of low"),
        ({"phases": [Phase(name="x", frozen="all", epochs=1, lr=1e-3)]}, "frozen 'all'"),
        ({"phases": [Phase(name="x", frozen="none", epochs=1, lr=1e-3, domains=("c",))]}, "phase x: no clips of high, low"),
    ):
        with pytest.raises((ModelError, DatasetError), match=said) as caught:
            tuned(tmp_path, how.pop("phases", [FULL]), **how)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_done_files_are_plain_json(tmp_path):
    tuned(tmp_path, [Phase(name="probe", frozen="encoder", epochs=1, lr=1e-3)])
    done = json.loads((tmp_path / "1-probe" / "done.json").read_text())
    assert set(done) == {"history", "by_domain"}
    assert len(done["history"]) == 1

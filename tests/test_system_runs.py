"""Speech models through the scripts, as a user gives them: systems A to D on demo voices, small and random but for Resemblyzer.
Planted: a clip in which nobody speaks, one at 8 kHz, and a recording of several words.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import soxr
from PIL import Image
from run_script import SCRIPTS, last_line, one_line_error, output_of, run_script

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("webrtcvad")
pytest.importorskip("resemblyzer")

from voicecam import VoiceModel, audio, load
from voicecam.checks import run_checks
from voicecam.config import DEMO
from voicecam.errors import ModelError
from voicecam.network import load_model
from voicecam.network.classifier import load_classifier
from voicecam.runs import run_learner
from voicecam.runs.robustness import Clip, Condition, predictions_under

TINY = ["--tiny", "--seconds", "1", "--epochs", "2"]
SYSTEMS = {
    "a": ["--system", "A", "--epochs", "15"],  # Resemblyzer's own weights
    "ecapa": ["--system", "A", "--encoder", "ecapa", *TINY],
    "wav2vec2": ["--system", "A", "--encoder", "wav2vec2", "--arch", "logistic", *TINY],
    "b": ["--system", "B", *TINY],
    "emissions": ["--system", "B", "--encoder-output", "emissions", *TINY],
    "c": ["--system", "C", *TINY],
    "d": ["--system", "D", "--label", "gender", *TINY],
}
ALL = [pytest.param(name, marks=() if name == "a" else pytest.mark.slow) for name in SYSTEMS]


def write_corpus(root, speakers):
    """A word of each of these demo voices, and of the first a second of noise; one clip is at 8 kHz, one has several words."""
    people = json.loads((DEMO / "data" / "audioMNIST_meta.txt").read_text())
    chosen = {name: [who for who in people if people[who]["gender"] == name] for name in ("female", "male")}
    root.mkdir()
    rows = []
    for who in [chosen[name][i] for i in speakers for name in chosen]:
        samples = [audio.read(DEMO / "data" / who / f"{digit}_{who}_0.ogg").samples for digit in (0, 4, 7, 9)]
        rows.append({"path": f"s{who}.wav", "speaker": f"s{who}", "gender": people[who]["gender"], "word": "zero"})
        rate, words = (8_000, 1) if len(rows) == 1 else (16_000, 4) if len(rows) == 2 else (16_000, 1)
        sf.write(root / f"s{who}.wav", soxr.resample(np.concatenate(samples[:words]), 16_000, rate), rate)
    sf.write(root / "noise.wav", 0.01 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    rows.append({**rows[0], "path": "noise.wav"})
    pd.DataFrame(rows).to_csv(root / "clips.csv", index=False)
    return root / "clips.csv"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("systems")


@pytest.fixture(scope="module")
def corpus(place):
    return write_corpus(place / "words", range(9))


@pytest.fixture(scope="module")
def other(place):
    return write_corpus(place / "others", range(9, 14))


@pytest.fixture(scope="module")
def finished(place, corpus):
    """Function that gives a system's finished run, made on first use: its folder, and what was printed."""
    made = {}

    def give(name):
        if name not in made:
            said = output_of("run_all", "--corpus", corpus, "--run", name, *SYSTEMS[name], "--maps-only", cwd=place)
            made[name] = place / "results" / name, said
        return made[name]

    return give


@pytest.mark.parametrize("name", ALL)
def test_a_system_is_trained_evaluated_and_reported(finished, name):
    folder, said = finished(name)
    assert last_line(said) == f"wrote {Path(f'results/{name}/report.html')}"
    metrics = json.loads((folder / "metrics.json").read_text())
    predictions = pd.read_csv(folder / "predictions.csv")
    assert metrics["network"]["accuracy"]["value"] == pytest.approx((predictions["true"] == predictions["predicted"]).mean())
    split = json.loads((folder / "fold1" / "split.json").read_text())
    who = {part: {path.split(".")[0] for path in split[part]} for part in ("train", "valid", "test")}
    assert not who["train"] & who["valid"]
    assert not (who["train"] | who["valid"]) & who["test"]
    assert set(predictions["path"]) == set(split["test"])
    assert "noise.wav" not in {path for part in ("train", "valid", "test") for path in split[part]}
    manifest = json.loads((folder / "manifest.json").read_text())
    for path, digest in manifest["files"].items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == digest
    assert set(manifest["files"]) >= {"metrics.json", "cams.npz", "report.html", "fold1/model.safetensors", "fold1/history.csv"}
    meta = json.loads((folder / "fold1" / "meta.json").read_text())["meta"]
    assert metrics["calibration"]["temperatures"] == [meta["temperature"]]
    assert metrics["abstention"]["thresholds"] == [meta["threshold"]]


@pytest.mark.parametrize("name", ALL)
def test_its_report_speaks_of_speech_and_not_of_pictures(finished, name):
    text = re.sub(r"<[^>]+>|data:[^\"']+", " ", (finished(name)[0] / "report.html").read_text())
    text = " ".join(text.split())
    for words in ("What was heard", "How sure it is, and which way it errs", "Occlusion of the speech itself", "no speech found"):
        assert words in text, words
    for words in ("sees no sound", "What the pictures look like", "the layer's activity"):
        assert words not in text, words
    assert ("What each phase did" in text) == (name in "cd")
    table = finished(name)[0] / "fold1" / ("by_domain.csv" if name in "cd" else "epochs.csv")
    assert len(pd.read_csv(table)) == {"c": 3, "d": 1, "a": 15, "wav2vec2": 5}.get(name, 2)


@pytest.mark.parametrize("name", ALL)
def test_its_model_answers_recordings_and_hears_no_speech_in_noise(finished, place, corpus, name):
    model = finished(name)[0] / "fold1"
    clips = sorted((place / "words").glob("*.wav"))
    rows = json.loads(output_of("classify", "--model", model, "--json", "-", *clips, cwd=place))
    answers = {Path(row["path"]).name: row for row in rows}
    assert answers.pop("noise.wav")["prediction"] == "no speech"
    predictions = pd.read_csv(finished(name)[0] / "predictions.csv").set_index("path")
    for path, row in predictions.iterrows():
        assert answers[path]["probabilities"]["male"] == pytest.approx(row["p_male"], abs=0.02), path
    for row in answers.values():
        assert row["error"] is None
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        seconds = sf.info(place / "words" / Path(row["path"]).name).duration
        times = [(window["start"], window["end"]) for window in row["windows"]]
        assert times == sorted(times)
        assert all(0 <= start < end <= seconds + 0.01 for start, end in times)
    several = answers[max(answers, key=lambda path: sf.info(place / "words" / path).duration)]
    assert len(several["windows"]) > 1 if name in ("a", "ecapa", "wav2vec2") else len(several["windows"]) == 1


@pytest.mark.parametrize("name", [one for one in ALL if one.values != ("d",)])  # D ships as C does
def test_a_shipped_model_is_small_and_answers_alike(finished, place, name):
    source = finished(name)[0] / "fold1"
    output_of("ship_model", "--run", name, "--out", f"shipped/{name}", "--licence", "cc0-1.0", cwd=place)
    shipped, own = place / "shipped" / name, load(source)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (shipped, source)]
    assert sizes[0] < (sizes[1] if sizes[1] < 10_000 else 0.7 * sizes[1])  # of the smallest, names take most
    again = VoiceModel.from_pretrained(shipped)
    clips = sorted(path for path in (place / "words").glob("s*.wav"))[:4]
    np.testing.assert_allclose(again.predict_proba(clips), own.predict_proba(clips), atol=5e-3)
    card = (shipped / "README.md").read_text()
    assert "pictures" not in card
    assert "of speech windows of" in card or "on speech windows of" in card
    assert "license: cc0-1.0" in card
    assert ("is not in this folder" in card) == (name != "c")
    copied = own.save_pretrained(place / "saved" / name)
    np.testing.assert_array_equal(load(copied).predict_proba(clips), own.predict_proba(clips))
    assert "pictures" not in repr(own)


def test_system_a_tells_women_from_men_it_never_met(finished, place, other):
    """With the encoder's own weights: speakers of another corpus. The clip without speech counts as failed."""
    said = output_of("evaluate_external", "--model", finished("a")[0] / "fold1", "--corpus", other, "--run", "ext", cwd=place)
    metrics = json.loads((place / "results" / "ext" / "metrics.json").read_text())
    assert metrics["failed"] == [["noise.wav", "no speech"]]
    assert "1 clip could not be used; the first: noise.wav: no speech" in said
    assert metrics["network"]["balanced_accuracy"]["value"] >= 0.9
    assert len(pd.read_csv(place / "results" / "ext" / "predictions.csv")) == 10


def test_what_it_was_trained_on_is_no_new_corpus(finished, place, corpus):
    copy = place / "renamed"
    shutil.copytree(corpus.parent, copy)
    model = finished("a")[0] / "fold1"
    args = ["--model", model, "--corpus", copy / "clips.csv", "--run", "met"]
    status, _, error = run_script("evaluate_external", *args, cwd=place)
    one_line_error(status, error)
    assert "copy of a recording that the model was trained on" in error


@pytest.mark.slow
def test_a_clip_that_noise_drowns_counts_as_wrong_and_uncertain(finished, place):
    output_of("robustness", "--run", "a", "--limit", "2", cwd=place)
    table = pd.read_csv(finished("a")[0] / "robustness-limit2.csv").set_index("condition")
    assert table.loc["clean", "clips"] >= 2
    assert table.loc["clean", "no_speech"] == 0
    known = table.dropna(subset="balanced_accuracy")
    assert (known["balanced_accuracy"] <= 1 - known["no_speech"] + 1e-6).all()
    classifier = load_classifier(finished("a")[0] / "fold1")
    predictions = pd.read_csv(finished("a")[0] / "predictions.csv")
    clips = [Clip(place / "words" / row.path, row.speaker, row.true) for row in predictions.itertuples()]
    half = {clip.speaker for clip in clips[::2]}

    def drowned(samples, rate, others, rng):
        """Every second clip: noise alone."""
        clean = [audio.resample(audio.read(clip.path), rate).samples for clip in clips if clip.speaker not in half]
        kept = any(len(one) == len(samples) and np.allclose(one - one.mean(), samples, atol=1e-4) for one in clean)
        return samples if kept else 0.01 * rng.standard_normal(len(samples)).astype(np.float32)

    found = predictions_under([classifier], clips, Condition("noise", "drowned", drowned))
    silent = found["speaker"].isin(half)
    assert (found["silent"] == silent).all()
    assert (found["predicted"] != found["true"])[silent].all()
    assert (found["decision"] == "uncertain")[silent].all()
    assert (found["predicted"] == predictions["predicted"])[~silent].all()


@pytest.mark.slow
def test_fine_tuning_that_is_killed_goes_on_to_the_same_end(finished, place, corpus):
    whole = pd.read_csv(finished("c")[0] / "fold1" / "history.csv")
    args = ["--corpus", corpus, "--run", "killed", *SYSTEMS["c"]]
    env = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent)}
    command = [sys.executable, SCRIPTS / "train_encoder.py", *map(str, args)]
    with subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        for line in running.stdout:
            if line.startswith("phase full, epoch  1"):
                running.send_signal(signal.SIGKILL)
                break
    assert running.wait() == -signal.SIGKILL
    folder = place / "results" / "killed"
    assert not (folder / "fold1" / "meta.json").exists()
    said = output_of("train_encoder", *args, cwd=place)
    assert "phase probe: finished before" in said
    again = pd.read_csv(folder / "fold1" / "history.csv")
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), whole.drop(columns="seconds"), rtol=1e-4)
    assert (folder / "fold1" / "model.safetensors").stat().st_mode & 0o777 == 0o644


@pytest.mark.slow
@pytest.mark.parametrize(("options", "folds"), [(["--folds", "2"], 2), (["--split", "corpora"], 2)])
def test_every_split_is_there(place, corpus, other, options, folds):
    name = options[0][2:]
    asked = ["--system", "A", "--tiny", "--encoder", "ecapa", "--arch", "logistic", *options]
    output_of("train_encoder", "--corpus", corpus, other, "--run", name, *asked, cwd=place)
    output_of("evaluate", "--run", name, cwd=place)
    metrics = json.loads((place / "results" / name / "metrics.json").read_text())
    assert len(metrics["folds"]) == folds
    tested = pd.read_csv(place / "results" / name / "predictions.csv")
    assert len(tested) == 18 + 10
    if name == "split":
        assert [len({path.split("/")[0] for path in rows["path"]}) for _, rows in tested.groupby("fold")] == [1, 1]
    before = json.loads((place / "results" / name / "metrics.json").read_text())
    output_of("evaluate", "--run", name, "--recalibrate", cwd=place)
    again = json.loads((place / "results" / name / "metrics.json").read_text())
    assert again["calibration"]["temperatures"] == pytest.approx(before["calibration"]["temperatures"], rel=1e-3)
    assert again["network"]["accuracy"] == before["network"]["accuracy"]


@pytest.mark.slow
def test_it_stands_beside_a_picture_network_in_one_table(finished, place, corpus):
    """Compared on the clips that both could use: the noise, which the picture network answers too, is left out of both."""
    network = ["--recipe", "logmel", "--arch", "small", "--init", "none", "--epochs", "1", "--image-size", "32", "32"]
    output_of("run_all", "--corpus", corpus, "--run", "picture", *network, "--maps-only", "--method", "hires-cam", cwd=place)
    finished("a")
    pictured = pd.read_csv(place / "results" / "picture" / "predictions.csv")["path"]
    heard = pd.read_csv(place / "results" / "a" / "predictions.csv")["path"]
    assert set(pictured) - {"noise.wav"} == set(heard) - {"noise.wav"}
    for first, second in (("a", "picture"), ("picture", "a")):
        output_of("compare", "--run", first, second, cwd=place)
        found = json.loads((place / "results" / first / f"compare-{second}.json").read_text())
        assert found["clips"] == len(heard)
        assert found["left_out"] == len(set(pictured) - set(heard))
    rows = pd.read_csv(place / "results" / "results.csv").set_index("run")
    assert rows.loc["a", ["features", "arch"]].tolist() == ["encoder", "two-layer"]
    assert rows.loc["picture", ["features", "arch"]].tolist() == ["logmel", "small"]


@pytest.mark.slow
def test_its_maps_are_tested_by_taking_bands_out_of_the_sound(finished, place):
    folder, _ = finished("a")
    output_of("explain", "--run", "a", cwd=place)
    drops = pd.read_csv(folder / "checks" / "band_drops.csv")
    assert drops["band"].nunique() == 16
    assert "Bands taken out of the sound" in (folder / "report.html").read_text()
    status, _, error = run_script("explain", "--run", "a", "--method", "grad-cam", cwd=place)
    one_line_error(status, error)
    assert "needs a network on pictures" in error
    model = folder / "fold1"
    status, _, error = run_script("classify", "--model", model, place / "words" / "noise.wav", "--cam", "maps", cwd=place)
    assert status == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_maps_of_all_systems_stand_side_by_side(finished, place, corpus, monkeypatch):
    """From the runs' own files: nothing but what each check measured by itself stands in the table."""
    only = {name: run_checks.CHECKS[name] for name in ("bands", "sound_bands")}  # the others are not asked
    monkeypatch.setattr(run_checks, "CHECKS", only)
    network = ["--recipe", "logmel", "--arch", "small", "--init", "none", "--epochs", "2", "--image-size", "32", "32"]
    output_of("run_all", "--corpus", corpus, "--run", "pictures", *network, "--method", "hires-cam", cwd=place)
    for name in "abc":
        finished(name)
        output_of("explain", "--run", name, cwd=place)
    said = output_of("compare", "--run", "pictures", *"abc", "--maps", "maps", "--clips", "3", cwd=place)
    assert last_line(said).endswith("maps.png, maps.csv and maps.md: 4 systems, 2 clips that all explained")  # two are tested
    table = pd.read_csv(place / "results" / "maps" / "maps.csv").set_index(["system", "method"])
    systems = ["pictures", "pictures", "a", "a", "b", "b", "c", "c"]
    methods = ["HiRes-CAM", "Mel gradients", *["Occlusion", "Integrated gradients"] * 3]
    assert list(table.index) == list(zip(systems, methods))
    keys = {"HiRes-CAM": "hires-cam", "Mel gradients": "mel gradients", "Occlusion": "occlusion"}
    for (system, method), row in table.iterrows():
        own = pd.read_csv(place / "results" / system / "checks" / "agreement.csv").set_index("method")
        key = keys.get(method, "integrated-gradients")
        numbers = ["spearman", "low", "high"]
        assert row[numbers].tolist() == pytest.approx(own.loc[key, numbers].tolist(), nan_ok=True)
        if method == "Occlusion":
            assert row["random"] == pytest.approx(own.loc["occlusion, random head", "spearman"], abs=1e-5)
    assert -1 <= table.loc[("pictures", "HiRes-CAM"), "random"] <= 1
    with Image.open(place / "results" / "maps" / "maps.png") as drawn:
        assert drawn.width > 4 * drawn.height / 3  # a column for the clip and one a system, two rows
        assert len(drawn.convert("RGB").getcolors(2**24)) > 1000
    status, _, error = run_script("compare", "--run", "pictures", "a", "b", cwd=place)
    one_line_error(status, error)
    assert "3 runs; give two, or --maps NAME" in error


def test_a_speech_model_has_no_learner_of_pictures(finished, place, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(ModelError, match="holds a speech model"):
        run_learner(finished("a")[0])


def test_a_head_is_not_put_on_another_encoder(finished, place):
    """The folder says what the encoder's weights were; with other ones its answers would mean nothing."""
    copy = place / "foreign"
    shutil.copytree(finished("a")[0] / "fold1", copy)
    meta = json.loads((copy / "meta.json").read_text())
    meta["config"]["encoder_weights"] = "tiny"
    (copy / "meta.json").write_text(json.dumps(meta))
    status, _, error = run_script("classify", "--model", copy, place / "words" / "noise.wav", cwd=place)
    one_line_error(status, error)
    assert "resemblyzer: has other weights" in error


WITHOUT = [
    ("webrtcvad", ["--system", "A", "--tiny"]),
    ("resemblyzer.voice_encoder", ["--system", "A"]),
    ("transformers", ["--system", "A", "--encoder", "wav2vec2", "--tiny"]),
    ("transformers", ["--system", "B", "--tiny"]),
    ("transformers", ["--system", "C", "--tiny"]),
    ("accelerate", ["--system", "D", "--tiny"]),
]


@pytest.mark.parametrize(("package", "options"), WITHOUT)
def test_a_missing_package_is_one_line_with_the_command(place, corpus, monkeypatch, package, options):
    from voicecam.encoders import load_encoder

    load_encoder.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    status, _, error = run_script("train_encoder", "--corpus", corpus, "--run", "lacking", *options, cwd=place)
    load_encoder.cache_clear()
    one_line_error(status, error)
    assert package.split(".")[0] in error
    assert 'pip install "voicecam[encoders]"' in error
    assert not (place / "results" / "lacking").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no system given; give --system A, B, C or D"),
        (["--system", "A", "--arch", "resnet18"], "arch resnet18: not for features 'encoder'"),
        (["--system", "A", "--encoder", "none"], "encoder 'none': not known"),
        (["--system", "B", "--tiny", "--encoder", "ecapa"], "gives no 'layers'"),
        (["--system", "C", "--weights", "nowhere"], "nowhere: no config.json in it"),
        (["--system", "A", "--recipe", "logmel", "--tiny"], "--recipe logmel: takes no encoder"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_and_leaves_no_run(place, corpus, options, said):
    status, _, error = run_script("train_encoder", "--corpus", corpus, "--run", "wrong", *options, cwd=place)
    one_line_error(status, error)
    assert said in error
    assert not (place / "results" / "wrong").exists()


@pytest.mark.slow
@pytest.mark.parametrize("system", ["A", "C"])
def test_weights_in_a_folder_of_the_hubs_own_form_are_taken(place, corpus, system):
    """A small model with weights at random, written by the library's own save_pretrained."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    folder = place / "hub"
    if not folder.exists():
        torch.manual_seed(1)
        small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        convolutions = {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
        Wav2Vec2Model(Wav2Vec2Config(**small, **convolutions)).save_pretrained(folder)
        Wav2Vec2FeatureExtractor().save_pretrained(folder)
    options = ["--encoder", "wav2vec2", "--weights", folder, "--epochs", "1", "--seconds", "1"]
    name = f"folder-{system.lower()}"
    output_of("train_encoder", "--system", system, "--corpus", corpus, "--run", name, *options, cwd=place)
    meta = json.loads((place / "results" / name / "fold1" / "meta.json").read_text())
    assert str(folder) in json.dumps(meta)
    assert load_model(place / "results" / name / "fold1").classes == ("female", "male")


def test_a_refitted_head_is_calibrated_by_clips_it_had_not_learned_from(place, corpus):
    asked = ["--corpus", corpus, "--system", "A", "--arch", "logistic"]
    for name, more in (("plain", []), ("refitted", ["--refit"])):
        output_of("train_encoder", *asked, "--run", name, *more, cwd=place)
    plain, again = (json.loads((place / "results" / name / "fold1" / "meta.json").read_text()) for name in ("plain", "refitted"))
    assert again["weights_sha256"] != plain["weights_sha256"]
    facts = ("temperature", "threshold")
    assert [again["meta"][fact] for fact in facts] == [plain["meta"][fact] for fact in facts]
    output_of("evaluate", "--run", "refitted", "--recalibrate", cwd=place)
    later = json.loads((place / "results" / "refitted" / "fold1" / "meta.json").read_text())
    assert later["weights_sha256"] == again["weights_sha256"]
    assert [later["meta"][fact] for fact in facts] == pytest.approx([plain["meta"][fact] for fact in facts])

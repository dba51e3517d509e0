"""The public face as a stranger calls it: in a folder of one's own, on recordings, with scikit-learn's and fastai's own calls."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml
from fastai.interpret import ClassificationInterpretation
from fastai.learner import load_learner

import voicecam
from conftest import voice
from voicecam import features
from voicecam.commands.recording_maps import write_maps
from voicecam.config import DEFAULT_MAPS, SHIPPED_BACKBONE
from voicecam.corpora import espeak
from voicecam.errors import AudioError, ExplainError, ModelError, VoicecamError
from voicecam.network import load_model, recordings
from voicecam.network.card import model_card
from voicecam.server import analysis

RATE = 16_000


@pytest.fixture(scope="module")
def model():
    return voicecam.load()


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A folder with a sentence of a synthetic voice, and a second of nothing."""
    folder = tmp_path_factory.mktemp("spoken")
    (samples,) = espeak.speak([espeak.Word("one two three four", "en-us+f1", rate_wpm=150, pitch=50, pitch_range=40)])
    sf.write(folder / "said.wav", np.array(samples, np.int16), espeak.RATE)
    sf.write(folder / "silent.wav", np.zeros(RATE), RATE)
    return folder


def test_import_loads_nothing_heavy_and_takes_a_moment():
    code = "import sys, voicecam; print(sorted({'torch', 'numpy', 'fastai', 'librosa', 'pandas'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
    assert {"load", "train", "Prediction", "Explanation", "audio"} <= set(dir(voicecam))
    assert voicecam.audio.read.__module__ == "voicecam.audio.signal"


def test_a_recording_is_classified_as_path_array_signal_list_and_folder(model, spoken):
    said = model.classify(spoken / "said.wav")
    samples, rate = sf.read(spoken / "said.wav", dtype="float32")
    for other in (model.classify(samples, rate), model.classify(voicecam.audio.Signal(samples, rate))):
        assert other.label == said.label
        assert other.probability == pytest.approx(said.probability, abs=1e-4)  # 16 bits in the file
    assert [one.label for one in model.classify([spoken / "said.wav", spoken / "silent.wav"])] == [said.label, None]
    assert [one.prediction for one in model.classify(spoken)][1] == "no speech"
    assert model.classify(np.zeros(RATE, np.float32), RATE).prediction == "no speech"
    assert repr(said).startswith(f"Prediction({said.label} {said.probability:.2f}")
    assert "data:image/png" in said._repr_html_()


def test_scikit_learns_calls(model, spoken):
    files = [spoken / "said.wav", spoken / "silent.wav"]
    p = model.predict_proba(files)
    assert p.shape == (2, len(model.classes_))
    assert p[0].sum() == pytest.approx(1)
    assert np.isnan(p[1]).all()
    assert list(model.predict(files)) == [model.classes_[p[0].argmax()], "no speech"]


def test_an_explanation_is_the_maps_own_and_can_be_asked_further(model, spoken):
    found = model.explain(spoken / "said.wav", label="female", method="grad-cam", layer="layer2")
    network, place = model.model.network, model.model.stage("layer2")
    kept = {}
    hook = place.register_forward_hook(lambda module, given, out: kept.update(a=out))
    logits = network(model.model.input(found.prediction.matrix[None]))
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, 0] - logits[0, 1], kept["a"])
    by_hand = (gradient.mean(dim=(2, 3), keepdim=True) * kept["a"]).sum(dim=1)[0].detach().numpy()
    np.testing.assert_allclose(found.map, by_hand, atol=1e-5 * np.abs(by_hand).max())
    bands = found.bands()
    assert list(bands) == ["band", "from_hz", "to_hz", "drop", "mean", "low", "high"]
    assert list(found.bands("octaves")) == ["band", "from_hz", "to_hz", "drop"]
    np.testing.assert_allclose(bands["from_hz"][1:], bands["to_hz"][:-1])
    assert set(found.sounds()) == {"window", "evidence", "rest"}
    assert found.plot().get_xlabel().startswith("time (s)")
    up, down = (found.shift_pitch(step).f0 for step in (5, -5))
    assert up / down == pytest.approx(2 ** (10 / 12), rel=0.1)


@pytest.fixture
def counted(monkeypatch):
    """The lengths of the sounds whose mel energies are computed."""
    found, plain = [], features.mel_decibels
    monkeypatch.setattr(features, "mel_decibels", lambda samples, config: found.append(len(samples)) or plain(samples, config))
    return found


def test_features_are_computed_once_per_recording_whatever_is_asked_of_it(model, spoken, counted, tmp_path):
    """From Python, by the page, by measure_bands.py and with classify.py's pictures."""
    found = model.explain(spoken / "said.wav")
    found.bands(), found.sounds(), found.plot()
    assert len(counted) == 1
    heard, explainer = voicecam.audio.read(spoken / "said.wav"), analysis.Explainer(model.classifier)
    for ask in (analysis.analyse, lambda *both: analysis.bands_of(both[0], found.prediction, "male")):
        ask(explainer, heard)
    assert len(counted) == 2
    judged = list(recordings.predict_files(model.classifier, [spoken / "said.wav", spoken / "silent.wav"], workers=1))
    write_maps(tmp_path, judged, model.model)
    assert len(counted) == 3


def test_a_windows_mel_energies_are_those_of_its_own_samples(model, spoken):
    """Cut out of the recording's, which are computed once, they are what the window alone gives."""
    found = model.explain(spoken / "said.wav")
    alone = features.log_mel_energies(found.window.samples, model.model.config).T
    np.testing.assert_allclose(found.prediction.log_mel, alone, atol=1e-3)


def test_the_map_is_the_networks_own_unless_another_is_asked_for(model, spoken, monkeypatch):
    monkeypatch.setitem(DEFAULT_MAPS, ("fine", "logmel"), ("eigen-cam", "layer1"))
    said = model.classify(spoken / "said.wav")
    assert (model.explain(said).method, model.explain(said).layer) == ("eigen-cam", "layer1")
    assert model.explain(said, layer="layer2").layer == "layer2"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m: m.classify("nowhere.wav"), AudioError),
        (lambda m: m.classify(np.zeros(10)), AudioError),
        (lambda m: m.predict("one.wav"), AudioError),
        (lambda m: m.explain(np.zeros(RATE), RATE), ExplainError),
        (lambda m: voicecam.load("nothing-of-this-name"), ModelError),
        (lambda m: voicecam.train("demo", run="x", epochz=3), VoicecamError),
        (lambda m: voicecam.train("demo", run="x", epochs=0), VoicecamError),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(model, call, error):
    with pytest.raises(error) as caught:
        call(model)
    assert "\n" not in str(caught.value)


def test_a_model_is_saved_and_loaded_with_its_card(model, spoken, tmp_path):
    place = model.save_pretrained(tmp_path / "mine")
    again = voicecam.load(place)
    assert again.classify(spoken / "said.wav").probabilities == model.classify(spoken / "said.wav").probabilities
    with pytest.raises(ModelError):
        model.save_pretrained(place)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that voicecam.train made in an empty folder, of buzzing voices."""
    place = tmp_path_factory.mktemp("work")
    for speaker in range(10):
        rng = np.random.default_rng(speaker)
        name, f0 = ("low", 100) if speaker % 2 else ("high", 220)
        (place / "voices" / name).mkdir(parents=True, exist_ok=True)
        for take in range(3):
            samples = voice(f0 * rng.uniform(0.95, 1.05), rng, seconds=0.6)
            sf.write(place / "voices" / name / f"s{speaker:02d}_{take}.wav", samples, RATE, subtype="PCM_16")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        options = {"recipe": "logmel", "image_size": (32, 32), "arch": "small", "init": "none", "workers": 1}
        yield voicecam.train("voices", run="pitch", label="label", epochs=8, batch=6, **options)


def test_a_run_trained_from_python_knows_its_scores(run):
    tested = run.predictions
    rights = (tested["true"] == tested["predicted"]).groupby(tested["true"]).mean()
    assert run.metrics["network"]["balanced_accuracy"]["value"] == pytest.approx(rights.mean())
    assert repr(run).startswith("Run(")
    assert voicecam.load("pitch").classes == ("high", "low") == run.model.classes


def test_fastais_own_calls_work_on_the_learner(run, tmp_path):
    learner = run.learner
    learner.dls.show_batch(max_n=2)
    assert list(learner.dls.vocab) == ["high", "low"]
    p, targets = learner.get_preds()
    name, _, each = learner.predict(learner.dls.valid_ds.items[0])
    np.testing.assert_allclose(each, p[0], atol=1e-4)
    assert name == learner.dls.vocab[int(p[0].argmax())]
    shown = ClassificationInterpretation.from_learner(learner)
    counts = shown.confusion_matrix()
    assert counts.sum() == len(targets)
    assert np.trace(counts) == int((p.argmax(dim=1) == targets).sum())
    shown.plot_top_losses(2)
    shown.plot_confusion_matrix()
    assert isinstance(shown.most_confused(), list)
    learner.show_results(max_n=2)
    assert learner.validate()[1] == pytest.approx(np.mean([c[i] / c.sum() for i, c in enumerate(counts)]))
    learner.path = tmp_path
    learner.export("learner.pkl")
    again = load_learner(tmp_path / "learner.pkl")
    np.testing.assert_allclose(again.predict(learner.dls.valid_ds.items[0])[2], each, atol=1e-5)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1, 1e-3)


def test_a_models_card_has_a_yaml_head_and_the_numbers_of_its_file(tmp_path):
    model = voicecam.load()
    text = (model.save_pretrained(tmp_path / "saved") / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] == "cc-by-nc-sa-4.0"
    assert head["datasets"] == model.meta["corpora"]
    assert head["metrics"] == ["balanced_accuracy"]
    assert f"{model.meta['tested']['over_corpora']['mean']:.3f}" in text
    again = voicecam.VoiceModel.from_pretrained(tmp_path / "saved")
    assert again.classes == model.classes
    assert (model.folder / "README.md").read_text() == text, "the card in the package is the one that is made"


def test_the_backbone_learned_who_speaks_from_none_of_the_lessons_corpora():
    backbone = load_model(SHIPPED_BACKBONE)
    assert (backbone.label, backbone.meta["training"]["auxiliary_label"]) == ("speaker", "")
    assert not {"baved", "fsdd", "audiomnist", "demo"} & {name.lower() for name in backbone.meta["corpora"]}
    whose = {name.split("/")[0] for name in backbone.classes}
    assert whose == set(backbone.meta["corpora"])
    text = (SHIPPED_BACKBONE / "README.md").read_text()
    assert text == model_card(backbone), "the card is the one that is made"
    assert f"# speaker: {len(backbone.classes)} classes" in text
    assert f"{backbone.meta['test']['balanced_accuracy']['value']:.3f} on other clips of its {len(backbone.classes)}" in text
